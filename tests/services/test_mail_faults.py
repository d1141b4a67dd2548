"""Everything between a mailbox and the desk breaks once; what counts is how many messages and tickets there are after."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from connectors.contract import ConnectorError
from connectors.email import listen, pinned
from helpdesk.extensions import db
from helpdesk.models import Channel, Inbound, Message, Ticket
from helpdesk.processes.door import Door
from helpdesk.services import channels, listening
from helpdesk.unit_of_work import unit_of_work
from tests.conftest import missing
from tests.connectors.email.mailbox import mail
from tests.servers import Missing
from tests.servers.dovecot import Dovecot
from tests.servers.machine import PATIENCE_S
from tests.servers.proxy import Proxy

pytestmark = [pytest.mark.database, pytest.mark.dovecot, pytest.mark.processes]
SUPPORT, SALES = "support@example.com", "sales@example.com"


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    try:
        with Dovecot() as found:
            yield found
    except Missing as error:
        missing(str(error))


@pytest.fixture
def dovecot(server: Dovecot, request: pytest.FixtureRequest) -> Dovecot:
    """The same server with mailboxes of one's own."""
    server.user = f"{request.node.name.partition('[')[0][-40:]}-{uuid4().hex[:12]}@example.com"
    return server


@pytest.fixture
def mailbox(make: Any, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Channel]:
    monkeypatch.setattr(listen, "SEARCH_EVERY_S", 0.1)
    monkeypatch.setattr(listen, "TICK_S", 0.1)

    def _mailbox(port: int = 0, address: str = SUPPORT, **settings: Any) -> Channel:
        config = {"address": address, "imap_host": "127.0.0.1", "imap_port": port or dovecot.port,
                  "imap_security": "none", "imap_user": dovecot.user, "imap_password": "secret",
                  "import_from": "all", "watch_sent": False, **settings}  # fmt: skip
        return make.channel("email", name=address, config=config, acknowledge=True, acknowledge_message="Got it.")

    return _mailbox


def fetch(channel: Channel, batches: int = 10_000) -> int:
    """One life of the listener, until it has seen everything or the line breaks; how many batches were stored."""
    db.session.rollback()
    row = db.session.get_one(Channel, channel.id)
    connector: Any = channels.connector_of(row, db.session())
    cursor = listening.cursor_of(db.session(), channel.id)
    db.session.rollback()
    stored = empty = 0
    found = connector.listen(cursor, threading.Event())
    try:
        for batch in found:
            empty += not batch.raws
            if empty == 2 or stored == batches:  # at rest; or killed before this one is stored
                return stored
            listening.keep(batch.raws)
            with unit_of_work() as work:
                listening.store(work, channel.id, batch.raws, batch.cursor)
            stored += bool(batch.raws)
    finally:
        found.close()
    return stored


def counts() -> dict[str, int]:
    db.session.rollback()
    said = Counter(db.session.scalars(select(Message.direction)))
    return {
        "raws": db.session.scalar(select(func.count()).select_from(Inbound)) or 0,
        "in": said["in"],
        "out": said["out"],
        "tickets": db.session.scalar(select(func.count()).select_from(Ticket)) or 0,
    }


def fresh(number: int | str, **more: Any) -> bytes:
    """A mail of now, so that it is no history, from somebody of its own, who gets an acknowledgement."""
    now = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    found = mail(number, **more).replace(b"Sat, 21 Nov 2026 08:10:00 +0700", now.encode())
    return found.replace(b"<lan@", f"<lan-{number}@".encode())


@pytest.mark.parametrize("seed", range(3))
def test_a_line_cut_anywhere_in_a_mail_loses_and_doubles_nothing(dovecot, mailbox, drain, seed: int) -> None:
    """F13: cut inside literals at random places, again and again."""
    dice = random.Random(seed)
    bodies = [mail(n, f"{n} " + "Xin chào " * dice.randrange(10, 8000)) for n in range(12)]
    for body in bodies:
        dovecot.deliver(body)
    with Proxy(dovecot.port) as line:
        channel = mailbox(line.port)
        broken = 0
        for _ in range(6):
            line.cut_after(dice.randrange(2_000, 300_000))
            try:
                fetch(channel)
            except ConnectorError:
                broken += 1
        line.passing()
        fetch(channel)
    assert broken > 0
    drain("arrivals")
    assert counts() == {"raws": 12, "in": 12, "out": 0, "tickets": 12}
    sizes = db.session.scalars(select(Inbound.size_bytes)).all()
    assert sorted(sizes) == sorted(len(body) for body in bodies), "no mail is shorter than it was"


def test_a_hanging_server_holds_up_no_other_mailbox(app: Flask, dovecot, mailbox, drain, monkeypatch) -> None:
    """F14: one server accepts and never answers; the other mailbox's mail comes, the hanging one is told."""
    monkeypatch.setattr(pinned.ImapSession.__init__, "__defaults__", (1.5,))
    with Proxy(dovecot.port) as line:
        line.blackhole()
        hanging, good = mailbox(line.port, address="slow@example.com"), mailbox(import_from="now")
        doors = [Door(app, c.id, "listen", version=c.version, holder=f"test-{c.id}") for c in (hanging, good)]
        for door in doors:
            door.start()
        try:
            wait_for(lambda: state(good) == "ok")
            dovecot.deliver(fresh("live"))
            wait_for(lambda: counts()["raws"] == 1)
            wait_for(lambda: state(hanging) == "failing")
            line.passing()
            wait_for(lambda: state(hanging) == "ok")
        finally:
            for door in doors:
                door.stop.set()
            for door in doors:
                door.join(60)
                assert not door.is_alive()


def wait_for(found: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def state(channel: Channel) -> str:
    db.session.rollback()
    return db.session.get_one(Channel, channel.id).state


def test_a_wrong_password_is_told_at_once_and_not_tried_again_and_again(app: Flask, dovecot, mailbox) -> None:
    """F18: the server is left alone for half a minute and longer after it said no."""
    with Proxy(dovecot.port) as line:
        channel = mailbox(line.port, imap_password="changed-canary")
        door = Door(app, channel.id, "listen", version=channel.version, holder="test")
        door.start()
        try:
            wait_for(lambda: state(channel) == "failing")
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                assert line.connections == 1
                time.sleep(0.2)
        finally:
            door.stop.set()
            door.join(60)
    told = db.session.get_one(Channel, channel.id).last_error
    assert "refused the login" in told and "canary" not in told


def test_a_renumbered_mailbox_makes_no_second_ticket_and_no_second_answer(dovecot, mailbox, drain) -> None:
    """F15: UIDVALIDITY changes, while one mail comes in."""
    channel = mailbox(import_from="now")
    fetch(channel)
    for number in range(5):
        dovecot.deliver(fresh(number))
    fetch(channel)
    drain("arrivals", "reactions")
    before = counts()
    assert (before["in"], before["tickets"], before["out"]) == (5, 5, 5), "each was acknowledged"
    dovecot.deliver(fresh("meanwhile"))
    dovecot.change_uidvalidity()
    fetch(channel)
    drain("arrivals", "reactions")
    assert counts() == {"raws": 6, "in": 6, "out": 6, "tickets": 6}
    assert sum(db.session.scalars(select(Inbound.duplicates))) == 5


def test_a_folder_deleted_made_again_and_filled_from_a_backup(dovecot, mailbox, drain) -> None:
    """F15: the same mails with new UIDs and today's INTERNALDATE, and one nobody had seen."""
    channel = mailbox(imap_folder="Support")
    kept = [fresh(number) for number in range(6)]
    for body in kept:
        dovecot.deliver(body, "Support")
    fetch(channel)
    drain("arrivals", "reactions")
    with dovecot.session() as imap:
        imap.delete("Support")
    with pytest.raises(ConnectorError, match="does not exist"):
        fetch(channel)
    for body in [*kept, fresh("new")]:
        dovecot.deliver(b"X-Restored: yes\r\n" + body, "Support")
    fetch(channel)
    drain("arrivals", "reactions")
    assert counts()["raws"] == counts()["in"] == counts()["tickets"] == 7


def test_old_mail_put_back_into_the_mailbox_is_recognised(dovecot, mailbox, drain) -> None:
    """F15: a restore appends old mails beside those that are there, under new UIDs."""
    channel = mailbox()
    bodies = [mail(number) for number in range(4)]
    for body in bodies:
        dovecot.deliver(body)
    fetch(channel)
    for body in bodies:
        dovecot.deliver(body)
    dovecot.deliver(mail("one more"))
    fetch(channel)
    drain("arrivals", "reactions")
    assert (counts()["raws"], counts()["in"], counts()["tickets"]) == (5, 5, 5)


def test_the_same_and_the_different_under_one_name_and_without_one(dovecot, mailbox, drain) -> None:
    """F16: each pair with its count."""
    channel, sales = mailbox(), mailbox(address=SALES, imap_folder="Sales")
    same, nameless = mail("same"), mail("nameless", message_id=None)
    for folder in ("INBOX", "INBOX", "Sales"):  # twice to one address, once to another of ours
        dovecot.deliver(b"Received: from " + folder.encode() + b"\r\n" + same, folder)
    dovecot.deliver(nameless)
    dovecot.deliver(nameless)
    dovecot.deliver(mail("other words", "first", message_id="one@x"))
    dovecot.deliver(mail("other words", "second", message_id="one@x"))
    dovecot.deliver(mail("nameless too", "another", message_id=None))
    fetch(channel)
    fetch(sales)
    drain("arrivals", "reactions")
    told = Counter(db.session.scalars(select(Message.subject).where(Message.direction == "in")))
    assert told == {"Question same": 1, "Question nameless": 1, "Question other words": 2, "Question nameless too": 1}
    assert db.session.scalars(select(Inbound.outcome).where(Inbound.channel_id == sales.id)).all() == ["duplicate"]


def test_killed_before_any_batch_is_stored(dovecot, mailbox, drain, monkeypatch) -> None:
    """F5 in one process: fetched and dropped before the commit at every place there is."""
    from connectors.email import folder

    monkeypatch.setattr(folder, "FETCH_COUNT", 3)
    for number in range(20):
        dovecot.deliver(mail(number))
    channel = mailbox()
    for _ in range(20):
        if fetch(channel, batches=1) == 0:
            break
    drain("arrivals")
    assert counts()["in"] == counts()["raws"] == 20
    assert sum(db.session.scalars(select(Inbound.duplicates))) == 0
