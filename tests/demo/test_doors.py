"""The demo's doors: only in a demo, only on this machine, and through the real channels."""

from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from connectors.contract import Address, ChannelConfig, Outbound, OutFile, SurveyAsk
from connectors.telegram.connector import Telegram
from helpdesk.demo import bot_api, customer, mailbox, ports
from helpdesk.errors import Invalid
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work

pytestmark = pytest.mark.processes

PAGES = ("/demo", "/demo/shop", "/demo/email", "/demo/telegram", "/demo/phone", "/demo/mail", "/demo/mail/1/body")
TOKEN = "7100000042:demo-token"


def make_demo() -> None:
    with unit_of_work() as work:
        desk_settings.put(work, "instance.kind", "demo")
        desk_settings.put(work, "setup.done", True)


@pytest.mark.parametrize("path", PAGES)
def test_a_real_desk_has_no_such_doors(app: Flask, client: FlaskClient, make: Any, path: str) -> None:
    make.agent("admin")
    assert client.get(path).status_code == 404
    assert make.client(make.agent("admin")).post(path).status_code in (404, 405)


def test_another_machine_finds_nothing(app: Flask, client: FlaskClient) -> None:
    make_demo()
    assert client.get("/demo").status_code == 200
    assert client.get("/demo", environ_base={"REMOTE_ADDR": "192.168.1.20"}).status_code == 404


def test_the_tour_speaks_both_languages_without_inline_script(app: Flask, client: FlaskClient) -> None:
    make_demo()
    page = client.get("/demo?lang=vi").get_data(as_text=True)
    assert 'lang="vi"' in page
    assert 'lang="vi"' in client.get("/demo/mail").get_data(as_text=True)  # remembered
    for path in ("/demo", "/demo/email", "/demo/mail"):
        text = client.get(path).get_data(as_text=True)
        assert "style=" not in text and not re.search(r"<script(?![^>]*src=)", text) and " onclick" not in text


# --- mail --------------------------------------------------------------------------------------------------------


def test_what_the_shop_mails_is_kept_and_framed(app: Flask, client: FlaskClient, settings: Any) -> None:
    make_demo()
    chosen = ports.choose(settings.data)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Đồi Gió <hello@doigio.example>", "lan@mail.example", "Chào chị"
    mail["Message-ID"] = "<m1@doigio.example>"
    mail.set_content("Dạ có ạ.")
    mail.add_alternative("<p>Dạ <b>có</b> ạ.</p><script>alert(1)</script><img src=x onerror=alert(1)>", subtype="html")
    with mailbox.Sink(settings.data, chosen.mail_out), smtplib.SMTP(ports.HOST, chosen.mail_out, timeout=60) as server:
        server.send_message(mail)
    letter = next(mailbox.letters(settings.data))
    assert letter.to == ("lan@mail.example",) and letter.text.strip() == "Dạ có ạ."
    assert "Chào chị" in client.get("/demo/mail").get_data(as_text=True)
    body = client.get(f"/demo/mail/{letter.id}/body")
    text = body.get_data(as_text=True)
    assert "<b>có</b>" in text and "<script" not in text and "onerror" not in text
    assert "sandbox" in body.headers["Content-Security-Policy"]
    page = client.get(f"/demo/email?answers={letter.id}").get_data(as_text=True)
    assert "Re: Chào chị" in page and "lan@mail.example" in page
    assert client.get("/demo/mail/../../secret.key").status_code == 404


def test_a_mail_of_the_page_is_a_real_mail(settings: Any, app: Flask) -> None:
    chosen = ports.choose(settings.data)
    who = customer.persona("lan-anh")
    with mailbox.Sink(settings.data, chosen.mail_in):  # stands for the shop's door
        customer.write(settings.data, who, who.address, "Nắp ấm nứt", "Chào shop", photo=True)
        first = next(mailbox.letters(settings.data))
        customer.write(settings.data, who, who.address, "Re: x", "Again", photo=False, answers=first.id)
    raw = sorted(mailbox.folder(settings.data).glob("*.eml"))[-1].read_bytes()
    assert f"In-Reply-To: {first.message_id}".encode() in raw
    assert first.files == ("IMG_2041.png",) and first.subject == "Nắp ấm nứt"
    with pytest.raises(Invalid):
        customer.write(settings.data, who, who.address, "x", "  ", photo=False)
    with pytest.raises(Invalid):
        customer.write(settings.data, who, "a@b.example\r\nBcc: all@c.example", "x", "text", photo=False)


# --- Telegram ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bot(tmp_path: Path) -> Any:
    chosen = ports.choose(tmp_path)
    with bot_api.Server(TOKEN, ports.folder(tmp_path), chosen.bot):
        yield tmp_path, connector(chosen.bot)


def connector(port: int) -> Telegram:
    import ipaddress

    settings = {"token": TOKEN, "mode": "poll", "api_base": f"http://{ports.HOST}:{port}"}
    private = (ipaddress.ip_network("127.0.0.0/8"),)
    return Telegram(ChannelConfig(1, "key", "Bot", settings, allow_private=private))  # type: ignore[arg-type]


def updates(telegram: Telegram, cursor: Any = None) -> tuple[list[Any], Any]:
    stop = Event()
    for batch in telegram.listen(cursor or {}, stop):
        if batch.raws:
            stop.set()
            return [thing for raw in batch.raws for thing in telegram.parse(raw)], batch.cursor
    raise AssertionError("nothing came")


def test_what_a_person_says_comes_by_the_long_poll(bot: Any) -> None:
    data, telegram = bot
    chat = customer.Chat(data, TOKEN, customer.persona("han"))
    chat.say("Shop ơi, còn bình quả sung không ạ?")
    found, cursor = updates(telegram)
    assert found[0].text == "Shop ơi, còn bình quả sung không ạ?" and found[0].sender.name == "Châu Ngọc Hân"
    chat.say("", photo=True)
    found, _cursor = updates(telegram, cursor)
    file = telegram.fetch(found[0].files[0])
    assert file.data and file.data.startswith(b"\x89PNG")


def test_answers_files_and_rating_buttons_are_shown(bot: Any) -> None:
    data, telegram = bot
    who = customer.persona("alex")
    chat = customer.Chat(data, TOKEN, who)
    to = (Address("telegram", who.telegram, "7100000042", name=who.name),)
    receipt = telegram.send(Outbound(1, to, "Hello Alex", "<p>Hello <b>Alex</b></p>"))
    assert receipt.external_id.startswith(f"{who.telegram}:")
    telegram.send(Outbound(2, to, "The offer", files=(OutFile("offer.pdf", "application/pdf", 4, lambda: b"%PDF"),)))
    ask = SurveyAsk("tok", "How was our help?", ((5, "Very good"), (1, "Very poor")), "https://desk.example/s/tok")
    telegram.send(Outbound(3, to, "How was our help?", survey=ask))
    shown = chat.window()["messages"]
    assert [m["text"] for m in shown] == ["Hello Alex", "The offer", "How was our help?"]
    assert chat.file(shown[1]["file"]["id"]) == b"%PDF"
    button = shown[2]["buttons"][1][0]
    assert button["text"] == "Very poor"
    chat.tap(shown[2]["message_id"], button["data"])
    found, _cursor = updates(telegram)
    rating = found[0]
    assert rating.score == 1 and rating.token == "tok"
    telegram.settle(rating, "Thank you.", [("slow", "Slow")])
    after = chat.window()["messages"][2]
    assert after["text"] == "Thank you." and after["buttons"][0][0]["text"] == "Slow"
    with pytest.raises(Invalid):
        chat.tap(shown[2]["message_id"], "csat:tok:5")


def test_only_the_token_opens_it_and_chats_outlive_a_restart(bot: Any, tmp_path: Path) -> None:
    data, telegram = bot
    customer.Chat(data, TOKEN, customer.persona("alex")).say("kept")
    chosen = ports.read(data)
    assert chosen is not None
    url = f"http://{ports.HOST}:{chosen.bot}"
    assert requests.get(f"{url}/bot1:wrong/getMe", timeout=60).status_code == 401
    assert requests.get(f"{url}/file/bot1:wrong/documents/f1", timeout=60).status_code == 404
    assert requests.get(f"{url}/file/bot{TOKEN}/documents/..%2f..%2fsecret.key", timeout=60).status_code == 404
    assert requests.get(f"{url}/bot{TOKEN}/noSuchMethod", timeout=60).status_code == 404
    again = bot_api.Telegram(TOKEN, ports.folder(data))
    assert again._chats["6200002"]["messages"][0]["text"] == "kept"
    assert [step.ok for step in telegram.test()] == [True, True] or all(step.ok for step in telegram.test())
