"""The first run: once, whoever is fastest; what was typed stays."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from helpdesk.extensions import db
from helpdesk.models import Agent, BusinessHours, Channel
from helpdesk.services import settings as desk_settings

pytestmark = pytest.mark.processes

FORM = {
    "name": "Hoàng Minh",
    "email": "Minh.Hoang@doigio.example",
    "password": "con đường xưa em đi",
    "brand": "Đồi Gió",
    "locale": "vi",
    "timezone": "Asia/Ho_Chi_Minh",
    "public_url": "https://help.doigio.example/",
    "channel": "",
}


def test_a_new_desk_leads_to_setup_and_setup_into_the_inbox(person: Any) -> None:
    browser = person()
    assert browser.open("/").headers["Location"] == "/setup"
    assert browser.open("/login").headers["Location"] == "/setup"
    page = browser.open("/setup", headers={"Host": "desk.example:8080"})
    assert 'value="http://desk.example:8080"' in page.text  # prefilled from the request, for the person to confirm
    answer = browser.send("/setup", **FORM)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert browser.inside
    agent = db.session.scalars(select(Agent)).one()
    assert (agent.role, agent.email, agent.name, agent.locale) == (
        "admin",
        "minh.hoang@doigio.example",
        "Hoàng Minh",
        "vi",
    )
    found = desk_settings.many(db.session, "brand.name", "public_url", "locale.default", "setup.done")
    assert list(found.values()) == ["Đồi Gió", "https://help.doigio.example", "vi", True]
    assert db.session.scalar(select(func.count()).select_from(BusinessHours)) == 1


def test_setup_is_over_once_it_is_done(person: Any) -> None:
    person().send("/setup", **FORM)
    stranger = person()
    assert stranger.open("/setup").headers["Location"] == "/login"
    assert stranger.send("/setup", look="/login", **{**FORM, "email": "evil@x.example"}).status_code == 404
    assert db.session.scalar(select(func.count()).select_from(Agent)) == 1


def test_a_wrong_form_says_which_field_and_keeps_the_rest(person: Any) -> None:
    wrong = {**FORM, "email": "nonsense", "password": "short", "timezone": "Mars/Olympus", "public_url": "ftp://x"}
    answer = person().send("/setup", **wrong)
    assert answer.status_code == 422
    assert answer.text.count('role="alert"') == 4
    for kept in ("Hoàng Minh", "nonsense", "Đồi Gió", "ftp://x"):
        assert kept in answer.text
    assert "short" not in answer.text.replace("shortcuts", "")  # a refused password is not sent back
    db.session.rollback()
    assert not desk_settings.get(db.session, "setup.done")
    assert db.session.scalar(select(func.count()).select_from(Agent)) == 0


def test_the_first_channel(person: Any) -> None:
    """One that needs nothing is there at once; another gets its form."""
    browser = person()
    answer = browser.send("/setup", **{**FORM, "channel": "widget", "locale": "en"})
    channel = db.session.scalars(select(Channel)).one()
    assert answer.headers["Location"] == f"/settings/channels/{channel.id}?first=1"
    page = browser.open(answer.headers["Location"]).text
    assert f"https://help.doigio.example/widget/{channel.key}.js" in page
    assert "Set up your helpdesk" in page and "is connected" in page
    assert 'href="/">Open the inbox</a>' in page


def test_the_first_channel_with_a_form(person: Any) -> None:
    answer = person().send("/setup", **{**FORM, "channel": "email"})
    assert answer.headers["Location"] == "/settings/channels/new/email?first=1"


def test_what_a_channel_needs_is_the_last_step_of_the_same_run(person: Any) -> None:
    """The same frame until the inbox: a wrong form stays in it, a good one ends in it, and any kind can be chosen."""
    browser = person()
    where = browser.send("/setup", **{**FORM, "channel": "telegram", "locale": "en"}).headers["Location"]
    page = browser.open(where).text
    assert "Set up your helpdesk" in page and "minh.hoang@doigio.example" in page and "Add a channel later" in page
    assert 'href="/settings/channels/new/email?first=1"' in page and "test?first=1" in page
    wrong = browser.send(where, **{"name": "Bot", "s.token": "", "s.mode": "poll"})
    assert wrong.status_code == 422 and "Set up your helpdesk" in wrong.text and 'value="Bot"' in wrong.text
    done = browser.send(where, **{"name": "Bot", "s.token": "123456:" + "a" * 35, "s.mode": "poll"})
    channel = db.session.scalars(select(Channel)).one()
    assert done.headers["Location"] == f"/settings/channels/{channel.id}?first=1"
    page = browser.open(done.headers["Location"]).text
    assert "Bot is saved" in page and "data-test-now" in page and "Set up your helpdesk" in page
    later = browser.open(f"/settings/channels/{channel.id}").text
    assert "Set up your helpdesk" not in later and "data-test-now" not in later


def test_of_many_at_once_one_becomes_administrator(app: Flask, person: Any) -> None:
    browsers = [person() for _n in range(8)]
    answers: list[int] = []
    tokens = []
    for browser in browsers:
        page = browser.open("/setup")
        tokens.append(page.text.split('name="csrf-token" content="')[1].split('"')[0])
    barrier = threading.Barrier(8)

    def run(n: int) -> None:
        barrier.wait()
        data = {**FORM, "email": f"a{n}@desk.example", "csrf_token": tokens[n]}
        answers.append(browsers[n].client.post("/setup", data=data).status_code)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(303) == 1, answers
    assert set(answers) <= {303, 404, 422}
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Agent)) == 1
