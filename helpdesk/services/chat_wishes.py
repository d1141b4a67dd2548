"""What a visitor may wish for besides an answer: to be called back, to go on elsewhere, to end the chat."""

from __future__ import annotations

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from connectors.widget.connector import Widget
from helpdesk.errors import Conflict, Invalid
from helpdesk.events import ChatEnded, TaskChanged
from helpdesk.folding import one_line
from helpdesk.models import BusinessHours, Channel, FollowUpTask, Invitation, Message, Ticket, VisitorSession
from helpdesk.services import chats, customers, sla_rules, tickets
from helpdesk.services.chats import Words
from helpdesk.services.threading import continue_token, follow_merges
from helpdesk.services.visitors import About
from helpdesk.unit_of_work import UnitOfWork

CALL_WITHIN_MIN = 60  # of business time
MAX_WHEN = 200


def ticket_of(session: Session, visitor: VisitorSession, *, lock: bool = False) -> Ticket | None:
    """The visitor's newest conversation; None before the first message."""
    newest = (
        select(Message.ticket_id).where(Message.identity_id == visitor.identity_id).order_by(Message.id.desc()).limit(1)
    )
    found = session.scalar(newest) if visitor.identity_id is not None else None
    ticket = follow_merges(session, session.get(Ticket, found)) if found is not None else None
    if ticket is not None and lock:
        return session.get(Ticket, ticket.id, with_for_update=True)
    return ticket


# --- a call back ---------------------------------------------------------------------------------------------


def call_back(
    work: UnitOfWork,
    channel: Channel,
    connector: Widget,
    visitor: VisitorSession,
    wish: tuple[str, str, str],
    about: About,
) -> Message:
    """A message that asks for a call, and the task to make it. `wish`: client_msg_id, number, when (in their words).

    The same id twice is one wish. Raises Invalid for a number nobody can call, or where calls are not offered.
    """
    client_msg_id, typed, when = wish
    if not connector.calls_back:
        raise Invalid(_("Calls back are not offered here."))
    number = customers.read_address(work.session, "phone", typed, field="phone").value
    text = _("Please call me back: %(number)s", number=number)
    if one_line(when, MAX_WHEN):
        text += "\n" + _("When: %(when)s", when=one_line(when, MAX_WHEN))
    message, new = chats.say(work, channel, connector, visitor, Words(client_msg_id, text), about)
    if new:
        _promise(work, channel, work.session.get_one(Ticket, message.ticket_id), text)
    return message


def _promise(work: UnitOfWork, channel: Channel, ticket: Ticket, note: str) -> None:
    own = work.session.get(BusinessHours, channel.business_hours_id) if channel.business_hours_id is not None else None
    calendar = sla_rules.calendar_of(own or sla_rules.default_hours(work.session))
    task = FollowUpTask(
        kind="callback",
        ticket_id=ticket.id,
        agent_id=ticket.assignee_id,
        due_at=calendar.add(work.now, CALL_WITHIN_MIN),
        note=note,
        reason="The visitor asked for it in the chat.",
        created_at=work.now,
    )
    work.session.add(task)
    work.session.flush()
    work.record(TaskChanged(ticket_id=ticket.id, customer_id=ticket.customer_id, task_id=task.id, kind=task.kind))


# --- elsewhere -----------------------------------------------------------------------------------------------


def bot_link(work: UnitOfWork, connector: Widget, visitor: VisitorSession) -> str:
    """A link that goes on by Telegram in the same ticket, for a day. Raises Conflict before the first message, Invalid
    where no bot is set."""
    ticket = ticket_of(work.session, visitor)
    if ticket is None:
        raise Conflict(_("Write your first message here, then you can go on there."))
    link = connector.bot_link(continue_token(current_app.extensions["keyring"], ticket.id, work.now))
    if not link:
        raise Invalid(_("There is no Telegram bot here."))
    return link


# --- the end -------------------------------------------------------------------------------------------------


def end(work: UnitOfWork, visitor: VisitorSession) -> bool:
    """The visitor is done: what was answered is solved and its rating is asked at once; what was not stays open.

    Returns whether it was solved. Writing again brings the ticket back, as always.
    """
    ticket = ticket_of(work.session, visitor, lock=True)
    if ticket is None or ticket.shelf not in ("open", "snoozed"):
        return False
    work.record(ChatEnded(ticket_id=ticket.id, customer_id=ticket.customer_id))
    if not _finished(work.session, ticket):
        return False
    tickets.set_status(work, None, ticket, "solved", reason="The customer ended the chat.")
    work.settle()  # the invitation is made by a listener
    _ask_now(work, ticket)
    return True


def _finished(session: Session, ticket: Ticket) -> bool:
    """A person answered, nothing is waited for and nothing was promised."""
    promised = exists().where(FollowUpTask.ticket_id == ticket.id, FollowUpTask.done_at.is_(None))
    return (
        ticket.first_response_at is not None
        and not ticket.needs_reply
        and ticket.status != "on_hold"
        and not session.scalar(select(promised))
    )


def _ask_now(work: UnitOfWork, ticket: Ticket) -> None:
    """They are here now: an hour later they would not be."""
    planned = work.session.scalar(
        select(Invitation).where(Invitation.ticket_id == ticket.id, Invitation.state == "scheduled")
    )
    if planned is not None:
        work.session.execute(update(Invitation).where(Invitation.id == planned.id).values(due_at=work.now))
        work.enqueue("surveys", "send_survey", {"invitation_id": planned.id})


__all__ = ["bot_link", "call_back", "end", "ticket_of"]
