"""What agents do in the inbox: every POST. Each is three moves: read, one verb of a service, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import g, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import access
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.happenings import load_names
from helpdesk.inbox.snooze import snooze_time
from helpdesk.models import Ticket
from helpdesk.services import fields, surveys, tasks, tickets
from helpdesk.unit_of_work import UnitOfWork, unit_of_work

MOST_AT_ONCE = 200


def on_ticket(number: int, act: Callable[[UnitOfWork, Ticket], Any]) -> Any:
    """Run a verb on a ticket the viewer may open, its row locked."""
    with unit_of_work(actor=g.viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, g.viewer, number, lock=True)
        return act(work, ticket)


def done(number: int | None = None, **told: Any) -> BaseResponse:
    """JSON for scripts; without a script, back to the ticket."""
    if request.headers.get("X-Requested-With") == "fetch" or request.accept_mimetypes.best == "application/json":
        return jsonify(ok=True, **told)
    return redirect(url_for("inbox.ticket", number=number) if number else url_for("inbox.home"), 303)


def _id(name: str) -> int | None:
    value = request.form.get(name, "")
    if value in ("", "0"):
        return None
    if not value.isdecimal():
        raise Invalid(fields={name: gettext("Choose one of the list.")})
    return int(value)


# --- properties ----------------------------------------------------------------------------------------------


@bp.post("/tickets/<int:number>/status")
def set_status(number: int) -> BaseResponse:
    status = request.form.get("status", "")
    on_ticket(number, lambda work, t: tickets.set_status(work, g.viewer, t, status))
    return done(number)


@bp.post("/tickets/<int:number>/priority")
def set_priority(number: int) -> BaseResponse:
    priority = request.form.get("priority", "")
    on_ticket(number, lambda work, t: tickets.set_priority(work, g.viewer, t, priority))
    return done(number)


@bp.post("/tickets/<int:number>/assignee")
def set_assignee(number: int) -> BaseResponse:
    agent_id = g.viewer.agent_id if request.form.get("assignee") == "me" else _id("assignee")
    on_ticket(number, lambda work, t: tickets.assign(work, g.viewer, t, agent_id))
    return done(number)


@bp.post("/tickets/<int:number>/team")
def set_team(number: int) -> BaseResponse:
    team_id = _id("team")
    on_ticket(number, lambda work, t: tickets.set_team(work, g.viewer, t, team_id))
    return done(number)


@bp.post("/tickets/<int:number>/reason")
def set_reason(number: int) -> BaseResponse:
    reason_id = _id("reason")
    on_ticket(number, lambda work, t: tickets.set_reason(work, g.viewer, t, reason_id))
    return done(number)


@bp.post("/tickets/<int:number>/fields")
def set_fields(number: int) -> BaseResponse:
    """Fields of the desk, each as "field.<key>", and perhaps the reason; with `solve`, solved at once."""
    values = {k.removeprefix("field."): v for k, v in request.form.items() if k.startswith("field.")}

    def act(work: UnitOfWork, ticket: Ticket) -> None:
        if "reason" in request.form:
            tickets.set_reason(work, g.viewer, ticket, _id("reason"))
        if values:
            fields.set_values(work, g.viewer, ticket, values)
        if request.form.get("solve"):
            tickets.set_status(work, g.viewer, ticket, "solved")

    on_ticket(number, act)
    return done(number)


@bp.get("/tickets/<int:number>/solve-form")
def solve_form(number: int) -> str:
    """What has to be said before this ticket can be solved."""
    ticket = access.ticket_by_number(db.session, g.viewer, number)
    wanted = tickets.wanted_to_solve(db.session, ticket)
    return render_template(
        "inbox/_solve_dialog.html",
        ticket=ticket,
        names=load_names(db.session, g.viewer.locale),
        ask_reason="reason" in wanted,
        fields=[f for f in fields.every(db.session) if f"field.{f.key}" in wanted],
    )


@bp.post("/tickets/<int:number>/subject")
def set_subject(number: int) -> BaseResponse:
    subject = request.form.get("subject", "")
    on_ticket(number, lambda work, t: tickets.set_subject(work, g.viewer, t, subject))
    return done(number)


@bp.post("/tickets/<int:number>/tags")
def set_tags(number: int) -> BaseResponse:
    add, remove = tuple(request.form.getlist("add")), tuple(request.form.getlist("remove"))
    on_ticket(number, lambda work, t: tickets.change_tags(work, g.viewer, t, add=add, remove=remove))
    return done(number)


@bp.post("/tickets/<int:number>/snooze")
def snooze(number: int) -> BaseResponse:
    try:
        until = snooze_time(request.form.get("until") or request.form.get("snooze", ""), g.viewer)
    except ValueError:
        raise Invalid(fields={"until": gettext("Choose a time in the future.")}) from None
    on_ticket(number, lambda work, t: tickets.snooze(work, g.viewer, t, until))
    return done(number)


@bp.post("/tickets/<int:number>/move")
def move(number: int) -> BaseResponse:
    where = request.form.get("move", "")
    on_ticket(number, lambda work, t: tickets.move(work, g.viewer, t, where))
    return done(number)


@bp.post("/tickets/<int:number>/follow")
def follow(number: int) -> BaseResponse:
    """Oneself, or the colleague that is named: who follows may open the ticket and hears of it."""
    on = request.form.get("follow", "1") == "1"
    agent_id = _id("agent") or g.viewer.agent_id
    on_ticket(number, lambda work, t: tickets.follow(work, g.viewer, t, agent_id, on=on))
    return done(number)


@bp.post("/tickets/<int:number>/read")
def mark_read(number: int) -> BaseResponse:
    """Lines that were painted in view for a second count as seen."""
    seq = max(request.form.get("seq", 0, type=int), 0)
    on_ticket(number, lambda work, t: tickets.mark_read(work, g.viewer, t, min(seq, t.seq)))
    return done(number)


# --- what was asked and promised -----------------------------------------------------------------------------


@bp.post("/tickets/<int:number>/asked")
def asked(number: int) -> BaseResponse:
    """What the customer said when asked on the phone."""
    score, comment = request.form.get("score", 0, type=int), request.form.get("comment", "")
    on_ticket(number, lambda work, t: surveys.record_asked(work, g.viewer, t, score, comment=comment))
    return done(number)


# --- tasks and views -----------------------------------------------------------------------------------------


@bp.post("/tasks/<int:task_id>/done")
def finish_task(task_id: int) -> BaseResponse:
    with unit_of_work(actor=g.viewer.actor) as work:
        number = tasks.finish(work, g.viewer, task_id).number
    return done(number)
