"""A small shop with a month behind it: three channels, two teams, three agents, promises kept and broken, ratings."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from connectors.contract import Address
from helpdesk import access
from helpdesk.app import create_app
from helpdesk.config import Database, Settings
from helpdesk.extensions import db
from helpdesk.models import Agent, Channel, Invitation, Ticket
from helpdesk.services import replies, sla, surveys, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.signing import make_secret
from helpdesk.unit_of_work import unit_of_work
from tests.conftest import POSTGRESQL
from tests.factories import Make

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = "2026-11-21T10:00"
NAMES = ("orders", "returns", "widget", "second", "phone", "lead", "admin")


def vn(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.fixture(scope="session")
def kept_shop(template: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    """A database with the shop in it, to be copied, and the ids of its people and channels: built once."""
    data = tmp_path_factory.mktemp("shop")
    database = Database()
    if POSTGRESQL:
        database = Database(url=template.create_database("helpdesk_shop", template="helpdesk_template"))
    else:
        shutil.copy(template, data / "helpdesk.db")
    make_secret(data)
    app = create_app(Settings(data=data, database=database))
    with app.app_context():
        with built_shop(Make(app)) as shop:
            ids = {name: getattr(getattr(shop, name), "id", getattr(shop, name)) for name in NAMES}
            ids |= {name: getattr(shop, name).agent_id for name in ("linh", "minh")}
        db.session.remove()
        db.engine.dispose()
        app.extensions["writers"].engine.dispose()
    return data / "helpdesk.db", ids


@pytest.fixture
def database(request: pytest.FixtureRequest, template: Any, database: Database, tmp_path: Path) -> Database:
    """Where the shop is asked for, a copy with it in."""
    if "shop" not in request.fixturenames:
        return database
    path, _ids = request.getfixturevalue("kept_shop")
    if POSTGRESQL:
        return Database(url=template.create_database(template="helpdesk_shop"))
    shutil.copy(path, tmp_path / "data" / "helpdesk.db")
    return database


@pytest.fixture
def shop(make: Make, kept_shop: Any) -> Iterator[Any]:
    """The shop on the morning of 21 November 2026."""
    ids = dict(kept_shop[1])
    for name in ("widget", "second", "phone"):
        ids[name] = db.session.get_one(Channel, ids[name])
    for name in ("lead", "admin"):
        ids[name] = db.session.get_one(Agent, ids[name])
    for name in ("linh", "minh"):
        ids[name] = access.viewer_of(db.session.get_one(Agent, ids[name]))
    make.count = itertools.count(1000)
    with time_machine.travel(vn(NOW), tick=False):
        yield SimpleNamespace(make=make, count=100, **ids)


@contextmanager
def built_shop(make: Any) -> Iterator[Any]:
    """The shop; inside, it is the morning of 21 November 2026."""
    with time_machine.travel(vn("2026-10-05T09:00"), tick=False) as traveller:
        built = _people(make)
        _history(built, traveller)
        traveller.move_to(vn(NOW))
        with unit_of_work() as work:
            sla.mark_breaches(work)
        yield built


def _people(make: Any) -> Any:
    with unit_of_work() as work:
        sla.ensure_defaults(work)
        desk_settings.put(work, "public_url", "https://desk.example")
        desk_settings.put(work, "survey.csat.delay_minutes", 0)
        desk_settings.put(work, "survey.quiet_from", 0)
        desk_settings.put(work, "survey.quiet_until", 0)
    orders, returns = make.team("Orders"), make.team("Returns")
    return SimpleNamespace(
        make=make,
        orders=orders,
        returns=returns,
        widget=make.channel("widget", name="Website"),
        second=make.channel("widget", name="Second site"),
        phone=make.channel("phone", name="Hotline"),
        linh=make.viewer("agent", name="Trần Linh", teams=[orders]),
        minh=make.viewer("agent", name="Minh", teams=[returns]),
        lead=make.agent("supervisor", name="Lead", leads=[orders]),
        admin=make.agent("admin", name="Boss"),
        count=0,
    )


def _history(shop: Any, traveller: Any) -> None:
    """(day, hour, channel, team, agent, minutes to the reply, solved?, score, reasons, comment)"""
    story = [
        ("2026-10-05", 9, "widget", "orders", "linh", 5, True, 5, "", "Fast, thank you"),
        ("2026-10-12", 10, "widget", "returns", "minh", 40, True, 2, "slow", "=HYPERLINK(1)"),
        ("2026-11-02", 9, "widget", "orders", "linh", 4, True, 5, "", ""),
        ("2026-11-02", 9, "widget", "orders", "linh", 8, True, 4, "", "Good"),
        ("2026-11-03", 14, "second", "orders", "linh", 25, True, 1, "slow,price", "Nobody told me the date"),
        ("2026-11-04", 15, "second", "returns", "minh", 9, True, 3, "attitude", "Trả lời hơi máy móc"),
        ("2026-11-09", 10, "widget", "returns", "minh", 90, True, None, "", ""),
        ("2026-11-10", 11, "phone", None, "linh", 30, True, None, "", ""),
        ("2026-11-11", 8, "widget", "orders", "linh", 6, False, None, "", ""),
        ("2026-11-20", 16, "widget", "orders", None, None, False, None, "", ""),
        ("2026-11-21", 8, "second", None, None, None, False, None, "", ""),
    ]
    for day, hour, *rest in story:
        traveller.move_to(vn(f"{day}T{hour:02d}:00"))
        _ticket(shop, traveller, *rest)
    traveller.move_to(vn("2026-11-12T09:00"))
    spam = shop.make.inbound(shop.widget, "Buy followers now", sender=Address("widget", "spammer"))
    with unit_of_work() as work:
        tickets.move(work, None, work.session.get_one(Ticket, spam.ticket_id), "spam")


def _ticket(
    shop: Any,
    traveller: Any,
    channel: str,
    team: str | None,
    agent: str | None,
    minutes: int | None,
    solved: bool,
    score: int | None,
    reason: str,
    comment: str,
) -> None:
    shop.count += 1
    kind = "phone" if channel == "phone" else "widget"
    value = f"+8490100{shop.count:04d}" if kind == "phone" else f"visitor-{shop.count}"
    who = Address(kind, value, name=f"Khách {shop.count}")
    got = shop.make.inbound(getattr(shop, channel), f"=Question number {shop.count} about tea", sender=who)
    if team:
        with unit_of_work() as work:
            tickets.set_team(work, None, work.session.get_one(Ticket, got.ticket_id), getattr(shop, team))
    if minutes is None:
        return
    traveller.shift(timedelta(minutes=minutes))
    viewer = getattr(shop, agent or "linh")
    with unit_of_work(actor=viewer.actor) as work:
        ticket = work.session.get_one(Ticket, got.ticket_id)
        if channel == "phone":
            sla.responded(work, ticket)
            tickets.assign(work, viewer, ticket, viewer.agent_id)
        else:
            ticket = access.ticket_by_id(work.session, viewer, ticket.id)
            replies.reply(work, viewer, ticket, replies.Written(text="Answer"))
    if solved:
        traveller.shift(timedelta(minutes=30))
        _solve_and_rate(viewer, got.ticket_id, score, reason, comment)


def _solve_and_rate(viewer: Any, ticket_id: int, score: int | None, reason: str, comment: str) -> None:
    with unit_of_work(actor=viewer.actor) as work:
        tickets.set_status(work, viewer, work.session.get_one(Ticket, ticket_id), "solved")
    with unit_of_work() as work:
        from sqlalchemy import select

        invitation = work.session.scalars(select(Invitation).where(Invitation.ticket_id == ticket_id)).one_or_none()
        if invitation is not None:
            surveys.send(work, invitation.id)
        if score is not None:
            surveys.record(work, invitation, score, reason, comment, via="widget")
