"""Surveys: what came back. Recorded once per invitation, only by a POST or a button press; low ratings get a task.

Inviting and asking is invitations.py; what others need of it can be had from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import Select, select, true
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import InboundRating, Settles
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Expired, Invalid, NotFound
from helpdesk.events import SurveyAnswered, TaskChanged
from helpdesk.folding import clean
from helpdesk.models import Agent, Channel, FollowUpTask, Invitation, Response, TeamMember, Ticket
from helpdesk.services import identities
from helpdesk.services import settings as desk_settings
from helpdesk.services.invitations import (
    cancel,
    expire,
    invite,
    on_delivery,
    on_merged,
    on_moved,
    on_status,
    opt_out,
    person,
    send,
    to_ask,
)
from helpdesk.services.sla_rules import calendar_of, hours_of, policy_of
from helpdesk.services.survey_words import (
    ASK_WHY_UP_TO,
    REASONS,
    SCALE,
    ask_for,
    by_token,
    letter,
    locale_of,
    page_url,
    question,
    unsubscribe_url,
)
from helpdesk.unit_of_work import UnitOfWork

MAX_COMMENT = 5000
CHANGE_WITHIN = timedelta(hours=24)
# States in which an answer is taken: it was asked, and nobody called it off.
OPEN = ("sent", "asked", "answered", "failed")


def record(
    work: UnitOfWork,
    asked: Invitation | str,
    score: int | str | None,
    reason: str | Iterable[str] | None = None,
    comment: str | None = None,
    via: str = "page",
) -> Response:
    """The customer's answer: made once, changed within a day. None for reason or comment keeps what was said.

    `asked` is an invitation or its token. Raises Expired (over, used up, or never ours) and Invalid (score, reason).
    """
    token = asked if isinstance(asked, str) else asked.token
    invitation = by_token(work.session, token, lock=True)
    if invitation is None:
        raise Expired(_("This link is not one of ours."))
    response = response_of(work.session, invitation)
    _check_open(work, invitation, response)
    number = _score(score if score is not None or response is None else response.score)
    codes = _codes(reason)
    if response is None:
        response = _first(work, invitation, number, via)
    changed = response.id is not None
    response.score, response.updated_at = number, work.now
    if codes is not None:
        response.reason_code = codes
    if number > ASK_WHY_UP_TO:
        response.reason_code = ""
    if comment is not None:
        response.comment = clean(comment).strip()[:MAX_COMMENT]
    work.session.add(response)
    work.session.flush()
    invitation.state = "answered"
    work.record(
        SurveyAnswered(
            ticket_id=response.ticket_id,
            customer_id=response.customer_id,
            message_id=invitation.message_id,
            response_id=response.id,
            score=number,
            changed=changed,
        ),
        actor=work.actor if via == "agent" else f"customer:{response.customer_id}",
    )
    _recover(work, response)
    return response


def record_rating(work: UnitOfWork, rating: InboundRating, channel: Channel) -> Response | None:
    """A tap on native buttons. None (and nothing recorded) for an ended survey, or somebody else's button."""
    invitation = by_token(work.session, rating.token)
    sender = identities.find(work.session, rating.sender.kind, rating.sender.scope, rating.sender.value)
    theirs = (
        invitation is not None
        and sender is not None
        and person(work.session, sender.customer_id).id == person(work.session, invitation.customer_id).id
    )
    response = None
    if theirs and invitation is not None:
        try:
            comment = rating.comment or None
            response = record(work, invitation, rating.score, rating.reason or None, comment, via=channel.kind)
        except (Expired, Invalid):
            response = None
    _settle_later(work, rating, channel, response)
    return response


def record_asked(
    work: UnitOfWork, viewer: Viewer, ticket: Ticket, score: int, reason: str | Iterable[str] = "", comment: str = ""
) -> Response:
    """What the customer told an agent who asked (by phone). Raises NotFound when there is nothing to ask."""
    require_write(viewer)
    invitation = to_ask(work.session, ticket.id)
    if invitation is None:
        raise NotFound()
    return record(work, invitation, score, reason, comment, via="agent")


# --- parts ---------------------------------------------------------------------------------------------------


def _check_open(work: UnitOfWork, invitation: Invitation, response: Response | None) -> None:
    if response is not None:
        if not may_change(response, work.now):
            raise Expired(_("You have answered this already. Thank you!"))
    elif not takes_answers(invitation, work.now):
        raise Expired(_("This survey is over."))


def takes_answers(invitation: Invitation, at: datetime) -> bool:
    """A first answer: it was asked, nobody called it off, and it is not too late."""
    return invitation.state in OPEN and (invitation.expires_at is None or at <= invitation.expires_at)


def may_change(response: Response, at: datetime) -> bool:
    return at - response.created_at <= CHANGE_WITHIN


def _score(value: int | str | None) -> int:
    try:
        number = int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = 0
    if number not in SCALE:
        raise Invalid(fields={"score": _("Choose one of the five answers.")})
    return number


def _codes(reason: str | Iterable[str] | None) -> str | None:
    if reason is None:
        return None
    given = {reason} if isinstance(reason, str) else set(reason)
    given = {code.strip() for part in given for code in part.split(",")} - {""}
    if given - set(REASONS):
        raise Invalid(fields={"reason": _("Choose from the list what was wrong.")})
    return ",".join(code for code in REASONS if code in given)


def _first(work: UnitOfWork, invitation: Invitation, score: int, via: str) -> Response:
    """Facts are copied from the invitation, where they were frozen when the ticket was solved."""
    return Response(
        invitation_id=invitation.id,
        survey_kind="csat",
        ticket_id=invitation.ticket_id,
        customer_id=person(work.session, invitation.customer_id).id,
        channel_id=invitation.channel_id,
        agent_id=invitation.agent_id,
        team_id=invitation.team_id,
        score=score,
        reason_code="",
        comment="",
        via=via,
        created_at=work.now,
        updated_at=work.now,
    )


# --- after a low rating --------------------------------------------------------------------------------------


def _recover(work: UnitOfWork, response: Response) -> None:
    """One task per bad answer, with an owner and a time; withdrawn when the customer changes their mind."""
    low = response.score <= int(desk_settings.get(work.session, "survey.recovery_max_score"))
    statement = select(FollowUpTask).where(FollowUpTask.response_id == response.id, FollowUpTask.done_at.is_(None))
    task = work.session.scalar(statement)
    if task is None and not low:
        return
    if task is None:
        task = _task(work, response)
    elif not low:
        task.done_at, task.note = work.now, f"{task.note}\nThe customer changed the rating to {response.score}.".strip()
    if low:
        task.reason = f"The customer rated {response.score} of 5."
    work.session.flush()
    work.record(TaskChanged(ticket_id=task.ticket_id, task_id=task.id, kind=task.kind, done=task.done_at is not None))


def _task(work: UnitOfWork, response: Response) -> FollowUpTask:
    ticket = work.session.get_one(Ticket, response.ticket_id)
    hours = int(desk_settings.get(work.session, "survey.recovery_hours"))
    calendar = calendar_of(hours_of(work.session, policy_of(work.session, ticket), ticket))
    task = FollowUpTask(
        kind="recovery",
        ticket_id=ticket.id,
        response_id=response.id,
        agent_id=_owner(work.session, response, ticket),
        due_at=calendar.add(work.now, hours * 60),
        note="",
        created_at=work.now,
    )
    work.session.add(task)
    return task


def _owner(session: Session, response: Response, ticket: Ticket) -> int | None:
    """Who gets in touch: who has the ticket, else who was credited, else who leads the team, else an administrator."""
    leads = select(TeamMember.agent_id).where(TeamMember.team_id == ticket.team_id, TeamMember.leads)
    admins = select(Agent.id).where(Agent.role == "admin").order_by(Agent.id)
    candidates = [ticket.assignee_id, response.agent_id, *session.scalars(leads), *session.scalars(admins)]
    for agent_id in candidates:
        agent = session.get(Agent, agent_id) if agent_id else None
        if agent is not None and agent.active:
            return agent.id
    return None


# --- thanks --------------------------------------------------------------------------------------------------


def thanks(score: int) -> str:
    """In the locale in force; fits the score."""
    if score >= 4:
        return str(_("Thank you! We are glad it went well."))
    if score == ASK_WHY_UP_TO:
        return str(_("Thank you. We will try to do better."))
    return str(_("Thank you for telling us. We are sorry, and somebody will look into it."))


def _settle_later(work: UnitOfWork, rating: InboundRating, channel: Channel, response: Response | None) -> None:
    """The button waits for a word; the network is used by a worker, after the commit."""
    if not rating.callback_id or not issubclass(registry.kind(channel.kind), Settles):
        return
    payload = {
        "channel_id": channel.id,
        "response_id": response.id if response is not None else None,
        "external_id": rating.external_id,
        "callback_id": rating.callback_id,
        "token": rating.token,
        "sender": [rating.sender.kind, rating.sender.value, rating.sender.scope],
    }
    work.enqueue("surveys", "settle", payload, dedupe=f"settle:{channel.id}:{rating.external_id}"[:120])


def settle_words(session: Session, token: str, response_id: int | None) -> tuple[str, list[tuple[str, str]]]:
    """What to say after a tap: thanks that fit, and the reasons still to choose from (code, label)."""
    invitation = by_token(session, token)
    ticket = session.get(Ticket, invitation.ticket_id) if invitation is not None else None
    locale = locale_of(session, ticket, ticket.customer) if ticket is not None else "en"
    response = session.get(Response, response_id) if response_id else None
    with force_locale(locale):
        if response is None:
            return _("This survey is over."), []
        ask = response.score <= ASK_WHY_UP_TO and not response.reason_code
        why = [(code, str(label)) for code, label in REASONS.items()] if ask else []
        said = f"{SCALE[response.score]}. " + thanks(response.score)
        return said + (" " + _("What was wrong?") if ask else ""), why


# --- reading -------------------------------------------------------------------------------------------------


def response_of(session: Session, invitation: Invitation) -> Response | None:
    return session.scalar(select(Response).where(Response.invitation_id == invitation.id))


def answers(session: Session, message_ids: list[int]) -> dict[int, Response]:
    """Message id of a survey -> what they answered."""
    rows = session.execute(
        select(Invitation.message_id, Response)
        .join(Response, Response.invitation_id == Invitation.id)
        .where(Invitation.message_id.in_(message_ids))
    )
    return {message_id: response for message_id, response in rows if message_id is not None}


def ratings_of(
    session: Session, customer_id: int, limit: int = 20, *, tickets: Select[tuple[int]] | None = None
) -> list[tuple[datetime, int]]:
    """(time, score) of one customer's answers (about `tickets`), oldest of the newest first: the sparkline."""
    about = true() if tickets is None else Response.ticket_id.in_(tickets)
    rows = session.execute(
        select(Response.created_at, Response.score)
        .where(Response.customer_id == customer_id, about)
        .order_by(Response.created_at.desc())
        .limit(limit)
    )
    return [(at, score) for at, score in rows][::-1]


__all__ = [
    "ASK_WHY_UP_TO", "REASONS", "SCALE", "answers", "ask_for", "by_token", "cancel", "expire", "invite", "letter",
    "locale_of", "may_change", "on_delivery", "on_merged", "on_moved", "on_status", "opt_out", "page_url", "person",
    "question", "ratings_of", "record", "record_asked", "record_rating", "response_of", "send", "settle_words",
    "takes_answers", "thanks", "to_ask", "unsubscribe_url",
]  # fmt: skip
