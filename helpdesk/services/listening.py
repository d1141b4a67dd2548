"""What a channel's listener found: raws and cursor are stored together, before the far side hears that we have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from connectors.contract import Raw
from helpdesk.failpoints import failpoint
from helpdesk.models import Channel, Inbound
from helpdesk.services import files
from helpdesk.unit_of_work import UnitOfWork

IN_ROW_BYTES = 64 * 1024
# A sign of life is written down at most so often, unless it ends a failure.
LIFE_EVERY = timedelta(seconds=30)


_ADD = {
    name: build(Inbound.__table__)  # type: ignore[arg-type]
    .on_conflict_do_nothing(index_elements=["channel_id", "external_id"])
    .returning(Inbound.__table__.c.external_id, Inbound.__table__.c.id)
    for name, build in (("postgresql", pg_insert), ("sqlite", sqlite_insert))
}


def keep(raws: Iterable[Raw]) -> None:
    """Before the transaction: bodies too large for a row go to storage, durably."""
    for raw in raws:
        if len(raw.body) > IN_ROW_BYTES:
            files.storage().put(raw.body)


def store(work: UnitOfWork, channel_id: int, raws: Iterable[Raw], cursor: Mapping[str, Any] | None = None) -> int:
    """Raws and cursor in one commit; a raw that was stored before only counts up. Returns how many are new.

    `keep(raws)` must have run. After the commit the caller may acknowledge.
    """
    rows = [_row(work, channel_id, raw) for raw in raws]
    ids = _insert(work, rows)
    new = len(ids)
    for row in rows:
        inbound_id = ids.pop(row["external_id"], None)
        if inbound_id is None:
            work.session.execute(
                update(Inbound)
                .where(Inbound.channel_id == channel_id, Inbound.external_id == row["external_id"])
                .values(duplicates=Inbound.duplicates + 1)
            )
        else:
            work.enqueue("arrivals", "parse", {"inbound_id": inbound_id})
    alive(work, channel_id, event=new > 0, cursor=cursor)
    failpoint("listening.stored")
    return new


def _insert(work: UnitOfWork, rows: list[dict[str, Any]]) -> dict[str, int]:
    """External id -> row's id of those that were not there yet; one statement for all."""
    if not rows:
        return {}
    added = work.session.connection().execute(_ADD[work.session.get_bind().dialect.name], rows)
    return {row.external_id: row.id for row in added}


def _row(work: UnitOfWork, channel_id: int, raw: Raw) -> dict[str, Any]:
    large = len(raw.body) > IN_ROW_BYTES
    return {
        "channel_id": channel_id,
        "external_id": _external(raw),
        "body": None if large else raw.body,
        "sha256": hashlib.sha256(raw.body).hexdigest(),
        "size_bytes": len(raw.body),
        "content_type": raw.content_type[:100],
        "meta": dict(raw.meta),
        "history": raw.history,
        "state": "pending",
        "received_at": raw.received_at or work.now,
    }


def _external(raw: Raw) -> str:
    """The raw's name in its channel; one that is too long for the column is named by its hash."""
    name = raw.external_id
    return name if len(name) <= 200 else "sha256:" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


def alive(work: UnitOfWork, channel_id: int, *, event: bool = False, cursor: Mapping[str, Any] | None = None) -> None:
    """The listener works."""
    values: dict[str, Any] = {"last_success_at": work.now}
    if event:
        values["last_event_at"] = work.now
    if cursor is not None:
        values["cursor"] = dict(cursor)
    channels = Channel.__table__
    work.session.connection().execute(
        update(channels).where(channels.c.id == channel_id).values(**values)  # type: ignore[arg-type]
    )


def worth_writing(last: datetime | None, failing: bool, at: datetime) -> bool:
    """Is an empty batch at `at` worth a transaction, `last` being the last one written?"""
    return failing or last is None or at - last >= LIFE_EVERY


def failed(work: UnitOfWork, channel_id: int, reason: str) -> None:
    """One sentence for the health page; the listener tries again."""
    work.session.execute(
        update(Channel).where(Channel.id == channel_id).values(last_error=reason[:1000], last_error_at=work.now)
    )


def cursor_of(session: Session, channel_id: int) -> dict[str, Any]:
    return dict(session.scalar(select(Channel.cursor).where(Channel.id == channel_id)) or {})
