"""A call an agent writes down: from anywhere, or in a ticket. It is a message of kind "call"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Connector, InboundMessage, Logs
from helpdesk import access
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import MessageReceived, ReplySent, TaskChanged
from helpdesk.folding import clean, one_line
from helpdesk.models import Agent, Channel, Customer, FollowUpTask, Identity, Message, Ticket
from helpdesk.services import channels, customers, identities, opening, search, tickets
from helpdesk.services.courtesy import meaningful_line
from helpdesk.services.sla import SPOKE
from helpdesk.unit_of_work import UnitOfWork

FOLLOW_UPS = ("callback", "follow_up")


@dataclass(frozen=True)
class FollowUp:
    """What was promised on the phone. kind: callback or follow_up."""

    kind: str
    due_at: datetime
    agent_id: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Call:
    """What the form says beyond what the connector reads. `ticket_number` None: a new ticket."""

    form: Mapping[str, Any]
    channel_id: int | None = None
    customer_id: int | None = None
    ticket_number: int | None = None
    subject: str = ""
    reason_id: int | None = None
    follow_up: FollowUp | None = None
    solve: bool = False
    external_id: str = ""  # of the call in the phone system, which will tell of it, too


def lines(session: Session) -> list[tuple[Channel, Connector]]:
    """Channels that calls can be logged on, in use."""
    found = [c for c in channels.every(session) if issubclass(registry.kind(c.kind), Logs)]
    return [(c, channels.connector_of(c, session)) for c in found]


def line(session: Session, channel_id: int | None = None) -> tuple[Channel, Connector]:
    """The line of a call: as chosen, else the first. Raises Invalid when there is none."""
    known = lines(session)
    chosen = [k for k in known if channel_id is None or k[0].id == channel_id]
    if not chosen:
        raise Invalid(fields={"channel": _("There is no phone line yet. Add one in Settings, Channels.")})
    return chosen[0]


def read(connector: Connector, form: Mapping[str, Any]) -> InboundMessage:
    """The form as a message. Raises Invalid naming the field, in the viewer's language."""
    if not isinstance(connector, Logs):
        raise TypeError(f"{type(connector).__name__} logs nothing")
    try:
        return connector.read(form)
    except ValueError as error:
        field, sentence = error.args if len(error.args) == 2 else ("number", str(error))
        raise Invalid(fields={field: _(sentence)}) from None


# --- logging one ---------------------------------------------------------------------------------------------


def log(work: UnitOfWork, viewer: Viewer, call: Call) -> tuple[Ticket, Message]:
    """Write a call down. Raises Invalid, NotFound, or customers.Taken: the number is another customer's than chosen.

    The same `client_msg_id` twice is one call.
    """
    require_write(viewer)
    channel, connector = line(work.session, call.channel_id)
    said = read(connector, call.form)
    said = replace(said, external_id=call.external_id or said.external_id)
    known = _repeated(work.session, viewer, channel, said)
    if known is not None:
        return work.session.get_one(Ticket, known.ticket_id), known
    ticket = _chosen(work, viewer, call)
    identity = _who(work, viewer, call, said, ticket)
    if ticket is None:
        ticket = _open(work, viewer, call, said, channel, identity)
        opened = True
    else:
        opened = False
    message = _store(work, viewer, call, said, channel, identity, ticket, opened)
    _move_on(work, ticket, message, channel, identity)
    _record(work, viewer, ticket, message, opened)
    afterwards(work, viewer, ticket, message, call)
    return ticket, message


def _repeated(session: Session, viewer: Viewer, channel: Channel, said: InboundMessage) -> Message | None:
    found = session.scalar(
        select(Message).where(Message.channel_id == channel.id, Message.external_id == said.external_id)
    )
    if found is None:
        return None
    if found.agent_id != viewer.agent_id:
        raise Invalid(fields={"form": _("This call was logged already.")})
    return found


def _chosen(work: UnitOfWork, viewer: Viewer, call: Call) -> Ticket | None:
    if call.ticket_number is None:
        return None
    ticket = access.ticket_by_number(work.session, viewer, call.ticket_number, lock=True)
    if ticket.shelf == "merged":
        raise Conflict(_("This ticket was merged into another one."))
    return ticket


def _who(work: UnitOfWork, viewer: Viewer, call: Call, said: InboundMessage, ticket: Ticket | None) -> Identity:
    """The number's identity: on the profile that was chosen, or the ticket's, or its own (made when unknown)."""
    known = customers.owner(work.session, said.sender)
    chosen = call.customer_id if ticket is None else ticket.customer_id
    if known is not None and ticket is not None:
        return known  # another person's phone: the ticket stays, the entry says whose number it was
    if chosen is None:
        customer = customers.create(work, viewer, name=said.sender.name, address=said.sender)
        return known or next(i for i in _of(work.session, customer) if i.value == said.sender.value)
    customer = access.customer_by_id(work.session, viewer, chosen)
    if ticket is not None and ticket.customer_id != customer.id:
        raise NotFound()
    return customers.put_identity(work, viewer, customer, said.sender)


def _of(session: Session, customer: Customer) -> list[Identity]:
    return list(session.scalars(select(Identity).where(Identity.customer_id == customer.id)))


def _open(
    work: UnitOfWork, viewer: Viewer, call: Call, said: InboundMessage, channel: Channel, identity: Identity
) -> Ticket:
    spoke = said.call.get("outcome") in SPOKE
    ours = said.call.get("direction") == "out"
    return opening.open_ticket(
        work,
        customer=identity.customer,
        subject=one_line(call.subject) or meaningful_line(said.text) or one_line(said.text, 90),
        channel_id=channel.id,
        identity_id=identity.id,
        team_id=channel.team_id,
        status="open" if spoke or ours else "new",
        assignee_id=viewer.agent_id if spoke or ours else None,
        reason="A call was logged.",
    )


def _store(
    work: UnitOfWork,
    viewer: Viewer,
    call: Call,
    said: InboundMessage,
    channel: Channel,
    identity: Identity,
    ticket: Ticket,
    opened: bool,
) -> Message:
    ours = said.call.get("direction") == "out"
    other = identity.customer_id != ticket.customer_id
    message = Message(
        ticket_id=ticket.id,
        kind="call",
        direction="out" if ours else "in",
        author_type="agent" if ours else "customer",
        agent_id=viewer.agent_id,
        customer_id=identity.customer_id,
        channel_id=channel.id,
        identity_id=identity.id,
        subject=ticket.subject if opened else "",
        text=clean(said.text),
        external_id=said.external_id,
        call=dict(said.call),
        reason=_("The number belongs to %(name)s.", name=identity.customer.display_name) if other else "",
        sent_at=said.sent_at,
        created_at=work.now,
    )
    work.session.add(message)
    work.session.flush()
    search.index_message(work.session, message)
    return message


def _move_on(work: UnitOfWork, ticket: Ticket, message: Message, channel: Channel, identity: Identity) -> None:
    """What a call does to its ticket. The way to answer stays: nobody can reply through a phone call."""
    ours, spoke = message.direction == "out", message.call.get("outcome") in SPOKE
    ticket.last_message_id, ticket.last_author = message.id, "agent" if ours or spoke else "customer"
    ticket.message_count += 1
    ticket.preview = one_line(message.text, 300)
    ticket.last_activity_at = ticket.updated_at = channel.last_event_at = channel.last_success_at = work.now
    identity.customer.last_contact_at = work.now
    row = identities.reach(work, identity.id, channel.id)
    if ours:
        row.last_outbound_at = work.now
    else:
        row.last_inbound_at = work.now
        _came_in(work, ticket)
    if spoke:
        ticket.needs_reply, ticket.waiting_since = False, None
    elif not ours:
        ticket.needs_reply, ticket.waiting_since = True, ticket.waiting_since or work.now


def _came_in(work: UnitOfWork, ticket: Ticket) -> None:
    """They called: like a message, it brings a ticket back."""
    why = "The customer called."
    if ticket.shelf == "trash":
        tickets.move(work, None, ticket, "inbox", reason=why)
    if ticket.status in ("pending", "solved", "closed"):
        tickets.set_status(work, None, ticket, "open", reason=why)
    tickets.wake(work, ticket, reason=why)


def _record(work: UnitOfWork, viewer: Viewer, ticket: Ticket, message: Message, opened: bool) -> None:
    if message.direction == "out":
        work.record(
            ReplySent(
                ticket_id=ticket.id,
                customer_id=message.customer_id,
                message_id=message.id,
                channel_id=message.channel_id,
                agent_id=viewer.agent_id,
                call=True,
            ),
            reason=message.reason,
        )
        return
    work.record(
        MessageReceived(
            ticket_id=ticket.id,
            customer_id=message.customer_id,
            message_id=message.id,
            channel_id=message.channel_id,
            kind="call",
            opened=opened,
            auto_reply_allowed=False,
        ),
        reason=message.reason,
    )


def afterwards(work: UnitOfWork, viewer: Viewer, ticket: Ticket, message: Message, call: Call) -> None:
    """What the form asks for beyond the entry: whose ticket it is, its reason, what was promised, solved."""
    spoke = message.call.get("outcome") in SPOKE
    if spoke and ticket.assignee_id is None:
        tickets.assign(work, viewer, ticket, viewer.agent_id, reason="They spoke with the customer.")
    if spoke and ticket.status == "new":
        tickets.set_status(work, viewer, ticket, "open")
    if call.reason_id is not None:
        tickets.set_reason(work, viewer, ticket, call.reason_id)
    if call.follow_up is not None:
        _promise(work, viewer, ticket, call.follow_up)
    if call.solve:
        tickets.set_status(work, viewer, ticket, "solved")


def _promise(work: UnitOfWork, viewer: Viewer, ticket: Ticket, promised: FollowUp) -> None:
    if promised.kind not in FOLLOW_UPS:
        raise Invalid(fields={"follow_up": _("Choose one of the list.")})
    if promised.due_at <= work.now:
        raise Invalid(fields={"follow_up_at": _("Choose a time in the future.")})
    agent_id = promised.agent_id or viewer.agent_id
    agent = work.session.get(Agent, agent_id)
    if agent is None or not agent.active:
        raise Invalid(fields={"follow_up_agent": _("There is no such agent.")})
    task = FollowUpTask(
        kind=promised.kind,
        ticket_id=ticket.id,
        agent_id=agent_id,
        due_at=promised.due_at,
        note=clean(promised.note)[:2000],
        reason="Promised on the phone.",
        created_at=work.now,
    )
    work.session.add(task)
    work.session.flush()
    work.record(TaskChanged(ticket_id=ticket.id, customer_id=ticket.customer_id, task_id=task.id, kind=task.kind))
