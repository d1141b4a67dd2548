"""Every kind of update as the rest of the product sees it; the examples are the recorded ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import connectors.telegram
from connectors.contract import (
    Address,
    ChannelConfig,
    InboundMessage,
    InboundMoved,
    InboundRating,
    InboundReach,
    Raw,
    Unparseable,
)
from connectors.telegram import parse
from connectors.telegram.connector import Telegram

EXAMPLES = Path(connectors.telegram.__file__).parent / "examples"
LAN = Address("telegram", "5201001", "7100000042", "Lan Trần", "lan_tran")


def read(update: str | dict) -> list:
    body = (EXAMPLES / f"{update}.json").read_bytes() if isinstance(update, str) else json.dumps(update).encode()
    bot = Telegram(ChannelConfig(1, "tg", "Bot", {"token": "7100000042:x"}))
    return list(bot.parse(Raw("1", body)))


def message(update: str | dict) -> InboundMessage:
    (found,) = read(update)
    assert isinstance(found, InboundMessage)
    return found


def changed(example: str, **fields: object) -> dict:
    update = json.loads((EXAMPLES / f"{example}.json").read_text())
    update["message"].update(fields)
    return update


def test_text():
    found = message("text")
    assert (found.external_id, found.sender, found.language) == ("5201001:41", LAN, "vi")
    assert found.text == found.reply_text == "Đơn 20931 của mình bao giờ tới ạ?"
    assert found.sent_at == datetime(2026, 6, 9, 10, 13, 20, tzinfo=UTC)
    assert found.html == "" and found.kind == "message" and found.sender_verified


def test_formatting_becomes_sanitised_html():
    assert message("formatted").html == (
        "Giá <b>250.000đ</b> 😀 đúng không? Xem "
        '<a href="https://shop.example/gia?a=1&amp;b=2" rel="noopener noreferrer">trang</a>'
    )


def test_written_tags_stay_text_and_bad_links_go():
    entities = [{"type": "text_link", "offset": 0, "length": 3, "url": "javascript:alert(1)"}]
    found = message(changed("text", text="<b> & \nhai", entities=entities))
    assert found.text == "<b> & \nhai"
    assert "javascript" not in found.html and "&lt;b&gt; &amp; <br>hai" in found.html.replace("</a>", "")


def test_start_alone_makes_no_ticket_but_says_the_customer_can_be_reached():
    (found,) = read("start")
    assert isinstance(found, InboundReach) and (found.sender, found.state) == (LAN, "verified")


def test_a_deep_link_brings_its_token():
    found = message("start_token")
    assert found.evidence.token == "k7Qm2Zr9" and found.meta["command"] == "start"
    assert found.text == "/start", "the signed token is not for reading"


def test_an_answer_names_and_shows_what_it_answers():
    found = message("reply")
    assert (found.reply_to_external_id, found.quoted_text) == ("5201001:39", "Mình giao về địa chỉ nào ạ?")


@pytest.mark.parametrize(
    ("example", "filename", "content_type", "size_bytes", "ref", "text"),
    [
        ("photo", "photo-AQx.jpg", "image/jpeg", 98211, "PHOTO-large", "Hộp bị móp"),
        ("album_1", "photo-AL1.jpg", "image/jpeg", 81000, "ALBUM-1", "Hai mặt hộp"),
        ("document", "hoá đơn.pdf", "application/pdf", 54321, "DOC-1", ""),
        ("voice", "voice-AgV.ogg", "audio/ogg", 29111, "VOICE-1", ""),
        ("video", "video-AgM.mp4", "video/mp4", 1290000, "VIDEO-1", ""),
        ("video_note", "video_note-AgN.mp4", "video/mp4", 310000, "NOTE-1", ""),
        ("audio", "nhạc chờ.mp3", "audio/mpeg", 2900000, "AUDIO-1", ""),
        ("animation", "cam-on.mp4", "video/mp4", 120000, "GIF-1", ""),
        ("sticker", "sticker-AgS.tgs", "application/x-tgsticker", 7285, "STICKER-1", "👍"),
    ],
)
def test_files(example, filename, content_type, size_bytes, ref, text):
    found = message(example)
    (file,) = found.files
    assert (file.filename, file.content_type, file.size_bytes, file.ref) == (filename, content_type, size_bytes, ref)
    assert file.data is None and found.text == text
    assert found.kind == ("sticker" if example == "sticker" else "message")


def test_the_parts_of_an_album_know_each_other():
    assert message("album_1").meta["album"] == message("album_2").meta["album"]


def test_a_place_is_text_with_a_link():
    assert message("location").meta == {"latitude": "10.776889", "longitude": "106.700806"}
    venue = message("venue")
    assert venue.text.startswith("📍 Kho <Hà Nội>, 12 Tràng Tiền")
    assert "<Hà" not in venue.html and "&lt;Hà Nội&gt;" in venue.html


def test_only_the_own_contact_card_proves_a_number():
    assert message("contact").meta["own_phone"] == "+84901234567"
    other = changed("contact", contact={"phone_number": "+84988888888", "first_name": "Bố", "user_id": 99})
    assert "own_phone" not in message(other).meta
    assert message(other).text == "👤 Bố +84988888888"


def test_an_edit_is_a_message_of_its_own_that_names_the_first():
    found = message("edited")
    assert found.external_id == "5201001:41:edit:1781000080"
    assert found.edits_external_id == message("text").external_id
    assert found.text.endswith("(gấp)")


def test_survey_buttons():
    (rating,) = read("rating")
    assert isinstance(rating, InboundRating)
    assert (rating.token, rating.score, rating.sender) == ("T1abc", 2, LAN)
    assert rating.callback_id == "448213:5201001:90"
    (reason,) = read("reason")
    assert (reason.token, reason.score, reason.reason) == ("T1abc", None, "slow")


@pytest.mark.parametrize("data", ["", "csat", "csat::5", "csat:T:x", "csat:T:-1", "csat:T:²", "other:T:5", "why::"])
def test_other_buttons_are_nothing(data):
    update = json.loads((EXAMPLES / "rating.json").read_text())
    update["callback_query"]["data"] = data
    assert read(update) == []


def test_blocking_and_unblocking():
    (blocked,), (back,) = read("blocked"), read("unblocked")
    assert (blocked.sender, blocked.state) == (LAN, "blocked")
    assert (back.sender, back.state) == (LAN, "verified")


def test_a_group_is_one_identity_and_its_lines_name_the_writer():
    found = message("group")
    assert (found.sender.value, found.sender.name) == ("-1001234567890", "Đại lý HCM")
    assert found.text == "John: @saomai_cskh_bot is the new stock in?"
    assert found.meta["writer_id"] == "5201002"


@pytest.mark.parametrize("example", ["group_joined", "reaction", "unknown_kind"])
def test_what_is_nobodys_message_is_nothing(example):
    assert read(example) == []


def test_another_bot_is_not_a_customer():
    bot = {"id": 77, "is_bot": True, "first_name": "Other"}
    assert read(changed("group", **{"from": bot})) == []


def test_a_poll_a_die_and_a_list_are_words():
    assert message("poll").text == "📊 Lấy cỡ nào?\n• Cỡ M\n• Cỡ L"
    assert message("dice").text == "🎲 4"
    things = {"title": "Mua", "tasks": [{"id": 1, "text": "Áo"}, {"id": 2, "text": "Quần"}]}
    assert message(changed("text", text=None, checklist=things)).text == "☑ Mua\n• Áo\n• Quần"


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ({"type": "hidden_user", "date": 1, "sender_user_name": "Chị Ba"}, "Chị Ba"),
        ({"type": "channel", "date": 1, "message_id": 3, "chat": {"id": -1, "type": "channel", "title": "Tin"}}, "Tin"),
    ],
)
def test_what_is_passed_on_says_from_whom(origin, shown):
    assert message("forwarded").meta["forwarded"] == "Bác Tư"
    assert message(changed("forwarded", forward_origin=origin)).meta["forwarded"] == shown


def test_an_answer_to_a_picture_names_it_and_a_marked_passage_is_the_quote():
    assert message("reply_to_photo").quoted_text == "photo-AQp.jpg"
    marked = changed("reply", quote={"text": "địa chỉ nào", "position": 14})
    assert message(marked).quoted_text == "địa chỉ nào"


@pytest.mark.parametrize("rule", ["all", "addressed", "off"])
def test_a_group_that_became_a_supergroup_is_the_same_group(rule):
    bot = Telegram(ChannelConfig(1, "tg", "Bot", {"token": "7100000042:x", "groups": rule}))
    (told,) = bot.parse(Raw("1", (EXAMPLES / "group_moved.json").read_bytes()))
    assert isinstance(told, InboundMoved)
    assert (told.sender.value, told.now.value) == ("-4012345", "-1004012345")
    there = json.loads((EXAMPLES / "group_moved.json").read_text())
    there["message"] |= {"chat": {"id": -1004012345, "title": "Đại lý HCM", "type": "supergroup"}}
    there["message"]["migrate_from_chat_id"] = -4012345
    there["message"].pop("migrate_to_chat_id")
    (again,) = bot.parse(Raw("2", json.dumps(there).encode()))
    assert (again.sender, again.now) == (told.sender, told.now)


def test_content_of_a_new_kind_is_still_shown():
    assert message("story").text == "[Telegram: story]"


def test_what_no_database_stores_is_replaced():
    found = message(changed("text", text="a\x00b\ud83dc"))
    assert found.text == "a b?c"


def test_an_update_the_library_cannot_read_still_says_who_and_what():
    with pytest.raises(Unparseable) as error:
        read(changed("text", date="yesterday", text="vẫn đọc được"))
    partial = error.value.partial
    assert partial is not None
    assert (partial.sender.value, partial.sender.name, partial.text) == ("5201001", "Lan Trần", "vẫn đọc được")


def test_identities_are_numbers():
    bot = Telegram(ChannelConfig(1, "tg", "Bot", {"token": "7100000042:x"}))
    assert bot.normalise(" 05201001 ") == "5201001" and bot.normalise("-1001") == "-1001"
    for wrong in ("@lan_tran", "", "-", "١٢٣", "1" * 30):
        with pytest.raises(ValueError, match="number"):
            bot.normalise(wrong)


@pytest.mark.parametrize(
    ("rule", "more", "taken"),
    [
        ("all", {"text": "hello all"}, True),
        ("off", {"text": "@shop_bot hello"}, False),
        ("addressed", {"text": "hello all"}, False),
        ("addressed", {"text": "@shop_bot hello", "entities": [{"type": "mention", "offset": 0, "length": 9}]}, True),
        ("addressed", {"text": "@lan hello", "entities": [{"type": "mention", "offset": 0, "length": 4}]}, False),
        ("addressed", {"text": "/price", "entities": [{"type": "bot_command", "offset": 0, "length": 6}]}, True),
        ("addressed", {"text": "yes", "reply_to_message": "bot"}, True),
        ("addressed", {"text": "yes", "reply_to_message": "lan"}, False),
    ],
)
def test_a_group_has_the_rule_of_its_channel(rule, more, taken):
    group = {"id": -100123, "type": "supergroup", "title": "Đại lý"}
    who = {"id": 52, "is_bot": False, "first_name": "John"}
    if "reply_to_message" in more:
        bot = more["reply_to_message"] == "bot"
        author = {"id": 7100000042 if bot else 53, "is_bot": bot, "first_name": "X"}
        earlier = {"message_id": 1, "date": 1781000000, "chat": group, "from": author, "text": "?"}
        more = {**more, "reply_to_message": earlier}
    said = {"message_id": 2, "date": 1781000001, "chat": group, "from": who, **more}
    body = json.dumps({"update_id": 5, "message": said}).encode()
    assert bool(parse.read(body, "7100000042", rule)) is taken
    private = {**said, "chat": {"id": 52, "type": "private", "first_name": "John"}}
    body = json.dumps({"update_id": 6, "message": private}).encode()
    assert parse.read(body, "7100000042", rule), "a private chat is always heard"


@pytest.mark.parametrize(
    ("rules", "of_the_channel", "taken"),
    [
        ("-100123 | off", "all", False),
        ("-100123|ALL", "off", True),
        ("-100999 | off\n", "all", True),
        ("", "off", False),
    ],
)
def test_a_single_group_may_have_a_rule_of_its_own(rules, of_the_channel, taken):
    settings = {"token": "7100000042:x", "groups": of_the_channel, "group_rules": rules}
    bot = Telegram(ChannelConfig(1, "tg", "Bot", settings))
    assert bot.check() == {}
    group = {"id": -100123, "type": "supergroup", "title": "Đại lý"}
    who = {"id": 52, "is_bot": False, "first_name": "John"}
    said = {"message_id": 2, "date": 1781000001, "chat": group, "from": who, "text": "hello all"}
    assert bool(bot.parse(Raw("1", json.dumps({"update_id": 5, "message": said}).encode()))) is taken


@pytest.mark.parametrize("rules", ["-100123", "-100123 | silent", "Đại lý | off"])
def test_a_rule_that_is_none_is_named(rules):
    bot = Telegram(ChannelConfig(1, "tg", "Bot", {"token": "7100000042:x", "group_rules": rules}))
    assert list(bot.check()) == ["group_rules"]
