"""What time does by itself: wake, close, forget, sweep. Each function does one batch and returns how many."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from helpdesk.extensions import db
from helpdesk.models import (
    AgentSession,
    Attachment,
    Draft,
    HeldReply,
    IdempotencyKey,
    Inbound,
    OneTimeLink,
    OutboxRow,
    Team,
    Ticket,
)
from helpdesk.models.held import HELD_OPEN
from helpdesk.services import files, leases, notices, push, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork

BATCH = 50
DONE_ROWS_FOR = timedelta(days=2)
KEYS_FOR = timedelta(days=2)
DRAFTS_FOR = timedelta(days=60)
SESSIONS_FOR = timedelta(days=30)
LINKS_FOR = timedelta(days=30)
UPLOADS_FOR = timedelta(days=1)
FILES_FOR_S = 24 * 3600.0


# --- tickets -------------------------------------------------------------------------------------------------


def wake_snoozed(work: UnitOfWork) -> int:
    """Tickets whose snooze is over come back."""
    due = select(Ticket).where(Ticket.shelf == "snoozed", Ticket.snoozed_until <= work.now)
    found = list(
        work.session.scalars(due.order_by(Ticket.snoozed_until).limit(BATCH).with_for_update(skip_locked=True))
    )
    for ticket in found:
        tickets.wake(work, ticket, reason="The time it was snoozed for is over.")
    return len(found)


def close_solved(work: UnitOfWork) -> int:
    """Solved tickets close after so many days: the team's, or the desk's for those without a team."""
    days = {0: int(desk_settings.get(work.session, "ticket.reopen_days"))}
    days |= dict(work.session.execute(select(Team.id, Team.close_after_days)).all())
    closed = 0
    for team_id, wait in days.items():
        solved = Ticket.solved_at <= work.now - timedelta(days=wait)
        statement = select(Ticket).where(Ticket.shelf == "solved", Ticket.visible_team_id == team_id, solved)
        for ticket in work.session.scalars(statement.limit(BATCH - closed).with_for_update(skip_locked=True)):
            tickets.set_status(work, None, ticket, "closed", reason=f"Solved for {wait} days without an answer.")
            closed += 1
        if closed >= BATCH:
            break
    return closed


# --- rows that are of no use any more ------------------------------------------------------------------------


def _forget(model: Any, when: Callable[[UnitOfWork], ColumnElement[bool]], name: str) -> Callable[[UnitOfWork], int]:
    key = list(model.__table__.primary_key.columns)

    def forget(work: UnitOfWork) -> int:
        found = work.session.execute(select(*key).where(when(work)).limit(BATCH * 10)).all()
        for row in found:
            work.session.execute(
                delete(model).where(*(column == value for column, value in zip(key, row, strict=True)))
            )
        return len(found)

    forget.__name__ = name
    return forget


FORGET: tuple[Callable[[UnitOfWork], int], ...] = (
    _forget(
        OutboxRow,
        lambda w: (OutboxRow.state == "done") & (OutboxRow.finished_at < w.now - DONE_ROWS_FOR),
        "forget_done",
    ),
    _forget(IdempotencyKey, lambda w: IdempotencyKey.created_at < w.now - KEYS_FOR, "forget_keys"),
    _forget(Draft, lambda w: Draft.updated_at < w.now - DRAFTS_FOR, "forget_drafts"),
    _forget(AgentSession, lambda w: AgentSession.expires_at < w.now - SESSIONS_FOR, "forget_sessions"),
    _forget(OneTimeLink, lambda w: OneTimeLink.expires_at < w.now - LINKS_FOR, "forget_links"),
    leases.forget_dead,
    notices.forget,
    push.forget_ended,
)


# --- files ---------------------------------------------------------------------------------------------------


def sweep_uploads(work: UnitOfWork) -> int:
    """Files somebody uploaded and then did not send; drafts and the logo keep theirs."""
    kept = _kept_tokens(work.session)
    old = select(Attachment.id, Attachment.token).where(
        Attachment.message_id.is_(None), Attachment.created_at < work.now - UPLOADS_FOR
    )
    gone = [i for i, token in work.session.execute(old.order_by(Attachment.id)) if token not in kept][: BATCH * 10]
    work.session.execute(delete(Attachment).where(Attachment.id.in_(gone)))
    return len(gone)


def _kept_tokens(session: Session) -> set[str]:
    kept = {str(desk_settings.get(session, "brand.logo"))}
    waiting = select(HeldReply.data).where(HeldReply.state.in_(HELD_OPEN))
    for data in (*session.scalars(select(Draft.data)), *session.scalars(waiting)):
        kept |= set(_texts(data))
    return kept


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [t for v in value.values() for t in _texts(v)]
    if isinstance(value, list):
        return [t for v in value for t in _texts(v)]
    return [value] if isinstance(value, str) else []


def sweep_files(older_than_s: float = FILES_FOR_S) -> int:
    """Remove stored files that nothing refers to and that are older than a day; returns how many.

    A file is written before the transaction that refers to it, so a young one may be about to be needed; one that is
    stored again counts as young.
    """
    before = time.time() - older_than_s
    old = [path.name for path in files.storage().all() if path.stat().st_mtime < before]
    removed = 0
    for start in range(0, len(old), BATCH * 10):
        names = set(old[start : start + BATCH * 10])
        for name in names - _referred(db.session(), names):
            files.storage().delete(name)
            removed += 1
        db.session.rollback()
    return removed


def _referred(session: Session, names: set[str]) -> set[str]:
    attached = session.scalars(select(Attachment.sha256).where(Attachment.sha256.in_(names)))
    raws = session.scalars(select(Inbound.sha256).where(Inbound.sha256.in_(names), Inbound.body.is_(None)))
    return {*attached, *raws}
