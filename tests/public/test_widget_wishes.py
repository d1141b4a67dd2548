"""What the chat offers besides writing: answers by mail and back, Telegram, call backs, the transcript, the end."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import func, select, update

from connectors.contract import Address, Evidence
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import (
    Channel,
    Customer,
    Delivery,
    EventRow,
    FollowUpTask,
    Identity,
    Invitation,
    Message,
    OutboxRow,
    Ticket,
    now,
)
from helpdesk.public import widget_face
from helpdesk.services import merging, replies
from helpdesk.services import settings as desk_settings
from helpdesk.services.threading import customer_token
from helpdesk.unit_of_work import unit_of_work
from tests.public.test_widget import SHOP, Visitor, answer

LAN = "lan@mail.example"


@pytest.fixture
def mail(make: Any) -> Channel:
    return make.channel(
        "email", name="Mail", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1}
    )


@pytest.fixture
def channel(make: Any, mail: Channel) -> Channel:
    return make.channel(
        "widget",
        name="Shop chat",
        config={"allowed_domains": "shop.example", "callback": True, "telegram_bot": "@doi_gio_bot"},
    )


@pytest.fixture
def visitor(app: Flask, channel: Channel) -> Visitor:
    visitor = Visitor(app, channel)
    visitor.begin(name="Lan", contact=LAN, consent="I agree")
    return visitor


def later() -> None:
    """The pause is over: what waits in the outbox for later is due."""
    with unit_of_work() as work:
        work.session.execute(update(OutboxRow).where(OutboxRow.kind == "chat_unread").values(run_at=work.now))


def letters() -> list[Message]:
    db.session.rollback()
    found = db.session.scalars(select(Message).where(Message.direction == "out").order_by(Message.id))
    return [m for m in found if "chat_letter" in (m.meta or {})]


def mailed_answer(make: Any, mail: Channel, letter: Message, text: str, sender: str = LAN) -> Any:
    assert letter.rfc822_id
    return make.inbound(
        mail,
        text,
        sender=Address("email", sender),
        evidence=Evidence(in_reply_to=(letter.rfc822_id,)),
        subject="Re: it",
    )


def ask(visitor: Visitor, what: str, **body: Any) -> Any:
    return visitor.ask("POST", f"/{what}", json=body)


# --- answers by mail, and back ---------------------------------------------------------------------------------


def test_an_unread_answer_is_mailed_and_the_mailed_reply_comes_back(
    visitor: Visitor, make: Any, drain: Any, mail: Channel
) -> None:
    visitor.say("Do you ship to Huế?")
    answer(make, "We do, for 30.000 ₫.")
    drain("reactions")
    assert letters() == []  # not before the pause
    later()
    drain("reactions")
    (letter,) = letters()
    assert "30.000 ₫" in letter.text
    assert "Do you ship" not in letter.text  # the address is a claim: nothing of the visitor's goes there
    assert letter.channel_id == mail.id
    delivery = db.session.scalars(select(Delivery).where(Delivery.message_id == letter.id)).one()
    assert [r.address for r in delivery.recipients] == [LAN]
    later()
    drain("reactions")
    assert len(letters()) == 1

    outcome = mailed_answer(make, mail, letter, "Two bowls then, please.")
    assert outcome.kind == "appended"
    assert visitor.texts() == ["Do you ship to Huế?", "We do, for 30.000 ₫.", "Two bowls then, please."]
    assert count(Ticket) == 1
    assert count(Customer) == 1

    answer(make, "Set aside for you.")  # by mail now: that is where they wrote last
    last = visitor.messages()["items"][-1]
    assert (last["text"], last["elsewhere"]) == ("Set aside for you.", True)
    assert visitor.say("Thank you!").status_code == 201
    assert count(Ticket) == 1


def count(model: Any) -> int:
    db.session.rollback()
    merged = model.merged_into_id.is_(None) if model is Customer else True
    return db.session.scalar(select(func.count(model.id)).where(merged)) or 0


def test_what_was_read_or_has_no_address_is_not_mailed(app: Flask, visitor: Visitor, make: Any, drain: Any) -> None:
    visitor.say("Hello")
    sent = answer(make, "Hello Lan")
    assert ask(visitor, "read", message=str(sent.id)).status_code == 204
    nobody = Visitor(app, db.session.scalars(select(Channel).where(Channel.kind == "widget")).one())
    nobody.begin(contact="0912 345 678", consent="I agree")
    nobody.say("Anybody there?")
    answer(make, "Yes")
    later()
    drain("reactions")
    assert letters() == []


def test_several_answers_make_one_letter(visitor: Visitor, make: Any, drain: Any) -> None:
    visitor.say("Hello")
    for text in ("First", "Second", "Third"):
        answer(make, text)
    later()
    drain("reactions")
    (letter,) = letters()
    assert all(word in letter.text for word in ("First", "Second", "Third"))


def test_a_known_persons_mail_is_not_shown_to_who_names_their_address(
    app: Flask, channel: Channel, make: Any, drain: Any, mail: Channel
) -> None:
    make.customer("Bob", email="bob@mail.example")
    stranger = Visitor(app, channel)
    stranger.begin(name="Not Bob", contact="bob@mail.example", consent="I agree")
    stranger.say("I am Bob, believe me")
    answer(make, "Hello Bob")
    later()
    drain("reactions")
    (letter,) = letters()
    outcome = mailed_answer(make, mail, letter, "canary: I never wrote to you", "bob@mail.example")
    assert outcome.ticket_id == letter.ticket_id  # an agent sees both together
    assert "canary" not in str(stranger.messages())
    bob = db.session.scalars(select(Customer).where(Customer.name == "Bob")).one()
    said = db.session.get_one(Message, outcome.message_id)
    assert said.customer_id == bob.id


def test_once_an_agent_joined_the_profiles_it_is_shown(
    app: Flask, channel: Channel, make: Any, drain: Any, mail: Channel
) -> None:
    bob = make.customer("Bob", email="bob@mail.example")
    visitor = Visitor(app, channel)
    visitor.begin(contact="bob@mail.example", consent="I agree")
    visitor.say("It is me, Bob")
    answer(make, "Hello Bob")
    later()
    drain("reactions")
    (letter,) = letters()
    chat = db.session.scalars(select(Identity).where(Identity.kind == "widget")).one()
    viewer = make.viewer("admin")
    with unit_of_work(actor=viewer.actor) as work:
        merging.merge(work, viewer, target_id=bob.id, source_id=chat.customer_id)
    mailed_answer(make, mail, letter, "By mail now", "bob@mail.example")
    assert visitor.texts()[-1] == "By mail now"


def test_other_mail_of_the_same_address_stays_out_of_the_chat(
    visitor: Visitor, make: Any, drain: Any, mail: Channel
) -> None:
    visitor.say("Hello")
    answer(make, "Hello Lan")
    later()
    drain("reactions")
    make.inbound(mail, "canary: another matter", sender=Address("email", LAN), subject="Something else")
    assert "canary" not in str(visitor.messages())
    assert count(Ticket) == 2


def test_notes_and_agents_addresses_are_in_no_letter_and_no_transcript(visitor: Visitor, make: Any, drain: Any) -> None:
    visitor.say("Hello")
    viewer = make.viewer("admin", name="Trần Linh", email="canary-agent@desk.example")
    with unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, viewer, 1001, lock=True)
        replies.note(work, viewer, ticket, replies.Written(text="canary-note: a difficult one"))
        replies.reply(work, viewer, ticket, replies.Written(text="Hello Lan"))
    later()
    drain("reactions")
    (letter,) = letters()
    assert "canary" not in letter.text + letter.html + visitor.ask("GET", "/transcript").text


def test_email_me_instead_mails_soon_and_takes_the_address(visitor: Visitor, make: Any, drain: Any) -> None:
    visitor.say("Hello")
    assert ask(visitor, "elsewhere", by="email", email="no address").status_code == 422
    told = ask(visitor, "elsewhere", by="email", email="Lan.Pham@mail.example", about={"consent": "I agree"})
    assert told.json == {"email": "lan.pham@mail.example"}
    answer(make, "Hello Lan")
    due = db.session.scalars(select(OutboxRow.run_at).where(OutboxRow.kind == "chat_unread")).one()
    assert due - now() <= timedelta(seconds=30)
    later()
    drain("reactions")
    (letter,) = letters()
    assert [r.address for r in letter.deliveries[0].recipients] == ["lan.pham@mail.example"]


# --- Telegram --------------------------------------------------------------------------------------------------


@pytest.fixture
def bot(make: Any) -> Channel:
    return make.channel("telegram", name="Bot", config={"token": "42:abc"})


def start(make: Any, bot: Channel, token: str, number: str = "777") -> Any:
    who = Address("telegram", number, "42", name="Lan on Telegram")
    return make.inbound(bot, "/start", sender=who, evidence=Evidence(token=token), sender_verified=True)


def test_the_link_to_telegram_goes_on_in_the_same_ticket(visitor: Visitor, make: Any, bot: Channel) -> None:
    assert ask(visitor, "elsewhere", by="telegram").status_code == 409
    visitor.say("Where is my parcel?")
    url = ask(visitor, "elsewhere", by="telegram").json["url"]
    address, _, token = url.partition("?start=")
    assert address == "https://t.me/doi_gio_bot"
    assert len(token) <= 64
    assert token.replace("-", "").isalnum()
    outcome = start(make, bot, token)
    assert (outcome.kind, count(Ticket)) == ("appended", 1)
    message = db.session.get_one(Message, outcome.message_id)
    assert not message.other_sender
    ticket = db.session.get_one(Ticket, outcome.ticket_id)
    assert (message.customer_id, ticket.channel_id, count(Customer)) == (ticket.customer_id, bot.id, 1)


def test_a_link_that_was_changed_or_is_old_joins_nothing(
    visitor: Visitor, make: Any, bot: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.say("Where is my parcel?")
    token = ask(visitor, "elsewhere", by="telegram").json["url"].partition("?start=")[2]
    ticket_id, hour, signature = token.split("-")
    for n, bad in enumerate(
        (f"c999-{hour}-{signature}", f"{ticket_id}-{int(hour) + 1}-{signature}", token[:-1] + "a1")
    ):
        assert start(make, bot, bad, number=f"90{n}").kind == "ticket"
    from helpdesk.services import threading

    monkeypatch.setattr(threading, "now", lambda: now() + timedelta(hours=26))
    assert start(make, bot, token, number="999").kind == "ticket"


def test_a_link_that_was_passed_on_makes_nobody_else_the_customer(visitor: Visitor, make: Any, bot: Channel) -> None:
    visitor.say("Where is my parcel?")
    token = ask(visitor, "elsewhere", by="telegram").json["url"].partition("?start=")[2]
    mine, theirs = start(make, bot, token), start(make, bot, token, number="778")
    first, second = (db.session.get_one(Message, o.message_id) for o in (mine, theirs))
    assert first.customer_id != second.customer_id
    assert second.other_sender, "an agent says whether they may join"


def test_an_agent_hands_out_a_link_that_leads_into_the_ticket(make: Any, bot: Channel) -> None:
    mail = make.channel("email", config={"address": "shop@desk.example"})
    asked = make.inbound(mail, "My parcel is late", sender=Address("email", "lan@khach.example", name="Lan"))
    ticket = db.session.get_one(Ticket, asked.ticket_id)
    browser = make.client(make.agent("admin", locale="en"))
    assert "t.me" not in browser.get(f"/tickets/{ticket.number}/side").text, "the bot's name is not known yet"
    with unit_of_work() as work:
        work.session.get_one(Channel, bot.id).settings = {"bot_name": "@doi_gio_bot"}
    page = browser.get(f"/tickets/{ticket.number}/side").text
    found = re.search(r'data-copy-link="https://t.me/doi_gio_bot\?start=([\w-]{1,64})"', page)
    assert found is not None
    outcome = start(make, bot, found[1])
    assert (outcome.kind, outcome.ticket_id) == ("appended", ticket.id)
    message = db.session.get_one(Message, outcome.message_id)
    assert (message.customer_id, message.other_sender) == (ticket.customer_id, False)
    assert "t.me" not in browser.get(f"/tickets/{ticket.number}/side").text, "they are there now"


def test_new_message_has_such_a_link_and_it_finds_the_conversation(make: Any, bot: Channel) -> None:
    make.channel("email", config={"address": "shop@desk.example"})
    lan = make.customer("Lan", email="lan@khach.example")
    with unit_of_work() as work:
        work.session.get_one(Channel, bot.id).settings = {"bot_name": "@doi_gio_bot"}
    browser = make.client(make.agent("admin", locale="en"))
    page = browser.get(f"/new/message?customer={lan.id}").text
    found = re.search(r'data-copy-link="https://t.me/doi_gio_bot\?start=([\w-]{1,64})"', page)
    assert found is not None
    token = found[1]
    assert "t.me" not in browser.get("/new/message").text, "nobody is chosen yet"

    sent = browser.post("/new/message", data={"customer": lan.id, "way": _way_of(page), "text": "Hello Lan"})
    number = int(sent.location.rpartition("/")[2])
    outcome = start(make, bot, token)
    message = db.session.get_one(Message, outcome.message_id)
    assert db.session.get_one(Ticket, outcome.ticket_id).number == number
    assert (message.customer_id, message.other_sender, count(Customer)) == (lan.id, False, 1)
    assert "t.me" not in browser.get(f"/new/message?customer={lan.id}").text, "they are there now"

    passed_on = start(make, bot, token, number="778")
    assert db.session.get_one(Message, passed_on.message_id).customer_id != lan.id
    assert passed_on.ticket_id != outcome.ticket_id


def test_followed_before_anybody_wrote_it_begins_a_ticket_of_the_customer(make: Any, bot: Channel) -> None:
    lan = make.customer("Lan", phone="+84912345678")
    token = customer_token(current_app.extensions["keyring"], lan.id, now(), hours=1)
    assert len(token) <= 64
    outcome = start(make, bot, token)
    assert outcome.kind == "ticket"
    assert db.session.get_one(Ticket, outcome.ticket_id).customer_id == lan.id
    kind, hour, signature = token.split("-")
    for n, bad in enumerate((f"p999-{hour}-{signature}", f"{kind}-{int(hour) + 1}-{signature}", token[:-1] + "a1")):
        other = start(make, bot, bad, number=f"90{n}")
        assert db.session.get_one(Ticket, other.ticket_id).customer_id != lan.id


def _way_of(page: str) -> str:
    found = re.search(r'name="way" value="(\d+:\d+)"', page)
    assert found is not None
    return found[1]


def test_somebody_known_who_follows_the_link_keeps_their_profile(visitor: Visitor, make: Any, bot: Channel) -> None:
    known = make.inbound(bot, "Hello shop", sender=Address("telegram", "777", "42", name="Known"))
    visitor.say("Where is my parcel?")
    token = ask(visitor, "elsewhere", by="telegram").json["url"].partition("?start=")[2]
    outcome = start(make, bot, token)
    first, second = (db.session.get_one(Message, o.message_id) for o in (known, outcome))
    assert second.customer_id == first.customer_id
    assert second.ticket_id != first.ticket_id
    assert "/start" not in visitor.texts()


# --- a call back -----------------------------------------------------------------------------------------------


def test_a_wish_to_be_called_is_a_message_and_one_task(visitor: Visitor) -> None:
    wish = {"client_msg_id": "browser-call-1", "phone": "0912 345 678", "when": "this afternoon"}
    assert ask(visitor, "callback", **wish).status_code == 201
    assert ask(visitor, "callback", **wish).status_code == 201
    (text,) = visitor.texts()
    assert "+84912345678" in text
    assert "this afternoon" in text
    task = db.session.scalars(select(FollowUpTask)).one()
    assert (task.kind, task.due_at > now()) == ("callback", True)
    assert ask(visitor, "callback", client_msg_id="browser-call-2", phone="12").status_code == 422


def test_calls_are_made_only_where_they_are_offered(app: Flask, make: Any) -> None:
    channel = make.channel("widget", config={"allowed_domains": "shop.example"})
    visitor = Visitor(app, channel)
    visitor.begin()
    assert ask(visitor, "callback", client_msg_id="browser-1", phone="0912 345 678").status_code == 422
    assert count(FollowUpTask) == 0


# --- the end and the transcript --------------------------------------------------------------------------------


def test_ending_an_answered_chat_solves_it_and_asks_at_once(visitor: Visitor, make: Any, drain: Any) -> None:
    with unit_of_work() as work:
        for key in ("survey.quiet_from", "survey.quiet_until"):
            desk_settings.put(work, key, 0)
    visitor.say("Hello")
    answer(make, "Hello Lan")
    assert ask(visitor, "finish").json == {"solved": True}
    ticket = db.session.scalars(select(Ticket)).one()
    assert ticket.status == "solved"
    assert "chat_ended" in db.session.scalars(select(EventRow.type)).all()
    drain("surveys")
    assert visitor.messages()["items"][-1]["kind"] == "survey"
    visitor.say("One more thing: do you wrap it?")
    db.session.rollback()
    assert db.session.get_one(Ticket, ticket.id).status == "open"


def test_ending_a_chat_nobody_answered_leaves_it_open(visitor: Visitor) -> None:
    assert ask(visitor, "finish").json == {"solved": False}
    visitor.say("Hello")
    assert ask(visitor, "finish").json == {"solved": False}
    assert db.session.scalars(select(Ticket.status)).one() == "new"
    assert count(Invitation) == 0


def test_the_transcript_is_the_visitors_own(app: Flask, visitor: Visitor, channel: Channel, make: Any) -> None:
    other = Visitor(app, channel)
    other.begin()
    other.say("canary of somebody else")
    visitor.say("Do you ship to Huế?")
    answer(make, "We do.")
    got = visitor.ask("GET", "/transcript")
    assert got.mimetype == "text/plain"
    assert got.text.index("Do you ship to Huế?") < got.text.index("Trần Linh") < got.text.index("We do.")
    assert "canary" not in got.text
    assert Visitor(app, channel).ask("GET", "/transcript").status_code == 401


def test_a_transcript_is_mailed_only_of_what_was_answered(
    visitor: Visitor, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str]] = []
    visitor.say("Buy cheap pills at https://spam.example")
    assert ask(visitor, "transcript", email="victim@mail.example").status_code == 409
    answer(make, "No, thank you.")
    from helpdesk.services import mailer

    def send(work: Any, to: str, template: str, words: Any, **_: Any) -> bool:
        sent.append((to, words["transcript"]))
        return True

    monkeypatch.setattr(mailer, "send", send)
    got = ask(visitor, "transcript")
    assert (got.status_code, got.json) == (202, {"email": LAN})
    assert sent[0][0] == LAN
    assert "No, thank you." in sent[0][1]


def test_letters_to_claimed_addresses_are_few(visitor: Visitor, make: Any) -> None:
    visitor.say("Hello")
    answer(make, "Hello")
    codes = [ask(visitor, "transcript", email=LAN).status_code for _ in range(7)]
    assert codes[:5] == [202] * 5
    assert codes[5:] == [429, 429]


@pytest.mark.parametrize("what", ["callback", "elsewhere", "transcript", "finish"])
def test_another_site_wishes_for_nothing(app: Flask, visitor: Visitor, channel: Channel, what: str) -> None:
    visitor.headers = {"Origin": "https://evil.example"}
    assert ask(visitor, what).status_code == 403
    visitor.headers = {"Origin": SHOP}
    assert ask(visitor, what).status_code != 403


def test_the_agent_sees_where_the_visitor_is_and_came_from(visitor: Visitor, make: Any) -> None:
    about = {"page": "https://shop.example/bowls", "referrer": "https://search.example/?q=bat", "locale": "vi"}
    visitor.say("Xin chào shop", about=about)
    page = make.client(make.agent("admin")).get("/tickets/1001").text
    assert 'href="https://shop.example/bowls"' in page
    assert "Came from https://search.example/?q=bat" in page
    assert 'lang="vi">VI<' in page


# --- the public face -------------------------------------------------------------------------------------------


def test_the_expected_answer_time_counts_business_hours(make: Any, channel: Channel) -> None:
    from datetime import UTC, datetime

    friday = datetime(2026, 11, 20, 10, 55, tzinfo=UTC)  # 17:55 in Vietnam, five minutes before closing
    with unit_of_work() as work:
        from helpdesk.models import BusinessHours

        week = {day: [["08:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
        hours = BusinessHours(name="Shop", timezone="Asia/Ho_Chi_Minh", week=week, is_default=False)
        work.session.add(hours)
        work.session.flush()
        work.session.merge(channel).business_hours_id = hours.id
    for _ in range(5):
        make.inbound(channel, "Hello")
    with unit_of_work() as work:
        work.session.execute(
            update(Ticket).values(created_at=friday, first_response_at=friday + timedelta(days=2, hours=14, minutes=15))
        )
    fresh = db.session.get_one(Channel, channel.id, populate_existing=True)
    assert widget_face.answer_minutes(db.session(), fresh) == 15  # not two and a half days


def test_the_ways_are_as_set_for_the_site(app: Flask, make: Any) -> None:
    make.channel("phone", name="Hotline", config={"number": "19001234"})
    channel = make.channel(
        "widget",
        config={
            "zalo": "0901 234 567",
            "contact_email": "chat@shop.example",
            "colour_dark": "#e0a896",
            "privacy_url": "javascript:alert(1)",
        },
    )
    told = app.test_client().get(f"/widget/{channel.key}/config").json
    assert [(w["kind"], w["href"]) for w in told["ways"]] == [
        ("zalo", "https://zalo.me/0901234567"),
        ("phone", "tel:19001234"),
        ("email", "mailto:chat@shop.example"),
    ]
    assert told["colours"]["dark"] == "#e0a896"
    assert told["policy"] == ""
