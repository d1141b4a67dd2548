"""/s/<token> and /u/<token>: only a POST records, everything is said in the customer's language."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Customer, EventRow, Invitation, Response, Ticket
from helpdesk.services import replies, surveys
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work

LAN = Address("widget", "visitor-lan", name="Lan Anh")


@pytest.fixture
def asked(make: Any) -> Any:
    """A survey that was sent about a solved ticket."""
    with unit_of_work() as work:
        desk_settings.put(work, "public_url", "https://desk.example")
        desk_settings.put(work, "brand.name", "Đồi Gió")
        desk_settings.put(work, "brand.colour", "#7a3b2e")
        desk_settings.put(work, "survey.csat.delay_minutes", 0)
        desk_settings.put(work, "survey.quiet_from", 0)
        desk_settings.put(work, "survey.quiet_until", 0)
    channel = make.channel("widget")
    viewer = make.viewer("agent", name="Trần Linh")
    got = make.inbound(channel, "Teapot lid arrived <cracked>", sender=LAN)
    with unit_of_work(actor=viewer.actor) as work:
        ticket = access.ticket_by_id(work.session, viewer, got.ticket_id, lock=True)
        ticket.customer.locale = "en"
        replies.reply(work, viewer, ticket, replies.Written(text="A new one is coming.", then="solve"))
    with unit_of_work() as work:
        invitation = work.session.scalars(select(Invitation)).one()
        assert surveys.send(work, invitation.id) == "sent"
    return SimpleNamespace(token=invitation.token, ticket_id=got.ticket_id, customer_id=invitation.customer_id)


def responses() -> list[Response]:
    db.session.rollback()
    return list(db.session.scalars(select(Response)))


def test_a_link_scanner_that_opens_everything_twice_records_nothing(client, asked):
    before = db.session.scalars(select(EventRow.seq)).all()
    for _round in range(2):
        for score in range(1, 6):
            address = f"/s/{asked.token}?score={score}"
            assert client.get(address).status_code == 200
            assert client.head(address).status_code == 200
        assert client.get(f"/u/{asked.token}").status_code == 200
        assert client.head(f"/u/{asked.token}").status_code == 200
    assert responses() == []
    assert db.session.get_one(Customer, asked.customer_id).survey_opt_out_at is None
    assert db.session.scalars(select(EventRow.seq)).all() == before


def test_the_page_asks_and_one_tap_only_preselects(client, asked):
    answer = client.get(f"/s/{asked.token}?score=4")
    page = answer.text
    assert "How was our help about “Teapot lid arrived &lt;cracked&gt;”?" in page
    assert "With Trần Linh" in page and "Nothing is recorded until you press Send." in page
    assert page.count('type="radio"') == 5
    assert 'value="4" required checked' in page
    for label in ("Very poor", "Poor", "All right", "Good", "Very good", "Slow", "Attitude", "Not solved", "Price"):
        assert label in page
    assert "Đồi Gió" in page and "#7a3b2e" in page
    assert "<script" not in page and " style=" not in page
    assert "Set-Cookie" not in answer.headers


def test_a_post_records_thanks_that_fit_and_can_be_changed(client, asked):
    sent = client.post(f"/s/{asked.token}", data={"score": "2", "reason": ["slow", "price"], "comment": "Nine days!"})
    assert (sent.status_code, sent.headers["Location"]) == (303, f"/s/{asked.token}")
    (stored,) = responses()
    assert (stored.score, stored.reason_code, stored.comment, stored.via) == (2, "slow,price", "Nine days!", "page")
    page = client.get(f"/s/{asked.token}").text
    assert "We are sorry" in page and "Your answer: Poor." in page and "Nine days!" in page
    form = client.get(f"/s/{asked.token}?change=1").text
    assert 'value="2" required checked' in form and "Nine days!" in form
    assert form.count("checked") == 3
    client.post(f"/s/{asked.token}", data={"score": "5"})
    (stored,) = responses()
    assert (stored.score, stored.reason_code, stored.comment) == (5, "", "")
    assert "We are glad" in client.get(f"/s/{asked.token}").text


def test_a_wrong_form_says_which_field_and_keeps_what_was_typed(client, asked):
    for data, words in (
        ({"comment": "<b>kept</b>"}, "Choose one of the five answers."),
        ({"score": "9", "comment": "<b>kept</b>"}, "Choose one of the five answers."),
        ({"score": "1", "reason": "rude", "comment": "<b>kept</b>"}, "Choose from the list"),
    ):
        answer = client.post(f"/s/{asked.token}", data=data)
        assert answer.status_code == 422
        assert words in answer.text and "&lt;b&gt;kept&lt;/b&gt;" in answer.text
    assert responses() == []


def test_it_speaks_the_customers_language(client, asked):
    with unit_of_work() as work:
        work.session.get_one(Customer, asked.customer_id).locale = "vi"
    page = client.get(f"/s/{asked.token}", headers={"Accept-Language": "en"}).text
    assert '<html lang="vi">' in page
    for label in ("Rất tệ", "Chưa tốt", "Tạm được", "Tốt", "Rất tốt", "Gửi"):
        assert label in page
    assert '<html lang="en">' in client.get(f"/s/{asked.token}?lang=en").text


def test_a_signed_in_agent_is_nobody_special_here(make, asked):
    agent = make.agent("agent", locale="vi")
    assert '<html lang="en">' in make.client(agent).get(f"/s/{asked.token}").text


def test_forged_and_ended_links_say_so_and_offer_a_way_on(client, asked, make):
    make.channel("email", config={"address": "shop@desk.example", "imap_host": "127.0.0.1", "smtp_host": "127.0.0.1"})
    wrong = asked.token[:-1] + ("a" if asked.token[-1] != "a" else "b")
    for token in (wrong, "x" * 300, "%00"):
        posted = client.post(f"/s/{token}", data={"score": "5"})
        for answer in (client.get(f"/s/{token}"), posted, client.get(f"/u/{token}")):
            assert answer.status_code == 404
            assert "This link is not one of ours." in answer.text
            assert "mailto:shop@desk.example" in answer.text
    with unit_of_work() as work:
        invitation = work.session.scalars(select(Invitation)).one()
        invitation.expires_at = invitation.sent_at
    assert client.get(f"/s/{asked.token}").status_code == 410
    ended = client.post(f"/s/{asked.token}", data={"score": "5"})
    assert (ended.status_code, "This survey is over." in ended.text) == (410, True)
    assert responses() == []


def test_unsubscribing_takes_a_press_and_can_be_taken_back(client, asked):
    assert "Do not ask me any more" in client.get(f"/u/{asked.token}").text
    assert client.post(f"/u/{asked.token}", data={"List-Unsubscribe": "One-Click"}).status_code == 303
    db.session.rollback()
    assert db.session.get_one(Customer, asked.customer_id).survey_opt_out_at is not None
    assert "We will not ask you" in client.get(f"/u/{asked.token}").text
    client.post(f"/u/{asked.token}", data={"again": "1"})
    db.session.rollback()
    assert db.session.get_one(Customer, asked.customer_id).survey_opt_out_at is None


def test_posting_is_rate_limited(client, asked, app):
    codes = [client.post(f"/s/{asked.token}", data={"score": "5"}).status_code for _ in range(21)]
    assert codes[:20] == [303] * 20
    assert codes[20] == 429
    assert len(responses()) == 1
    assert db.session.get_one(Ticket, asked.ticket_id).status == "solved"
