"""Real processes lose parts of what they stand on, with a Telegram that is not ours; nothing is lost or said twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import func, select, update

from helpdesk.app import create_app
from helpdesk.config import Network, Settings
from helpdesk.extensions import db
from helpdesk.models import Channel, Delivery, Inbound, Message, OutboxRow, Ticket
from helpdesk.services import channels
from helpdesk.unit_of_work import unit_of_work
from tests.processes.running import COMMAND, Running, alive, environment, helpdesk, set_up, until
from tests.servers.machine import PATIENCE_S
from tests.servers.telegram import TOKEN, FakeTelegram
from tests.servers.valkey import Valkey

pytestmark = [pytest.mark.slow, pytest.mark.processes]

LOOPBACK = "[network]\nallow_private = ['127.0.0.0/8']\n"


@pytest.fixture(scope="module")
def desk_with_a_bot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a desk, made once: a start of the command costs more than most of what follows."""
    place = tmp_path_factory.mktemp("faults")
    (place / "config.toml").write_text(LOOPBACK)
    add = (
        "channel",
        "add",
        "telegram",
        "--name",
        "Bot",
        "--set",
        "api_base=http://127.0.0.1:9",
        "--set",
        "token=env:BOT_TOKEN",
    )
    set_up(
        (("init", "--admin-email", "an@desk.example", "--admin-password-stdin"), "a good long password\n"),
        (add, ""),
        data=place / "data",
        HELPDESK_CONFIG=str(place / "config.toml"),
        BOT_TOKEN=TOKEN,
    )
    return place


@pytest.fixture
def place(desk_with_a_bot: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(desk_with_a_bot, tmp_path, dirs_exist_ok=True))


def add_bot(place: Path, bot: FakeTelegram) -> None:
    """Its bot is at this Telegram."""
    with inside(place), unit_of_work() as work:
        channels.update(work, work.session.scalars(select(Channel)).one(), {"api_base": bot.url, "token": TOKEN})


@contextmanager
def inside(place: Path) -> Iterator[Flask]:
    """The same database, from this process, without a queue: what is enqueued here gets no hint."""
    app = create_app(Settings(data=place / "data", network=Network(allow_private=("127.0.0.0/8",))))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
        app.extensions["writers"].engine.dispose()


def texts() -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(Message.text).where(Message.direction == "in")))


def answer(ticket_id: int, text: str) -> None:
    """The desk answers by itself, as an acknowledgement would."""
    from helpdesk.services import replies

    with unit_of_work() as work:
        replies.automatic(work, work.session.get_one(Ticket, ticket_id), text)


def test_a_forgotten_queue_loses_nothing(place: Path) -> None:
    """FLUSHALL again and again while messages come in and answers go out."""
    with FakeTelegram() as bot:
        add_bot(place, bot)
        with Running(place, HELPDESK_CONFIG=str(place / "config.toml")) as desk, inside(place):
            socket = (desk.data / "run" / "valkey.path").read_text().strip()
            with redis.Redis.from_url(f"unix://{socket}") as queue:
                for number in range(30):
                    bot.says(f"message {number}", user=7000 + number)
                    queue.flushall()
                    time.sleep(0.05)
                until(lambda: len(texts()) == 30, what="arrival of 30 messages")
                assert set(texts().values()) == {1}
                for ticket in db.session.scalars(select(Ticket.id)).all():
                    answer(ticket, f"answer {ticket}")
                    queue.flushall()
                until(lambda: len(bot.sent()) >= 30, what="30 answers")
            until(lambda: left() == 0, what="an empty outbox")
            assert set(Counter(call.params["text"] for call in bot.sent()).values()) == {1}


def left() -> int:
    db.session.rollback()
    mine = OutboxRow.drain.in_(("arrivals", "deliveries"))
    return db.session.scalar(select(func.count()).select_from(OutboxRow).where(OutboxRow.state == "due", mine)) or 0


def test_killed_listener_and_worker_store_each_message_once(place: Path) -> None:
    with FakeTelegram() as bot:
        add_bot(place, bot)
        with Running(place, HELPDESK_CONFIG=str(place / "config.toml")) as desk, inside(place):
            for number in range(20):
                bot.says(f"message {number}", user=7000 + number)
                if number % 5 == 2:
                    killed(desk, "listen")
                if number % 5 == 4:
                    killed(desk, "worker-arrivals")
                time.sleep(0.3)
            expire_leases()
            until(lambda: len(texts()) == 20, what="arrival of 20 messages")
            until(desk.ready, what="readiness")
            assert set(texts().values()) == {1}


def killed(desk: Running, part: str) -> None:
    """As soon as it lives: it may be starting anew from the last time."""
    pid = until(lambda: alive(desk.pids.get(part, 0)) and desk.pids[part], what=f"a living {part}")
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def expire_leases() -> None:
    """Instead of waiting 45 s for the work of a killed worker."""
    time.sleep(1)
    with unit_of_work() as work:
        work.session.execute(update(OutboxRow).values(lease_until=None))


@pytest.mark.parametrize(("failpoint", "said"), [("delivery.claimed:kill", 0), ("delivery.sent:kill", 1)])
def test_a_worker_killed_between_claim_and_record(place: Path, failpoint: str, said: int) -> None:
    """Nobody can tell whether it was sent, and Telegram does not recognise a repeat: it is shown, never said twice."""
    with FakeTelegram() as bot, Valkey() as valkey:
        add_bot(place, bot)
        with inside(place) as app:
            ticket = arrive(app)
            answer(ticket, "we are here")
            first = work_once(place, valkey, HELPDESK_FAILPOINT=failpoint)
            try:
                assert first.wait(PATIENCE_S) == -signal.SIGKILL
            finally:
                first.kill()
                first.wait()
            expire_leases()
            second = work_once(place, valkey)
            try:
                until(lambda: delivery_state() == "unknown", what="state unknown")
                assert [call.params["text"] for call in bot.sent()] == ["we are here"] * said
            finally:
                second.terminate()
                assert second.wait(PATIENCE_S) == 0


def arrive(app: Flask) -> int:
    """A customer's message, taken in here, so that only the delivery is left to workers."""
    from connectors.contract import Address, InboundMessage
    from helpdesk.services import intake

    with unit_of_work(actor="customer") as work:
        channel = work.session.scalars(select(Channel)).one()
        scope = channels.connector_of(channel).identity_scope
        sender = Address("telegram", "7000", scope=scope, name="Lan")
        thing = InboundMessage(external_id="1", sender=sender, text="hello", reply_text="hello", sender_verified=True)
        outcome = intake.receive(work, channel, thing)
    assert outcome.ticket_id is not None
    return outcome.ticket_id


def work_once(place: Path, valkey: Valkey, **more: str) -> subprocess.Popen[bytes]:
    """A deliveries worker of its own, woken by one hint."""
    env = environment(
        HELPDESK_DATA=str(place / "data"), HELPDESK_REDIS_URL=valkey.url,
        HELPDESK_CONFIG=str(place / "config.toml"), **more,
    )  # fmt: skip
    started = subprocess.Popen([*COMMAND, "worker", "--queue", "deliveries"], env=env, cwd=place)
    from helpdesk.wakeups import Wakeups

    until(lambda: Wakeups(valkey.url).wake("deliveries"), what="a hint")  # a hint gives up at once where it is slow
    return started


def delivery_state() -> str:
    db.session.rollback()
    return str(db.session.scalars(select(Delivery.state)).one())


def test_work_goes_on_after_the_queue_was_away(place: Path) -> None:
    """F6: Redis is stopped for a while; the desk takes messages meanwhile and does the work afterwards."""
    with FakeTelegram() as bot, Valkey() as valkey:
        add_bot(place, bot)
        config = str(place / "config.toml")
        with Running(place, HELPDESK_CONFIG=config, HELPDESK_REDIS_URL=valkey.url) as desk, inside(place):
            assert "queue" not in desk.pids
            valkey.kill()
            until(lambda: not desk.ready(), what="noticing")
            bot.says("while it was away")
            until(
                lambda: db.session.rollback() or db.session.scalar(select(func.count()).select_from(Inbound)),
                what="storing it",
            )
            assert desk.get("/healthz").status_code == 200
            valkey.restart()
            until(lambda: texts() == Counter(["while it was away"]), what="arrival")
            until(desk.ready, what="readiness")


def test_a_broken_channel_holds_up_no_other(place: Path) -> None:
    """One bot's server answers nothing but 500; the other's messages come in; the failing one is told."""
    with FakeTelegram() as bot, FakeTelegram("999:other-token-AAE_canary_canary_canary") as broken:
        add_bot(place, bot)
        config = str(place / "config.toml")
        broken.fail("deleteWebhook", 500, "boom", times=1000)
        done = helpdesk(
            "channel", "add", "telegram", "--name", "Broken", "--set", f"api_base={broken.url}",
            "--secret-stdin", "token", "--json", data=place / "data", stdin=broken.token + "\n", HELPDESK_CONFIG=config,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with Running(place, HELPDESK_CONFIG=config) as desk, inside(place):
            bot.says("hello")
            until(lambda: len(texts()) == 1, what="arrival")
            listed = until(lambda: failing(desk), what="the failing channel")
            assert listed == ["Broken"]
            assert TOKEN not in desk.log and broken.token not in desk.log
            off = helpdesk("channel", "disable", "Broken", data=desk.data, HELPDESK_CONFIG=config)
            assert off.returncode == 0
            until(desk.ready, what="readiness without the broken channel")


def failing(desk: Running) -> list[str]:
    return [c["name"] for c in desk.get("/readyz").json()["channels"] if c["state"] == "failing"]
