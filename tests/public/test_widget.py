"""The widget's doors over HTTP: who may come in, who one is, what is stored, what is shown to whom."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from helpdesk import access
from helpdesk.app import COOKIE, create_app
from helpdesk.config import Limits, Settings
from helpdesk.extensions import db
from helpdesk.models import (
    Attachment,
    Channel,
    Customer,
    Delivery,
    EventRow,
    Identity,
    Message,
    Ticket,
    VisitorSession,
)
from helpdesk.public import widget_visitor
from helpdesk.services import replies, surveys, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work

SHOP = "https://shop.example"
SECRET = "widget-identity-secret"


def sign(value: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), value.encode(), hashlib.sha256).hexdigest()


class Visitor:
    """A browser without cookies: it has a token, and nothing else."""

    def __init__(self, app: Flask, channel: Channel, **headers: str) -> None:
        self.app, self.key, self.headers = app, channel.key, headers
        self.token = ""
        self.count = 0
        self.client: FlaskClient = app.test_client(use_cookies=False)

    def ask(self, method: str, path: str, **given: Any) -> Any:
        headers = {**self.headers, **given.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.client.open(f"/widget/{self.key}{path}", method=method, headers=headers, **given)

    def begin(self, **about: Any) -> Any:
        answer = self.ask("POST", "/session", json={"about": about})
        if answer.status_code == 200 and answer.json["token"]:
            self.token = answer.json["token"]
        return answer

    def identify(self, **user: Any) -> Any:
        answer = self.ask("POST", "/identify", json={"user": user})
        if answer.status_code == 200 and answer.json["token"]:
            self.token = answer.json["token"]
        return answer

    def say(self, text: str, client_msg_id: str = "", **given: Any) -> Any:
        self.count += 1
        body = {"client_msg_id": client_msg_id or f"browser-{self.count:04}", "text": text, **given}
        return self.ask("POST", "/messages", json=body)

    def messages(self, after: int | None = 0) -> dict[str, Any]:
        answer = self.ask("GET", "/messages" if after is None else f"/messages?after={after}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def texts(self) -> list[str]:
        return [m["text"] for m in self.messages()["items"]]


@pytest.fixture
def channel(make: Any) -> Channel:
    return make.channel(
        "widget", name="Shop chat", config={"allowed_domains": "shop.example", "identity_secret": SECRET}
    )


@pytest.fixture
def visitor(app: Flask, channel: Channel) -> Visitor:
    visitor = Visitor(app, channel)
    assert visitor.begin().status_code == 200
    return visitor


def answer(make: Any, text: str, **values: Any) -> Message:
    """An agent answers the newest ticket."""
    viewer = make.viewer("admin", name="Trần Linh")
    with unit_of_work(actor=viewer.actor) as work:
        number = work.session.scalar(select(func.max(Ticket.number)))
        ticket = access.ticket_by_number(work.session, viewer, number, lock=True)
        return replies.reply(work, viewer, ticket, replies.Written(text=text, **values))


# --- the loader and the frame --------------------------------------------------------------------------------


def test_the_loader_carries_the_public_configuration_and_nothing_secret(app: Flask, channel: Channel) -> None:
    answer = app.test_client().get(f"/widget/{channel.key}.js")
    assert answer.status_code == 200 and answer.mimetype == "text/javascript"
    first, rest = answer.text.split(";\n", 1)
    told = json.loads(first.removeprefix("self.__helpdeskWidget="))
    assert told["key"] == channel.key and set(told) == {"key", "name", "locale", "default_locale", "colours", "button"}
    assert SECRET not in answer.text and "HelpdeskWidget" in rest
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    again = app.test_client().get(f"/widget/{channel.key}.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_the_loader_is_small(app: Flask, channel: Channel) -> None:
    import gzip

    assert len(gzip.compress(app.test_client().get(f"/widget/{channel.key}.js").data)) < 30_000


def test_a_name_cannot_leave_the_script(app: Flask, channel: Channel) -> None:
    with unit_of_work() as work:
        desk_settings.put(work, "brand.name", "</script><script>__pwned=1</script>")
    assert "</script" not in app.test_client().get(f"/widget/{channel.key}.js").text
    page = app.test_client().get(f"/widget/{channel.key}/frame").text
    assert "<script>__pwned" not in page and "</script><script>" not in page


def test_only_allowed_pages_may_embed_the_frame(app: Flask, channel: Channel, make: Any) -> None:
    policy = app.test_client().get(f"/widget/{channel.key}/frame").headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' shop.example" in policy and "unsafe" not in policy
    closed = make.channel("widget", name="Own pages only")
    policy = app.test_client().get(f"/widget/{closed.key}/frame").headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'self'")
    anywhere = make.channel("widget", name="Anywhere", config={"allowed_domains": "*"})
    policy = app.test_client().get(f"/widget/{anywhere.key}/frame").headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors *")


def test_the_chat_page_is_never_framed_and_has_a_qr_code(app: Flask, channel: Channel) -> None:
    page = app.test_client().get(f"/widget/{channel.key}/chat")
    assert page.status_code == 200 and "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    code = app.test_client().get(f"/widget/{channel.key}/qr.svg")
    assert code.mimetype == "image/svg+xml" and b"<svg" in code.data


@pytest.mark.parametrize(("asked", "header", "lang"), [("vi", "en", "vi"), ("", "vi", "vi"), ("xx", "en", "en")])
def test_the_language_is_the_pages_then_the_visitors(
    app: Flask, channel: Channel, asked: str, header: str, lang: str
) -> None:
    page = app.test_client().get(f"/widget/{channel.key}/frame?lang={asked}", headers={"Accept-Language": header})
    assert f'<html lang="{lang}">' in page.text


def test_unknown_disabled_and_other_channels_are_not_there(app: Flask, make: Any) -> None:
    off = make.channel("widget", name="Off", enabled=False)
    phone = make.channel("phone", name="Hotline", config={"number": "19001234"})
    for key in ("nosuchkey", off.key, phone.key):
        for path in (".js", "/frame", "/config", "/messages"):
            assert app.test_client().get(f"/widget/{key}{path}").status_code == 404


def test_the_configuration_tells_hours_and_ways(app: Flask, channel: Channel, make: Any) -> None:
    make.channel("phone", name="Hotline", config={"number": "1900 1234"})
    told = app.test_client().get(f"/widget/{channel.key}/config").json
    assert {"kind": "phone", "href": "tel:19001234", "label": "1900 1234"} in told["ways"]
    assert set(told["hours"]) >= {"open", "until", "next"} and SECRET not in json.dumps(told)


# --- cookies and origins -------------------------------------------------------------------------------------


def test_no_cookie_is_read_or_set(app: Flask, channel: Channel, make: Any) -> None:
    agent = make.client(make.agent("admin"))
    paths = [".js", "/frame", "/chat", "/config"]
    for path in paths:
        answer = agent.get(f"/widget/{channel.key}{path}")
        assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.headers.get("Vary", "")
    # The agent's cookie opens nothing here.
    assert agent.get_cookie(COOKIE) is not None
    assert agent.get(f"/widget/{channel.key}/messages").status_code == 401
    begun = agent.post(f"/widget/{channel.key}/session", json={})
    assert begun.status_code == 200 and "Set-Cookie" not in begun.headers


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 200),  # our own frame
        (SHOP, 200),
        ("https://evil.example", 403),
        ("https://shop.example.evil.example", 403),
        ("https://shop.example:8443", 403),
        ("null", 403),
        ("javascript:alert(1)", 403),
    ],
)
def test_sessions_begin_only_from_allowed_origins(app: Flask, channel: Channel, origin: str, status: int) -> None:
    visitor = Visitor(app, channel, Origin=origin)
    assert visitor.begin().status_code == status
    assert (db.session.scalar(select(func.count(VisitorSession.id))) == 1) is (status == 200)


def test_null_is_refused_even_where_any_site_may_embed(app: Flask, make: Any) -> None:
    anywhere = make.channel("widget", name="Anywhere", config={"allowed_domains": "*"})
    assert Visitor(app, anywhere, Origin="null").begin().status_code == 403
    assert Visitor(app, anywhere, Origin="https://any.example").begin().status_code == 200


# --- tokens --------------------------------------------------------------------------------------------------


def test_a_token_is_long_and_rests_only_as_a_hash(visitor: Visitor) -> None:
    assert len(visitor.token) >= 43
    row = db.session.scalars(select(VisitorSession)).one()
    assert row.token_hash == hashlib.sha256(visitor.token.encode()).hexdigest()
    assert visitor.token not in json.dumps([str(v) for v in vars(row).values()])


def test_opening_the_frame_writes_nothing(app: Flask, channel: Channel) -> None:
    app.test_client().get(f"/widget/{channel.key}/frame")
    assert db.session.scalar(select(func.count(VisitorSession.id))) == 0


def test_a_good_token_goes_on_and_a_wrong_or_foreign_one_does_not(app: Flask, visitor: Visitor, make: Any) -> None:
    assert visitor.begin().json == {"token": None, "verified": False}
    other = Visitor(app, make.channel("widget", name="Other"))
    other.token = visitor.token
    assert other.ask("GET", "/messages").status_code == 401
    visitor.token = visitor.token[:-1] + ("A" if visitor.token[-1] != "A" else "B")
    assert visitor.ask("GET", "/messages").status_code == 401
    assert visitor.say("hello").status_code == 401


def test_ending_a_session_ends_its_token(visitor: Visitor) -> None:
    visitor.say("Hello there")
    assert visitor.ask("POST", "/end").status_code == 204
    assert visitor.ask("GET", "/messages").status_code == 401
    assert visitor.say("Still me?").status_code == 401


# --- messages ------------------------------------------------------------------------------------------------


def test_a_message_is_stored_before_it_is_acknowledged(visitor: Visitor, channel: Channel) -> None:
    given = visitor.say(
        "Do you ship to Côn Đảo?", about={"name": "Lan", "page": "https://shop.example/bowl", "locale": "vi"}
    )
    assert given.status_code == 201
    message = db.session.get(Message, int(given.json["id"]))
    assert message is not None and message.text == "Do you ship to Côn Đảo?" and message.seq > 0
    ticket = db.session.get_one(Ticket, message.ticket_id)
    assert ticket.status == "new" and ticket.origin_channel_id == channel.id and ticket.customer.name == "Lan"
    assert message.meta["page"] == "https://shop.example/bowl" and ticket.customer.locale == "vi"
    item = visitor.messages()["items"][0]
    assert item["id"] == given.json["id"] and item["client_msg_id"] == "browser-0001" and item["seq"] == message.seq


def test_the_same_id_twice_is_one_message_and_another_text_is_refused(visitor: Visitor) -> None:
    first = visitor.say("One bowl, please", "the-same-id-1")
    again = visitor.say("One bowl, please", "the-same-id-1")
    assert (first.status_code, again.status_code) == (201, 200) and first.json["id"] == again.json["id"]
    assert visitor.say("Two bowls", "the-same-id-1").status_code == 422
    assert visitor.texts() == ["One bowl, please"]
    assert db.session.scalar(select(func.count(Message.id))) == 1


def test_an_id_belongs_to_its_visitor(app: Flask, visitor: Visitor, channel: Channel) -> None:
    visitor.say("Mine", "a-shared-id-1")
    other = Visitor(app, channel)
    other.begin()
    assert other.say("Not yours", "a-shared-id-1").status_code == 201
    assert visitor.texts() == ["Mine"] and other.texts() == ["Not yours"]


def test_after_misses_nothing_and_repeats_nothing(visitor: Visitor, make: Any) -> None:
    for n in range(120):
        visitor.say(f"line {n}")
    got, after = [], 0
    while True:
        page = visitor.messages(after)
        got += [m["text"] for m in page["items"]]
        after = page["cursor"]
        if not page["more"]:
            break
    assert got == [f"line {n}" for n in range(120)]
    assert visitor.messages(after)["items"] == []
    newest = visitor.messages(None)["items"]
    assert len(newest) == 100 and newest[-1]["text"] == "line 119"
    answer(make, "One moment")
    assert [m["text"] for m in visitor.messages(after)["items"]] == ["One moment"]


@pytest.mark.parametrize(
    "body",
    [
        {"client_msg_id": "short", "text": "x"},
        {"client_msg_id": "long-enough-1", "text": "   "},
        {"client_msg_id": "long-enough-1", "text": "x" * 10_001},
        {"client_msg_id": "long-enough-1", "text": 7},
        {"client_msg_id": "long-enough-1", "text": "x", "attachments": "token"},
        {"client_msg_id": "long-enough-1", "text": "x", "attachments": ["nosuchtoken"]},
        ["not an object"],
    ],
)
def test_bad_messages_say_which_field(visitor: Visitor, body: Any) -> None:
    given = visitor.ask("POST", "/messages", json=body)
    assert given.status_code == 422 and given.mimetype == "application/problem+json"
    assert db.session.scalar(select(func.count(Message.id))) == 0


def test_broken_json_and_a_megabyte_are_refused(visitor: Visitor) -> None:
    assert visitor.ask("POST", "/messages", data=b"{", content_type="application/json").status_code == 422
    large = json.dumps({"client_msg_id": "long-enough-1", "text": "x" * 1_000_000})
    assert visitor.ask("POST", "/messages", data=large, content_type="application/json").status_code == 413


def test_a_flood_is_slowed(settings: Settings) -> None:
    app = create_app(replace(settings, limits=Limits(widget_messages_per_minute=5)), serving=True)
    app.testing = True
    with app.app_context():
        from tests.factories import Make

        visitor = Visitor(app, Make(app).channel("widget", name="Shop chat"))
        visitor.begin()
        answers = [visitor.say(f"flood {n}") for n in range(12)]
        codes = [a.status_code for a in answers]
        assert codes[:5] == [201] * 5 and set(codes[5:]) == {429}
        assert answers[-1].headers["Retry-After"] and answers[-1].mimetype == "application/problem+json"
        sessions = [Visitor(app, db.session.scalars(select(Channel)).one()).begin().status_code for _ in range(20)]
        assert 429 in sessions  # new visitors of one address are limited too
        db.session.remove()
        db.engine.dispose()
        app.extensions["writers"].engine.dispose()


# --- what an agent answers -----------------------------------------------------------------------------------


def test_an_answer_shows_a_public_name_and_read_marks_go_back(visitor: Visitor, make: Any) -> None:
    visitor.say("Is it open?")
    sent = answer(make, "Until six.")
    item = visitor.messages()["items"][-1]
    assert item["author"] == {"type": "agent", "name": "Trần Linh"} and item["direction"] == "out"
    assert visitor.ask("POST", "/read", json={"message": item["id"]}).status_code == 204
    delivery = db.session.scalars(select(Delivery).where(Delivery.message_id == sent.id)).one()
    assert delivery.state == "read" and delivery.read_at is not None
    events = db.session.scalar(select(func.count(EventRow.seq)).where(EventRow.type == "delivery_changed"))
    visitor.ask("POST", "/read", json={"message": item["id"]})
    assert db.session.scalar(select(func.count(EventRow.seq)).where(EventRow.type == "delivery_changed")) == events


def test_where_the_brand_answers_no_agents_name_is_told(visitor: Visitor, make: Any) -> None:
    with unit_of_work() as work:
        desk_settings.put(work, "brand.reply_name", "brand")
    visitor.say("Who is there?")
    answer(make, "We are.")
    assert "Linh" not in json.dumps(visitor.messages())


def test_a_visitor_sees_that_an_agent_has_read(visitor: Visitor, make: Any) -> None:
    visitor.say("Seen?")
    found = visitor.messages()
    assert found["seen"] == 0
    viewer = make.viewer("admin")
    with unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, viewer, work.session.scalar(select(Ticket.number)))
        tickets.mark_read(work, viewer, ticket, found["cursor"])
    assert visitor.messages()["seen"] >= found["cursor"]


def test_notes_and_what_is_internal_never_leave(visitor: Visitor, make: Any, app: Flask, channel: Channel) -> None:
    visitor.say("Where is my order?")
    viewer = make.viewer("admin", name="Trần Linh", email="linh-canary@desk.example")
    with unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, viewer, work.session.scalar(select(Ticket.number)), lock=True)
        replies.note(work, viewer, ticket, replies.Written(text="canary-note: never show"))
        tickets.set_tags(work, viewer, ticket, ["canary-tag"])
        replies.reply(work, viewer, ticket, replies.Written(text="On its way."))
    seen = (
        "".join(app.test_client().get(f"/widget/{channel.key}{p}").text for p in (".js", "/frame", "/config"))
        + json.dumps(visitor.messages())
        + json.dumps(visitor.messages(None))
    )
    assert "canary" not in seen
    assert visitor.texts() == ["Where is my order?", "On its way."]


def test_markup_stays_text(visitor: Visitor, make: Any) -> None:
    bad = '"><img src=x onerror=__pwned=1>{{7*7}}<script>__pwned=1</script>'
    assert visitor.say(bad, about={"name": bad, "page": bad, "contact": bad}).status_code == 201
    item = visitor.messages()["items"][0]
    assert item["text"] == bad and "html" not in item  # the browser puts it in as text
    customer = db.session.scalars(select(Customer)).one()
    assert customer.name == bad


def test_strange_text_is_kept(visitor: Visitor) -> None:
    text = "e\u0301 \x00 🧡 \u202eabc"
    assert visitor.say(text, "strange-text-1").status_code == 201
    assert visitor.say(text, "strange-text-1").status_code == 200
    assert visitor.texts() == ["é \ufffd 🧡 \u202eabc"]


# --- files ---------------------------------------------------------------------------------------------------


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "#0b7268").save(out, "PNG")
    return out.getvalue()


def upload(visitor: Visitor, data: bytes, name: str, kind: str) -> Any:
    return visitor.ask("POST", "/files", data={"file": (io.BytesIO(data), name, kind)})


def test_pictures_and_files_arrive_with_the_message(visitor: Visitor) -> None:
    picture = upload(visitor, png(), "../ảnh.png", "image/png")
    page = upload(visitor, b"<script>__pwned=1</script>", "a.html", "text/html")
    assert picture.status_code == page.status_code == 201
    assert picture.json["picture"] is True and picture.json["filename"] == "ảnh.png" and page.json["picture"] is False
    assert visitor.say("", attachments=[picture.json["token"], page.json["token"]]).status_code == 201
    files = visitor.messages()["items"][0]["attachments"]
    assert [f["filename"] for f in files] == ["ảnh.png", "a.html"]
    shown = visitor.ask("GET", f"/files/{files[0]['token']}")
    assert shown.mimetype == "image/png" and shown.data == png()
    saved = visitor.ask("GET", f"/files/{files[1]['token']}")
    assert saved.mimetype == "application/octet-stream" and saved.headers["Content-Disposition"].startswith(
        "attachment"
    )
    assert (
        saved.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in saved.headers["Content-Security-Policy"]
    )
    assert db.session.scalar(select(func.count(Attachment.id)).where(Attachment.message_id.is_(None))) == 0


def test_files_open_only_for_their_visitor(app: Flask, visitor: Visitor, channel: Channel, make: Any) -> None:
    token = upload(visitor, b"private", "a.txt", "text/plain").json["token"]
    other = Visitor(app, channel)
    other.begin()
    other.say("hello hello")
    assert other.ask("GET", f"/files/{token}").status_code == 404
    assert other.say("stolen", attachments=[token]).status_code == 422
    visitor.say("mine", attachments=[token])
    token = visitor.messages()["items"][0]["attachments"][0]["token"]
    assert other.ask("GET", f"/files/{token}").status_code == 404
    assert app.test_client().get(f"/widget/{channel.key}/files/{token}").status_code == 401
    assert visitor.ask("GET", f"/files/{token}").data == b"private"


def test_a_picture_that_is_none_is_a_file(visitor: Visitor) -> None:
    found = upload(visitor, b"<svg onload=__pwned=1>", "x.svg", "image/svg+xml").json
    assert found["picture"] is False


def test_too_large_empty_and_missing_files(visitor: Visitor) -> None:
    large = b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n' + b"x" * (
        20 * 1024 * 1024 + 1
    )
    given = visitor.ask("POST", "/files", data=large + b"\r\n--b--\r\n", content_type="multipart/form-data; boundary=b")
    assert given.status_code in (413, 422)
    assert upload(visitor, b"", "empty.txt", "text/plain").status_code == 422
    assert visitor.ask("POST", "/files", data={}).status_code == 422


# --- who one is ----------------------------------------------------------------------------------------------


def test_a_signed_user_finds_their_history_on_another_device(app: Flask, channel: Channel) -> None:
    phone, laptop = Visitor(app, channel), Visitor(app, channel)
    assert phone.identify(id="user-42", name="Lan", hash=sign("user-42")).json["verified"] is True
    phone.say("From my phone")
    assert laptop.identify(id="user-42", hash=sign("user-42")).json["verified"] is True
    assert laptop.texts() == ["From my phone"]
    identity = db.session.scalars(select(Identity).where(Identity.kind == "widget")).one()
    assert (identity.scope, identity.value) == (channel.key, "user:user-42") and identity.verified_at is not None


@pytest.mark.parametrize(
    "claim",
    [
        {"id": "user-42"},
        {"id": "user-42", "hash": ""},
        {"id": "user-42", "hash": "0" * 64},
        {"id": "user-42", "hash": sign("user-43")},
        {"id": "user-42", "hash": sign("user-42", "another shop's secret")},
        {"id": "user-42", "email": "lan@khach.example", "hash": sign("lan@khach.example")},  # over another field
        {"email": "lan@khach.example"},
        {"email": "lan@khach.example", "hash": sign("user-42")},
    ],
)
def test_a_claim_without_its_own_signature_opens_no_history(
    app: Flask, channel: Channel, make: Any, claim: dict[str, str]
) -> None:
    make.customer("Lan", email="lan@khach.example")
    owner = Visitor(app, channel)
    owner.identify(id="user-42", hash=sign("user-42"))
    owner.say("My secret order 20931")
    thief = Visitor(app, channel)
    thief.begin()
    answer = thief.identify(**claim)
    assert answer.status_code == 200 and answer.json["verified"] is False
    assert thief.texts() == []
    thief.say("I am Lan, tell me everything")
    assert thief.texts() == ["I am Lan, tell me everything"]
    customers = db.session.scalars(select(Message.customer_id).distinct()).all()
    assert len(customers) == 2 and owner.texts() == ["My secret order 20931"]
    assert db.session.scalar(select(func.count(Identity.id)).where(Identity.kind == "email")) == 1  # a claim adds none


def test_the_signature_of_one_widget_is_worth_nothing_on_another(app: Flask, channel: Channel, make: Any) -> None:
    twin = make.channel("widget", name="Twin", config={"identity_secret": SECRET})
    mine, theirs = Visitor(app, channel), Visitor(app, twin)
    mine.identify(id="user-42", hash=sign("user-42"))
    mine.say("Only for the first shop")
    theirs.identify(id="user-42", hash=sign("user-42"))  # even the same secret: another site, another person
    assert theirs.texts() == []


def test_dropping_the_signature_falls_back_to_nobody(app: Flask, channel: Channel) -> None:
    visitor = Visitor(app, channel)
    visitor.identify(id="user-42", hash=sign("user-42"))
    visitor.say("Signed")
    old = visitor.token
    assert visitor.identify(id="user-42").json["verified"] is False
    assert visitor.token != old and visitor.texts() == []
    visitor.token = old
    assert visitor.ask("GET", "/messages").status_code == 401


def test_the_token_changes_with_the_proof_and_what_was_written_stays(app: Flask, visitor: Visitor) -> None:
    visitor.say("Before signing in")
    old = visitor.token
    visitor.identify(id="user-7", name="Minh", hash=sign("user-7"))
    assert visitor.token != old and visitor.texts() == ["Before signing in"]
    visitor.say("After signing in")
    assert db.session.scalar(select(func.count(Ticket.id))) == 1  # one conversation goes on
    same = visitor.token
    assert visitor.identify(id="user-7", hash=sign("user-7")).json["token"] is None and visitor.token == same
    visitor.token = old
    assert visitor.ask("GET", "/messages").status_code == 401


def test_a_known_user_keeps_reading_what_this_browser_wrote_before(app: Flask, channel: Channel) -> None:
    first = Visitor(app, channel)
    first.identify(id="user-9", hash=sign("user-9"))
    first.say("An old order")
    second = Visitor(app, channel)
    second.begin()
    second.say("Anonymous question")
    second.identify(id="user-9", hash=sign("user-9"))
    assert second.texts() == ["An old order", "Anonymous question"] and first.texts() == ["An old order"]


def test_a_signed_email_links_to_its_customer(app: Flask, channel: Channel, make: Any) -> None:
    lan = make.customer("Lan", email="lan@khach.example")
    visitor = Visitor(app, channel)
    assert visitor.identify(email="Lan@khach.example", hash=sign("Lan@khach.example")).json["verified"] is True
    visitor.say("It is me")
    assert db.session.scalars(select(Message)).one().customer_id == lan.id
    newcomer = Visitor(app, channel)
    newcomer.identify(email="minh@khach.example", name="Minh", hash=sign("minh@khach.example"))
    newcomer.say("New here")
    kinds = {(kind, value) for kind, value in db.session.execute(select(Identity.kind, Identity.value))}
    assert ("email", "minh@khach.example") in kinds


def test_where_identity_is_required_nobody_else_chats(app: Flask, make: Any) -> None:
    strict = make.channel("widget", name="Strict", config={"identity_secret": SECRET, "require_identity": True})
    visitor = Visitor(app, strict)
    assert visitor.begin().status_code == 403
    assert visitor.identify(id="user-42").status_code == 403
    assert visitor.identify(id="user-42", hash="0" * 64).status_code == 403
    assert visitor.say("Let me in").status_code == 401
    assert visitor.identify(id="user-42", hash=sign("user-42")).status_code == 200
    assert visitor.say("Thank you, I have a question").status_code == 201


def test_contact_and_consent_are_recorded_as_said(visitor: Visitor) -> None:
    sentence = "I agree that Đồi Gió uses this to answer me."
    visitor.say(
        "Call me", about={"contact": "0903 123 456", "consent": sentence, "locale": "en", "attributes": {"plan": "pro"}}
    )
    customer = db.session.scalars(select(Customer)).one()
    assert customer.data_consent["chat"]["text"] == sentence and customer.data_consent["chat"]["at"]
    assert customer.custom["said_in_chat"] == {"contact": "0903 123 456", "plan": "pro"}
    assert db.session.scalars(select(Message)).one().meta["contact"] == "0903 123 456"


# --- rating --------------------------------------------------------------------------------------------------


def survey_asked(make: Any, drain: Any) -> None:
    with unit_of_work() as work:
        desk_settings.put(work, "survey.csat.delay_minutes", 0)
        desk_settings.put(work, "survey.quiet_from", 0)
        desk_settings.put(work, "survey.quiet_until", 0)
    answer(make, "Solved, have fun.", then="solve")
    drain()


def test_the_survey_is_a_card_and_a_tap_records_it(visitor: Visitor, make: Any, drain: Any) -> None:
    visitor.say("My teapot has a crack in it")
    survey_asked(make, drain)
    card = visitor.messages()["items"][-1]
    assert card["kind"] == "survey" and card["survey"]["state"] == "open"
    rated = visitor.ask(
        "POST", "/rating", json={"message": card["id"], "score": 2, "reason": "slow", "comment": "Hơi lâu"}
    )
    assert rated.status_code == 200
    card = visitor.messages()["items"][-1]
    assert card["survey"] == {"state": "answered", "score": 2, "reason": "slow", "comment": "Hơi lâu"}
    for score in (0, 6, "5", None, True):
        assert visitor.ask("POST", "/rating", json={"message": card["id"], "score": score}).status_code == 422


def test_nobody_rates_for_another(app: Flask, visitor: Visitor, channel: Channel, make: Any, drain: Any) -> None:
    visitor.say("My teapot has a crack in it")
    survey_asked(make, drain)
    card = visitor.messages()["items"][-1]
    other = Visitor(app, channel)
    other.begin()
    other.say("hello hello")
    assert other.ask("POST", "/rating", json={"message": card["id"], "score": 1}).status_code == 404
    assert surveys.answers(db.session, [int(card["id"])]) == {}


def test_a_full_disk_acknowledges_nothing_and_the_log_says_why(
    app: Flask, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OperationalError("INSERT INTO messages", {"text": "canary-7"}, Exception("database or disk is full"))

    app.config["PROPAGATE_EXCEPTIONS"] = False
    with monkeypatch.context() as patched:
        patched.setattr(widget_visitor.chats, "say", full)
        refused = visitor.say("Hello?", "browser-again")
    assert refused.status_code == 503 and refused.mimetype == "application/problem+json"
    assert refused.headers["Retry-After"] and "disk" not in refused.text
    assert "database or disk is full" in caplog.text and "canary-7" not in caplog.text
    assert visitor.say("Hello?", "browser-again").status_code == 201
