"""A customer on Telegram and an agent at the desk, through the real listener, inbox store and outbox."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Attachment, Channel, Delivery, Identity, Inbound, Message, Reach, SentPart, Ticket
from helpdesk.processes.door import Door
from helpdesk.services import replies
from helpdesk.unit_of_work import unit_of_work
from tests.servers.telegram import TOKEN, FakeTelegram

pytestmark = pytest.mark.processes


@pytest.fixture
def bot_api():
    with FakeTelegram() as fake:
        yield fake


@pytest.fixture
def desk(app, make, drain, bot_api):
    channel = make.channel("telegram", config={"token": TOKEN, "api_base": bot_api.url})
    return Desk(app, make, drain, bot_api, channel.id)


class Desk:
    def __init__(self, app, make, drain, bot_api, channel_id):
        self.app, self.make, self.drain, self.bot_api, self.channel_id = app, make, drain, bot_api, channel_id
        self.agent = make.viewer("admin")

    def listen(self, stored: int) -> None:
        """Until so many updates are stored and confirmed; then everything due is worked on."""
        version = db.session.get_one(Channel, self.channel_id).version
        db.session.rollback()
        door = Door(self.app, self.channel_id, "listen", version=version, holder="test")
        door.start()
        try:
            self.bot_api.wait_for(lambda: len(self.bot_api.called("getUpdates")) and not self.bot_api.updates)
            until = time.monotonic() + 60
            while self.count(Inbound) < stored and time.monotonic() < until:
                time.sleep(0.02)
        finally:
            door.stop.set()
            door.join(60)
        assert not door.is_alive()
        assert self.count(Inbound) == stored
        self.drain("arrivals")

    def count(self, model) -> int:
        found = len(db.session.scalars(select(model)).all())
        db.session.rollback()
        return found

    def one(self, model, **where):
        db.session.rollback()
        return db.session.scalars(select(model).filter_by(**where)).one()

    def reply(self, text: str, **more) -> int:
        ticket_id = self.one(Ticket).id
        with unit_of_work(actor="agent") as work:
            ticket = work.session.get_one(Ticket, ticket_id)
            message = replies.reply(work, self.agent, ticket, replies.Written(text=text, **more))
            return message.id

    def deliver(self) -> Delivery:
        self.drain("deliveries")
        db.session.rollback()
        return db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()


def test_a_message_becomes_a_ticket_and_the_answer_goes_back(desk, bot_api):
    bot_api.files["PHOTO-9"] = b"\xff\xd8\xff\xe0 jpeg"
    photo = [{"file_id": "PHOTO-9", "file_unique_id": "u9", "file_size": 9, "width": 9, "height": 9}]
    bot_api.says("Đơn 20931 chưa tới", name="Lan")
    bot_api.says(caption="Đây ạ", photo=photo, name="Lan")
    desk.listen(stored=2)
    ticket = desk.one(Ticket)
    assert ticket.subject == "Đơn 20931 chưa tới" and ticket.message_count == 2
    assert desk.one(Identity, kind="telegram").value == "5201001"
    assert desk.one(Attachment).size_bytes == 9

    desk.reply("Dạ, mai tới ạ.")
    delivery = desk.deliver()
    assert delivery.state == "sent" and delivery.external_id.startswith("5201001:")
    assert [call.params["text"] for call in bot_api.sent(5201001)] == ["Dạ, mai tới ạ."]


def test_an_update_brought_twice_is_one_message(desk, bot_api):
    update = bot_api.says("một lần thôi")
    desk.listen(stored=1)
    bot_api.updates.append(update)  # Telegram forgot that it was confirmed
    with unit_of_work() as work:
        work.session.get_one(Channel, desk.channel_id).cursor = {}
    desk.listen(stored=1)
    assert desk.one(Inbound).duplicates == 1
    assert desk.count(Message) == 1


def test_of_two_listeners_one_asks_and_the_other_waits_for_it_to_end(desk, bot_api):
    """Two processes, one bot: Telegram would refuse both in turns."""
    version = db.session.get_one(Channel, desk.channel_id).version
    db.session.rollback()
    first, second = (Door(desk.app, desk.channel_id, "listen", version=version, holder=who) for who in ("one", "two"))
    first.start()
    try:
        bot_api.wait_for(lambda: bot_api.called("getUpdates"))
        second.start()
        bot_api.says("chỉ một nơi đọc")
        bot_api.wait_for(lambda: not bot_api.updates)
        assert first.holds and not second.holds
        assert len(bot_api.called("deleteWebhook")) == 1, "the second did not even say that it is there"
    finally:
        for door in (first, second):
            door.stop.set()
        for door in (first, second):
            if door.ident is not None:
                door.join(60)
    assert not first.is_alive() and not second.is_alive()
    assert desk.count(Inbound) == 1


def test_an_edit_changes_the_message_where_it_stands(desk, bot_api):
    said = bot_api.says("cỡ M")["message"]
    desk.listen(stored=1)
    bot_api.push(edited_message={**said, "text": "cỡ L", "edit_date": said["date"] + 60})
    desk.listen(stored=2)
    message = desk.one(Message)
    assert message.text == "cỡ L" and message.edited_at is not None


def test_429_waits_and_loses_nothing(desk, bot_api):
    bot_api.says("xin chào shop, đơn của mình đâu")
    desk.listen(stored=1)
    bot_api.fail("sendMessage", 429, "Too Many Requests: retry after 30", retry_after=30)
    desk.reply("Dạ chào chị")
    delivery = desk.deliver()
    assert delivery.state == "queued" and "wait" in delivery.error
    assert 25 < (delivery.next_try_at - delivery.queued_at).total_seconds() < 40


def test_a_lost_answer_is_shown_as_unknown_and_not_sent_again(desk, bot_api):
    bot_api.says("đơn của mình đâu rồi")
    desk.listen(stored=1)
    bot_api.drop("sendMessage")
    desk.reply("Dạ đây ạ")
    assert desk.deliver().state == "unknown"
    assert desk.deliver().state == "unknown"
    assert len(bot_api.sent()) == 1


def test_a_customer_who_blocks_the_bot_cannot_be_reached_until_they_come_back(desk, bot_api):
    bot_api.says("thôi không mua nữa nhé shop")
    desk.listen(stored=1)
    bot_api.fail("sendMessage", 403, "Forbidden: bot was blocked by the user")
    desk.reply("Dạ vâng ạ")
    delivery = desk.deliver()
    assert (delivery.state, delivery.error) == ("failed", "The customer blocked the bot.")
    assert desk.one(Reach).state == "blocked"
    option = replies.options(db.session(), desk.one(Ticket))[0]
    assert not option.ok and "blocked" in option.reason

    bot_api.says("cho hỏi lại giá với")
    desk.listen(stored=2)
    assert desk.one(Reach).state == "verified"


def test_a_broken_update_is_a_ticket_and_the_next_one_too(desk, bot_api):
    bot_api.push(message={"message_id": 1, "date": "gestern", "from": {"id": 5, "first_name": "X"}, "text": "đọc được"})
    bot_api.says("tin sau vẫn tới")
    desk.listen(stored=2)
    outcomes = {row.outcome for row in db.session.scalars(select(Inbound))}
    assert outcomes == {"stub", "ticket"}
    assert {m.text for m in db.session.scalars(select(Message))} == {"đọc được", "tin sau vẫn tới"}


def test_a_quote_finds_the_ticket_of_its_own_bot_only(desk, bot_api, make):
    """Two bots number the same customer's messages alike; the customer has an identity with each."""
    bot_api.says("chuyện thứ nhất, với bot này")
    desk.listen(stored=1)
    desk.reply("Dạ")
    quoted = desk.deliver().external_id
    customer_id = desk.one(Identity).customer_id
    other = make.channel("telegram", config={"token": "7200000001:x"})
    with unit_of_work() as work:
        work.session.add(Identity(customer_id=customer_id, kind="telegram", scope="7200000001", value="5201001"))
    sender = Address("telegram", "5201001", "7200000001")
    elsewhere = make.inbound(other, "chuyện khác, với bot kia", sender=sender, reply_to_external_id=quoted)
    assert elsewhere.kind == "ticket"
    same = make.inbound(
        db.session.get_one(Channel, desk.channel_id),
        "tiếp chuyện thứ nhất",
        sender=Address("telegram", "5201001", "7100000042"),
        reply_to_external_id=quoted,
    )
    assert same.kind == "appended" and "quotes" in same.reason


GROUP = {"id": -4012345, "type": "group", "title": "Đại lý HCM"}
THERE = {"id": -1004012345, "type": "supergroup", "title": "Đại lý HCM"}


def group_says(bot_api, chat, text: str = "", **more) -> None:
    person = {"id": 5201002, "is_bot": False, "first_name": "John"}
    said = {"text": text} if text else {}
    number = len(bot_api.calls) + 5000
    bot_api.push(message={"message_id": number, "date": 1781000000, "chat": chat, "from": person, **said, **more})


def test_a_group_that_moves_stays_the_same_customer(desk, bot_api):
    group_says(bot_api, GROUP, "Hàng mới về chưa shop?")
    desk.listen(stored=1)
    group_says(bot_api, GROUP, migrate_to_chat_id=THERE["id"])
    group_says(bot_api, THERE, "Nhóm mình vừa nâng cấp")
    desk.listen(stored=3)
    assert desk.one(Identity).value == "-1004012345" and desk.one(Ticket).message_count == 2
    desk.reply("Dạ về rồi ạ")
    assert desk.deliver().state == "sent"
    assert [call.chat for call in bot_api.sent()] == ["-1004012345"]


def test_a_group_whose_move_was_missed_is_found_when_it_is_answered(desk, bot_api):
    group_says(bot_api, GROUP, "Hàng mới về chưa shop?")
    desk.listen(stored=1)
    text = "Bad Request: group chat was upgraded to a supergroup chat"
    bot_api.fail("sendMessage", 400, text, migrate_to_chat_id=THERE["id"])
    desk.reply("Dạ về rồi ạ")
    assert desk.deliver().state == "sent"
    assert desk.one(Identity).value == "-1004012345"
    group_says(bot_api, THERE, "Cảm ơn shop, cho mình hỏi thêm giá")
    desk.listen(stored=2)
    assert desk.one(Ticket).message_count == 3


def test_a_quote_of_the_second_part_of_an_answer_stands_above_the_words(desk, bot_api, make):
    """Telegram tells the quoted words itself; where a channel names only an id, the desk knows the words."""
    bot_api.says("đơn của mình đâu rồi")
    desk.listen(stored=1)
    desk.reply("Dạ " + "chữ " * 1500)
    parts = desk.deliver()
    second = desk.one(SentPart).external_id
    assert parts.external_id != second
    inbound = make.inbound(
        db.session.get_one(Channel, desk.channel_id),
        "ý này là sao ạ",
        sender=Address("telegram", "5201001", "7100000042"),
        reply_to_external_id=second,
    )
    assert inbound.kind == "appended" and "quotes" in inbound.reason
    message = desk.one(Message, id=inbound.message_id)
    assert message.quoted_text.startswith("Dạ chữ chữ") and len(message.quoted_text) <= 300
    page = make.client(make.agent("admin")).get(f"/tickets/{desk.one(Ticket).number}").text
    assert '<blockquote class="hd-answers">Dạ chữ chữ' in page


def album(bot_api, *captions: str) -> None:
    for n, caption in enumerate(captions, 1):
        photo = [{"file_id": f"A{n}", "file_unique_id": f"a{n}", "file_size": 9, "width": 9, "height": 9}]
        bot_api.files[f"A{n}"] = b"\xff\xd8 jpeg" + bytes([n])
        more = {"caption": caption} if caption else {}
        bot_api.says(photo=photo, media_group_id="G-1", name="Lan", **more)


def test_an_album_is_one_message_with_its_words(desk, bot_api):
    album(bot_api, "", "Hai mặt hộp", "")
    desk.listen(3)
    message = desk.one(Message)
    assert message.text == "Hai mặt hộp" and desk.count(Ticket) == 1
    assert [a.filename for a in message.attachments] == ["photo-a1.jpg", "photo-a2.jpg", "photo-a3.jpg"]
    assert desk.one(Ticket).preview == "Hai mặt hộp"
    desk.drain()
    assert desk.count(Attachment) == 3


def test_another_album_of_the_same_customer_is_another_message(desk, bot_api):
    album(bot_api, "One")
    photo = [{"file_id": "A1", "file_unique_id": "a1", "file_size": 9, "width": 9, "height": 9}]
    bot_api.says(photo=photo, media_group_id="G-2", name="Lan", caption="Two")
    desk.listen(2)
    assert desk.count(Message) == 2


def test_429_holds_up_that_chat_only(desk, bot_api):
    bot_api.says("Một", name="Lan")
    bot_api.says("Hai", name="Minh", user=777)
    desk.listen(2)
    bot_api.fail("sendMessage", 429, "Too Many Requests: retry after 60", retry_after=60)
    with unit_of_work(actor="agent") as work:
        for ticket in work.session.scalars(select(Ticket).order_by(Ticket.id)).all():
            replies.reply(work, desk.agent, ticket, replies.Written(text="Chào"))
    desk.drain("deliveries")
    db.session.rollback()
    states = sorted(db.session.scalars(select(Delivery.state)).all())
    assert states == ["queued", "sent"]
