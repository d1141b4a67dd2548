"""What a survey says, in the customer's language: question, answers, reasons; and the addresses of its page."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask import render_template
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import SurveyAsk
from helpdesk.errors import Invalid
from helpdesk.folding import clean
from helpdesk.models import Customer, Invitation, Message, Survey, Ticket
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork

# What the customer reads on the five buttons.
SCALE = {5: _l("Very good"), 4: _l("Good"), 3: _l("All right"), 2: _l("Poor"), 1: _l("Very poor")}
# What went wrong, asked after 1 to 3.
REASONS = {"slow": _l("Slow"), "attitude": _l("Attitude"), "not_solved": _l("Not solved"), "price": _l("Price")}
ASK_WHY_UP_TO = 3
MAX_QUESTION = 200
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,50}")


def by_token(session: Session, token: str, *, lock: bool = False) -> Invitation | None:
    if not _TOKEN.fullmatch(token):
        return None
    statement = select(Invitation).where(Invitation.token == token)
    return session.scalar(statement.with_for_update() if lock else statement)


def asking(session: Session) -> Survey | None:
    """The survey that customers are sent after a solution; None before the first one was made."""
    statement = select(Survey).where(Survey.kind == "csat", Survey.active).order_by(Survey.id).limit(1)
    return session.scalar(statement)


def made(work: UnitOfWork) -> Survey:
    """The survey that customers are sent, made if there is none yet."""
    survey = asking(work.session)
    if survey is None:
        survey = Survey(kind="csat", name="Satisfaction after a solution", created_at=work.now)
        work.session.add(survey)
        work.session.flush()
    return survey


def word(work: UnitOfWork, wording: Mapping[str, str]) -> None:
    """Set the question in the desk's own words, by language; an empty one means the built-in question.

    `{subject}` stands for the ticket's subject. Raises Invalid by field `question_<language>`.
    """
    wrong: dict[str, str] = {}
    kept: dict[str, str] = {}
    for locale, given in wording.items():
        text = clean(given).strip()
        unknown = [p for p in _PLACEHOLDER.findall(text) if p != "{subject}"]
        if len(text) > MAX_QUESTION:
            wrong[f"question_{locale}"] = _("At most %(n)s characters.", n=MAX_QUESTION)
        elif unknown:
            wrong[f"question_{locale}"] = _("Only {subject} can stand in braces, not %(what)s.", what=unknown[0])
        elif text:
            kept[locale] = text
    if wrong:
        raise Invalid(fields=wrong)
    if kept or asking(work.session) is not None:
        made(work).question = kept


def question(session: Session, ticket: Ticket) -> str:
    """In the locale in force: the desk's own words, else ours."""
    survey = asking(session)
    own = str((survey.question or {}).get(str(get_locale()), "")) if survey is not None else ""
    if own:
        return own.replace("{subject}", ticket.subject[:120])
    return built_in(ticket)


def built_in(ticket: Ticket) -> str:
    """The question as we word it, in the locale in force."""
    if len(ticket.subject.strip("–- ")) < 3:
        return str(_("How was our help?"))
    return str(_("How was our help about “%(subject)s”?", subject=ticket.subject[:120]))


def ask_for(session: Session, message: Message) -> SurveyAsk | None:
    """What a survey message asks, for the connector that sends it; None for any other message."""
    invitation_id = (message.meta or {}).get("invitation_id")
    invitation = session.get(Invitation, invitation_id) if message.kind == "survey" and invitation_id else None
    if invitation is None:
        return None
    ticket = session.get_one(Ticket, invitation.ticket_id)
    with force_locale(locale_of(session, ticket, ticket.customer)):
        choices = tuple((score, str(label)) for score, label in SCALE.items())
    return SurveyAsk(invitation.token, message.text, choices, page_url(session, invitation.token))


def letter(session: Session, message: Message, ask: SurveyAsk) -> tuple[str, str]:
    """Text and HTML of a survey for a channel without buttons of its own: the question, links that only preselect."""
    invitation = session.get_one(Invitation, message.meta["invitation_id"])
    ticket = session.get_one(Ticket, invitation.ticket_id)
    brand = desk_settings.many(session, "brand.name", "brand.colour")
    values = {
        "ask": ask,
        "brand": brand["brand.name"],
        "colour": brand["brand.colour"],
        "unsubscribe": unsubscribe_url(session, ask.token),
    }
    with force_locale(locale_of(session, ticket, ticket.customer)):
        return render_template("emails/survey/body.txt", **values), render_template("emails/survey/body.html", **values)


def page_url(session: Session, token: str) -> str:
    base = str(desk_settings.get(session, "public_url"))
    return f"{base}/s/{token}" if base else ""


def unsubscribe_url(session: Session, token: str) -> str:
    base = str(desk_settings.get(session, "public_url"))
    return f"{base}/u/{token}" if base else ""


def locale_of(session: Session, ticket: Ticket, customer: Customer) -> str:
    """The customer's language, else the one they wrote in, else the desk's."""
    known = (customer.locale, ticket.language, str(desk_settings.get(session, "locale.default")))
    return next((c for c in known if c in desk_settings.LOCALES), "en")
