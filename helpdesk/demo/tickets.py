"""What happens to a ticket of the sample, as services/tickets.py does it."""

from __future__ import annotations

from datetime import datetime, timedelta

from helpdesk import events as e
from helpdesk.demo.ledger import Ledger
from helpdesk.folding import fold, one_line
from helpdesk.models import Agent, Channel, Identity, ReadMark, Tag, Ticket, TicketTag


class Tickets(Ledger):
    """Verbs on one ticket; `at` is now."""

    def open(
        self,
        channel: Channel,
        identity: Identity,
        subject: str,
        *,
        reason: str,
        status: str = "new",
        actor: str = "system",
    ) -> Ticket:
        """The row, its number and TicketOpened."""
        self._number = next(self._numbers)
        ticket = self.rows.new(
            Ticket,
            number=self._number,
            subject=one_line(subject, 500),
            status=status,
            customer_id=identity.customer_id,
            channel_id=channel.id,
            origin_channel_id=channel.id,
            identity_id=identity.id,
            created_at=self.at,
            updated_at=self.at,
            last_activity_at=self.at,
        )
        ticket.set_team(channel.team_id)
        opened = e.TicketOpened(ticket_id=ticket.id, customer_id=ticket.customer_id, channel_id=channel.id)
        self.event(opened, actor, reason)
        return ticket

    # --- the ticket itself -------------------------------------------------------------------------------------

    def set_status(
        self, ticket: Ticket, agent: Agent | None, status: str, *, reason: str = "", actor: str = ""
    ) -> None:
        if ticket.status == status:
            return
        old = ticket.set_status(status, self.at, agent.id if agent else None)
        changed = e.StatusChanged(ticket_id=ticket.id, customer_id=ticket.customer_id, old=old, new=status)
        self.event(changed, actor or (f"agent:{agent.id}" if agent else "system"), reason)
        self.clocks.status(ticket, old, status)
        self.asking.status(ticket, old, status)
        if status == "solved":
            self.later(self.at + timedelta(days=14, minutes=4), self._close, ticket, self.at)

    def _close(self, ticket: Ticket, solved_at: datetime) -> None:
        if ticket.status == "solved" and ticket.solved_at == solved_at:
            self.set_status(ticket, None, "closed", reason="Solved for 14 days without an answer.")

    def assign(self, ticket: Ticket, by: Agent, to: Agent, *, reason: str = "") -> None:
        if ticket.assignee_id != to.id:
            old, ticket.assignee_id, ticket.updated_at = ticket.assignee_id, to.id, self.at
            self.event(e.TicketAssigned(ticket_id=ticket.id, old=old, new=to.id), f"agent:{by.id}", reason)

    def set_team(self, ticket: Ticket, by: Agent, team_id: int) -> None:
        if ticket.team_id != team_id:
            old = ticket.team_id
            ticket.set_team(team_id)
            ticket.updated_at = self.at
            self.event(e.TeamChanged(ticket_id=ticket.id, old=old, new=team_id), f"agent:{by.id}")
            self.clocks.changed(ticket)

    def set_priority(self, ticket: Ticket, by: Agent, priority: str) -> None:
        if ticket.priority != priority:
            old, ticket.priority, ticket.updated_at = ticket.priority, priority, self.at
            self.event(e.PriorityChanged(ticket_id=ticket.id, old=old, new=priority), f"agent:{by.id}")
            self.clocks.changed(ticket)

    def set_reason(self, ticket: Ticket, by: Agent, reason_id: int) -> None:
        if ticket.reason_id != reason_id:
            old, ticket.reason_id, ticket.updated_at = ticket.reason_id, reason_id, self.at
            self.event(e.ReasonChanged(ticket_id=ticket.id, old=old, new=reason_id), f"agent:{by.id}")

    def tag(self, ticket: Ticket, by: Agent, *names: str) -> None:
        for name in names:
            tag = self.tags.get(fold(name)) or self.rows.new(Tag, name=name, name_folded=fold(name))
            self.tags[fold(name)] = tag
            self.rows.new(TicketTag, ticket_id=ticket.id, tag_id=tag.id)
        ticket.updated_at = self.at
        self.event(e.TagsChanged(ticket_id=ticket.id, added=names), f"agent:{by.id}")

    def snooze(self, ticket: Ticket, by: Agent, until: datetime) -> None:
        ticket.snoozed_until, ticket.updated_at = until, self.at
        ticket.reshelve()
        self.event(e.TicketSnoozed(ticket_id=ticket.id, until=until.isoformat()), f"agent:{by.id}")

    def spam(self, ticket: Ticket, by: Agent) -> None:
        old = ticket.shelf
        ticket.put_away("spam")
        ticket.updated_at = self.at
        moved = e.TicketMoved(ticket_id=ticket.id, customer_id=ticket.customer_id, old=old, new="spam")
        self.event(moved, f"agent:{by.id}")
        self.clocks.put_away(ticket)
        self.asking.cancel(ticket, "The ticket was put away.")

    def read_by(self, agents: list[Agent], but: set[int]) -> None:
        """Everybody has seen everything, except the tickets in `but`."""
        for ticket in self.rows.of[Ticket]:
            seq = ticket.seq - 1 if ticket.id in but else ticket.seq
            for agent in agents:
                self.rows.new(ReadMark, agent_id=agent.id, ticket_id=ticket.id, seq=seq)
