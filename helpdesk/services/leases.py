"""Who alone may do something now, and signs of life of processes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from helpdesk.database import rows
from helpdesk.models import Lease
from helpdesk.unit_of_work import UnitOfWork

KEEP_DEAD_FOR = timedelta(hours=1)
AT_ONCE = timedelta(seconds=1)  # so far in the past ends what must be free now


_LEASE: Any = Lease.__table__
_RENEW = (
    update(_LEASE)
    .where(
        _LEASE.c.name == bindparam("lease"), or_(_LEASE.c.holder == bindparam("by"), _LEASE.c.until < bindparam("now"))
    )
    .values(holder=bindparam("by"), until=bindparam("til"), beat_at=bindparam("now"))
)


def hold(work: UnitOfWork, name: str, holder: str, ttl_s: float) -> bool:
    """Take the lease, or renew it. False while somebody else holds it."""
    until = work.now + timedelta(seconds=ttl_s)
    if rows(work.session, _RENEW, lease=name, by=holder, now=work.now, til=until).rowcount:
        return True
    return _insert(work, name, holder, until, {})


def release(work: UnitOfWork, name: str, holder: str) -> None:
    """Let somebody else have it at once."""
    work.session.execute(
        update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=work.now - AT_ONCE, holder=""),
        execution_options={"synchronize_session": False},
    )


def beat(work: UnitOfWork, name: str, ttl_s: float, detail: Mapping[str, Any]) -> None:
    """A sign of life, good for `ttl_s` seconds; 0 says goodbye."""
    if ttl_s <= 0:
        work.session.execute(delete(Lease).where(Lease.name == name))
        return
    until = work.now + timedelta(seconds=ttl_s)
    known = work.session.execute(
        update(Lease).where(Lease.name == name).values(until=until, beat_at=work.now, detail=dict(detail)),
        execution_options={"synchronize_session": False},
    )
    if not known.rowcount:  # type: ignore[attr-defined]
        _insert(work, name, name, until, dict(detail))


def _insert(work: UnitOfWork, name: str, holder: str, until: datetime, detail: dict[str, Any]) -> bool:
    build = pg_insert if work.session.get_bind().dialect.name == "postgresql" else sqlite_insert
    row = {"name": name, "holder": holder, "until": until, "beat_at": work.now, "detail": detail}
    added = build(Lease).values(**row).on_conflict_do_nothing(index_elements=["name"]).returning(Lease.name)
    return work.session.scalar(added) is not None


def alive(session: Session, at: datetime) -> dict[str, Lease]:
    """Every lease and sign of life that is still good."""
    return {row.name: row for row in session.scalars(select(Lease).where(Lease.until > at))}


def bury(work: UnitOfWork, host: str, lives: Callable[[int], bool]) -> int:
    """End leases and signs of life of processes of `host` that no longer live, instead of waiting for their time.

    Names and holders contain "host:pid". Returns how many.
    """
    place = re.compile(re.escape(host) + r":(\d+)")
    buried = 0
    for row in work.session.scalars(select(Lease).where(Lease.until > work.now)):
        found = place.search(row.holder)
        if found and not lives(int(found[1])):
            row.until, row.holder = work.now - AT_ONCE, ""
            buried += 1
    return buried


def forget_dead(work: UnitOfWork) -> int:
    """Drop signs of life of processes that ended long ago; returns how many."""
    gone = delete(Lease).where(Lease.until < work.now - KEEP_DEAD_FOR, Lease.name.contains("@"))
    return int(work.session.execute(gone).rowcount)  # type: ignore[attr-defined]
