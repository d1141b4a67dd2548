"""Who is told of replies that wait: reviewers that one is there, authors that theirs came back or stopped."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import viewer_of
from helpdesk.events import ReplyHeld
from helpdesk.models import Agent, HeldReply, Notice, TeamMember, Ticket
from helpdesk.services import notices
from helpdesk.unit_of_work import UnitOfWork


def on_held(work: UnitOfWork, event: ReplyHeld) -> None:
    """A reply waits for approval, came back, or could not go at its hour. What is decided is asked of nobody else."""
    ticket = work.session.get(Ticket, event.ticket_id)
    row = work.session.get(HeldReply, event.held_id)
    if ticket is None or row is None:
        return
    about = {"held": row.id, "state": event.state}
    if event.state == "waiting" and event.why == "review":
        notices.tell(work, reviewers(work.session, ticket, row), "approval", ticket_id=ticket.id, data=about)
        return
    _settle(work, row)
    if event.state == "returned":
        notices.tell(work, [row.agent_id], "approval", ticket_id=ticket.id, data=about)
    if event.state == "stopped":
        about["error"] = row.note
        notices.tell(work, [row.agent_id], "failed", ticket_id=ticket.id, data=about, actor="")


def reviewers(session: Session, ticket: Ticket, row: HeldReply) -> list[int]:
    """Who may approve it: those who lead the ticket's team; where nobody does, everybody who reviews and sees it."""
    may = [a for a in session.scalars(select(Agent).where(Agent.disabled_at.is_(None), Agent.id != row.agent_id))
           if viewer_of(a).may("review") and access.may_open(session, viewer_of(a), ticket)]  # fmt: skip
    leads = set()
    if ticket.team_id is not None:
        led = select(TeamMember.agent_id).where(TeamMember.team_id == ticket.team_id, TeamMember.leads.is_(True))
        leads = set(session.scalars(led))
    return [a.id for a in may if a.id in leads] or [a.id for a in may]


def _settle(work: UnitOfWork, row: HeldReply) -> None:
    """Somebody decided: the question is read for everybody who was asked."""
    asked = select(Notice).where(Notice.ticket_id == row.ticket_id, Notice.kind == "approval", Notice.read_at.is_(None))
    for notice in work.session.scalars(asked):
        if notice.data.get("held") == row.id and notice.data.get("state") == "waiting":
            notice.read_at = work.now
            notices.ring(work, notice.agent_id)


__all__ = ["on_held", "reviewers"]
