"""Pages for customers without an account: the survey /s/<token> and its unsubscription /u/<token>.

They read no cookie: the token in the address is all the authority there is, and only a POST records anything, so that
a mail scanner that opens every link records nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_babel import format_date, refresh
from flask_babel import gettext as _

from helpdesk.errors import Expired, Invalid
from helpdesk.extensions import db, limiter
from helpdesk.models import Agent, Customer, Invitation, Response, Ticket, now
from helpdesk.public.frame import brand, ended
from helpdesk.services import settings as desk_settings
from helpdesk.services import surveys
from helpdesk.unit_of_work import unit_of_work

bp = Blueprint("public", __name__)
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
# No CSRF token: without a cookie nobody's authority can be borrowed; who posts must know the random token anyway.
CSRF_EXEMPT = True

FACES = {1: "mood-cry", 2: "mood-sad", 3: "mood-empty", 4: "mood-smile", 5: "mood-happy"}


@bp.get("/s/<token>")
@limiter.limit("120/minute")
def survey(token: str) -> Any:
    invitation = surveys.by_token(db.session(), token)
    if invitation is None:
        return ended(_("This link is not one of ours."), 404)
    _speak(invitation)
    response = surveys.response_of(db.session(), invitation)
    changing = request.args.get("score") or request.args.get("change")
    if response is not None and not (changing and surveys.may_change(response, now())):
        return _thanks(invitation, response)
    if response is None and not surveys.takes_answers(invitation, now()):
        return ended(_("This survey is over."), 410)
    return _form(invitation, response, {"score": request.args.get("score", "")})


@bp.post("/s/<token>")
@limiter.limit("20/minute")
def answer(token: str) -> Any:
    invitation = surveys.by_token(db.session(), token)
    if invitation is None:
        return ended(_("This link is not one of ours."), 404)
    _speak(invitation)
    form = {"score": request.form.get("score", ""), "comment": request.form.get("comment", "")}
    try:
        with unit_of_work(actor="customer") as work:
            reasons = request.form.getlist("reason")
            surveys.record(work, token, form["score"], reasons, form["comment"], via="page")
    except Invalid as error:
        return _form(invitation, None, form | {"reason": ",".join(reasons)}, error.fields), 422
    except Expired as error:
        return ended(error.message, 410)
    return redirect(url_for("public.survey", token=token), 303)


@bp.get("/u/<token>")
@limiter.limit("120/minute")
def unsubscribe(token: str) -> Any:
    customer = _customer(token)
    if customer is None:
        return ended(_("This link is not one of ours."), 404)
    return render_template("public/unsubscribe.html", out=customer.survey_opt_out_at is not None, **brand())


@bp.post("/u/<token>")
@limiter.limit("20/minute")
def change_subscription(token: str) -> Any:
    """Also what a mail program's own "unsubscribe" button posts (RFC 8058)."""
    if _customer(token) is None:
        return ended(_("This link is not one of ours."), 404)
    with unit_of_work(actor="customer") as work:
        surveys.opt_out(work, token, out=request.form.get("again") != "1")
    return redirect(url_for("public.unsubscribe", token=token), 303)


# --- what is shown -------------------------------------------------------------------------------------------


def _speak(invitation: Invitation) -> None:
    """In the customer's language, unless the address asks for another."""
    ticket = db.session.get_one(Ticket, invitation.ticket_id)
    asked = request.args.get("lang", "")
    known = asked in desk_settings.LOCALES
    g.locale = asked if known else surveys.locale_of(db.session(), ticket, ticket.customer)
    refresh()


def _form(
    invitation: Invitation,
    response: Response | None,
    typed: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
) -> str:
    ticket = db.session.get_one(Ticket, invitation.ticket_id)
    agent = db.session.get(Agent, invitation.agent_id) if invitation.agent_id else None
    said = {}
    if response is not None:
        said = {"score": str(response.score), "reason": response.reason_code, "comment": response.comment}
    values = said | {k: v for k, v in typed.items() if v}
    return render_template(
        "public/survey.html",
        question=surveys.question(db.session(), ticket),
        agent=agent.name if agent is not None else "",
        first=format_date(ticket.created_at, "d MMMM"),
        last=format_date(invitation.solved_at, "d MMMM"),
        scale=[(n, FACES[n], surveys.SCALE[n]) for n in sorted(surveys.SCALE)],
        reasons=surveys.REASONS,
        values=values,
        chosen=set(values.get("reason", "").split(",")),
        errors=errors or {},
        action=url_for("public.answer", token=invitation.token, lang=request.args.get("lang")),
        **brand(),
    )


def _thanks(invitation: Invitation, response: Response) -> str:
    changeable = surveys.may_change(response, now())
    return render_template(
        "public/thanks.html",
        words=surveys.thanks(response.score),
        face=FACES[response.score],
        label=surveys.SCALE[response.score],
        comment=response.comment,
        change_url=url_for("public.survey", token=invitation.token, change=1) if changeable else "",
        **brand(),
    )


def _customer(token: str) -> Customer | None:
    invitation = surveys.by_token(db.session(), token)
    if invitation is None:
        return None
    _speak(invitation)
    return surveys.person(db.session(), invitation.customer_id)
