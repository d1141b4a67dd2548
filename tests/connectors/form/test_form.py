"""The web form: a person's message becomes a ticket they can be answered in by mail; a machine's lands in Spam."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest

from connectors.contract import Raw, Unparseable
from connectors.form.connector import Form, contact
from helpdesk.extensions import db
from helpdesk.models import Message, Ticket
from helpdesk.public import form as door
from helpdesk.services import ways

NOW = door.now


@pytest.fixture
def channel(make: Any) -> Any:
    return make.channel("form", config={"locale": "en"})


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The form stays open for so many seconds."""

    def wait(seconds: float) -> None:
        monkeypatch.setattr(door, "now", lambda: NOW() + timedelta(seconds=seconds))

    return wait


def entry(client: Any, channel: Any, query: str = "") -> str:
    page = client.get(f"/f/{channel.key}{query}")
    assert page.status_code == 200
    return re.search(r'name="entry" value="([^"]+)"', page.text)[1]


def fill(client: Any, channel: Any, token: str, **more: Any) -> Any:
    form = {
        "entry": token,
        "name": "Lan",
        "contact": "lan@khach.example",
        "subject": "Order",
        "message": "Where is it?",
    }
    return client.post(f"/f/{channel.key}", data=form | more)


def tickets() -> list[Ticket]:
    db.session.rollback()
    return list(db.session.query(Ticket).order_by(Ticket.id))


def test_a_message_becomes_a_ticket_that_is_answered_by_mail(client: Any, channel: Any, make: Any, later: Any) -> None:
    mail = make.channel("email", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1"})
    token = entry(client, channel)
    later(20)
    done = fill(client, channel, token, file=[(io.BytesIO(b"hello"), "note.txt"), (io.BytesIO(b"x" * 9), "b.bin")])
    (ticket,) = tickets()
    assert done.status_code == 200 and f"#{ticket.number}" in done.text
    assert (ticket.subject, ticket.shelf, ticket.needs_reply) == ("Order", "open", True)
    message = db.session.query(Message).one()
    assert message.text == "Where is it?" and [a.filename for a in message.attachments] == ["note.txt", "b.bin"]
    way = ways.options(db.session(), ticket)[0]
    assert (way.channel_id, way.identity_label, way.ok) == (mail.id, "lan@khach.example", True)


def test_the_same_form_twice_is_one_ticket(client: Any, channel: Any, later: Any) -> None:
    token = entry(client, channel)
    later(20)
    first, second = fill(client, channel, token), fill(client, channel, token)
    (ticket,) = tickets()
    assert f"#{ticket.number}" in first.text and f"#{ticket.number}" in second.text


def test_what_a_machine_fills_in_lands_in_spam(client: Any, channel: Any, later: Any) -> None:
    assert fill(client, channel, entry(client, channel)).status_code == 200  # in no time
    token = entry(client, channel)
    later(20)
    assert fill(client, channel, token, website="https://buy.example").status_code == 200
    assert [t.shelf for t in tickets()] == ["spam", "spam"]


@pytest.mark.parametrize("how", ["missing", "forged", "another form's", "a day old"])
def test_an_entry_that_is_not_good_shows_the_form_again(
    client: Any, channel: Any, make: Any, later: Any, how: str
) -> None:
    token = entry(client, make.channel("form") if how == "another form's" else channel)
    later(90_000 if how == "a day old" else 20)
    given = {"missing": "", "forged": token[:-3] + "aaa"}.get(how, token)
    answer = fill(client, channel, given)
    assert answer.status_code == 422 and "Where is it?" in answer.text and tickets() == []
    assert re.search(r'name="entry" value="([^"]+)"', answer.text)[1] != token


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"contact": "nobody"}, "contact"),
        ({"contact": ""}, "contact"),
        ({"message": " "}, "message"),
        ({"message": "x" * 10_001}, "message"),
        ({"file": [(io.BytesIO(b"x"), f"{n}.txt") for n in range(6)]}, "file"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: Any, channel: Any, later: Any, more: dict[str, Any], field: str
) -> None:
    token = entry(client, channel)
    later(20)
    answer = fill(client, channel, token, **more)
    assert answer.status_code == 422 and f'id="f-{field}-error"' in answer.text and tickets() == []


def test_a_phone_number_is_enough_unless_the_form_wants_mail(client: Any, channel: Any, make: Any, later: Any) -> None:
    token = entry(client, channel)
    strict = make.channel("form", config={"contact": "email", "locale": "en"})
    other = entry(client, strict)
    later(20)
    assert fill(client, strict, other, contact="0912 345 678").status_code == 422
    assert fill(client, channel, token, contact="0912 345 678").status_code == 200
    identity = tickets()[0].customer.identities[0]
    assert (identity.kind, identity.value, identity.verified_at) == ("phone", "+84912345678", None)


def test_topics_and_consent_are_held(client: Any, make: Any, later: Any) -> None:
    channel = make.channel("form", config={"topics": "Orders\nReturns", "consent": "I agree.", "locale": "en"})
    token = entry(client, channel)
    later(20)
    refused = fill(client, channel, token)
    assert refused.status_code == 422 and "f-subject-error" in refused.text and "f-consent-error" in refused.text
    assert fill(client, channel, token, subject="Orders", consent="1").status_code == 200


def test_a_known_number_in_the_subject_opens_nobodys_ticket(client: Any, channel: Any, make: Any, later: Any) -> None:
    mail = make.channel("email", config={"address": "hello@shop.example"})
    from connectors.contract import Address

    make.inbound(mail, "Secret matter", subject="Old", sender=Address("email", "lan@khach.example"))
    number = tickets()[0].number
    token = entry(client, channel)
    later(20)
    fill(client, channel, token, subject=f"Re: [#{number}]")
    assert len(tickets()) == 2


def test_who_may_embed_it_is_said_by_the_policy(client: Any, make: Any) -> None:
    channel = make.channel("form", config={"allowed_domains": "shop.example\nbad;script-src *\n*.site.example:8443"})
    alone = client.get(f"/f/{channel.key}")
    inside = client.get(f"/f/{channel.key}?embed=1")
    assert "frame-ancestors 'none'" in alone.headers["Content-Security-Policy"] and "<script" not in alone.text
    policy = inside.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'self' shop.example *.site.example:8443")
    assert "unsafe" not in policy and "set-cookie" not in {k.lower() for k, _v in inside.headers}


def test_the_page_speaks_the_visitors_language(client: Any, make: Any) -> None:
    channel = make.channel("form")
    vietnamese = client.get(f"/f/{channel.key}", headers={"Accept-Language": "vi"})
    assert 'lang="vi"' in vietnamese.text and "Gửi tin nhắn cho chúng tôi" in vietnamese.text
    assert 'lang="en"' in client.get(f"/f/{channel.key}?lang=en", headers={"Accept-Language": "vi"}).text


def test_a_channel_that_is_off_or_of_another_kind_has_no_form(client: Any, make: Any) -> None:
    assert client.get(f"/f/{make.channel('form', enabled=False).key}").status_code == 404
    assert client.get(f"/f/{make.channel('widget').key}").status_code == 404
    assert client.get("/f/nothing").status_code == 404


def test_the_loader_is_small(client: Any, channel: Any) -> None:
    script = client.get(f"/f/{channel.key}.js")
    assert script.status_code == 200 and channel.key in script.text and len(script.data) < 3000


def test_one_address_cannot_flood(client: Any, channel: Any, later: Any) -> None:
    token = entry(client, channel)
    later(20)
    answers = [fill(client, channel, token).status_code]
    while 429 not in answers and len(answers) < 25:  # a minute may end in between
        answers.append(fill(client, channel, token).status_code)
    assert answers[0] == 200 and answers[-1] == 429


@pytest.mark.parametrize("typed", ["0912345678", "+84 912 345 678", "0084912345678"])
def test_a_number_has_one_spelling(typed: str) -> None:
    assert contact(typed).value == "+84912345678"


def test_a_form_of_nobody_cannot_be_read() -> None:
    from connectors.contract import ChannelConfig

    with pytest.raises(Unparseable):
        Form(ChannelConfig(1, "k", "n")).parse(Raw("1", b'{"id": "1", "message": "x", "contact": "?"}'))
