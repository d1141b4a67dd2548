"""The second factor: asked after the password, each code once, recovery codes, and what it takes to change it."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pyotp
import pytest
import time_machine
from sqlalchemy import select

from helpdesk.app import COOKIE
from helpdesk.extensions import db
from helpdesk.models import Agent, now
from helpdesk.services import two_factor
from helpdesk.unit_of_work import unit_of_work
from tests.factories import PASSWORD

pytestmark = pytest.mark.processes


def _turn_on(browser: Any, current: str = PASSWORD) -> tuple[str, list[str]]:
    """Through the pages, as a person does; the secret and the recovery codes."""
    page = browser.open("/me/two-factor").text
    offer = re.search(r'name="offer" value="([^"]+)"', page)[1]  # type: ignore[index]
    secret = re.search(r"<code class=\"hd-num\">([^<]+)</code>", page)[1].replace(" ", "")  # type: ignore[index]
    assert "<svg" in page
    answer = browser.send("/me/two-factor", offer=offer, code=pyotp.TOTP(secret).now(), current=current)
    return secret, re.findall(r"<li><code>([^<]+)</code>", answer.text)


def test_turning_it_on_and_signing_in(make: Any, person: Any) -> None:
    agent, browser, elsewhere = make.agent(), person(), person()
    elsewhere.sign_in(agent)
    browser.sign_in(agent)
    secret, codes = _turn_on(browser)
    assert len(codes) == 10
    assert browser.inside and not elsewhere.inside
    stored = db.session.get_one(Agent, agent.id)
    assert secret not in (stored.totp_sealed or "") and codes[0] not in str(stored.recovery_hashes)

    fresh = person()
    assert fresh.sign_in(agent, next="/me").headers["Location"] == "/login/second?next=/me"
    assert not fresh.inside
    half = fresh.client.get_cookie(COOKIE).value
    assert fresh.send("/login/second", code="000000").status_code == 422
    with time_machine.travel(now() + timedelta(seconds=60)):
        answer = fresh.send("/login/second?next=/me", code=pyotp.TOTP(secret).now())
        assert answer.headers["Location"] == "/me"
        assert fresh.inside
        assert fresh.client.get_cookie(COOKIE).value != half


def test_a_code_works_once(make: Any, person: Any) -> None:
    """Also the one that turned it on, also one step back, also for twenty at the same moment."""
    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    secret, _codes = _turn_on(browser)
    with unit_of_work() as work:
        assert not two_factor.use(work, agent.id, pyotp.TOTP(secret).now())
    with time_machine.travel(now() + timedelta(minutes=5)) as clock:
        code = pyotp.TOTP(secret).now()
        answers: list[bool] = []
        app = make.app

        def run() -> None:
            with app.app_context(), unit_of_work() as work:
                answers.append(two_factor.use(work, agent.id, code))

        threads = [threading.Thread(target=run) for _n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers.count(True) == 1
        clock.shift(30)
        with unit_of_work() as work:
            assert not two_factor.use(work, agent.id, code)


def test_a_recovery_code_works_once(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    _secret, codes = _turn_on(browser)
    fresh = person()
    fresh.sign_in(agent)
    assert fresh.send("/login/second", code=codes[3].upper().replace("-", " ")).status_code == 303
    assert fresh.inside
    again = person()
    again.sign_in(agent)
    assert again.send("/login/second", code=codes[3]).status_code == 422
    assert "9 recovery codes" in fresh.open("/me/security").text


def test_half_signed_in_is_not_in(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    secret, _codes = _turn_on(browser)
    half = person()
    half.sign_in(agent)
    for path in ("/", "/me", "/settings/", "/me/two-factor", "/customers"):
        assert half.open(path).status_code in (302, 404), path
        assert "/login" in half.page.headers.get("Location", "/login")
    with time_machine.travel(now() + timedelta(minutes=11)):
        assert half.send("/login/second", look="/login", code=pyotp.TOTP(secret).now()).headers["Location"] == "/login"
    assert person().open("/login/second").headers["Location"] == "/login"


def test_a_reset_does_not_go_around_it(make: Any, person: Any) -> None:
    from helpdesk.services import links

    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    _turn_on(browser)
    with unit_of_work() as work:
        path = links.make(work, work.session.get_one(Agent, agent.id), "reset")
    fresh = person()
    answer = fresh.send(path, password="another good long one", again="another good long one")
    assert answer.headers["Location"] == "/login/second"
    assert not fresh.inside


def test_changing_it_takes_the_password(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    page = browser.open("/me/two-factor").text
    offer = re.search(r'name="offer" value="([^"]+)"', page)[1]  # type: ignore[index]
    secret = two_factor.read_offer(agent.id, offer)
    code = pyotp.TOTP(secret).now()
    assert browser.send("/me/two-factor", offer=offer, code=code, current="wrong").status_code == 422
    assert browser.send("/me/two-factor", offer=offer, code="123", current=PASSWORD).status_code == 422
    assert browser.send("/me/two-factor", offer="forged", code=code, current=PASSWORD).status_code == 303
    assert not two_factor.on(db.session.get_one(Agent, agent.id))
    _turn_on(browser)
    assert browser.send("/me/two-factor/off", look="/me/security", current="wrong").status_code == 422
    assert browser.send("/me/two-factor/codes", look="/me/security", current="wrong").status_code == 422
    codes = browser.send("/me/two-factor/codes", look="/me/security", current=PASSWORD).text
    assert len(re.findall(r"<li><code>", codes)) == 10
    assert browser.send("/me/two-factor/off", look="/me/security", current=PASSWORD).status_code == 303
    db.session.rollback()
    assert db.session.scalar(select(Agent.totp_sealed).where(Agent.id == agent.id)) is None
    assert person().sign_in(agent).headers["Location"] == "/"


def test_somebody_elses_offer_is_none(make: Any, person: Any) -> None:
    mine, other = make.agent(), make.agent()
    browser = person()
    browser.sign_in(mine)
    offer = two_factor.offer(other)
    code = pyotp.TOTP(two_factor.read_offer(other.id, offer)).now()
    assert browser.send("/me/two-factor", offer=offer, code=code, current=PASSWORD).status_code == 303
    assert not two_factor.on(db.session.get_one(Agent, mine.id))
