"""Files that fit go along, larger ones as links that end; the quoted question is the customer's and nobody else's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from connectors.contract import Address, Evidence, File
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Delivery, Message, Ticket, now
from helpdesk.services import deliveries, enclosures, files, replies
from helpdesk.services import settings as desk_settings
from helpdesk.services.threading import reply_token
from helpdesk.unit_of_work import unit_of_work

LAN = Address("email", "lan@khach.example", name="Lan Anh")
BINH = Address("email", "binh@khach.example", name="Bình")
SHOP = {"address": "hotro@shop.example", "smtp_host": "127.0.0.1", "smtp_security": "none"}
MB = 1024 * 1024


@pytest.fixture
def desk(make: Any, app: Any) -> Any:
    with unit_of_work() as work:
        desk_settings.put(work, "public_url", "https://desk.example")
    channel = make.channel("email", config={**SHOP, "max_files_mb": 1, "quote_last": True})
    viewer = make.viewer("admin")
    first = make.inbound(channel, "Where is my order?", sender=LAN, subject="Order")

    def answer(*sizes: int, text: str = "Here you are.") -> Any:
        with unit_of_work(actor=viewer.actor) as work:
            tokens = []
            for n, size in enumerate(sizes):
                file = File(f"plan {n}.pdf", "application/pdf", size, bytes([n]) * size)
                row = files.attach(work.session, None, file, now(), uploaded_by=viewer.actor)
                work.session.flush()
                tokens.append(row.token)
            ticket = access.ticket_by_id(work.session, viewer, first.ticket_id, lock=True)
            message = replies.reply(work, viewer, ticket, replies.Written(text=text, attachments=tuple(tokens)))
            work.session.flush()
            delivery_id = work.session.query(Delivery.id).filter_by(message_id=message.id).scalar()
        return deliveries.compose(db.session(), delivery_id)[1]

    return SimpleNamespace(channel=channel, viewer=viewer, make=make, id=first.ticket_id, answer=answer, app=app)


def test_what_fits_goes_along_and_the_rest_as_links(desk: Any, client: FlaskClient) -> None:
    out = desk.answer(2 * MB, 1000, MB - 1000)
    assert [f.filename for f in out.files] == ["plan 1.pdf", "plan 2.pdf"]
    (link,) = out.links
    assert (link.filename, link.size_bytes) == ("plan 0.pdf", 2 * MB)
    assert link.url.startswith("https://desk.example/get/")
    got = client.get(link.url.removeprefix("https://desk.example"))
    assert got.status_code == 200
    assert len(got.data) == 2 * MB
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in got.headers["Content-Security-Policy"]
    got.close()


def test_a_repeated_attempt_carries_the_same_link(desk: Any) -> None:
    out = desk.answer(2 * MB)
    again = deliveries.compose(db.session(), out.delivery_id)[1]
    assert again.links == out.links


def test_a_link_changed_ended_or_of_another_file_opens_nothing(desk: Any, client: FlaskClient) -> None:
    (link,) = desk.answer(2 * MB).links
    _, _, _, _, id_, ends, signature = link.url.split("/")
    flipped = ("a" if signature[0] != "a" else "b") + signature[1:]
    for path in (f"/get/{id_}/{ends}/{flipped}", f"/get/{int(id_) + 1}/{ends}/{signature}",
                 f"/get/{id_}/{int(ends) + 1}/{signature}"):  # fmt: skip
        assert client.get(path).status_code == 404
    with desk.app.app_context():
        keyring = desk.app.extensions["keyring"]
        old = int(now().timestamp()) - 10
        ended = f"/get/{id_}/{old}/{keyring.sign(enclosures.PURPOSE, f'{id_}.{old}')}"
    assert client.get(ended).status_code == 404


def test_files_of_notes_and_of_customers_are_never_linked(desk: Any, client: FlaskClient) -> None:
    outcome = desk.make.inbound(desk.channel, "a file", sender=LAN, files=(File("a.txt", "text/plain", 3, b"abc"),))
    row = db.session.get_one(Message, outcome.message_id).attachments[0]
    assert client.get(enclosures.path(row.id, now().replace(year=2100))).status_code == 404


def test_the_last_question_is_quoted_but_no_note_and_no_stranger(desk: Any) -> None:
    with unit_of_work(actor=desk.viewer.actor) as work:
        ticket = access.ticket_by_id(work.session, desk.viewer, desk.id, lock=True)
        replies.note(work, desk.viewer, ticket, replies.Written(text="secret note"))
    token = reply_token(desk.app.extensions["keyring"], desk.id)
    evidence = Evidence(addressed_to=(f"hotro+{token}@shop.example",))
    stranger = desk.make.inbound(desk.channel, "a stranger's words", sender=BINH, evidence=evidence)
    assert db.session.get_one(Message, stranger.message_id).other_sender
    quote = desk.answer().quote
    assert quote is not None
    assert (quote.author, quote.text) == ("Lan Anh", "Where is my order?")


def test_nothing_is_quoted_unless_the_channel_says_so(make: Any) -> None:
    channel, viewer = make.channel("email", config=SHOP), make.viewer("admin")
    first = make.inbound(channel, "Where is it?", sender=LAN)
    with unit_of_work(actor=viewer.actor) as work:
        ticket = work.session.get_one(Ticket, first.ticket_id)
        message = replies.reply(work, viewer, ticket, replies.Written(text="There."))
        delivery_id = work.session.query(Delivery.id).filter_by(message_id=message.id).scalar()
    assert deliveries.compose(db.session(), delivery_id)[1].quote is None
