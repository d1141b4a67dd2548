"""How the installation is: the facts behind /readyz, /metrics, `helpdesk doctor` and the health page."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import redis
from flask import current_app
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Listens
from helpdesk.config import Settings
from helpdesk.models import Channel, Delivery, Inbound, OutboxRow, now
from helpdesk.services import leases
from helpdesk.services.outbox import FIRST_IN_LANE
from helpdesk.wakeups import DRAINS

# A channel may fail that long before the listeners are not called well any more.
PATIENCE = timedelta(seconds=60)
# Work that was due so long ago is a sign that nobody does it.
LATE = timedelta(minutes=2)
LOW_DISK_BYTES = 500 * 1024 * 1024
QUEUE_TIMEOUT_S = 0.5


@dataclass
class Part:
    """One part of the installation. state: ok, failing (works in part) or down. `reason`: one sentence when not ok."""

    state: str = "ok"
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass
class ChannelHealth:
    id: int
    name: str
    kind: str
    state: str  # off, new, ok, failing
    listens: bool
    last_success_at: datetime | None
    last_event_at: datetime | None
    last_error: str
    last_error_at: datetime | None


@dataclass
class Facts:
    parts: dict[str, Part]
    channels: list[ChannelHealth] = field(default_factory=list)
    outbox: dict[str, dict[str, Any]] = field(default_factory=dict)  # drain -> due, failed, oldest_s
    inbound_failed: int = 0
    deliveries_failed: int = 0
    database_bytes: int = 0
    disk_free_bytes: int = 0

    @property
    def ready(self) -> bool:
        return all(part.state == "ok" for part in self.parts.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values: times as RFC 3339 text."""
        return {"status": "ok" if self.ready else "not ready", **_plain(asdict(self))}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, datetime) else value


def facts(session: Session) -> Facts:
    """Everything, in about ten small queries; never raises for a part that is away."""
    settings: Settings = current_app.extensions["settings"]
    found = Facts({"database": Part()})
    found.parts["queue"] = _queue(settings)
    found.disk_free_bytes = shutil.disk_usage(settings.data).free
    found.parts["disk"] = _disk(found.disk_free_bytes)
    try:
        _from_database(session, settings, found)
    except SQLAlchemyError as error:
        session.rollback()
        found.parts["database"] = Part("down", f"The database does not answer ({type(error).__name__}).")
        for name in ("workers", "listeners", "clock"):
            found.parts[name] = Part("down", "Unknown while the database is away.")
    return found


def _from_database(session: Session, settings: Settings, found: Facts) -> None:
    session.execute(text("SELECT 1"))
    at = now()
    beats = _beats(session, at)
    found.outbox = outbox_of(session, at)
    found.channels = channels_of(session)
    found.inbound_failed = session.scalar(select(func.count()).where(Inbound.state == "failed")) or 0
    found.deliveries_failed = (
        session.scalar(select(func.count()).select_from(Delivery).where(Delivery.state.in_(("failed", "unknown")))) or 0
    )
    found.database_bytes = _size(session, settings)
    found.parts["workers"] = _workers(beats, found.outbox)
    found.parts["listeners"] = _listeners(beats, found.channels, at)
    found.parts["clock"] = Part() if beats.get("clock") else Part("down", "No clock is running.")


def _beats(session: Session, at: datetime) -> dict[str, list[str]]:
    """Kind of process -> where such processes live ("worker:arrivals" -> ["host:pid"])."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in leases.alive(session, at):
        what, sign, where = name.partition("@")
        if sign:
            found[what].append(where)
    return dict(found)


# --- parts ---------------------------------------------------------------------------------------------------


def _queue(settings: Settings) -> Part:
    if not settings.redis.url:
        return Part("down", "No queue is configured.")
    client = redis.Redis.from_url(
        settings.redis.url, socket_timeout=QUEUE_TIMEOUT_S, socket_connect_timeout=QUEUE_TIMEOUT_S
    )
    try:
        client.ping()
        with client.pipeline(transaction=False) as pipe:
            for drain in DRAINS:
                pipe.llen(f"rq:queue:{drain}")
            waiting = pipe.execute()
    except (redis.RedisError, OSError) as error:
        return Part("down", f"The queue does not answer ({type(error).__name__}).")
    finally:
        client.close()
    return Part(detail={"waiting": dict(zip(DRAINS, waiting, strict=True))})


def _disk(free_bytes: int) -> Part:
    if free_bytes < LOW_DISK_BYTES:
        return Part("failing", f"Only {free_bytes // 2**20} MB are free in the data folder.")
    return Part()


def _workers(beats: dict[str, list[str]], waiting: dict[str, dict[str, Any]]) -> Part:
    detail = {drain: beats.get(f"worker:{drain}", []) for drain in DRAINS}
    missing = [drain for drain, places in detail.items() if not places]
    late = [drain for drain, row in waiting.items() if row["oldest_s"] > LATE.total_seconds()]
    if missing:
        state = "down" if len(missing) == len(DRAINS) else "failing"
        return Part(state, f"No worker is running for {', '.join(missing)}.", {"processes": detail})
    if late:
        return Part("failing", f"Work has been waiting too long in {', '.join(late)}.", {"processes": detail})
    return Part(detail={"processes": detail})


def _listeners(beats: dict[str, list[str]], channels: list[ChannelHealth], at: datetime) -> Part:
    detail = {"processes": beats.get("listen", [])}
    if not detail["processes"]:
        return Part("down", "No process is listening on the channels.", detail)
    failing = [c.name for c in channels if c.listens and c.state == "failing" and _long(c, at)]
    if failing:
        return Part("failing", f"Not reached: {', '.join(failing)}.", detail)
    return Part(detail=detail)


def _long(channel: ChannelHealth, at: datetime) -> bool:
    return channel.last_success_at is None or at - channel.last_success_at > PATIENCE


# --- facts ---------------------------------------------------------------------------------------------------


def channels_of(session: Session) -> list[ChannelHealth]:
    rows = session.scalars(select(Channel).where(Channel.archived_at.is_(None)).order_by(Channel.id))
    return [_channel(row) for row in rows]


def _channel(row: Channel) -> ChannelHealth:
    kind = registry.kinds().get(row.kind)
    listens = kind is not None and (issubclass(kind, Listens) or hasattr(kind, "serve"))
    return ChannelHealth(
        id=row.id,
        name=row.name,
        kind=row.kind,
        state=row.state,
        listens=bool(listens),
        last_success_at=row.last_success_at,
        last_event_at=row.last_event_at,
        last_error=row.last_error,
        last_error_at=row.last_error_at,
    )


def outbox_of(session: Session, at: datetime) -> dict[str, dict[str, Any]]:
    """Per drain: rows a worker could take now, rows given up, and since how many seconds the oldest of them waits."""
    found: dict[str, dict[str, Any]] = {drain: {"due": 0, "failed": 0, "oldest_s": 0} for drain in DRAINS}
    unclaimed = OutboxRow.lease_until.is_(None) | (OutboxRow.lease_until < at)
    due = (
        select(OutboxRow.drain, func.count(), func.min(OutboxRow.run_at))
        .where(OutboxRow.state == "due", OutboxRow.run_at <= at, unclaimed, FIRST_IN_LANE)
        .group_by(OutboxRow.drain)
    )
    for drain, count, oldest in session.execute(due):
        row = found.setdefault(drain, {"due": 0, "failed": 0, "oldest_s": 0})
        row["due"] = count
        row["oldest_s"] = int((at - oldest).total_seconds()) if oldest else 0
    failed = select(OutboxRow.drain, func.count()).where(OutboxRow.state == "failed").group_by(OutboxRow.drain)
    for drain, count in session.execute(failed):
        found.setdefault(drain, {"due": 0, "failed": 0, "oldest_s": 0})["failed"] = count
    return found


def _size(session: Session, settings: Settings) -> int:
    if settings.sqlite:
        path = settings.database_url.removeprefix("sqlite:///")
        return os.stat(path).st_size if os.path.exists(path) else 0
    return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)


__all__ = ["ChannelHealth", "Facts", "Part", "facts"]
