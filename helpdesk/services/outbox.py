"""Work waiting in the outbox: claim it by lease, then finish, postpone or fail it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from helpdesk.models import OutboxRow, now
from helpdesk.unit_of_work import UnitOfWork

LEASE_S = 45.0
BACKOFF_S = (5, 30, 120, 300, 900, 3600, 7200, 14400)


@dataclass(frozen=True)
class Task:
    """One claimed row. `attempts` counts this one."""

    id: int
    drain: str
    kind: str
    payload: dict[str, Any]
    attempts: int
    lane: str | None = None
    batch: str | None = None


def claim(
    work: UnitOfWork,
    drain: str,
    limit: int = 50,
    *,
    holder: str = "",
    per_batch: int | None = None,
    lease_s: float = LEASE_S,
) -> list[Task]:
    """Lease due rows, oldest first: of each lane only the first unfinished one, of each batch at most `per_batch`."""
    earlier = aliased(OutboxRow)
    blocked = exists().where(earlier.lane == OutboxRow.lane, earlier.state == "due", earlier.id < OutboxRow.id)
    statement = (
        select(OutboxRow)
        .where(
            OutboxRow.drain == drain,
            OutboxRow.state == "due",
            OutboxRow.run_at <= work.now,
            or_(OutboxRow.lease_until.is_(None), OutboxRow.lease_until < work.now),
            or_(OutboxRow.lane.is_(None), ~blocked),
        )
        .order_by(OutboxRow.run_at, OutboxRow.id)
        .limit(limit * 4 if per_batch else limit)
        .with_for_update(skip_locked=True)
    )
    rows = list(work.session.scalars(statement))
    if per_batch:
        rows = _thin(work, drain, rows, per_batch)[:limit]
    for row in rows:
        row.lease_until = work.now + timedelta(seconds=lease_s)
        row.lease_by = holder
        row.attempts += 1
    return [Task(r.id, r.drain, r.kind, dict(r.payload), r.attempts, r.lane, r.batch) for r in rows]


def _thin(work: UnitOfWork, drain: str, rows: list[OutboxRow], per_batch: int) -> list[OutboxRow]:
    running: Counter[str | None] = Counter(
        dict(
            work.session.execute(
                select(OutboxRow.batch, func.count())
                .where(OutboxRow.drain == drain, OutboxRow.state == "due", OutboxRow.lease_until >= work.now)
                .group_by(OutboxRow.batch)
            ).all()
        )
    )
    chosen = []
    for row in rows:
        if row.batch is None or running[row.batch] < per_batch:
            running[row.batch] += 1
            chosen.append(row)
    return chosen


def renew(work: UnitOfWork, ids: list[int], lease_s: float = LEASE_S) -> None:
    """Keep leases of work that takes long."""
    work.session.execute(
        update(OutboxRow).where(OutboxRow.id.in_(ids)).values(lease_until=work.now + timedelta(seconds=lease_s))
    )


def finish(work: UnitOfWork, *task_ids: int) -> None:
    """Done: the row goes, unless its dedupe text must keep a second one away for a while."""
    if not task_ids:
        return
    mine = OutboxRow.id.in_(task_ids)
    work.session.execute(delete(OutboxRow).where(mine, OutboxRow.dedupe.is_(None)))
    work.session.execute(
        update(OutboxRow).where(mine).values(state="done", finished_at=work.now, lease_until=None, last_error="")
    )


def postpone(work: UnitOfWork, task_id: int, run_at: datetime, error: str = "") -> None:
    """Try again at `run_at`."""
    work.session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == task_id)
        .values(run_at=run_at, lease_until=None, last_error=error[:1000])
    )


def fail(work: UnitOfWork, task_id: int, error: str) -> None:
    """Give up; the row stays visible on the health page until somebody retries it."""
    work.session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == task_id)
        .values(state="failed", finished_at=work.now, lease_until=None, last_error=error[:1000])
    )


def retry(work: UnitOfWork, task_id: int) -> bool:
    """Put a failed row back; False when it is not failed (any more)."""
    done = work.session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == task_id, OutboxRow.state == "failed")
        .values(state="due", run_at=work.now, attempts=0, finished_at=None)
        .returning(OutboxRow.drain)
    ).scalar()
    if done:
        work.enqueue(done, "wake", {})
    return done is not None


def backoff(attempts: int) -> timedelta:
    """How long to wait after the given attempt."""
    return timedelta(seconds=BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1])


def due(session: Session) -> list[str]:
    """Drains with something to do now; what the clock's sweep wakes."""
    moment = now()
    return list(
        session.scalars(
            select(OutboxRow.drain)
            .where(
                OutboxRow.state == "due",
                OutboxRow.run_at <= moment,
                or_(OutboxRow.lease_until.is_(None), OutboxRow.lease_until < moment),
            )
            .distinct()
        )
    )
