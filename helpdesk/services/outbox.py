"""Work waiting in the outbox: claim it by lease, then finish, postpone or fail it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from helpdesk.database import rows
from helpdesk.models import OutboxRow, now
from helpdesk.unit_of_work import UnitOfWork

LEASE_S = 45.0
BACKOFF_S = (5, 30, 120, 300, 900, 3600, 7200, 14400)


_ROW: Any = OutboxRow.__table__
_EARLIER = _ROW.alias()
_IDS = _ROW.c.id.in_(bindparam("ids", expanding=True))
_WAITS: Any = literal_column("'due'")  # as text, so that the index of what is due serves it
_DUE = (_ROW.c.drain == bindparam("drain")) & (_ROW.c.state == _WAITS)
# Nothing unfinished stands before it in its lane: what stands behind a row that waits for its next try waits rightly.
FIRST_IN_LANE = or_(
    _ROW.c.lane.is_(None),
    ~exists().where(_EARLIER.c.lane == _ROW.c.lane, _EARLIER.c.state == _WAITS, _EARLIER.c.id < _ROW.c.id),
)
_CLAIMABLE = (
    select(_ROW.c["id", "drain", "kind", "payload", "attempts", "lane", "batch"])
    .where(
        _DUE,
        _ROW.c.run_at <= bindparam("now"),
        or_(_ROW.c.lease_until.is_(None), _ROW.c.lease_until < bindparam("now")),
        FIRST_IN_LANE,
    )
    .order_by(_ROW.c.run_at, _ROW.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=_ROW)
)
_LEASE = (
    update(_ROW)
    .where(_IDS)
    .values(lease_until=bindparam("until"), lease_by=bindparam("holder"), attempts=_ROW.c.attempts + 1)
)
_RUNNING = select(_ROW.c.batch, func.count()).where(_DUE, _ROW.c.lease_until >= bindparam("now")).group_by(_ROW.c.batch)
_REMOVE = delete(_ROW).where(_IDS, _ROW.c.dedupe.is_(None))
_END = update(_ROW).where(_IDS).values(state="done", finished_at=bindparam("now"), lease_until=None, last_error="")


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
    most = limit * 4 if per_batch else limit
    found = list(rows(work.session, _CLAIMABLE, drain=drain, now=work.now, most=most))
    if per_batch:
        found = _thin(work, drain, found, per_batch)[:limit]
    if found:
        until = work.now + timedelta(seconds=lease_s)
        ids = [row.id for row in found]
        rows(work.session, _LEASE, ids=ids, until=until, holder=holder)
    return [Task(r.id, r.drain, r.kind, dict(r.payload), r.attempts + 1, r.lane, r.batch) for r in found]


def _thin(work: UnitOfWork, drain: str, found: list[Any], per_batch: int) -> list[Any]:
    under_way = rows(work.session, _RUNNING, drain=drain, now=work.now)
    running: Counter[str | None] = Counter({row[0]: row[1] for row in under_way})
    chosen = []
    for row in found:
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
    gone = rows(work.session, _REMOVE, ids=task_ids).rowcount
    if gone < len(task_ids):
        rows(work.session, _END, ids=task_ids, now=work.now)


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
                FIRST_IN_LANE,
            )
            .distinct()
        )
    )
