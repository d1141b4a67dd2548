"""*Log a call*: from anywhere (number, match, outcome, notes) or in a ticket (the composer's Call tab)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import access
from helpdesk.customers.blueprint import bp, me
from helpdesk.errors import Conflict, Forbidden, Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.forms import Problems, typed
from helpdesk.models import Agent, ContactReason, Customer
from helpdesk.services import call_lookup, calls, live_calls
from helpdesk.unit_of_work import unit_of_work

FIELDS: dict[str, Any] = {
    "number": "", "direction": "out", "outcome": "answered", "duration_s": "", "notes": "", "name": "", "customer": "",
    "ticket": "", "subject": "", "reason": "", "channel": "", "follow_up": "", "follow_up_at": "",
    "follow_up_agent": "", "started_at": "", "client_msg_id": "", "then": "", "live": "",
}  # fmt: skip


# --- from anywhere -------------------------------------------------------------------------------------------


@bp.route("/new/call", methods=["GET", "POST"])
def new_call() -> BaseResponse:
    form = typed(FIELDS)
    if request.method == "GET":
        form |= {n: request.args.get(n, "") for n in ("number", "customer", "ticket")}
        form["direction"] = "in" if request.args.get("direction") == "in" else "out"
        form |= _live(request.args.get("call", ""))
        form["number"] = form["number"] or _usual_number(form["customer"])
    errors = Problems()
    if request.method == "POST":
        try:
            ticket, _message = _log(form, _whole(form["ticket"]))
            flash(_("Call saved."))
            return redirect(url_for("inbox.ticket", number=ticket), 303)
        except (Invalid, Conflict, Forbidden) as error:
            errors = _problems(error)
    began = _began(form["live"])
    page = render_template(
        "customers/call.html", form=form, errors=errors, began=began, **_shown(form), **_matched(form)
    )
    return make_response(page, 422 if errors else 200)


@bp.get("/new/call/match")
def match_number() -> BaseResponse:
    """Whose number it is: a fragment while typing, JSON for who asks for it."""
    form = {
        **FIELDS,
        **{n: request.args.get(n, "") for n in ("number", "customer", "ticket", "name", "subject", "reason")},
    }
    shown = _matched(form)
    found: call_lookup.Match = shown["found"]
    if request.accept_mimetypes.best == "application/json":
        told: dict[str, Any] = {"e164": found.e164, "pretty": found.pretty, "where": found.where, "error": found.error}
        told["customer"] = (
            {"id": found.customer.id, "name": found.customer.display_name} if found.customer is not None else None
        )
        told["tickets"] = [{"number": t.number, "subject": t.subject} for t in found.tickets]
        return jsonify(told)
    return make_response(
        render_template("customers/_match.html", form=form, errors=Problems(), reasons=_reasons(), **shown)
    )


# --- a call that goes on -------------------------------------------------------------------------------------


@bp.get("/calls/live")
def live() -> str:
    """The cards of calls that concern the viewer now; nothing when there are none."""
    return render_template("customers/_live_calls.html", cards=live_calls.cards(db.session(), me()))


@bp.post("/calls/live/<int:live_id>/take")
def take_call(live_id: int) -> BaseResponse:
    """It is the viewer's: on to the note, with the timer running."""
    with unit_of_work(actor=me().actor) as work:
        live_calls.take(work, me(), live_id)
    return redirect(url_for("customers.new_call", call=live_id), 303)


@bp.get("/calls/<int:message_id>/recording")
def recording(message_id: int) -> BaseResponse:
    """On to where the recording lies, for whoever may open its ticket."""
    message = access.message_by_id(db.session(), me(), message_id)
    url = str((message.call or {}).get("recording_url", ""))
    if not url.startswith("https://"):
        raise NotFound()
    response = redirect(url, 302)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _live(live_id: str) -> dict[str, str]:
    """What is known of the call somebody writes down."""
    id_ = _whole(live_id)
    if id_ is None:
        return {}
    row = live_calls.one(db.session(), me(), id_)
    number = "" if row.number.startswith("hidden:") else row.number
    return {"live": str(row.id), "number": number, "direction": row.direction, "channel": str(row.channel_id)}


def _began(live_id: str) -> str:
    """When it was answered (RFC 3339), while it still goes on."""
    id_ = _whole(live_id)
    if id_ is None:
        return ""
    row = live_calls.one(db.session(), me(), id_)
    return row.answered_at.isoformat() if row.answered_at is not None and row.ended_at is None else ""


# --- in a ticket ---------------------------------------------------------------------------------------------


@bp.get("/tickets/<int:number>/call-form")
def call_form(number: int) -> str:
    """What the composer's Call tab shows."""
    ticket = access.ticket_by_number(db.session, me(), number)
    form = {**FIELDS, "number": _usual_number(str(ticket.customer_id))}
    return render_template("customers/_call_form.html", form=form, errors=Problems(), ticket=ticket, **_shown(form))


@bp.post("/tickets/<int:number>/call")
def log_call(number: int) -> BaseResponse:
    """JSON for the composer; a page without scripts is sent back to the ticket. 422: the form with what is wrong."""
    form = typed(FIELDS)
    ticket = access.ticket_by_number(db.session, me(), number)
    try:
        _ticket, message = _log(form, number)
    except (Invalid, Conflict, Forbidden) as error:
        page = render_template(
            "customers/_call_form.html", form=form, errors=_problems(error), ticket=ticket, **_shown(form)
        )
        return make_response(page, 422)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(message=message)
    return redirect(url_for("inbox.ticket", number=number), 303)


# --- parts ---------------------------------------------------------------------------------------------------


def _log(form: dict[str, Any], ticket_number: int | None) -> tuple[int, int]:
    """(ticket number, message id)."""
    call = calls.Call(
        form={n: form[n] for n in ("number", "direction", "outcome", "duration_s", "notes", "name", "client_msg_id")}
        | {"started_at": _moment(form, "started_at")},
        channel_id=_whole(form["channel"]),
        customer_id=_whole(form["customer"]),
        ticket_number=ticket_number,
        subject=form["subject"],
        reason_id=_whole(form["reason"]),
        follow_up=_follow_up(form),
        solve=form["then"] == "solve",
    )
    live_id = _whole(form["live"])
    with unit_of_work(actor=me().actor) as work:
        if live_id is None:
            ticket, message = calls.log(work, me(), call)
        else:
            ticket, message = live_calls.write_down(work, me(), live_id, call)
        return ticket.number, message.id


def _follow_up(form: dict[str, Any]) -> calls.FollowUp | None:
    if not form["follow_up"]:
        return None
    due = _moment(form, "follow_up_at")
    if due is None:
        raise Invalid(fields={"follow_up_at": _("Say when.")})
    return calls.FollowUp(form["follow_up"], due, _whole(form["follow_up_agent"]), note=form["notes"][:300])


def _moment(form: dict[str, Any], field: str) -> datetime | None:
    """A local time as the browser writes it, in the viewer's zone."""
    value = form[field].strip()
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise Invalid(fields={field: _("Write the date and time like 2026-11-22 09:30.")}) from None
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(me().timezone))).astimezone(UTC)


def _whole(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


def _problems(error: Invalid | Conflict | Forbidden) -> Problems:
    problems = Problems({"form": error.message}) if isinstance(error, Forbidden) else Problems.of(error, FIELDS)
    if "value" in problems:
        problems["number"] = problems.pop("value")
    return problems


def _usual_number(customer: str) -> str:
    """The number of a customer the viewer may see, to call them by."""
    id_ = _whole(customer)
    known = calls.lines(db.session)
    if id_ is None or not known:
        return ""
    kind = known[0][1].identity_kind
    found = access.customer_by_id(db.session, me(), id_)
    return next((i.value for i in found.identities if i.kind == kind), "")


def _matched(form: dict[str, Any]) -> dict[str, Any]:
    """Whose number it is, who was chosen before it was typed, and the tickets the call may be about."""
    found = call_lookup.match(db.session, me(), form["number"], me().locale)
    chosen: Customer | None = None
    picked = _whole(form["customer"])
    if found.customer is None and picked is not None:
        chosen = access.customer_by_id(db.session, me(), picked)
    tickets = found.tickets
    if chosen is not None:
        tickets = call_lookup.unsolved(db.session, me(), chosen.id)
    wanted = _whole(form["ticket"])
    best = next((t.number for t in tickets if t.number == wanted), None)
    if best is None and form["ticket"] != "new":
        best = next((t.number for t in tickets if t.needs_reply), None)
    return {
        "found": found,
        "picked": chosen,
        "tickets": tickets,
        "ticket_options": [(t.number, f"#{t.number} {t.subject}"[:90]) for t in tickets],
        "best": best,
        "person": found.customer or chosen,
    }


def _shown(form: dict[str, Any]) -> dict[str, Any]:
    known = calls.lines(db.session)
    connector: Any = known[0][1] if known else None
    now = datetime.now(ZoneInfo(me().timezone))
    return {
        "lines": [c for c, _connector in known],
        "line_options": [(c.id, c.name) for c, _connector in known],
        "directions": [(k, _(w)) for k, w in getattr(connector, "directions", ())],
        "outcomes": [(k, _(w)) for k, w in getattr(connector, "outcomes", ())],
        "reasons": _reasons(),
        "agents": _agents(),
        "soon": (now + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0).strftime("%Y-%m-%dT%H:%M"),
        "zone_now": now.strftime("%Y-%m-%dT%H:%M"),
    }


def _reasons() -> list[tuple[int, str]]:
    statement = select(ContactReason).where(ContactReason.archived_at.is_(None)).order_by(ContactReason.position)
    vietnamese = me().locale == "vi"
    return [(r.id, (vietnamese and r.name_vi) or r.name) for r in db.session.scalars(statement)]


def _agents() -> list[tuple[int, str]]:
    statement = select(Agent.id, Agent.name).where(Agent.disabled_at.is_(None)).order_by(Agent.name)
    return [(id_, name) for id_, name in db.session.execute(statement)]
