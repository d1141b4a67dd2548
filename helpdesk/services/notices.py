"""Telling agents what concerns them: rows of the notice centre, and what wakes a phone or writes a mail afterwards.

A notice is written in the transaction of what it tells of; its other ways wait in the outbox, in the drain of the
surveys (workers/notices.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session

from helpdesk import realtime
from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.events import (
    DeliveryChanged,
    MessageReceived,
    NoteAdded,
    SlaBreached,
    SurveyAnswered,
    TicketAssigned,
)
from helpdesk.models import Agent, Grant, Message, Notice, NoticeChat, TeamMember, Ticket
from helpdesk.services import foresight, notice_choices
from helpdesk.services.identities import insert_or_skip
from helpdesk.services.notice_choices import Choices
from helpdesk.unit_of_work import UnitOfWork

KEEP_READ = timedelta(days=60)
KEEP = timedelta(days=180)


def tell(
    work: UnitOfWork,
    agent_ids: Iterable[int | None],
    kind: str,
    *,
    ticket_id: int | None = None,
    message_id: int | None = None,
    data: dict[str, Any] | None = None,
    actor: str | None = None,
    dedupe: str = "",
) -> int:
    """Tell each of these agents, but not who did it. With `dedupe`, each only once; returns how many were told."""
    actor = work.actor if actor is None else actor
    wanted = sorted({i for i in agent_ids if i is not None and f"agent:{i}" != actor})
    if not wanted:
        return 0
    told = 0
    agents = work.session.scalars(select(Agent).where(Agent.id.in_(wanted), Agent.disabled_at.is_(None)))
    for agent in agents:
        choices = notice_choices.read(agent.preferences, agent.timezone)
        ways = choices.of(kind)
        if not ways:
            continue
        values = {
            "agent_id": agent.id, "kind": kind, "ticket_id": ticket_id, "message_id": message_id, "actor": actor,
            "data": data or {}, "listed": "app" in ways, "dedupe": f"{dedupe}:{agent.id}" if dedupe else None,
            "created_at": work.now, "read_at": None,
        }  # fmt: skip
        told += _write(work, values, choices)
    return told


def _write(work: UnitOfWork, values: dict[str, Any], choices: Choices) -> int:
    if values["dedupe"] is not None:
        if not insert_or_skip(work.session, Notice, values, ["dedupe"]):
            return 0
        notice_id = work.session.scalar(select(Notice.id).where(Notice.dedupe == values["dedupe"])) or 0
    else:
        notice = Notice(**values)
        work.session.add(notice)
        work.session.flush()
        notice_id = notice.id
    ways = choices.of(values["kind"])
    later = choices.quiet_until(work.now)
    if "push" in ways:
        work.enqueue("surveys", "notice.push", {"notice_id": notice_id}, run_at=later)
    if "chat" in ways and _has_chat(work.session, values["agent_id"]):
        work.enqueue("surveys", "notice.chat", {"notice_id": notice_id}, run_at=later)
    if "email" in ways:
        wait = work.now + notice_choices.EMAIL_AFTER if "app" in ways else work.now
        work.enqueue("surveys", "notice.email", {"notice_id": notice_id}, run_at=max(wait, later or wait))
    ring(work, values["agent_id"])
    return 1


def _has_chat(session: Session, agent_id: int) -> bool:
    mine = select(NoticeChat.id).where(NoticeChat.agent_id == agent_id, NoticeChat.value.is_not(None))
    return session.scalar(mine) is not None


def ring(work: UnitOfWork, agent_id: int) -> None:
    """Their open pages, on every device, look again."""
    work.after_commit(lambda: realtime.emit("notices", {}, rooms=[f"agent:{agent_id}"]))


# --- what happens -> who is told ------------------------------------------------------------------------------


def on_assigned(work: UnitOfWork, event: TicketAssigned) -> None:
    tell(work, [event.new], "assigned", ticket_id=event.ticket_id)


def on_note(work: UnitOfWork, event: NoteAdded) -> None:
    tell(work, event.mentions, "mention", ticket_id=event.ticket_id, message_id=event.message_id)


def on_received(work: UnitOfWork, event: MessageReceived) -> None:
    """A customer wrote more than thanks on a ticket that somebody has or follows."""
    if event.history or event.automatic or event.courtesy:
        return
    ticket = work.session.get(Ticket, event.ticket_id)
    if ticket is None or ticket.shelf in ("spam", "trash"):
        return
    tell(
        work,
        [ticket.assignee_id, *_followers(work.session, ticket.id)],
        "reply",
        ticket_id=ticket.id,
        message_id=event.message_id,
        actor=f"customer:{event.customer_id}",
    )


def on_breach(work: UnitOfWork, event: SlaBreached) -> None:
    ticket = work.session.get(Ticket, event.ticket_id)
    if ticket is not None:
        tell(work, _answerable(work.session, ticket), "sla_late", ticket_id=ticket.id, data={"target": event.target})


def on_rated(work: UnitOfWork, event: SurveyAnswered) -> None:
    ticket = work.session.get(Ticket, event.ticket_id)
    if ticket is not None:
        whose = ticket.assignee_id or ticket.solved_by_id
        tell(work, [whose], "rating", ticket_id=ticket.id, data={"score": event.score})


def on_delivery(work: UnitOfWork, event: DeliveryChanged) -> None:
    """What did not arrive is told to who wrote it, else to who has the ticket."""
    if event.state not in ("failed", "unknown"):
        return
    message = work.session.get(Message, event.message_id)
    ticket = work.session.get(Ticket, event.ticket_id)
    if message is None or ticket is None:
        return
    whose = message.agent_id or ticket.assignee_id
    about = {"state": event.state, "error": event.error}
    tell(work, [whose], "failed", ticket_id=ticket.id, message_id=message.id, data=about, actor="")


def warn_soon(work: UnitOfWork, after_id: int = 0, limit: int = 200) -> int | None:
    """Tell of promises about to break, once each; the id to go on from, or None when all were looked at."""
    told = exists().where(
        Notice.ticket_id == Ticket.id, Notice.kind == "sla_soon", Notice.created_at >= Ticket.sla_soon_at
    )
    statement = (
        select(Ticket)
        .where(
            Ticket.shelf == "open",
            Ticket.sla_due_at > work.now,
            Ticket.sla_soon_at <= work.now,
            Ticket.id > after_id,
            ~told,
        )
        .order_by(Ticket.id)
        .limit(limit)
    )
    tickets = list(work.session.scalars(statement))
    for ticket in tickets:
        about = {"target": ticket.sla_target, "due": ticket.sla_due_at.isoformat() if ticket.sla_due_at else ""}
        key = f"soon:{ticket.id}:{about['due']}"
        tell(work, _answerable(work.session, ticket), "sla_soon", ticket_id=ticket.id, data=about, dedupe=key)
    return tickets[-1].id if len(tickets) == limit else None


def _followers(session: Session, ticket_id: int) -> list[int]:
    look = foresight.of(session)
    if look is not None and ticket_id in look.followers:
        return look.followers[ticket_id]
    return list(rows(session, _FOLLOW, ticket=ticket_id).scalars())


_FOLLOW = select(Grant.agent_id).where(Grant.ticket_id == bindparam("ticket"), Grant.why == "follow")


def _answerable(session: Session, ticket: Ticket) -> list[int]:
    """Who has the ticket; while nobody does, who leads its team."""
    if ticket.assignee_id is not None:
        return [ticket.assignee_id]
    if ticket.team_id is None:
        return []
    leads = select(TeamMember.agent_id).where(TeamMember.team_id == ticket.team_id, TeamMember.leads.is_(True))
    return list(session.scalars(leads))


# --- reading ---------------------------------------------------------------------------------------------------


def unread(session: Session, agent_id: int) -> int:
    mine = (Notice.agent_id == agent_id, Notice.read_at.is_(None), Notice.listed.is_(True))
    return session.scalar(select(func.count()).select_from(Notice).where(*mine)) or 0


_NEWEST = select(func.max(Notice.id)).where(Notice.agent_id == bindparam("agent"))


def newest(session: Session, agent_id: int) -> int:
    return rows(session, _NEWEST, agent=agent_id).scalar() or 0


def page(session: Session, agent_id: int, *, before: int = 0, after: int = 0, limit: int = 30) -> list[Notice]:
    """Newest first; `before`: the older ones below an id; `after`: the newer ones, listed or not."""
    statement = select(Notice).where(Notice.agent_id == agent_id)
    statement = statement.where(Notice.id > after) if after else statement.where(Notice.listed.is_(True))
    if before:
        statement = statement.where(Notice.id < before)
    return list(session.scalars(statement.order_by(Notice.id.desc()).limit(limit)))


def read(
    work: UnitOfWork, viewer: Viewer, *, ids: Iterable[int] = (), ticket_id: int | None = None, up_to: int = 0
) -> int:
    """Mark one's own as read: these, all of a ticket, or all up to an id. Other devices hear of it."""
    mine = update(Notice).where(Notice.agent_id == viewer.agent_id, Notice.read_at.is_(None))
    if ticket_id is not None:
        mine = mine.where(Notice.ticket_id == ticket_id)
    elif up_to:
        mine = mine.where(Notice.id <= up_to)
    else:
        mine = mine.where(Notice.id.in_(list(ids)))
    count = work.session.execute(mine.values(read_at=work.now)).rowcount  # type: ignore[attr-defined]
    if count:
        ring(work, viewer.agent_id)
    return int(count)


def forget(work: UnitOfWork, limit: int = 500) -> int:
    """Read ones after two months, all after half a year."""
    old = (Notice.created_at < work.now - KEEP_READ) & Notice.read_at.is_not(None)
    ids = list(work.session.scalars(select(Notice.id).where(old | (Notice.created_at < work.now - KEEP)).limit(limit)))
    work.session.execute(delete(Notice).where(Notice.id.in_(ids)))
    return len(ids)


def digest_due(choices: Choices, at: datetime, last: datetime | None) -> bool:
    """Has the hour of the daily mail come since the last one?"""
    from zoneinfo import ZoneInfo

    if choices.digest is None:
        return False
    local = at.astimezone(ZoneInfo(choices.zone))
    sent_today = last is not None and last.astimezone(ZoneInfo(choices.zone)).date() == local.date()
    return local.hour >= choices.digest and not sent_today
