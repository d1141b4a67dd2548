"""Macros: words filled in from an allow-list and nothing else, actions, whose they are, how often they were used."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.access import Viewer, viewer_of
from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import Customer, Macro, Ticket
from helpdesk.services import macros, placeholders, tickets
from helpdesk.unit_of_work import unit_of_work


@pytest.fixture
def linh(make: Any) -> Viewer:
    return viewer_of(make.agent("agent", name="Trần Linh", locale="vi"))


@pytest.fixture
def ticket(make: Any) -> None:
    make.inbound(make.channel("widget"), "Ấm bị nứt", sender=Address("widget", "v", name="Lan"))


def the_ticket(session: Any) -> Ticket:
    return session.scalars(select(Ticket)).one()  # type: ignore[no-any-return]


def customer_is(**values: Any) -> None:
    with unit_of_work() as work:
        customer = work.session.scalars(select(Customer)).one()
        for name, value in values.items():
            setattr(customer, name, value)


def said(viewer: Viewer, text: str, text_vi: str = "") -> str:
    db.session.rollback()
    db.session.expire_all()
    return macros.text_for(db.session(), viewer, the_ticket(db.session), Macro(text=text, text_vi=text_vi))


@pytest.mark.parametrize(
    ("customer", "address"),
    [
        ({"name": "Nguyễn Lan Anh", "given_name": "Lan Anh", "salutation": "chị", "locale": "vi"}, "chị Lan Anh"),
        ({"name": "Nguyễn Lan Anh", "given_name": "", "salutation": "", "locale": "vi"}, "anh/chị Anh"),
        ({"name": "", "given_name": "", "salutation": "", "locale": "vi"}, "anh/chị"),
        ({"name": "Anna Berg", "given_name": "", "salutation": "Ms", "locale": "en"}, "Ms Anna"),
        ({"name": "", "given_name": "", "salutation": "", "locale": "en"}, "there"),
    ],
)
def test_people_are_addressed_rightly(customer: dict[str, str], address: str, linh: Viewer, ticket: None) -> None:
    customer_is(**customer)
    assert said(linh, "Hello {{customer.address}},") == f"Hello {address},"


def test_a_bar_says_what_stands_there_when_nothing_is_known(linh: Viewer, ticket: None) -> None:
    customer_is(name="", given_name="", locale="vi")
    assert said(linh, "Hi {{ customer.first_name | bạn }}, {{customer.first_name}}!") == "Hi bạn, anh/chị!"
    customer_is(given_name="Lan")
    assert said(linh, "Hi {{customer.first_name|bạn}}!") == "Hi Lan!"


def test_values_are_text_whatever_they_look_like(linh: Viewer, ticket: None) -> None:
    customer_is(name="{{agent.name}}", given_name="{{ticket.number}}", locale="en")
    assert said(linh, "{{customer.name}} {{customer.first_name}}") == "{{agent.name}} {{ticket.number}}"
    assert said(linh, "{{config}} {{''.__class__}} {% if x %}") == "{{config}} {{''.__class__}} {% if x %}"


@pytest.mark.parametrize(
    "text", ["{{config}}", "{{customer.password_hash}}", "{{ 7*7 }}", "{{}}", "{{customer.name|a|b}}"]
)
def test_what_is_not_on_the_list_is_refused(text: str, linh: Viewer) -> None:
    assert placeholders.unknown(text)
    with pytest.raises(Invalid) as told, unit_of_work() as work:
        macros.save(work, linh, None, {"name": "M", "text_vi": text})
    assert set(told.value.fields) == {"text_vi"}


def test_the_customers_language_is_spoken(linh: Viewer, ticket: None) -> None:
    customer_is(locale="vi")
    assert said(linh, "Good day", "Chào bạn") == "Chào bạn"
    customer_is(locale="en")
    assert said(linh, "Good day", "Chào bạn") == "Good day"
    assert said(linh, "", "Chào bạn") == "Chào bạn"


def test_it_does_what_it_says_and_is_counted(linh: Viewer, ticket: None, make: Any) -> None:
    team = make.team("Repairs")
    linh = viewer_of(make.agent("agent", teams=[team]))
    does = {"status": "solved", "priority": "high", "assignee": "me", "team": str(team), "tags": "broken, Hoàn tiền"}
    with unit_of_work(actor=linh.actor) as work:
        macro = macros.save(work, linh, None, {"name": "Refund", "text": "Refunded.", **does})
    for _twice in range(2):
        with unit_of_work(actor=linh.actor) as work:
            applied = macros.apply(work, linh, the_ticket(work.session), macro.id)
    assert (applied.text, applied.then) == ("Refunded.", "solve")
    db.session.rollback()
    found = the_ticket(db.session)
    assert (found.status, found.priority, found.assignee_id, found.team_id) == ("new", "high", linh.agent_id, team)
    assert tickets.tags_of(db.session(), found.id) == ["Hoàn tiền", "broken"]
    assert db.session.get_one(Macro, macro.id, populate_existing=True).used == 2


def test_without_a_text_the_status_changes_at_once(linh: Viewer, ticket: None) -> None:
    with unit_of_work(actor=linh.actor) as work:
        macro = macros.save(work, linh, None, {"name": "Park", "status": "on_hold"})
        assert macros.apply(work, linh, the_ticket(work.session), macro.id).then == ""
    db.session.rollback()
    assert the_ticket(db.session).status == "on_hold"


def test_whose_they_are(linh: Viewer, ticket: None, make: Any) -> None:
    team, other = make.team(), make.team()
    minh = viewer_of(make.agent("agent", teams=[team]))
    with unit_of_work() as work:
        rows = {
            name: Macro(name=name, text="x", **values)
            for name, values in {
                "mine": {"owner_id": linh.agent_id}, "all": {}, "team": {"team_id": team}, "other": {"team_id": other},
            }.items()
        }  # fmt: skip
        work.session.add_all(rows.values())
    assert [m.name for m in macros.seen(db.session(), linh)] == ["all", "mine"]
    assert [m.name for m in macros.seen(db.session(), minh)] == ["all", "team"]
    with pytest.raises(NotFound), unit_of_work() as work:
        macros.apply(work, minh, the_ticket(work.session), rows["mine"].id)


def test_the_most_used_comes_first_and_words_inside_are_found(linh: Viewer) -> None:
    with unit_of_work() as work:
        for name, text, used in (("Hoàn tiền", "a", 1), ("Hoãn giao", "b", 9), ("Chào", "hoan nghênh", 50)):
            work.session.add(Macro(name=name, text=text, used=used))
    assert [m.name for m in macros.found(db.session(), linh, "hoan")] == ["Hoãn giao", "Hoàn tiền", "Chào"]
    assert [m.name for m in macros.found(db.session(), linh, "")][0] == "Chào"
