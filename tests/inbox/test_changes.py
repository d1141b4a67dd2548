"""GET /inbox/changes: nothing is missed, nothing is shown to who may not see it, only what is on screen is painted."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.contract import Address
from helpdesk.access import Viewer
from helpdesk.extensions import db
from helpdesk.models import EventRow, Ticket
from helpdesk.services import tickets
from helpdesk.unit_of_work import unit_of_work

pytestmark = pytest.mark.processes

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")
AN = Address("widget", "v-an", name="An")


@pytest.fixture
def client(make: Any, channel: Any) -> Any:
    return make.client(make.agent("admin", name="Trần Linh"))


def changes(client: Any, after: int, **asked: Any) -> Any:
    db.session.rollback()  # as at the end of each request
    return client.get("/inbox/changes", query_string={"after": after, **asked}).get_json()


def newest() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.max(EventRow.seq))) or 0


def test_a_new_message_comes_with_its_row_its_line_and_the_counts(client: Any, make: Any, channel: Any) -> None:
    make.inbound(channel, "First words", sender=LAN)
    before = newest()
    make.inbound(channel, "Second words", sender=LAN)
    told = changes(client, before, view="needs_reply", rows="1", ticket=1001)
    assert told["cursor"] == newest()
    assert told["counts"]["needs_reply"] == 1
    assert "Second words" in told["rows"]["1"]["html"] and told["rows"]["1"]["known"]
    assert "Second words" in told["ticket"]["tail"]
    assert told["ticket"]["seq"] == newest()
    assert {e["type"] for e in told["events"]} >= {"message_received"}
    assert "words" not in str(told["events"])  # ids only


def test_nothing_new_is_a_small_answer(client: Any, make: Any, channel: Any) -> None:
    make.inbound(channel, "First words", sender=LAN)
    told = changes(client, newest(), view="needs_reply", rows="1", ticket=1001)
    assert told.pop("agent") > 0
    assert told == {"cursor": newest(), "worker": True, "notices": 0, "events": [], "ticket": None}


def test_only_the_tail_from_what_changed_is_painted(client: Any, make: Any, channel: Any) -> None:
    for i in range(12):
        make.inbound(channel, f"Line number {i}", sender=LAN)
    before = newest()
    with unit_of_work() as work:
        ticket = work.session.query(Ticket).one()
        tickets.set_priority(work, Viewer(1, "admin"), ticket, "high")
    tail = changes(client, before, ticket=1001)["ticket"]["tail"]
    assert "Priority Normal → High" in tail and "Line number 11" in tail and "Line number 10" not in tail
    assert 'class="hd-day"' not in tail  # its day was named above already


def test_a_row_that_left_the_view_is_told(client: Any, make: Any, channel: Any) -> None:
    make.inbound(channel, "First", sender=LAN)
    make.inbound(channel, "Other", sender=AN)
    before = newest()
    client.post("/tickets/1001/status", data={"status": "solved"})
    assert changes(client, before, view="open", rows="1,2")["rows"] == {"1": None}
    kept = changes(client, before, view="open", rows="1,2", ticket=1001)["rows"]["1"]
    assert kept["gone"] and "Solved" in kept["html"]
    assert changes(client, before, view="solved", rows="")["rows"]["1"]["known"] is False


def test_a_long_absence_starts_afresh(client: Any, make: Any, channel: Any) -> None:
    make.inbound(channel, "First", sender=LAN)
    told = changes(client, 10**15)
    assert told["cursor"] == newest() and told["reset"] is True


def test_saved_views_are_counted_after_paint(client: Any, make: Any, channel: Any) -> None:
    make.inbound(channel, "First", sender=LAN)
    key = client.post("/views", data={"name": "Unassigned ones", "query": "view=open&assignee=none"}).headers[
        "Location"
    ]
    counts = changes(client, newest(), counts=1)["counts"]
    assert counts[key.split("view=")[1]] == 1 and counts["open"] == 1
    assert changes(client, 10**15, counts=1)["counts"] == counts


def test_moving_to_a_hidden_team_takes_it_off_the_screen(make: Any, channel: Any) -> None:
    hidden = make.team()
    client, admin = make.client(make.agent("agent")), make.client(make.agent("admin"))
    make.inbound(channel, "For all", sender=LAN)
    before = newest()
    admin.post("/tickets/1001/team", data={"team": hidden})
    told = changes(client, before, view="open", rows="1", ticket=1001)
    assert told["rows"] == {"1": None} and told["ticket"] == {"gone": True} and told["events"] == []


def test_a_reader_misses_nothing_while_others_commit(app: Any, client: Any, make: Any, channel: Any) -> None:
    """Doorbells may all be lost: following the cursor alone sees every event once, in order."""
    make.inbound(channel, "First", sender=LAN)
    start = newest()
    stop = threading.Event()

    def write(worker: int) -> None:
        with app.app_context():
            for i in range(15):
                with unit_of_work() as work:
                    ticket = work.session.query(Ticket).with_for_update().one()
                    tickets.change_tags(work, None, ticket, add=(f"t-{worker}-{i}",))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    cursor, deadline = start, time.monotonic() + 60
    while time.monotonic() < deadline:
        alive = any(t.is_alive() for t in threads)
        told = changes(client, cursor)
        seen += [e["seq"] for e in told["events"]]
        cursor = told["cursor"]
        if not alive and not told["events"]:
            break
    stop.set()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert seen == list(db.session.scalars(select(EventRow.seq).where(EventRow.seq > start).order_by(EventRow.seq)))
    assert len(seen) == 45
