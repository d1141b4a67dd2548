"""The channel a customer prefers, and where a message goes when its own way fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.contract import Address
from connectors.contract import PermanentFailure as Refusal
from connectors.email.connector import Email
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Customer, Delivery, Identity, Message, Ticket
from helpdesk.services import fallback, preferred, replies, ways
from helpdesk.services import settings as desk_settings
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.processes

LAN = "+84912345678"


@pytest.fixture
def provider() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def mail(make: Any) -> Any:
    server = {"smtp_host": "127.0.0.1", "smtp_port": 1}
    return make.channel("email", name="Mail", config={"address": "hello@shop.example", **server})


@pytest.fixture
def sms(make: Any, provider: Receiver) -> Any:
    config = {"account_sid": "AC1", "auth_token": "t", "sender": "+18005550123", "api_base": provider.url}
    return make.channel("sms", name="SMS", config=config)


@pytest.fixture
def lan(make: Any, mail: Any, sms: Any) -> int:
    """Writes mails, and has a phone, too."""
    make.inbound(mail, "Where is it?", subject="Parcel", sender=Address("email", "lan@khach.example", name="Lan"))
    customer = db.session.query(Customer).one().id
    with unit_of_work() as work:
        work.session.add(Identity(customer_id=customer, kind="phone", value=LAN))
    db.session.rollback()
    return customer


def ticket() -> Ticket:
    db.session.rollback()
    return db.session.query(Ticket).order_by(Ticket.id.desc()).first()


def answer(make: Any, monkeypatch: pytest.MonkeyPatch, drain: Any, *, fails: bool = True, viewer: Any = None) -> int:
    def refuse(_self: Any, _outbound: Any) -> Any:
        raise Refusal("The mailbox is full.")

    if fails:
        monkeypatch.setattr(Email, "send", refuse)
    viewer = viewer or make.viewer("admin")
    with unit_of_work(actor=viewer.actor) as work:
        found = access.ticket_by_id(work.session, viewer, ticket().id, lock=True)
        message = replies.reply(work, viewer, found, Written(text="Tomorrow."))
    drain("deliveries")
    return message.id


def deliveries(message_id: int) -> list[tuple[str, str]]:
    db.session.rollback()
    rows = db.session.query(Delivery).filter_by(message_id=message_id).order_by(Delivery.id)
    return [(db.session.get_one(Identity, d.identity_id).kind, d.state) for d in rows]


# --- learning ------------------------------------------------------------------------------------------------


def test_a_preference_is_learned_from_use_and_overridden_by_hand(make: Any, lan: int, mail: Any, sms: Any) -> None:
    assert preferred.learned(db.session(), lan) is None, "one message says nothing yet"
    who = Address("phone", LAN)
    for text in ("one", "two", "three"):
        make.inbound(sms, text, sender=who)
    db.session.rollback()
    found = preferred.of(db.session(), db.session.get_one(Customer, lan))
    assert found and (found.channel_id, found.learned) == (sms.id, (3, 4))
    with unit_of_work() as work:
        work.session.get_one(Customer, lan).preferred_channel_id = mail.id
    db.session.rollback()
    found = preferred.of(db.session(), db.session.get_one(Customer, lan))
    assert found and (found.channel_id, found.learned) == (mail.id, None)


def test_calls_and_forms_teach_nothing_that_cannot_be_answered(make: Any, lan: int) -> None:
    phone = make.channel("phone")
    for n in range(5):
        make.inbound(phone, f"call {n}", sender=Address("phone", LAN))
    db.session.rollback()
    assert preferred.learned(db.session(), lan) is None


def test_a_conversation_we_begin_goes_the_learned_way(make: Any, lan: int, sms: Any) -> None:
    for text in ("one", "two", "three"):
        make.inbound(sms, text, sender=Address("phone", LAN))
    viewer = make.viewer("admin")
    with unit_of_work(actor=viewer.actor) as work:
        customer = work.session.get_one(Customer, lan)
        begun = replies.start(work, viewer, customer, Written(text="Your parcel is here."))
    assert begun.channel_id == sms.id


def test_the_profile_says_what_is_learned(make: Any, lan: int, sms: Any) -> None:
    for text in ("one", "two", "three"):
        make.inbound(sms, text, sender=Address("phone", LAN))
    browser = make.client(make.agent("admin", locale="en"))
    page = browser.get(f"/customers/{lan}/edit").text
    assert "As they use them: SMS (3 of their last 4 messages)" in page


# --- falling back --------------------------------------------------------------------------------------------


def test_what_failed_is_offered_by_the_next_channel_and_goes_with_one_click(
    make: Any, lan: int, sms: Any, provider: Receiver, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = make.agent("admin", locale="en")
    sent = answer(make, monkeypatch, drain, viewer=access.viewer_of(admin))
    assert deliveries(sent) == [("email", "failed")]
    failed = db.session.query(Delivery).one()
    browser = make.client(admin)
    page = browser.get(f"/tickets/{ticket().number}").text
    phone = db.session.query(Identity).filter_by(kind="phone").one().id
    assert f"/deliveries/{failed.id}/elsewhere?way={sms.id}:{phone}" in page and "Send by SMS" in page
    provider.answers = [(201, b'{"sid": "SM1"}')]
    clicked = browser.post(f"/deliveries/{failed.id}/elsewhere?way={sms.id}:{phone}")
    assert clicked.status_code < 400
    drain("deliveries")
    assert deliveries(sent) == [("email", "failed"), ("phone", "sent")]
    assert b"Body=Tomorrow." in provider.came[0].body
    assert ticket().channel_id == sms.id
    page = browser.get(f"/tickets/{ticket().number}").text
    assert "/elsewhere" not in page and "is-failed" not in page
    again = browser.post(f"/deliveries/{failed.id}/elsewhere?way={sms.id}:{phone}")
    assert again.status_code == 422 and len(deliveries(sent)) == 2


def test_the_answer_by_the_other_channel_comes_back_into_the_ticket(
    make: Any, lan: int, sms: Any, provider: Receiver, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = answer(make, monkeypatch, drain)
    provider.answers = [(201, b'{"sid": "SM1"}')]
    with unit_of_work() as work:
        fallback.send(work, None, db.session.query(Delivery).one().id)
    drain("deliveries")
    number = ticket().number
    make.inbound(sms, "Thanks, after five please", sender=Address("phone", LAN))
    assert ticket().number == number and db.session.query(Message).filter_by(ticket_id=ticket().id).count() == 3
    assert deliveries(sent)[-1] == ("phone", "sent")


def test_by_itself_only_where_the_desk_says_so(
    make: Any, lan: int, provider: Receiver, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = answer(make, monkeypatch, drain)
    drain()
    assert deliveries(sent) == [("email", "failed")] and provider.came == []
    with unit_of_work() as work:
        desk_settings.put(work, fallback.AUTOMATIC, True)
    provider.answers = [(201, b'{"sid": "SM1"}')]
    second = answer(make, monkeypatch, drain)
    drain()
    assert deliveries(second) == [("email", "failed"), ("phone", "sent")]
    drain()
    assert len(provider.came) == 1


def test_when_every_way_fails_it_stops(
    make: Any, lan: int, provider: Receiver, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unit_of_work() as work:
        desk_settings.put(work, fallback.AUTOMATIC, True)
    provider.answers = [(400, b'{"code": 21614, "message": "no"}')]
    sent = answer(make, monkeypatch, drain)
    drain()
    assert deliveries(sent) == [("email", "failed"), ("phone", "failed")]
    assert fallback.offered(db.session(), db.session.query(Delivery.id).order_by(Delivery.id.desc()).first()[0]) is None


def test_a_long_text_is_not_offered_where_it_does_not_fit(
    make: Any, lan: int, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = answer(make, monkeypatch, drain)
    with unit_of_work() as work:
        work.session.get_one(Message, sent).text = "x" * 2000
    db.session.rollback()
    assert fallback.offered(db.session(), db.session.query(Delivery).one().id) is None


# --- shadow mode ---------------------------------------------------------------------------------------------


def test_in_shadow_mode_everything_comes_in_nothing_goes_out_and_every_page_says_so(
    make: Any, lan: int, mail: Any, sms: Any, drain: Any, provider: Receiver
) -> None:
    admin = make.agent("admin", locale="en")
    browser = make.client(admin)
    assert "hd-shadow" not in browser.get("/customers").text
    with unit_of_work() as work:
        desk_settings.put(work, "shadow_mode", True)
        desk_settings.put(work, fallback.AUTOMATIC, True)
    make.inbound(sms, "Still there?", sender=Address("phone", LAN))
    assert all(not o.ok and "shadow" in str(o.reason).lower() for o in ways.of_customer(db.session(), lan))
    for path in ("/", "/customers", "/settings/general"):
        assert "Shadow mode: everything comes in" in browser.get(path).text
    drain()
    assert provider.came == []
