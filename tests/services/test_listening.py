"""Raws and cursor are stored in one commit; what comes twice is counted, what is large lies in storage."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from connectors.contract import Raw
from helpdesk.extensions import db
from helpdesk.models import Channel, Inbound, OutboxRow
from helpdesk.services import files, listening
from helpdesk.unit_of_work import unit_of_work


def keep(channel: Channel, *raws: Raw, cursor: dict[str, Any] | None = None) -> int:
    listening.keep(raws)
    with unit_of_work() as work:
        new = listening.store(work, channel.id, raws, cursor)
    db.session.rollback()
    return new


def test_raws_and_cursor_are_there_together(app: Flask, make: Any) -> None:
    channel = make.channel()
    assert keep(channel, Raw("1", b"a"), Raw("2", b"b"), cursor={"uid": 2}) == 2
    row = db.session.get_one(Channel, channel.id)
    assert (row.cursor, row.state) == ({"uid": 2}, "ok")
    assert row.last_event_at is not None
    waiting = db.session.scalars(select(OutboxRow.payload).where(OutboxRow.drain == "arrivals")).all()
    assert {w["inbound_id"] for w in waiting} == set(db.session.scalars(select(Inbound.id)))


def test_a_failed_commit_keeps_neither(app: Flask, make: Any) -> None:
    channel = make.channel()
    with pytest.raises(RuntimeError), unit_of_work() as work:
        listening.store(work, channel.id, [Raw("1", b"a")], {"uid": 1})
        raise RuntimeError
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Inbound)) == 0
    assert listening.cursor_of(db.session(), channel.id) == {}


def test_the_same_raw_again_is_counted_not_stored(app: Flask, make: Any) -> None:
    channel, other = make.channel(), make.channel()
    keep(channel, Raw("1", b"a"))
    assert keep(channel, Raw("1", b"a"), Raw("1", b"a")) == 0
    assert keep(other, Raw("1", b"a")) == 1
    assert db.session.scalars(select(Inbound.duplicates).order_by(Inbound.id)).all() == [2, 0]
    assert db.session.scalar(select(func.count()).where(OutboxRow.drain == "arrivals")) == 2


def test_a_large_raw_lies_in_storage(app: Flask, make: Any) -> None:
    body = b"x" * (listening.IN_ROW_BYTES + 1)
    keep(make.channel(), Raw("1", body), Raw("2", b"small"))
    large, small = db.session.scalars(select(Inbound).order_by(Inbound.id)).all()
    assert large.body is None and files.storage().read(large.sha256) == body
    assert small.body == b"small" and large.size_bytes == len(body)


def test_a_very_long_name_is_still_one_name(app: Flask, make: Any) -> None:
    channel = make.channel()
    first, second = "n" * 400 + "1", "n" * 400 + "2"
    assert keep(channel, Raw(first, b"a"), Raw(second, b"b"), Raw(first, b"a")) == 2


def test_an_empty_batch_ends_a_failure(app: Flask, make: Any) -> None:
    channel = make.channel()
    with unit_of_work() as work:
        listening.failed(work, channel.id, "The server is away.")
    db.session.rollback()
    assert db.session.get_one(Channel, channel.id).state == "failing"
    keep(channel, cursor={"uid": 3})
    row = db.session.get_one(Channel, channel.id)
    assert (row.state, row.cursor, row.last_event_at) == ("ok", {"uid": 3}, None)
