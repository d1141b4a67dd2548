"""Stored raws become messages: parse outside any transaction, then take in a few per transaction.

A raw that cannot be parsed becomes a stub ticket; one the database refuses is retried, then marked failed and shown
on the health page. Neither stops the next.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import select, update
from sqlalchemy.orm import defer

from connectors.contract import (
    Completes,
    Connector,
    ConnectorError,
    Fetches,
    InboundMessage,
    InboundReport,
    ParsesMany,
    Raw,
    TemporaryFailure,
    Unparseable,
)
from connectors.contract import Inbound as Thing
from helpdesk.events import InboundFailed
from helpdesk.extensions import db
from helpdesk.models import Channel, Inbound
from helpdesk.services import channels, files, foresight, identities, intake, marks, outbox, stubs
from helpdesk.unit_of_work import UnitOfWork, breathe, unit_of_work
from workers import stop, waiting

log = logging.getLogger(__name__)

CLAIM = 50
PER_TRANSACTION = 10
MAX_ATTEMPTS = 3
EARLY = timedelta(seconds=2)

Parsed = Sequence[Thing] | Unparseable
End = dict[str, Any]  # columns of an inbound row


@dataclass
class Arrival:
    task: outbox.Task
    inbound_id: int
    channel_id: int
    raw: Raw
    parsed: Parsed | None = None
    retry: str = ""


def drain() -> int:
    """Until nothing is due; how many raws were worked on."""
    worked = 0
    while not stop.asked.is_set():
        with unit_of_work(lasting=False) as work:
            tasks = outbox.claim(work, "arrivals", CLAIM, holder=f"arrivals:{os.getpid()}")
        arrivals = _load(tasks)
        by_channel: dict[int, list[Arrival]] = {}
        for arrival in arrivals:
            by_channel.setdefault(arrival.channel_id, []).append(arrival)
        for channel_id, group in by_channel.items():
            _channel(channel_id, group)
        worked += len(tasks)
        if len(tasks) < CLAIM:  # what was stored meanwhile has given a wake-up of its own
            return worked
    return worked


def _load(tasks: list[outbox.Task]) -> list[Arrival]:
    ids = {int(t.payload["inbound_id"]): t for t in tasks if "inbound_id" in t.payload}
    rows = db.session.scalars(
        select(Inbound).where(Inbound.id.in_(ids), Inbound.state == "pending").order_by(Inbound.id)
    ).all()
    found = [Arrival(ids[row.id], row.id, row.channel_id, raw_of(row)) for row in rows]
    stale = [t.id for t in tasks if t.id not in {a.task.id for a in found}]
    if stale:
        with unit_of_work() as work:
            outbox.finish(work, *stale)
    return found


def raw_of(row: Inbound) -> Raw:
    body = row.body if row.body is not None else (files.storage().read(row.sha256) if row.sha256 else b"")
    return Raw(row.external_id, body, row.content_type, row.received_at, row.history, dict(row.meta))


def _channel(channel_id: int, group: list[Arrival]) -> None:
    channel = db.session.get_one(Channel, channel_id)
    connector = channels.connector_of(channel, db.session())
    groups = [group[start : start + PER_TRANSACTION] for start in range(0, len(group), PER_TRANSACTION)]
    for some in _parsed(connector, groups):
        while some:
            some = some[_take_in(channel_id, connector, some) :]
            breathe()


def _parsed(connector: Connector, groups: list[list[Arrival]]) -> Iterator[list[Arrival]]:
    """Each group, parsed. Where parsing is the work of another process, the next one is parsed meanwhile."""
    if not isinstance(connector, ParsesMany) or len(groups) < 2:
        for some in groups:
            _parse(connector, some)
            yield some
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def parse(some: list[Arrival]) -> None:
        with app.app_context():
            _parse(connector, some)

    with ThreadPoolExecutor(1, thread_name_prefix="parsing") as pool:
        ahead = pool.submit(parse, groups[0])
        for some, following in zip(groups, [*groups[1:], None], strict=True):
            ahead.result()
            if following is not None:
                ahead = pool.submit(parse, following)
            yield some


# --- parsing -------------------------------------------------------------------------------------------------


def _parse(connector: Connector, group: list[Arrival]) -> None:
    if isinstance(connector, ParsesMany):
        for arrival, parsed in zip(group, connector.parse_many([a.raw for a in group]), strict=True):
            arrival.parsed = parsed
    else:
        for arrival in group:
            arrival.parsed = _parse_one(connector, arrival.raw)
    for arrival in group:
        if isinstance(connector, Completes):
            _complete(connector, arrival)
        _fetch_files(connector, arrival)


def _parse_one(connector: Any, raw: Raw) -> Parsed:
    try:
        return list(connector.parse(raw))
    except Unparseable as error:
        return error
    except Exception as error:  # a parser that breaks is a stub, not a lost message
        log.exception("parser failed channel=%s", connector.config.id)
        return Unparseable(f"It could not be read ({type(error).__name__}).")


def _complete(connector: Completes, arrival: Arrival) -> None:
    """Ask for what events leave out. It is nice to have: without an answer the message is taken in as it is."""
    if isinstance(arrival.parsed, Unparseable) or arrival.parsed is None:
        return
    arrival.parsed = [_completed(connector, t) if isinstance(t, InboundMessage) else t for t in arrival.parsed]


def _completed(connector: Completes, message: InboundMessage) -> InboundMessage:
    sender = message.sender
    identity = identities.find(db.session(), sender.kind, sender.scope, sender.value)
    known = bool(identity is not None and identity.name)
    db.session.rollback()  # nothing is open while the network is used
    try:
        return connector.complete(message, known=known)
    except ConnectorError as error:
        log.warning("event not completed: %s", error)
        return message


def _fetch_files(connector: Connector, arrival: Arrival) -> None:
    """Get files that came as references; write all bytes to storage before the transaction."""
    if isinstance(arrival.parsed, Unparseable) or arrival.parsed is None:
        return
    things: list[Thing] = []
    for thing in arrival.parsed:
        if isinstance(thing, InboundMessage) and thing.files:
            try:
                thing = replace(thing, files=tuple(_fetched(connector, f) for f in thing.files))
            except TemporaryFailure as error:
                if arrival.task.attempts < MAX_ATTEMPTS:
                    arrival.retry = str(error)
                    return
                lost = tuple(replace(f, problem=str(error)) if f.data is None else f for f in thing.files)
                thing = replace(thing, files=lost)
            files.keep(thing.files)
        things.append(thing)
    arrival.parsed = things


def _fetched(connector: Connector, file: Any) -> Any:
    return connector.fetch(file) if file.data is None and file.ref and isinstance(connector, Fetches) else file


# --- taking in -----------------------------------------------------------------------------------------------


def _take_in(channel_id: int, connector: Connector, group: list[Arrival], *, ahead: bool = True) -> int:
    """Take in as many as one transaction may; how many that were: less when somebody else waits to write. `ahead`: what
    they will ask is asked at once."""
    try:
        with unit_of_work() as work:
            channel = work.session.get_one(Channel, channel_id)
            ids = [arrival.inbound_id for arrival in group]
            found = work.session.scalars(select(Inbound).options(defer(Inbound.body)).where(Inbound.id.in_(ids)))
            rows = {row.id: row for row in found}
            if ahead and not connector.continuous:
                foresight.prepare(work.session, channel, connector, _coming(group, rows))
            ends: dict[int, End | None] = {}
            for a in group:
                ends[a.task.id] = _one(work, channel, connector, a, rows[a.inbound_id], ids)
                if work.has_had_its_turn():
                    break
            done = {task_id: end for task_id, end in ends.items() if end is not None}
            if done:
                work.session.execute(update(Inbound), list(done.values()))
            outbox.finish(work, *done)
        return len(ends)
    except Exception:  # the whole transaction failed: one by one and step by step, to find the bad one
        if ahead:
            for arrival in group:
                _take_in(channel_id, connector, [arrival], ahead=False)
        else:
            log.exception("raw refused inbound=%s", group[0].inbound_id)
            _refused(group[0])
        return len(group)


def _one(
    work: UnitOfWork,
    channel: Channel,
    connector: Connector,
    arrival: Arrival,
    inbound: Inbound,
    together: Sequence[int],
) -> End | None:
    """Take one in, and how that ended; None when it has to wait. What fails here fails its whole transaction, which is repeated one by
    one: that costs less than a savepoint for each that does not fail."""
    if arrival.retry:
        outbox.postpone(work, arrival.task.id, work.now + outbox.backoff(arrival.task.attempts), arrival.retry)
        return None
    waits = waiting.reason(work, channel, connector, arrival.parsed, inbound, together)
    if waits:
        outbox.postpone(work, arrival.task.id, work.now + waiting.AGAIN, waits)
        return None
    alone = intake.stands_alone(arrival.parsed) and foresight.of(work.session) is not None
    if not alone:
        work.settle()  # what follows from those before
    outcome = _outcome(work, channel, connector, arrival, inbound)
    if not alone:
        work.settle()  # what follows from this one, before the next one comes
    if outcome.kind == "ignored" and _early(work, channel, arrival):
        outbox.postpone(work, arrival.task.id, work.now + EARLY, "It came before the answer to our own request.")
        return None
    return {
        "id": arrival.inbound_id,
        "state": "done",
        "outcome": outcome.kind,
        "reason": outcome.reason,
        "ticket_id": outcome.ticket_id,
        "message_id": outcome.message_id,
        "attempts": arrival.task.attempts,
        "processed_at": work.now,
    }


def _coming(group: list[Arrival], rows: Mapping[int, Inbound]) -> list[tuple[Thing, Inbound]]:
    return [
        (thing, rows[arrival.inbound_id])
        for arrival in group
        if not isinstance(arrival.parsed, Unparseable)
        for thing in arrival.parsed or ()
    ]


def _early(work: UnitOfWork, channel: Channel, arrival: Arrival) -> bool:
    """A mark may overtake the answer that tells us the id it marks; then it is looked at again."""
    if isinstance(arrival.parsed, Unparseable) or arrival.task.attempts >= MAX_ATTEMPTS:
        return False
    told = any(isinstance(t, InboundReport) for t in arrival.parsed or ())
    return told and marks.under_way(work.session, channel)


def _outcome(
    work: UnitOfWork, channel: Channel, connector: Connector, arrival: Arrival, inbound: Inbound
) -> intake.Outcome:
    if inbound.outcome == "stub" and inbound.message_id is not None:  # somebody asked to try once more
        return stubs.read_again(work, channel, inbound, arrival.parsed or ())
    if isinstance(arrival.parsed, Unparseable):
        return intake.stub(work, channel, inbound, str(arrival.parsed), arrival.parsed.partial)
    outcomes = [intake.receive(work, channel, t, raw=inbound, connector=connector) for t in arrival.parsed or ()]
    if not outcomes:
        return intake.Outcome("ignored", reason="There is nothing for the desk in it.")
    return next((o for o in outcomes if o.message_id), outcomes[0])


def _refused(arrival: Arrival) -> None:
    """The database or our own code refused it: try again, then give up visibly."""
    import sys

    reason = f"{type(sys.exc_info()[1]).__name__}: {sys.exc_info()[1]}"[:500]
    with unit_of_work() as work:
        inbound = work.session.get_one(Inbound, arrival.inbound_id)
        inbound.attempts, inbound.reason = arrival.task.attempts, reason
        if arrival.task.attempts < MAX_ATTEMPTS:
            outbox.postpone(work, arrival.task.id, work.now + outbox.backoff(arrival.task.attempts), reason)
        else:
            inbound.state, inbound.processed_at = "failed", work.now
            outbox.finish(work, arrival.task.id)
            work.record(InboundFailed(inbound_id=inbound.id), reason=reason)


__all__ = ["drain", "raw_of"]
