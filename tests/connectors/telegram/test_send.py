"""What leaves for Telegram, and what each refusal means."""

from __future__ import annotations

import logging

import pytest

from connectors.contract import (
    Address,
    Contact,
    File,
    InboundRating,
    Outbound,
    OutcomeUnknown,
    OutFile,
    PermanentFailure,
    Place,
    Sticker,
    SurveyAsk,
    TemporaryFailure,
)
from connectors.telegram.connector import Telegram
from tests.connectors.kits import CANARY, telegram_config
from tests.servers.telegram import FakeTelegram

pytestmark = pytest.mark.processes

LAN = Address("telegram", "5201001", "7100000042", "Lan")


@pytest.fixture
def bot_api():
    with FakeTelegram() as fake:
        yield fake


@pytest.fixture
def telegram(bot_api):
    return Telegram(telegram_config(bot_api.url))


def reply(text: str = "", **more: object) -> Outbound:
    return Outbound(1, (LAN,), text, **more)


def picture(name: str = "hộp.jpg", kind: str = "image/jpeg", data: bytes = b"\xff\xd8jpeg") -> OutFile:
    return OutFile(name, kind, len(data), lambda: data)


# --- text ----------------------------------------------------------------------------------------------------


def test_text_goes_out_and_the_receipt_names_it(bot_api, telegram):
    receipt = telegram.send(reply("Dạ, đơn 20931 đang giao ạ.", reply_to_external_id="5201001:41"))
    (call,) = bot_api.sent(5201001)
    assert call.params["text"] == "Dạ, đơn 20931 đang giao ạ."
    assert call.params["reply_parameters"] == {"message_id": 41, "allow_sending_without_reply": True}
    assert receipt.external_id == "5201001:1000" and receipt.external_ids == ("5201001:1000",)


def test_a_quote_of_another_chat_is_left_out(bot_api, telegram):
    telegram.send(reply("a", reply_to_external_id="-100777:41"))
    assert "reply_parameters" not in bot_api.sent()[0].params


def test_html_becomes_text_with_entities_in_utf_16(bot_api, telegram):
    html = (
        '<div>😀 Chào <strong>chị <em>Lan</em></strong>,<br>xem <a href="https://shop.example/a?b=1&amp;c=2">đơn</a>'
        ' <a href="javascript:x">này</a></div><ul><li>áo</li><li>quần &lt;L&gt;</li></ul><pre>a  b</pre>'
    )
    telegram.send(reply("thay thế", html=html))
    params = bot_api.sent()[0].params
    assert params["text"] == "😀 Chào chị Lan,\nxem đơn này\n• áo\n• quần <L>\n\na  b"
    as_sent = params["text"].encode("utf-16-le")

    def marked(entity):
        start = 2 * entity["offset"]
        return entity["type"], as_sent[start : start + 2 * entity["length"]].decode("utf-16-le"), entity.get("url")

    assert [marked(entity) for entity in params["entities"]] == [
        ("bold", "chị Lan", None),
        ("italic", "Lan", None),
        ("text_link", "đơn", "https://shop.example/a?b=1&c=2"),
        ("pre", "a  b", None),
    ]


def test_long_text_is_cut_between_paragraphs_and_nothing_is_lost(bot_api, telegram):
    paragraphs = [f"Đoạn {number}: " + "chữ 😀 " * 120 for number in range(14)]
    receipt = telegram.send(reply("\n\n".join(paragraphs)))
    parts = [call.params["text"] for call in bot_api.sent()]
    assert len(parts) == len(receipt.external_ids) == 4
    assert all(len(part.encode("utf-16-le")) // 2 <= 4096 for part in parts)
    assert "".join("".join(parts).split()) == "".join("".join(paragraphs).split())
    assert all(part.startswith("Đoạn") for part in parts)


def test_one_endless_word_is_cut_at_the_limit(bot_api, telegram):
    telegram.send(reply("😀" * 5000))
    parts = [call.params["text"] for call in bot_api.sent()]
    assert [len(part) for part in parts] == [2048, 2048, 904]


def test_a_cut_goes_through_a_bold_passage(bot_api, telegram):
    telegram.send(reply("", html=f"<b>{'đậm ' * 1500}</b>"))
    first, second = (call.params for call in bot_api.sent())
    assert first["entities"] == [{"type": "bold", "offset": 0, "length": len(first["text"])}]
    assert second["entities"] == [{"type": "bold", "offset": 0, "length": len(second["text"])}]


def test_entities_telegram_does_not_take_are_left_out(bot_api, telegram):
    bot_api.fail("sendMessage", 400, "Bad Request: can't parse entities: nested")
    telegram.send(reply("", html="<b>chào</b>"))
    assert [("entities" in call.params, call.params["text"]) for call in bot_api.sent()] == [
        (True, "chào"),
        (False, "chào"),
    ]


# --- files ---------------------------------------------------------------------------------------------------


def test_one_picture_carries_the_text_as_its_caption(bot_api, telegram):
    receipt = telegram.send(reply("Hộp mới ạ", html="<b>Hộp</b> mới ạ", files=(picture(),)))
    (call,) = bot_api.sent()
    assert call.method == "sendPhoto"
    assert call.files == {"photo": ("hộp.jpg", b"\xff\xd8jpeg")}
    assert call.params["caption"] == "Hộp mới ạ"
    assert call.params["caption_entities"] == [{"type": "bold", "offset": 0, "length": 3}]
    assert len(receipt.external_ids) == 1


def test_pictures_are_an_album_and_documents_come_after(bot_api, telegram):
    pdf = OutFile("hoá đơn.pdf", "application/pdf", 4, lambda: b"%PDF")
    receipt = telegram.send(reply("Ba tệp", files=(picture("1.jpg"), pdf, picture("2.png", "image/png"))))
    album, document = bot_api.sent()
    assert (album.method, document.method) == ("sendMediaGroup", "sendDocument")
    assert [item["type"] for item in album.params["media"]] == ["photo", "photo"]
    assert album.params["media"][0]["caption"] == "Ba tệp" and "caption" not in album.params["media"][1]
    assert [name for name, _ in album.files.values()] == ["1.jpg", "2.png"]
    assert document.files == {"document": ("hoá đơn.pdf", b"%PDF")}
    assert len(receipt.external_ids) == 3


def test_a_picture_refused_as_a_photo_goes_as_a_document(bot_api, telegram):
    bot_api.fail("sendPhoto", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    telegram.send(reply(files=(picture(),)))
    assert [call.method for call in bot_api.sent()] == ["sendPhoto", "sendDocument"]


@pytest.mark.parametrize(
    ("name", "kind", "method"),
    [
        ("phim.mp4", "video/mp4", "sendVideo"),
        ("ghi âm.ogg", "audio/ogg; codecs=opus", "sendVoice"),
        ("nhạc.mp3", "audio/mpeg", "sendAudio"),
        ("vui.gif", "image/gif", "sendAnimation"),
        ("phim.avi", "video/x-msvideo", "sendDocument"),
    ],
)
def test_what_telegram_plays_is_sent_to_be_played(bot_api, telegram, name, kind, method):
    telegram.send(reply("Đây ạ", files=(picture(name, kind),)))
    (call,) = bot_api.sent()
    assert (call.method, call.params["caption"]) == (method, "Đây ạ")
    assert [named for named, _ in call.files.values()] == [name]


def test_a_film_of_another_make_goes_as_a_document(bot_api, telegram):
    bot_api.fail("sendVideo", 400, "Bad Request: failed to get HTTP URL content")
    telegram.send(reply(files=(picture("phim.mp4", "video/mp4"),)))
    assert [call.method for call in bot_api.sent()] == ["sendVideo", "sendDocument"]


def test_a_long_recording_is_no_voice_message(bot_api, telegram):
    telegram.send(reply(files=(OutFile("dài.ogg", "audio/ogg", 2 * 1024 * 1024, lambda: b"OggS"),)))
    assert [call.method for call in bot_api.sent()] == ["sendDocument"]


def test_a_long_text_stands_before_its_files(bot_api, telegram):
    telegram.send(reply("chữ " * 400, files=(picture(),)))
    assert [call.method for call in bot_api.sent()] == ["sendMessage", "sendPhoto"]


def test_a_file_too_large_for_telegram_is_refused_before_anything_is_sent(bot_api, telegram):
    big = OutFile("phim.mp4", "video/mp4", 51 * 1024 * 1024, lambda: pytest.fail("not even read"))
    with pytest.raises(PermanentFailure, match="50 MB"):
        telegram.send(reply("xem phim", files=(big,)))
    assert bot_api.calls == []


# --- survey --------------------------------------------------------------------------------------------------


SURVEY = SurveyAsk(
    "T" * 26, "Bạn thấy lần hỗ trợ này thế nào?", tuple((n, f"{n} · Tốt") for n in range(1, 6)), "https://d.example/s/T"
)


def test_a_survey_is_buttons(bot_api, telegram):
    telegram.send(reply("… https://d.example/s/T", survey=SURVEY))
    params = bot_api.sent()[0].params
    assert params["text"] == "Bạn thấy lần hỗ trợ này thế nào?"
    rows = params["reply_markup"]["inline_keyboard"]
    assert [row[0]["callback_data"] for row in rows] == [f"csat:{'T' * 26}:{n}" for n in range(1, 6)]
    assert rows[4][0]["text"] == "5 · Tốt"


def test_a_token_too_long_for_a_button_opens_the_page(bot_api, telegram):
    telegram.send(reply("", survey=SurveyAsk("T" * 60, "Thế nào?", SURVEY.choices, SURVEY.url)))
    assert bot_api.sent()[0].params["reply_markup"] == {
        "inline_keyboard": [[{"text": "Thế nào?", "url": "https://d.example/s/T"}]]
    }


def test_a_rating_is_thanked_and_asked_why(bot_api, telegram):
    rating = InboundRating("callback:1", LAN, "T1", score=2, callback_id="448213:5201001:90")
    telegram.settle(rating, "Cảm ơn bạn!", [("slow", "Chậm"), ("price", "Giá")])
    answered, edited = bot_api.calls
    assert answered.params == {"callback_query_id": "448213", "text": "Cảm ơn bạn!"}
    assert (edited.method, edited.params["message_id"], edited.params["text"]) == ("editMessageText", 90, "Cảm ơn bạn!")
    buttons = [row[0]["callback_data"] for row in edited.params["reply_markup"]["inline_keyboard"]]
    assert buttons == ["why:T1:slow", "why:T1:price"]


def test_an_old_tap_still_gets_its_thanks_in_the_chat(bot_api, telegram):
    bot_api.fail("answerCallbackQuery", 400, "Bad Request: query is too old and response timeout expired")
    telegram.settle(InboundRating("c", LAN, "T1", score=5, callback_id="1:5201001:90"), "Cảm ơn!", [])
    assert "reply_markup" not in bot_api.called("editMessageText")[0].params


# --- what refusals mean --------------------------------------------------------------------------------------


def test_429_waits_as_long_as_telegram_says(bot_api, telegram):
    bot_api.fail("sendMessage", 429, "Too Many Requests: retry after 30", retry_after=30)
    with pytest.raises(TemporaryFailure) as failure:
        telegram.send(reply("a"))
    assert failure.value.retry_after == 30


@pytest.mark.parametrize(
    ("status", "said", "blocked", "dead"),
    [
        (403, "Forbidden: bot was blocked by the user", True, False),
        (403, "Forbidden: user is deactivated", True, True),
        (403, "Forbidden: bot can't initiate conversation with a user", True, False),
        (403, "Forbidden: bot was kicked from the supergroup chat", True, False),
        (400, "Bad Request: chat not found", False, True),
        (400, "Bad Request: message text is empty", False, False),
        (401, "Unauthorized", False, False),
        (404, "Not Found", False, False),
        (413, "Request Entity Too Large", False, False),
    ],
)
def test_a_refusal_for_good_says_what_kind(bot_api, telegram, status, said, blocked, dead):
    bot_api.fail("sendMessage", status, said)
    with pytest.raises(PermanentFailure) as failure:
        telegram.send(reply("a"))
    assert (failure.value.blocked, failure.value.address_dead) == (blocked, dead)
    assert CANARY not in repr(failure.value)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_trouble_at_telegram_is_tried_again(bot_api, telegram, status):
    bot_api.fail("sendMessage", status, "Internal Server Error")
    with pytest.raises(TemporaryFailure):
        telegram.send(reply("a"))


@pytest.mark.parametrize("trouble", ["drop", "garble"])
def test_a_lost_answer_after_sending_is_unknown(bot_api, telegram, trouble):
    getattr(bot_api, trouble)("sendMessage")
    with pytest.raises(OutcomeUnknown):
        telegram.send(reply("a"))
    assert len(bot_api.sent()) == 1, "not sent again by itself"


def test_half_a_message_is_unknown_so_that_nobody_sends_the_first_half_twice(bot_api, telegram):
    bot_api.fail("sendPhoto", 429, "Too Many Requests", retry_after=3)
    with pytest.raises(OutcomeUnknown, match="1 of 2 parts"):
        telegram.send(reply("chữ " * 400, files=(picture(),)))


def test_a_group_that_moved_is_followed(bot_api, telegram):
    bot_api.fail("sendMessage", 400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1009)
    group = Outbound(1, (Address("telegram", "-77", "7100000042"),), "chào cả nhà")
    receipt = telegram.send(group)
    assert [call.chat for call in bot_api.sent()] == ["-77", "-1009"]
    assert receipt.external_id.startswith("-1009:")
    assert receipt.moved_to is not None and receipt.moved_to.value == "-1009"


@pytest.mark.parametrize("to", [(), (Address("telegram", "lan"),)])
def test_an_address_that_is_no_chat_is_refused(telegram, to):
    with pytest.raises(PermanentFailure):
        telegram.send(Outbound(1, to, "a"))


def test_nothing_to_say_is_refused(bot_api, telegram):
    with pytest.raises(PermanentFailure):
        telegram.send(reply(" \n "))
    assert bot_api.calls == []


def test_typing_is_shown(bot_api, telegram):
    telegram.typing(LAN)
    assert [(c.method, c.params) for c in bot_api.calls] == [
        ("sendChatAction", {"chat_id": 5201001, "action": "typing"})
    ]


def test_the_token_stands_in_no_log_line(bot_api, telegram, caplog):
    caplog.set_level(logging.DEBUG)
    telegram.send(reply("a"))
    bot_api.drop("sendMessage")
    with pytest.raises(OutcomeUnknown) as failure:
        telegram.send(reply("b"))
    assert CANARY not in caplog.text
    assert failure.value.__cause__ is None, "the cause would carry the address, and the token with it"


# --- files in ------------------------------------------------------------------------------------------------


def test_a_file_is_fetched(bot_api, telegram):
    bot_api.files["DOC-1"] = b"%PDF-1.7"
    found = telegram.fetch(File("hoá đơn.pdf", "application/pdf", ref="DOC-1"))
    assert (found.data, found.size_bytes, found.problem) == (b"%PDF-1.7", 8, "")


def test_a_file_too_large_is_told_without_asking(bot_api):
    telegram = Telegram(telegram_config("https://api.telegram.org"))
    found = telegram.fetch(File("phim.mp4", "video/mp4", size_bytes=21 * 1024 * 1024, ref="V"))
    assert found.data is None and "20 MB" in found.problem


def test_a_file_larger_than_it_said_is_cut_off(bot_api, telegram, monkeypatch):
    monkeypatch.setattr("connectors.telegram.connector.MAX_DOWNLOAD_BYTES", 1024)
    telegram.config = telegram_config(bot_api.url)
    object.__setattr__(telegram.config, "max_message_bytes", 1024)
    bot_api.files["V"] = b"x" * 5000
    found = telegram.fetch(File("v.mp4", "video/mp4", size_bytes=10, ref="V"))
    assert found.data is None and found.problem


def test_a_file_that_is_gone_is_told(bot_api, telegram):
    bot_api.fail("getFile", 400, "Bad Request: wrong file_id or the file is temporarily unavailable")
    found = telegram.fetch(File("a.pdf", "application/pdf", ref="X"))
    assert found.data is None and "wrong file_id" in found.problem


def test_a_broken_download_is_tried_again(bot_api, telegram):
    bot_api.fail("getFile", 502, "Bad Gateway")
    with pytest.raises(TemporaryFailure):
        telegram.fetch(File("a.pdf", "application/pdf", ref="X"))


# --- test connection -----------------------------------------------------------------------------------------


def test_test_connection_names_the_bot_and_what_waits(bot_api, telegram):
    bot_api.says("chờ")
    steps = list(telegram.test())
    assert [(step.name, step.ok) for step in steps] == [("Bot token", True), ("Receiving", True)]
    assert "@saomai_cskh_bot" in steps[0].detail and steps[1].detail.startswith("1 ")


def test_test_connection_sets_and_checks_the_webhook(bot_api):
    steps = list(Telegram(telegram_config(bot_api.url, mode="webhook")).test())
    assert all(step.ok for step in steps)
    assert bot_api.webhook["url"] == "https://desk.example/hooks/tg-1"


@pytest.mark.parametrize(
    ("settings", "advice"),
    [({"token": "abc"}, "@BotFather"), ({"token": "7100000042:wrong-canary"}, "@BotFather"),
     ({"mode": "webhook", "webhook_secret": "có dấu"}, "256 letters"), ({"proxy": "http://127.0.0.1:9"}, "proxy")],
)  # fmt: skip
def test_test_connection_says_what_to_do(bot_api, settings, advice):
    steps = list(Telegram(telegram_config(bot_api.url, **settings)).test())
    assert not steps[-1].ok and advice in steps[-1].advice
    assert CANARY not in repr(steps)


# --- a place, a contact, a sticker ---------------------------------------------------------------------------


def test_a_place_a_contact_and_a_sticker_go_out_as_what_they_are(bot_api, telegram):
    bot_api.stickers.add("CAACAgIAAx-thanks")
    telegram.send(reply(shared=Place(10.776889, 106.700806)))
    telegram.send(reply(shared=Place(10.776889, 106.700806, "Sao Mai", "12 Lý Thường Kiệt, Hà Nội")))
    telegram.send(reply(shared=Contact("Sao Mai", "+842473082686")))
    telegram.send(reply(shared=Sticker("CAACAgIAAx-thanks", "🙏")))
    spot = {"chat_id": 5201001, "latitude": 10.776889, "longitude": 106.700806}
    assert [(call.method, call.params) for call in bot_api.sent(5201001)] == [
        ("sendLocation", spot),
        ("sendVenue", {**spot, "title": "Sao Mai", "address": "12 Lý Thường Kiệt, Hà Nội"}),
        ("sendContact", {"chat_id": 5201001, "phone_number": "+842473082686", "first_name": "Sao Mai"}),
        ("sendSticker", {"chat_id": 5201001, "sticker": "CAACAgIAAx-thanks"}),
    ]


def test_words_go_before_the_place_and_carry_the_quote(bot_api, telegram):
    place = Place(10.776889, 106.700806)
    receipt = telegram.send(reply("Shop ở đây ạ", shared=place, reply_to_external_id="5201001:41"))
    words, spot = bot_api.sent()
    assert (words.method, spot.method) == ("sendMessage", "sendLocation")
    assert words.params["reply_parameters"]["message_id"] == 41 and "reply_parameters" not in spot.params
    assert len(receipt.external_ids) == 2


def test_a_sticker_that_is_gone_is_refused_in_plain_words(telegram):
    with pytest.raises(PermanentFailure, match="does not know this sticker"):
        telegram.send(reply(shared=Sticker("CAACAgIAAx-gone")))


def test_stickers_to_answer_with_are_declared_one_a_line(bot_api):
    lines = "🙏 | CAACAgIAAx-thanks\n\nno id here\n👍|CAACAgIAAx-good"
    telegram = Telegram(telegram_config(bot_api.url, stickers=lines))
    assert telegram.stickers() == (Sticker("CAACAgIAAx-thanks", "🙏"), Sticker("CAACAgIAAx-good", "👍"))
