"""The sample shop's desk in memory: what customers and agents do, as the services would have written it down.

Each act happens at `at`. tests/demo compares a stretch of it with the real services.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.contract import Address
from helpdesk import events as e
from helpdesk.demo.tickets import Tickets
from helpdesk.folding import one_line
from helpdesk.models import Agent, Channel, Delivery, Grant, Identity, Message, Recipient, Ticket
from helpdesk.services.courtesy import is_courtesy, language_of, meaningful_line
from helpdesk.services.sla import SPOKE

IN_PLACE = "widget"  # the kind whose customers read from our own database
NEW_MAIL = "Nothing in it points to an earlier ticket."
NEW_CHAT = "The first message from here."
GOES_ON = "The conversation on this channel goes on."
ANSWERS = "It answers a message we sent (signed Message-ID)."


class Desk(Tickets):
    """Everything a customer or an agent does in the sample."""

    # --- customers ---------------------------------------------------------------------------------------------

    def begins(self, channel: Channel, address: Address, text: str, subject: str = "", *, locale: str = "") -> Ticket:
        """A customer's first message makes a ticket."""
        identity, _new = self.person(address, locale=locale or language_of(text))
        self._heard(identity, channel)
        reason = NEW_MAIL if channel.kind == "email" else NEW_CHAT
        ticket = self.open(channel, identity, subject or meaningful_line(text) or one_line(text, 90), reason=reason)
        ticket.language = language_of(text)
        message = self._in(ticket, channel, identity, text, subject, reason, opened=True)
        self._received(ticket, identity, channel, message, reason, opened=True)
        return ticket

    def writes(self, ticket: Ticket, channel: Channel, identity: Identity, text: str) -> Message:
        """The customer writes again in a ticket that is not closed."""
        self._heard(identity, channel)
        reason = ANSWERS if channel.kind == "email" else GOES_ON
        subject = f"Re: {ticket.subject} [#{ticket.number}]" if channel.kind == "email" else ""
        message = self._in(ticket, channel, identity, text, subject, reason)
        self._received(ticket, identity, channel, message, reason)
        return message

    def _in(
        self,
        ticket: Ticket,
        channel: Channel,
        identity: Identity,
        text: str,
        subject: str,
        reason: str,
        *,
        opened: bool = False,
    ) -> Message:
        number = next(self._external)
        message = self.rows.new(
            Message,
            ticket_id=ticket.id,
            customer_id=identity.customer_id,
            channel_id=channel.id,
            identity_id=identity.id,
            subject=subject,
            text=text,
            language=language_of(text),
            external_id=f"{identity.value}:{number}" if channel.kind == "telegram" else f"demo-{number}",
            rfc822_id=f"{number}.demo@{identity.value.partition('@')[2]}" if channel.kind == "email" else None,
            reason=reason,
            sent_at=self.at if channel.kind != IN_PLACE else None,
            created_at=self.at,
        )
        message.courtesy = not opened and is_courtesy(text)
        return message

    def _received(
        self,
        ticket: Ticket,
        identity: Identity,
        channel: Channel,
        message: Message,
        reason: str,
        *,
        opened: bool = False,
    ) -> None:
        customer = self.customers[identity.customer_id]
        ticket.last_message_id, ticket.last_author = message.id, "customer"
        ticket.message_count += 1
        ticket.preview = one_line(message.text, 300)
        ticket.last_activity_at = ticket.updated_at = customer.last_contact_at = self.at
        ticket.channel_id, ticket.identity_id = channel.id, identity.id
        actor = f"customer:{identity.customer_id}"
        if not message.courtesy:
            if ticket.status in ("pending", "solved"):
                self.set_status(ticket, None, "open", reason="The customer wrote again.")
            ticket.needs_reply, ticket.waiting_since = True, ticket.waiting_since or self.at
        received = e.MessageReceived(
            ticket_id=ticket.id,
            customer_id=identity.customer_id,
            message_id=message.id,
            channel_id=channel.id,
            courtesy=message.courtesy,
            opened=opened,
        )
        message.seq = ticket.seq = self.event(received, actor, reason)
        if opened:
            self.clocks.opened(ticket, by_us=False)
        elif not message.courtesy:
            self.clocks.received(ticket)

    # --- agents ------------------------------------------------------------------------------------------------

    def replies(self, ticket: Ticket, agent: Agent, text: str, channel: Channel, *, then: str = "pending") -> Message:
        """A public reply by the channel of the last message; `then` is the status it leaves."""
        actor = f"agent:{agent.id}"
        identity = self.by_id[ticket.identity_id or 0]
        message = self.out(ticket, channel, identity, text, agent=agent)
        if ticket.first_response_at is None and ticket.last_author == "customer" and ticket.message_count:
            ticket.first_response_at = self.at
        ticket.last_message_id, ticket.last_author = message.id, "agent"
        ticket.message_count += 1
        ticket.preview = one_line(text, 300)
        ticket.last_activity_at = ticket.updated_at = self.at
        ticket.needs_reply, ticket.waiting_since = False, None
        reach = self._reaches.get((identity.id, channel.id))
        if reach is not None:
            reach.last_outbound_at = self.at
        sent = e.ReplySent(
            ticket_id=ticket.id,
            customer_id=ticket.customer_id,
            message_id=message.id,
            channel_id=channel.id,
            agent_id=agent.id,
        )
        message.seq = ticket.seq = self.event(sent, actor)
        if ticket.assignee_id is None:
            self.assign(ticket, agent, agent, reason="They answered first.")
        self.clocks.answered(ticket)
        self.set_status(ticket, agent, then)
        return message

    def out(
        self, ticket: Ticket, channel: Channel, identity: Identity, text: str, *, agent: Agent | None, **more: Any
    ) -> Message:
        """A message of ours and its delivery, arrived."""
        message = self.rows.new(
            Message,
            ticket_id=ticket.id,
            kind=more.pop("kind", "reply"),
            direction="out",
            author_type="agent" if agent else "bot",
            agent_id=agent.id if agent else None,
            customer_id=ticket.customer_id,
            channel_id=channel.id,
            identity_id=identity.id,
            text=text,
            automatic=agent is None,
            created_at=self.at,
            **more,
        )
        if channel.kind == "email":
            message.rfc822_id = self.message_id(ticket.id, message.id)
        delivery = self.rows.new(
            Delivery,
            message_id=message.id,
            ticket_id=ticket.id,
            channel_id=channel.id,
            identity_id=identity.id,
            queued_at=self.at,
        )
        to = self.rows.new(Recipient, delivery_id=delivery.id, address=identity.value)
        if channel.kind == IN_PLACE:
            delivery.advance("sent", self.at)
            self.later(self.at + timedelta(seconds=40), self._mark, delivery, "read", "customer")
        else:
            self.later(self.at + timedelta(seconds=2), self._leave, delivery, to, channel)
        return message

    def _leave(self, delivery: Delivery, to: Recipient, channel: Channel) -> None:
        delivery.attempts, to.state = 1, "sent"
        if channel.kind == "telegram":
            delivery.external_id = f"{to.address}:{next(self._external)}"
        self._mark(delivery, "sent", "system")

    def _mark(self, delivery: Delivery, state: str, actor: str) -> None:
        if delivery.advance(state, self.at):
            changed = e.DeliveryChanged(
                ticket_id=delivery.ticket_id, message_id=delivery.message_id, delivery_id=delivery.id, state=state
            )
            self.event(changed, actor)

    def notes(self, ticket: Ticket, agent: Agent, text: str, mentions: tuple[Agent, ...] = ()) -> Message:
        message = self.rows.new(
            Message,
            ticket_id=ticket.id,
            kind="note",
            direction="out",
            public=False,
            author_type="agent",
            agent_id=agent.id,
            text=text,
            created_at=self.at,
        )
        actor = f"agent:{agent.id}"
        for other in mentions:
            self.rows.new(Grant, ticket_id=ticket.id, agent_id=other.id, why="mention", created_at=self.at)
            self.event(e.FollowerChanged(ticket_id=ticket.id, agent_id=other.id, why="mention"), actor)
        ticket.message_count += 1
        ticket.updated_at = self.at
        ids = tuple(sorted(a.id for a in mentions))
        added = e.NoteAdded(ticket_id=ticket.id, message_id=message.id, agent_id=agent.id, mentions=ids)
        message.seq = ticket.seq = self.event(added, actor)
        return message

    def called(
        self,
        channel: Channel,
        address: Address,
        agent: Agent,
        call: dict[str, Any],
        notes: str,
        *,
        subject: str = "",
        locale: str = "",
        ticket: Ticket | None = None,
    ) -> Ticket:
        """A call an agent wrote down: a ticket of its own, or one more entry of `ticket`."""
        actor = f"agent:{agent.id}"
        identity = self._caller(address, agent, locale)
        ours, spoke = call["direction"] == "out", call["outcome"] in SPOKE
        opened = ticket is None
        if ticket is None:
            status = "open" if spoke or ours else "new"
            why = "A call was logged."
            ticket = self.open(channel, identity, subject or notes, reason=why, status=status, actor=actor)
            ticket.assignee_id = agent.id if spoke or ours else None
        message = self.rows.new(
            Message,
            ticket_id=ticket.id,
            kind="call",
            direction="out" if ours else "in",
            author_type="agent" if ours else "customer",
            agent_id=agent.id,
            customer_id=identity.customer_id,
            channel_id=channel.id,
            identity_id=identity.id,
            subject=ticket.subject if opened else "",
            text=notes,
            external_id=f"call:{next(self._external)}",
            call=call,
            sent_at=self.at,
            created_at=self.at,
        )
        self._after_call(ticket, message, identity, channel, agent, opened=opened)
        return ticket

    def _caller(self, address: Address, agent: Agent, locale: str) -> Identity:
        key = (address.kind, address.scope, address.value)
        if key not in self.identities:
            identity, _new = self.person(address, locale=locale, actor=f"agent:{agent.id}")
            identity.name, identity.verified_how = "", "agent"
        return self.identities[key]

    def _after_call(
        self, ticket: Ticket, message: Message, identity: Identity, channel: Channel, agent: Agent, *, opened: bool
    ) -> None:
        actor, ours, spoke = f"agent:{agent.id}", message.direction == "out", message.call["outcome"] in SPOKE
        ticket.last_message_id, ticket.last_author = message.id, "agent" if ours or spoke else "customer"
        ticket.message_count += 1
        ticket.preview = one_line(message.text, 300)
        ticket.last_activity_at = ticket.updated_at = self.customers[identity.customer_id].last_contact_at = self.at
        reach = self._reach(identity, channel)
        if ours:
            reach.last_outbound_at = self.at
        else:
            reach.last_inbound_at = self.at
            if ticket.status in ("pending", "solved"):
                self.set_status(ticket, None, "open", reason="The customer called.", actor=actor)
        ids: dict[str, Any] = {"ticket_id": ticket.id, "customer_id": identity.customer_id, "message_id": message.id}
        event: e.Event = e.ReplySent(channel_id=channel.id, agent_id=agent.id, call=True, **ids)
        if not ours:
            event = e.MessageReceived(
                channel_id=channel.id, kind="call", opened=opened, auto_reply_allowed=False, **ids
            )
        if spoke:
            ticket.needs_reply, ticket.waiting_since = False, None
        elif not ours:
            ticket.needs_reply, ticket.waiting_since = True, ticket.waiting_since or self.at
        message.seq = ticket.seq = self.event(event, actor)
        if opened:
            self.clocks.opened(ticket, by_us=ours)
        elif not ours:
            self.clocks.received(ticket)
        if spoke:
            ticket.first_response_at = ticket.first_response_at or self.at
            self.clocks.answered(ticket)
            if ticket.assignee_id is None:
                self.assign(ticket, agent, agent, reason="They spoke with the customer.")
            if ticket.status == "new":
                self.set_status(ticket, agent, "open")
