"""Signing in: who gets in, who is told what, how often one may try, and where one lands."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from helpdesk.app import COOKIE, create_app
from helpdesk.config import Limits, Server, Settings
from helpdesk.models import Agent, AgentSession
from helpdesk.services import passwords, people
from helpdesk.unit_of_work import unit_of_work
from tests.factories import PASSWORD


def test_the_right_password_opens_the_desk(make: Any, person: Any) -> None:
    browser = person()
    answer = browser.sign_in(make.agent())
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"
    cookie = answer.headers.getlist("Set-Cookie")[0]
    assert cookie.startswith(COOKIE)
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Max-Age" not in cookie and "Secure" not in cookie
    assert browser.inside


def test_stay_signed_in_keeps_the_cookie(make: Any, person: Any) -> None:
    answer = person().sign_in(make.agent(), remember="1")
    assert "Max-Age=1209600" in answer.headers.getlist("Set-Cookie")[0]


def test_everybody_else_is_told_the_same(make: Any, person: Any, app: Flask) -> None:
    known, disabled, admin = make.agent(), make.agent(), make.viewer("admin")
    with unit_of_work() as work:
        people.disable(work, None, disabled.id)
        invited = people.add_agent(work, admin, email="new@desk.example", name="New")
    told = set()
    for email, password in (
        (known.email, "wrong"), (known.email, ""), ("nobody@desk.example", PASSWORD), (disabled.email, PASSWORD),
        (invited.email, ""), (invited.email, PASSWORD), ("", ""), ("x" * 5000, "y" * 5000), ("\x00@a", "\x00"),
    ):  # fmt: skip
        browser = person()
        answer = browser.send("/login", email=email, password=password)
        assert answer.status_code == 422, email
        assert not browser.inside
        told.add(answer.text.split('role="alert"')[1].split("</div>")[0])
        if email == known.email:
            assert f'value="{known.email}"' in answer.text  # what was typed stays
    assert len(told) == 1


def test_a_stranger_takes_as_long_as_a_wrong_password(make: Any, app: Flask) -> None:
    from helpdesk.extensions import db
    from helpdesk.services import signin

    agent = make.agent()
    with unit_of_work() as work:
        work.session.get_one(Agent, agent.id).password_hash = passwords.hash_password(PASSWORD)

    def spent(email: str) -> float:
        began = time.process_time()
        for _n in range(5):
            assert signin.check(db.session, email, "wrong") is None
        return time.process_time() - began

    known, unknown = spent(agent.email), spent("nobody@desk.example")
    assert 0.5 < known / unknown < 2


def test_an_old_hash_is_renewed(make: Any, person: Any, app: Flask) -> None:
    agent = make.agent()
    person().sign_in(agent)
    with unit_of_work() as work:
        stored = work.session.get_one(Agent, agent.id).password_hash
    assert stored != agent.password_hash
    assert not passwords.outdated(stored or "")


@pytest.mark.parametrize("asked", [
    "//evil.example", "/\\evil.example", "\\/evil.example", "https:evil.example", "https://evil.example/",
    "evil.example",
    "javascript:alert(1)", "/\t/evil.example", "///evil.example", "/%0d%0aLocation:evil\r\n", "http:///evil",
])  # fmt: skip
def test_nobody_is_sent_elsewhere(make: Any, person: Any, asked: str) -> None:
    assert person().sign_in(make.agent(), next=asked).headers["Location"] == "/"


def test_one_lands_on_the_page_asked_for(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    answer = browser.open("/me?tab=1")
    assert answer.headers["Location"] == "/login?next=/me?tab%3D1"
    assert browser.sign_in(agent, next="/me?tab=1").headers["Location"] == "/me?tab=1"


def test_without_the_form_token_nothing_happens(make: Any, app: Flask) -> None:
    agent = make.agent()
    answer = app.test_client().post("/login", data={"email": agent.email, "password": PASSWORD})
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers or COOKIE not in str(answer.headers.getlist("Set-Cookie"))


# --- sessions ------------------------------------------------------------------------------------------------


def test_signing_in_gives_a_new_session_and_ends_the_one_before(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    browser.client.set_cookie(COOKIE, "planted-by-somebody")
    browser.sign_in(agent)
    first = browser.client.get_cookie(COOKIE).value
    assert first != "planted-by-somebody"
    browser.client.delete_cookie("helpdesk_csrf")
    with unit_of_work() as work:
        before = work.session.scalars(select(AgentSession.id).where(AgentSession.revoked_at.is_(None))).all()
    old = person()
    old.client.set_cookie(COOKIE, first)
    assert old.inside
    fresh = person()
    fresh.client.set_cookie(COOKIE, first)
    fresh.send("/login", look="/me", email=agent.email, password=PASSWORD)
    assert fresh.client.get_cookie(COOKIE).value != first
    assert not old.inside
    with unit_of_work() as work:
        after = work.session.scalars(select(AgentSession.id).where(AgentSession.revoked_at.is_(None))).all()
    assert len(before) == len(after) == 1 and before != after


def test_signing_out_kills_the_cookie_for_good(make: Any, person: Any) -> None:
    browser = person()
    browser.sign_in(make.agent())
    token = browser.client.get_cookie(COOKIE).value
    assert browser.open("/logout").status_code == 405
    assert browser.inside
    browser.send("/logout", look="/me")
    assert not browser.inside
    thief = person()
    thief.client.set_cookie(COOKIE, token)
    assert not thief.inside


def test_disabling_somebody_puts_them_out_at_once(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    kicked: list[str] = []
    make.app.extensions["kick_sockets"] = kicked.append
    with unit_of_work() as work:
        people.disable(work, None, agent.id)
    assert not browser.inside
    assert len(kicked) == 1 and kicked[0].startswith("session:")


def test_the_cookie_is_secure_where_the_desk_is(settings: Settings, make: Any) -> None:
    from tests.accounts.conftest import Person

    agent = make.agent()
    app = create_app(replace(settings, server=Server(secure_cookies=True)), serving=True)
    with app.app_context():
        browser = Person(app, **{"wsgi.url_scheme": "https", "HTTP_REFERER": "https://localhost/login"})
        answer = browser.sign_in(agent)
        assert answer.status_code == 303
        assert "Secure" in answer.headers.getlist("Set-Cookie")[0]
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        from helpdesk.extensions import db

        db.session.remove()
        app.extensions["writers"].engine.dispose()
        db.engine.dispose()


# --- how often -----------------------------------------------------------------------------------------------


@pytest.fixture
def strict(settings: Settings, make: Any) -> Any:
    """The same desk, with the limits a real one has."""
    from helpdesk.extensions import db, limiter

    app = create_app(replace(settings, limits=Limits(login_per_minute=5)), serving=True)
    app.testing = True
    with app.app_context():
        limiter.reset()
        yield app
        limiter.reset()
        db.session.remove()
        app.extensions["writers"].engine.dispose()
        db.engine.dispose()


def test_one_account_is_tried_only_so_often(strict: Flask, make: Any) -> None:
    """From however many addresses; the right password does not help either until the minute is over."""
    from tests.accounts.conftest import Person

    agent, other = make.agent(), make.agent()
    answers = [
        Person(strict, REMOTE_ADDR=f"203.0.113.{n}")
        .send("/login", email=agent.email.upper(), password="wrong")
        .status_code
        for n in range(6)
    ]
    assert answers == [422] * 5 + [429]
    late = Person(strict, REMOTE_ADDR="203.0.113.99")
    answer = late.sign_in(agent)
    assert answer.status_code == 429
    assert "Too many tries" in answer.text and f'value="{agent.email}"' in answer.text
    assert not late.inside
    assert Person(strict, REMOTE_ADDR="203.0.113.1").sign_in(other).status_code == 303


def test_one_address_tries_only_so_many_accounts(strict: Flask, make: Any) -> None:
    from tests.accounts.conftest import Person

    make.agent()
    browser = Person(strict, REMOTE_ADDR="198.51.100.7")
    answers = [browser.send("/login", email=f"a{n}@desk.example", password="x").status_code for n in range(26)]
    assert answers == [422] * 25 + [429]


def test_a_forged_forwarding_header_is_no_other_address(strict: Flask, make: Any) -> None:
    from tests.accounts.conftest import Person

    make.agent()
    browser = Person(strict, REMOTE_ADDR="198.51.100.8")
    answers = []
    for n in range(26):
        browser.environ["HTTP_X_FORWARDED_FOR"] = f"192.0.2.{n}"
        answers.append(browser.send("/login", email=f"a{n}@desk.example", password="x").status_code)
    assert answers[-1] == 429
