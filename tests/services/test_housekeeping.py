"""What time does by itself."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import func, select, update

from connectors.contract import File
from helpdesk.extensions import db
from helpdesk.models import Attachment, Draft, EventRow, IdempotencyKey, Lease, OutboxRow, Ticket, now
from helpdesk.services import files, housekeeping, leases
from helpdesk.unit_of_work import unit_of_work
from workers import chores


def ticket_of(make: Any, **values: Any) -> int:
    outcome = make.inbound(make.channel(), "Where is my parcel?")
    with unit_of_work() as work:
        work.session.execute(update(Ticket).where(Ticket.id == outcome.ticket_id).values(**values))
    return int(outcome.ticket_id)


def run(name: str) -> None:
    chores.CHORES[f"chore.{name}"]({})
    db.session.rollback()


def ticket(ticket_id: int) -> Ticket:
    return db.session.get_one(Ticket, ticket_id)


def test_a_snoozed_ticket_wakes_in_time(app: Flask, make: Any) -> None:
    past, future = now() - timedelta(minutes=1), now() + timedelta(hours=1)
    due = ticket_of(make, status="pending", shelf="snoozed", snoozed_until=past)
    later = ticket_of(make, status="pending", shelf="snoozed", snoozed_until=future)
    run("wake_snoozed")
    assert (ticket(due).shelf, ticket(due).snoozed_until) == ("open", None)
    assert ticket(later).shelf == "snoozed"


def test_solved_tickets_close_after_the_days_of_their_team(app: Flask, make: Any) -> None:
    team = make.team()
    with unit_of_work() as work:
        from helpdesk.models import Team

        work.session.execute(update(Team).where(Team.id == team).values(close_after_days=3))
    solved = {"status": "solved", "shelf": "solved", "solved_at": now() - timedelta(days=5)}
    quick = ticket_of(make, team_id=team, visible_team_id=team, **solved)
    slow = ticket_of(make, **solved)
    run("close_solved")
    assert (ticket(quick).status, ticket(quick).shelf) == ("closed", "closed")
    assert ticket(slow).status == "solved"
    [event] = db.session.scalars(select(EventRow).where(EventRow.type == "status_changed", EventRow.ticket_id == quick))
    assert (event.actor, event.data["new"]) == ("system", "closed") and "3 days" in event.reason


def test_old_rows_go_and_young_ones_stay(app: Flask, make: Any) -> None:
    agent = make.agent()
    old = now() - timedelta(days=90)
    with unit_of_work() as work:
        for number, at in enumerate((old, now())):
            work.session.add(OutboxRow(drain="reactions", kind="x", state="done", finished_at=at, dedupe=f"x{number}"))
            work.session.add(OutboxRow(drain="reactions", kind="x", state="failed", finished_at=at))
            work.session.add(IdempotencyKey(key=f"k{number}", owner="agent:1", request_hash="", created_at=at))
            work.session.add(Draft(agent_id=agent.id, ticket_id=number, updated_at=at))
        work.session.add(Lease(name="web@gone:1", holder="gone:1", until=old, beat_at=old))
        work.session.add(Lease(name="listen:1", holder="gone:1", until=old, beat_at=old))
    run("forget_expired")
    assert db.session.scalars(select(OutboxRow.state).order_by(OutboxRow.id)).all() == ["failed", "done", "failed"]
    assert db.session.scalars(select(IdempotencyKey.key)).all() == ["k1"]
    assert db.session.scalars(select(Draft.ticket_id)).all() == [1]
    assert db.session.scalars(select(Lease.name)).all() == ["listen:1"]


def test_uploads_nobody_sent_are_swept_but_not_those_of_a_draft(app: Flask, make: Any) -> None:
    agent = make.agent()
    with unit_of_work() as work:
        old = now() - timedelta(days=2)
        rows = [
            files.attach(work.session, None, File("a.txt", "text/plain", data=b"a"), at) for at in (old, old, now())
        ]
        work.session.flush()
        kept = [rows[1].token, rows[2].token]
        work.session.add(Draft(agent_id=agent.id, ticket_id=1, data={"attachments": [rows[1].token]}))
    run("sweep_uploads")
    assert db.session.scalars(select(Attachment.token).order_by(Attachment.id)).all() == kept


def test_files_without_a_row_are_swept_after_a_day(app: Flask, make: Any) -> None:
    store = files.storage()
    orphan, young, used = store.put(b"orphan"), store.put(b"young"), store.put(b"used")
    with unit_of_work() as work:
        files.attach(work.session, None, File("a.txt", "text/plain", data=b"used"), work.now)
    for name in (orphan, used):
        os.utime(store.path(name), (1, 1))
    assert housekeeping.sweep_files() == 1
    assert sorted(p.name for p in store.all()) == sorted([young, used])


def test_a_file_stored_again_is_young_again(app: Flask) -> None:
    store = files.storage()
    name = store.put(b"twice")
    os.utime(store.path(name), (1, 1))
    store.put(b"twice")
    assert housekeeping.sweep_files() == 0


def test_leases_are_held_by_one_and_buried_with_the_dead(app: Flask) -> None:
    with unit_of_work() as work:
        assert leases.hold(work, "listen:1", "host/1:10:a", 30)
        assert leases.hold(work, "listen:1", "host/1:10:a", 30)
        assert not leases.hold(work, "listen:1", "host/1:11:b", 30)
        leases.beat(work, "clock@host/1:12", 30, {})
        leases.beat(work, "clock@other/1:12", 30, {})
    with unit_of_work() as work:
        assert leases.bury(work, "host/1", lambda pid: pid == 12) == 1
        assert leases.hold(work, "listen:1", "host/1:11:b", 30)
    db.session.rollback()
    assert set(leases.alive(db.session(), now())) == {"listen:1", "clock@host/1:12", "clock@other/1:12"}
    assert db.session.scalar(select(func.count()).select_from(Lease)) == 3
