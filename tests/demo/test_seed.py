"""The sample shop: believable, complete, the same each time, and made only once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select

from helpdesk.app import create_app
from helpdesk.config import Network, Settings
from helpdesk.demo import ports
from helpdesk.demo.seed import seed
from helpdesk.extensions import db
from helpdesk.migrate import upgrade
from helpdesk.models import (
    Agent,
    Attachment,
    Channel,
    Delivery,
    EventRow,
    FollowUpTask,
    Grant,
    Identity,
    Invitation,
    Merge,
    Message,
    Response,
    SlaClock,
    Ticket,
)
from helpdesk.services import search
from helpdesk.services import settings as desk_settings
from helpdesk.signing import make_secret

NOW = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)


def shop(data: Path, count: int) -> tuple[Flask, dict[str, dict[str, str]]]:
    """A seeded desk; the demo always runs on SQLite."""
    data.mkdir()
    make_secret(data)
    settings = Settings(data=data, network=Network(allow_private=("127.0.0.0/8",)))
    engine = create_engine(settings.database_url)
    upgrade(engine)
    engine.dispose()
    app = create_app(settings)
    return app, seed(app, lambda text: None, count=count, now=NOW)


def close(app: Flask) -> None:
    db.session.remove()
    db.engine.dispose()
    app.extensions["writers"].engine.dispose()


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, dict[str, dict[str, str]]]]:
    app, logins = shop(tmp_path_factory.mktemp("demo") / "data", 200)
    with app.app_context():
        yield app, logins
        close(app)


def count(*terms: Any) -> int:
    return db.session.scalar(select(func.count()).where(*terms)) or 0


def test_every_role_can_sign_in(seeded: Any) -> None:
    from helpdesk.services import passwords

    _app, logins = seeded
    assert set(logins) == {"admin", "supervisor", "agent"}
    for role, login in logins.items():
        agent = db.session.scalars(select(Agent).where(Agent.email == login["email"])).one()
        assert agent.role == role
        assert passwords.matches(agent.password_hash, login["password"])
    assert len({login["password"] for login in logins.values()}) == 3


def test_three_months_on_all_channels(seeded: Any) -> None:
    kinds = Counter(db.session.scalars(select(Channel.kind).join(Ticket, Ticket.origin_channel_id == Channel.id)).all())
    assert set(kinds) == {"email", "widget", "telegram", "phone"} and min(kinds.values()) >= 10
    first, last = db.session.execute(select(func.min(Ticket.created_at), func.max(Ticket.created_at))).one()
    assert (NOW - first).days >= 80 and last <= NOW
    statuses = set(db.session.scalars(select(Ticket.status)))
    assert statuses >= {"new", "open", "pending", "on_hold", "solved", "closed"}
    shelves = set(db.session.scalars(select(Ticket.shelf)))
    assert shelves >= {"open", "snoozed", "solved", "closed", "spam"}


def test_promises_are_kept_and_broken(seeded: Any) -> None:
    states = Counter(db.session.scalars(select(SlaClock.state)).all())
    assert states["met"] > states["breached"] > 0
    assert states["running"] > 0 and states["paused"] > 0
    breached = count(SlaClock.state == "breached")
    assert count(EventRow.type == "sla_breached") == breached
    assert count(Ticket.shelf == "open", Ticket.sla_due_at <= NOW) >= 2  # late
    soon = (Ticket.shelf == "open", Ticket.sla_due_at > NOW, Ticket.sla_soon_at <= NOW)
    assert count(*soon) >= 2


def test_people_rated_and_low_ratings_have_a_task(seeded: Any) -> None:
    scores = Counter(db.session.scalars(select(Response.score)).all())
    assert set(scores) == {1, 2, 3, 4, 5} or sum(scores.values()) > 20
    assert scores[4] + scores[5] > scores[1] + scores[2]
    low = set(db.session.scalars(select(Response.id).where(Response.score <= 2)))
    assert low == set(db.session.scalars(select(FollowUpTask.response_id)))
    assert count(FollowUpTask.done_at.is_(None)) >= 1
    assert count(Response.comment != "") >= 10
    assert count(Invitation.state == "skipped") >= 1


def test_one_customer_is_on_several_channels(seeded: Any) -> None:
    kinds = select(func.count(Identity.kind.distinct())).group_by(Identity.customer_id)
    assert max(db.session.scalars(kinds)) >= 3
    assert count(Merge.id > 0) >= 1 and count(Grant.why == "mention") >= 2
    assert count(Delivery.state == "failed") == 1
    assert count(Attachment.picture) >= 5


def test_numbers_rise_in_the_order_of_time(seeded: Any) -> None:
    of_tickets = (EventRow.ticket_id.is_not(None), EventRow.type != "customers_merged")
    found = db.session.execute(
        select(EventRow.seq, EventRow.created_at).where(*of_tickets).order_by(EventRow.seq)
    ).all()
    times = [at for _seq, at in found]
    assert times == sorted(times)
    assert count(Message.seq == 0) == 0 and count(Ticket.seq == 0) == 0


def test_it_can_be_searched_without_marks(seeded: Any) -> None:
    from helpdesk.access import viewer_of

    admin = db.session.scalars(select(Agent).where(Agent.role == "admin")).one()
    hits = search.search(db.session(), viewer_of(admin), "hoan tien").hits
    assert hits
    assert search.customers(db.session(), viewer_of(admin), "lan anh")


def test_it_is_a_demo_and_says_so(seeded: Any) -> None:
    found = desk_settings.many(db.session(), "instance.kind", "survey.csat.delay_minutes", "survey.fatigue_days")
    assert found == {"instance.kind": "demo", "survey.csat.delay_minutes": 0, "survey.fatigue_days": 0}


def test_the_same_story_each_time(tmp_path: Path) -> None:
    told = []
    for name in ("a", "b"):
        app, _logins = shop(tmp_path / name, 30)
        with app.app_context():
            rows = db.session.execute(select(Ticket.subject, Ticket.created_at, Ticket.status).order_by(Ticket.number))
            told.append([tuple(row) for row in rows])
            close(app)
    assert told[0] == told[1]


def test_ports_are_kept_and_moved_when_taken(tmp_path: Path) -> None:
    import socket

    chosen = ports.choose(tmp_path)
    assert ports.choose(tmp_path) == chosen == ports.read(tmp_path)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((ports.HOST, chosen.bot))
        other.listen()
        moved = ports.choose(tmp_path)
    assert moved.bot != chosen.bot and moved.mail_in == chosen.mail_in
