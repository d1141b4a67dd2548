"""Notices by the agent's own messenger: linked by a code, sent through the channel, answered by quoting, ended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from connectors.contract import Address, InboundMessage, Raw
from helpdesk.access import viewer_of
from helpdesk.extensions import db
from helpdesk.models import Agent, Channel, Identity, Message, Notice, NoticeChat, OutboxRow, Ticket
from helpdesk.services import channels, intake, notice_choices, notices, people, tickets
from helpdesk.unit_of_work import unit_of_work
from tests.servers.telegram import TOKEN, FakeTelegram

pytestmark = pytest.mark.processes

CODE = r'value="(hd-[a-z2-7]{4}-[a-z2-7]{4})"'
LINH_CHAT, MINH_CHAT = 9101, 9202


@pytest.fixture
def bot() -> Iterator[FakeTelegram]:
    with FakeTelegram() as fake:
        yield fake


class Desk:
    def __init__(self, make: Any, drain: Any, bot: FakeTelegram) -> None:
        self.make, self.drain, self.bot = make, drain, bot
        self.channel = make.channel("telegram", name="Shop bot", config={"token": TOKEN, "api_base": bot.url})
        self.linh: Agent = make.agent("agent", name="Trần Linh")
        self.boss: Agent = make.agent("admin", name="Boss")

    def writes(self, text: str, user: int, **more: Any) -> list[intake.Outcome]:
        """Somebody writes to the bot: the update as Telegram brings it, read by the connector and taken in."""
        update = self.bot.says(text, user=user, name="Linh", **more)
        raw = Raw(str(update["update_id"]), json.dumps(update).encode(), "application/json")
        with unit_of_work(actor="customer") as work:
            channel = work.session.get_one(Channel, self.channel.id)
            connector = channels.connector_of(channel, work.session)
            return [intake.receive(work, channel, thing) for thing in connector.parse(raw)]  # type: ignore[attr-defined]

    def link(self, user: int = LINH_CHAT, how: str = "{}") -> None:
        client = self.make.client(self.linh)
        page = client.post("/me/notices/chat").get_data(as_text=True)
        code = re.search(CODE, page)
        assert code is not None and "Shop bot" in page
        [outcome] = self.writes(how.format(code[1]), user)
        assert outcome == intake.Outcome("ignored", reason="An agent linked this chat for their notices.")

    def give(self) -> Ticket:
        """A customer's ticket is given to Linh."""
        self.make.inbound(self.channel, "Where is my parcel?", sender=Address("telegram", "5201001", name="Lan Anh"))
        with unit_of_work(actor=f"agent:{self.boss.id}") as work:
            ticket = work.session.scalars(select(Ticket)).one()
            tickets.assign(work, viewer_of(self.boss), ticket, self.linh.id)
            return ticket

    def said(self, user: int = LINH_CHAT) -> list[str]:
        self.drain("surveys")
        return [call.params["text"] for call in self.bot.sent(user)]

    def chat(self) -> NoticeChat | None:
        db.session.rollback()
        db.session.expire_all()
        return db.session.scalar(select(NoticeChat))


@pytest.fixture
def desk(make: Any, drain: Any, bot: FakeTelegram) -> Desk:
    return Desk(make, drain, bot)


def rows(model: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize("how", ["{}", "/start {}", " {} "])
def test_a_code_links_the_chat_and_notices_come_there(how: str, desk: Desk) -> None:
    desk.link(how=how)
    assert [text.split(".")[0] for text in desk.said()] == ["Your notices come here from now on"]
    assert (rows(Ticket), rows(Identity)) == (0, 0), "an agent is no customer"
    desk.give()
    told = desk.said()[-1]
    assert "Boss gave you a ticket" in told and "#1001 Where is my parcel?" in told
    page = desk.make.client(desk.linh).get("/me/notices").get_data(as_text=True)
    assert "Your notices go to Linh by Shop bot." in page


def test_a_code_works_once_for_an_hour_and_only_the_last_one(desk: Desk) -> None:
    client = desk.make.client(desk.linh)
    codes = [re.findall(CODE, client.post("/me/notices/chat").text)[0] for _ in range(2)]
    assert desk.writes(codes[0], MINH_CHAT)[0].kind == "ticket", "made void by the second"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        assert desk.writes(codes[1], MINH_CHAT)[0].kind == "appended"
    assert desk.chat().value is None  # type: ignore[union-attr]
    assert desk.writes(codes[1], LINH_CHAT)[0].kind == "ignored"
    assert desk.writes(codes[1], MINH_CHAT)[0].kind == "appended", "used"
    assert desk.chat().value == str(LINH_CHAT)  # type: ignore[union-attr]


def test_a_quoted_notice_is_answered_by_a_note_and_nothing_reaches_the_customer(desk: Desk) -> None:
    desk.link()
    desk.give()
    desk.said()
    notice = db.session.scalars(select(Notice)).one()
    quoted = int(notice.data["said"][0].rpartition(":")[2])
    told = {"message_id": quoted, "date": 1, "chat": {"id": LINH_CHAT, "type": "private"}, "text": "…"}
    assert desk.writes("Ask the carrier", LINH_CHAT, reply_to_message=told)[0].reason == "An agent answered a notice."
    db.session.rollback()
    notes = db.session.scalars(select(Message).where(Message.direction == "out")).all()
    assert [(n.kind, n.text, n.agent_id, n.public) for n in notes] == [("note", "Ask the carrier", desk.linh.id, False)]
    desk.writes("hello?", LINH_CHAT)
    assert "reaches no customer" in desk.said()[-1]
    assert rows(Message) == 2 and desk.bot.sent(5201001) == []


def test_quoting_a_ticket_that_went_out_of_sight_adds_nothing(desk: Desk) -> None:
    desk.link()
    ticket = desk.give()
    desk.said()
    quoted = int(db.session.scalars(select(Notice)).one().data["said"][0].rpartition(":")[2])
    hidden = desk.make.team()
    with unit_of_work() as work:
        mine = work.session.get_one(Ticket, ticket.id)
        tickets.assign(work, None, mine, None)
        tickets.set_team(work, None, mine, hidden)
    told = {"message_id": quoted, "date": 1, "chat": {"id": LINH_CHAT, "type": "private"}, "text": "…"}
    desk.writes("Ask the carrier", LINH_CHAT, reply_to_message=told)
    assert rows(Message) == 1


def test_stop_and_unlink_end_it(desk: Desk) -> None:
    desk.link()
    assert desk.writes("Dừng", LINH_CHAT)[0].reason == "An agent ended the notices in this chat."
    assert desk.chat() is None
    desk.link()
    assert desk.make.client(desk.linh).post("/me/notices/chat/end").status_code == 303
    assert desk.chat() is None
    desk.give()
    assert not any("gave you" in text for text in desk.said())
    assert desk.writes("Where is it?", LINH_CHAT)[0].kind == "ticket", "a customer like any other again"


def test_who_left_is_a_customer_like_any_other(desk: Desk) -> None:
    desk.link()
    with unit_of_work() as work:
        work.session.get_one(Agent, desk.linh.id).disabled_at = work.now
    assert desk.writes("Where is my parcel?", LINH_CHAT)[0].kind == "ticket"
    assert desk.chat() is None


def test_one_chat_is_one_agents(desk: Desk) -> None:
    desk.link()
    minh = desk.make.agent("agent", name="Minh")
    desk.linh, linh = minh, desk.linh
    desk.link()
    assert rows(NoticeChat) == 1 and desk.chat().agent_id == minh.id != linh.id  # type: ignore[union-attr]


def test_quiet_hours_what_was_read_and_the_choice_hold_here_too(desk: Desk) -> None:
    desk.link()
    kept = notice_choices.stored({"assigned": ["app"]}, quiet=False, quiet_from="21:00", quiet_until="07:00")
    with unit_of_work() as work:
        people.prefer(work, desk.linh.id, "notices", kept)
    desk.give()
    assert len(desk.said()) == 1, "only the greeting: given tickets were not chosen"
    around: Any = {"quiet": True, "quiet_from": "00:00", "quiet_until": "23:59"}
    with unit_of_work() as work:
        people.prefer(work, desk.linh.id, "notices", notice_choices.stored({"assigned": ["app", "chat"]}, **around))
        ticket = work.session.scalars(select(Ticket)).one()
        tickets.assign(work, None, ticket, None)
    with time_machine.travel(datetime.now(UTC).replace(hour=12)), unit_of_work() as work:
        tickets.assign(work, None, work.session.scalars(select(Ticket)).one(), desk.linh.id)
    due = db.session.scalars(select(OutboxRow).where(OutboxRow.kind == "notice.chat")).one()
    assert due.run_at.hour in (16, 23), "when the quiet hours of their zone end"
    with unit_of_work() as work:
        notices.read(work, viewer_of(desk.linh), up_to=10**9)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1)):
        assert len(desk.said()) == 1, "read meanwhile"


def test_what_the_messenger_refuses_is_said_on_the_page_and_a_failure_is_tried_again(desk: Desk) -> None:
    desk.link()
    desk.said()
    desk.bot.fail("sendMessage", 502, "Bad Gateway")
    desk.give()
    desk.said()
    row = db.session.scalars(select(OutboxRow).where(OutboxRow.kind == "notice.chat")).one()
    assert (row.state, row.attempts) == ("due", 1)
    desk.bot.fail("sendMessage", 403, "Forbidden: bot was blocked by the user")
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        desk.said()
    page = desk.make.client(desk.linh).get("/me/notices").get_data(as_text=True)
    assert "The last one did not arrive" in page


def test_copies_of_notices_are_no_messages_to_customers(desk: Desk) -> None:
    desk.link()
    who = Address("telegram", str(LINH_CHAT), str(TOKEN.partition(":")[0]))
    ours = Address("telegram", "1")
    echo = InboundMessage("echo-1", ours, "Boss gave you a ticket", kind="echo", to=(who,))
    with unit_of_work() as work:
        outcome = intake.receive(work, work.session.get_one(Channel, desk.channel.id), echo)
    assert outcome.kind == "ignored" and rows(Ticket) == 0
