"""Who is told of what, by which way, and when not; mails that are answered; browsers that are woken."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from connectors.contract import Address, Evidence
from helpdesk.access import viewer_of
from helpdesk.errors import Invalid
from helpdesk.events import DeliveryChanged, SlaBreached
from helpdesk.extensions import db
from helpdesk.models import Agent, AgentSession, Message, Notice, OutboxRow, PushSubscription, Ticket
from helpdesk.services import notice_choices, notice_mail, notices, people, push, replies, sessions, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work

pytestmark = pytest.mark.processes

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")
EVERYTHING = {kind: list(notice_choices.WAYS) for kind in notice_choices.KINDS}


@pytest.fixture
def desk(make: Any) -> Any:
    class Desk:
        channel = make.channel("widget")
        linh = make.agent("agent", name="Trần Linh")
        minh = make.agent("agent", name="Minh Hoàng")

        def says(self, text: str = "Where is my parcel?") -> Any:
            return make.inbound(self.channel, text, sender=LAN)

        def does(self, agent: Agent, act: Any) -> None:
            with unit_of_work(actor=f"agent:{agent.id}") as work:
                act(work, viewer_of(agent), work.session.scalars(select(Ticket)).first())

        def prefers(self, agent: Agent, **chosen: Any) -> None:
            values = {"quiet": False, "quiet_from": "21:00", "quiet_until": "07:00", "ways": {}} | chosen
            kept = notice_choices.stored(values.pop("ways"), **values)
            with unit_of_work() as work:
                people.prefer(work, agent.id, "notices", kept)

    return Desk()


def told(agent: Agent) -> list[str]:
    db.session.rollback()
    found = db.session.scalars(select(Notice).where(Notice.agent_id == agent.id).order_by(Notice.id))
    return [n.kind for n in found]


def queued(kind: str) -> list[OutboxRow]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxRow).where(OutboxRow.kind == kind, OutboxRow.state == "due")))


# --- who is told ---------------------------------------------------------------------------------------------


def test_who_gets_a_ticket_is_told_unless_they_took_it_themselves(desk: Any) -> None:
    desk.says()
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.linh.id))
    assert told(desk.linh) == []
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
    assert (told(desk.linh), told(desk.minh)) == ([], ["assigned"])


def test_mentions_and_answers_are_told_to_those_concerned_only(desk: Any, make: Any) -> None:
    other = make.agent("agent")
    desk.says()
    desk.does(desk.linh, lambda work, me, t: replies.note(work, me, t, Written(text="@Minh"), mentions=[desk.minh.id]))
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.linh.id))
    desk.does(other, lambda work, me, t: tickets.follow(work, me, t, other.id))
    desk.says("And another thing: it is broken")
    desk.says("cảm ơn shop")  # thanks are no reason to look up
    assert told(desk.linh) == ["reply"]
    assert told(desk.minh) == ["mention"]
    assert told(other) == ["reply"]


def test_a_broken_promise_is_told_to_who_has_it_else_to_who_leads(desk: Any, make: Any) -> None:
    team = make.team()
    lead = make.agent("supervisor", leads=[team])
    outcome = desk.says()
    breach = SlaBreached(ticket_id=outcome.ticket_id, target="first_response", clock_id=1)
    desk.does(desk.linh, lambda work, me, t: tickets.set_team(work, None, t, team))
    with unit_of_work() as work:
        work.record(breach)
    assert told(lead) == ["sla_late"]
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, None, t, desk.minh.id))
    with unit_of_work() as work:
        work.record(breach)
    assert (told(lead), told(desk.minh)) == (["sla_late"], ["assigned", "sla_late"])


def test_a_promise_about_to_break_is_told_once(desk: Any, drain: Any) -> None:
    desk.says()
    now = datetime.now(UTC)

    def soon(work: Any, me: Any, t: Ticket) -> None:
        tickets.assign(work, None, t, desk.linh.id)
        t.sla_due_at, t.sla_soon_at, t.sla_target = now + timedelta(hours=1), now - timedelta(minutes=1), "resolution"

    desk.does(desk.minh, soon)
    for _ in range(2):
        with unit_of_work() as work:
            work.enqueue("surveys", "chore.sla_soon")
        drain("surveys")
    assert told(desk.linh) == ["assigned", "sla_soon"]


def test_a_message_that_did_not_arrive_is_told_to_its_author(desk: Any) -> None:
    outcome = desk.says()
    desk.does(desk.linh, lambda work, me, t: replies.reply(work, me, t, Written(text="Coming")))
    sent = db.session.scalars(select(Message).where(Message.direction == "out")).one()
    for state in ("sent", "failed"):
        with unit_of_work() as work:
            work.record(
                DeliveryChanged(ticket_id=outcome.ticket_id, message_id=sent.id, delivery_id=1, state=state, error="no")
            )
    assert told(desk.linh) == ["failed"]


# --- choices -------------------------------------------------------------------------------------------------


def test_each_kind_goes_the_ways_that_were_chosen(desk: Any) -> None:
    desk.prefers(desk.minh, ways={"mention": ["push"], "assigned": []})
    desk.says()
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
    desk.does(desk.linh, lambda work, me, t: replies.note(work, me, t, Written(text="@Minh"), mentions=[desk.minh.id]))
    assert told(desk.minh) == ["mention"]
    assert notices.unread(db.session(), desk.minh.id) == 0, "not in the inbox, as chosen"
    assert (len(queued("notice.push")), len(queued("notice.email"))) == (1, 0)


@pytest.mark.parametrize(
    ("hour", "until"),
    [(13, None), (22, (23, 7)), (3, (22, 7)), (7, None)],  # local; the day and hour it may be heard again
)
def test_quiet_hours_hold_the_loud_ways_back(hour: int, until: tuple[int, int] | None) -> None:
    kept = notice_choices.stored({}, quiet=True, quiet_from="21:00", quiet_until="07:00")
    choices = notice_choices.read({"notices": kept}, "Asia/Ho_Chi_Minh")
    at = datetime(2026, 11, 22, hour, 30 if hour != 7 else 0, tzinfo=UTC) - timedelta(hours=7)
    heard = choices.quiet_until(at)
    if until is None:
        assert heard is None
    else:
        assert heard == datetime(2026, 11, until[0], until[1], tzinfo=UTC) - timedelta(hours=7)


def test_what_was_read_meanwhile_is_not_mailed(desk: Any, drain: Any, make: Any) -> None:
    make.channel("email", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1})
    desk.prefers(desk.minh, ways={"assigned": ["app", "email"]})
    desk.says()
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
    with unit_of_work() as work:
        assert notices.read(work, viewer_of(desk.minh), up_to=10**9) == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=3)):
        drain("surveys")
    assert queued("system_mail") == []


def test_opening_the_ticket_reads_its_notices_on_every_device(desk: Any) -> None:
    desk.says()
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
    assert notices.unread(db.session(), desk.minh.id) == 1
    desk.does(desk.minh, lambda work, me, t: tickets.mark_read(work, me, t, t.seq))
    db.session.rollback()
    assert notices.unread(db.session(), desk.minh.id) == 0


# --- by mail, and back ---------------------------------------------------------------------------------------


@pytest.fixture
def mailbox(make: Any) -> Any:
    return make.channel(
        "email",
        config={"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1},
        plus_addressing=True,
    )


def answer(make: Any, mailbox: Any, agent: Agent, what: str, text: str, **values: Any) -> Any:
    ticket_id = db.session.scalars(select(Ticket.id).order_by(Ticket.id)).first()
    assert ticket_id is not None
    token = notice_mail.token(make.app.extensions["keyring"], agent.id, ticket_id, what)
    values.setdefault("sender", Address("email", agent.email, name=agent.name))
    return make.inbound(
        mailbox, text, subject="Re: told", evidence=Evidence(addressed_to=(f"hello+{token}@shop.example",)), **values
    )


def said() -> list[tuple[str, str, int | None]]:
    db.session.rollback()
    return [
        (m.kind, m.text, m.agent_id)
        for m in db.session.scalars(select(Message).where(Message.direction == "out").order_by(Message.id))
    ]


def test_the_mail_can_be_answered_and_says_how(desk: Any, mailbox: Any, drain: Any, make: Any) -> None:
    desk.prefers(desk.minh, ways={"reply": ["email"]})
    desk.says()
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
    desk.says("It is broken, too")
    drain("surveys")
    [row] = queued("system_mail")
    mail = json.loads(make.app.extensions["keyring"].open("system-mail", row.payload["sealed"]))
    assert mail["to"] == desk.minh.email
    assert "Nguyễn Lan Anh" in mail["subject"] and "It is broken, too" in mail["text"]
    assert "Answer this mail to answer the customer" in mail["text"]
    assert mail["reply_token"].startswith(f"n{desk.minh.id}.")


def test_an_agents_answer_by_mail_is_a_reply_or_a_note(desk: Any, mailbox: Any, make: Any) -> None:
    desk.says()
    assert answer(make, mailbox, desk.minh, "r", "It leaves tomorrow.").kind == "appended"
    answer(make, mailbox, desk.minh, "n", "Ask the carrier.")
    answer(make, mailbox, desk.minh, "r", "#note Only for us.")
    assert said() == [
        ("reply", "It leaves tomorrow.", desk.minh.id),
        ("note", "Ask the carrier.", desk.minh.id),
        ("note", "Only for us.", desk.minh.id),
    ]
    assert db.session.scalars(select(Ticket.assignee_id)).one() == desk.minh.id
    assert "assigned" not in told(desk.minh)


def test_the_same_mail_twice_is_one_answer(desk: Any, mailbox: Any, make: Any) -> None:
    desk.says()
    for _ in range(2):
        answer(make, mailbox, desk.minh, "r", "Once.", external_id="mail-1")
    assert said() == [("reply", "Once.", desk.minh.id)]


@pytest.mark.parametrize(
    "values",
    [
        {"sender": Address("email", "stranger@evil.example")},
        {"authentication": {"dmarc": "fail"}},
        {"authentication": {"spf": "fail"}},
        {"auto": "auto-reply"},
    ],
    ids=["another address", "DMARC failed", "SPF failed", "a machine's answer"],
)
def test_what_is_not_surely_the_agent_speaks_for_nobody(values: Any, desk: Any, mailbox: Any, make: Any) -> None:
    desk.says()
    answer(make, mailbox, desk.minh, "r", "Send me the money", **values)
    assert said() == []


def test_an_agent_who_may_not_see_the_ticket_any_more_cannot_answer_it(desk: Any, mailbox: Any, make: Any) -> None:
    desk.says()
    hidden = make.team()
    desk.does(desk.linh, lambda work, me, t: tickets.set_team(work, None, t, hidden))
    answer(make, mailbox, desk.minh, "n", "Hello?")
    assert said() == []


def test_an_answer_that_cannot_be_sent_is_kept_as_a_note_and_told(desk: Any, mailbox: Any, make: Any) -> None:
    desk.says()
    with unit_of_work() as work:
        work.session.merge(desk.channel).receive_only = True
    answer(make, mailbox, desk.minh, "r", "It leaves tomorrow.")
    [(kind, text, agent_id)] = said()
    assert kind == "note" and agent_id == desk.minh.id
    assert "could not be sent" in text and "It leaves tomorrow." in text
    assert told(desk.minh) == ["failed"]


def test_the_daily_mail_comes_once_a_day_at_its_hour(desk: Any, mailbox: Any, drain: Any) -> None:
    desk.prefers(desk.minh, ways={"assigned": ["app"]}, digest="8")
    desk.says()
    desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
    counts = []
    for hour in (7, 8, 9, 32):  # local: 7, 8, 9 and 8 of the next day
        moment = (datetime.now(UTC) + timedelta(days=2)).replace(hour=0, minute=5) + timedelta(hours=hour - 7)
        with time_machine.travel(moment):
            with unit_of_work() as work:
                work.enqueue("surveys", "chore.digests")
            drain("surveys")
            counts.append(len(queued("system_mail")))
    assert counts == [0, 1, 1, 2]


# --- push ----------------------------------------------------------------------------------------------------


class PushService:
    """Takes what the desk sends, as a browser maker's service would; `status` is its next answer."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 201
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.heard.append((self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/push/abc?x=1"


@pytest.fixture
def push_service() -> Iterator[PushService]:
    service = PushService()
    thread = threading.Thread(target=service.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield service
    service.server.shutdown()
    service.server.server_close()
    thread.join(60)


class Browser:
    """The keys a browser makes for itself; it can read what was encrypted for it."""

    def __init__(self, url: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = b"sixteen bytes 16"
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        encode = lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")  # noqa: E731
        self.subscription = {"endpoint": url, "keys": {"p256dh": encode(point), "auth": encode(self.auth)}}

    def read(self, body: bytes) -> Any:
        import http_ece

        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"))


def session_of(agent: Agent) -> int:
    with unit_of_work() as work:
        sessions.start(work, work.session.merge(agent))
    found = select(AgentSession.id).where(AgentSession.agent_id == agent.id).order_by(AgentSession.id.desc())
    return db.session.scalars(found).first() or 0


@contextmanager
def subscribed(agent: Agent, url: str) -> Iterator[tuple[Browser, int]]:
    browser, session_id = Browser(url), session_of(agent)
    with unit_of_work() as work:
        push.public_key(work)
        push.subscribe(work, viewer_of(agent), session_id, browser.subscription)
    yield browser, session_id


def test_a_browser_is_woken_with_what_only_it_can_read(desk: Any, drain: Any, push_service: PushService) -> None:
    with subscribed(desk.minh, push_service.url) as (browser, _session):
        desk.says()
        desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
        drain("surveys")
    [(path, headers, body)] = push_service.heard
    assert path == "/push/abc?x=1"
    assert headers["Content-Encoding"] == "aes128gcm" and headers["Authorization"].startswith("vapid t=")
    assert browser.read(body)["title"] == "Trần Linh gave you a ticket"
    assert browser.read(body)["url"] == "/tickets/1001"


def test_a_browser_that_is_gone_or_signed_out_is_not_asked_again(
    desk: Any, drain: Any, push_service: PushService
) -> None:
    push_service.status = 410
    with subscribed(desk.minh, push_service.url) as (_browser, session_id):
        desk.says()
        desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
        drain("surveys")
        assert db.session.scalars(select(PushSubscription)).all() == []
    with subscribed(desk.minh, push_service.url) as (_browser, session_id):
        with unit_of_work() as work:
            sessions.end(work, session_id=session_id)
        desk.does(desk.linh, lambda work, me, t: replies.note(work, me, t, Written(text="x"), mentions=[desk.minh.id]))
        drain("surveys")
    assert len(push_service.heard) == 1
    with unit_of_work() as work:
        assert push.forget_ended(work) == 1


def test_a_service_that_is_away_is_tried_again_later(desk: Any, drain: Any, push_service: PushService) -> None:
    push_service.status = 503
    with subscribed(desk.minh, push_service.url):
        desk.says()
        desk.does(desk.linh, lambda work, me, t: tickets.assign(work, me, t, desk.minh.id))
        drain("surveys")
    [row] = queued("notice.push")
    assert row.attempts == 1 and row.run_at > datetime.now(UTC)


def test_only_what_a_browser_makes_is_taken(desk: Any) -> None:
    good = Browser("https://push.example/abc").subscription
    wrong: list[Any] = [
        {}, {**good, "endpoint": "ftp://push.example/x"}, {**good, "endpoint": 7}, {**good, "keys": {}},
        {**good, "keys": {**good["keys"], "auth": "c2hvcnQ"}}, {**good, "keys": {**good["keys"], "p256dh": "AAAA"}},
    ]  # fmt: skip
    for one in wrong:
        with pytest.raises(Invalid), unit_of_work() as work:
            push.subscribe(work, viewer_of(desk.minh), 1, one)


def test_the_key_pair_rests_sealed_and_stays_the_same(desk: Any) -> None:
    with unit_of_work() as work:
        first = push.public_key(work)
    with unit_of_work() as work:
        assert push.public_key(work) == first
    assert "PRIVATE" not in str(desk_settings.get(db.session, push.SETTING))
    assert len(base64.urlsafe_b64decode(first + "=")) == 65
