"""Invitations and resets: mailed from the desk's own address, good once, for a while, and only by a POST."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from helpdesk.app import COOKIE
from helpdesk.extensions import db
from helpdesk.models import Agent, OneTimeLink, OutboxRow, now
from helpdesk.services import links, people
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work
from tests.factories import PASSWORD
from tests.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.processes

NEW = "another good long password"


def _link(agent_id: int, purpose: str = "reset") -> str:
    with unit_of_work() as work:
        return links.make(work, work.session.get_one(Agent, agent_id), purpose)


def _choose(browser: Any, path: str, password: str = NEW) -> Any:
    return browser.send(path, password=password, again=password)


def test_a_link_is_used_by_a_post_only_and_once(make: Any, person: Any) -> None:
    agent, old = make.agent(), person()
    old.sign_in(agent)
    path = _link(agent.id)
    for _n in range(3):  # a mail scanner looks
        assert person().open(path).status_code == 200
        assert person().client.head(path).status_code == 200
    browser = person()
    assert _choose(browser, path).headers["Location"] == "/"
    assert browser.inside
    assert not old.inside  # every other session ended
    again = person()
    assert again.open(path).status_code == 410
    assert "Send me a new link" in again.page.text
    assert again.send(path, look="/forgot", password=NEW).status_code == 410
    assert person().sign_in(agent, NEW).status_code == 303
    assert person().sign_in(agent, PASSWORD).status_code == 422


def test_a_browser_that_is_signed_in_can_use_a_link_too(make: Any, person: Any) -> None:
    """An administrator opens a colleague's invitation; somebody signed in forgot the password."""
    browser = person()
    browser.sign_in(make.agent("admin"))
    path = _link(make.agent().id)
    assert 'name="password"' in browser.open(path).text
    assert "Send me a new link" in browser.open("/reset/forged").text
    assert "Ask your administrator" in browser.open("/invite/forged").text
    assert 'name="email"' in browser.open("/forgot").text


def test_twenty_at_once_are_one(make: Any, person: Any) -> None:
    agent = make.agent()
    path = _link(agent.id)
    browsers = [person() for _n in range(20)]
    tokens = [re.search(r'csrf-token" content="([^"]+)"', b.open(path).text)[1] for b in browsers]  # type: ignore[index]
    barrier, answers = threading.Barrier(20), []

    def run(n: int) -> None:
        barrier.wait()
        data = {"csrf_token": tokens[n], "password": f"{NEW} {n}", "again": f"{NEW} {n}"}
        answers.append((browsers[n].client.post(path, data=data).status_code, n))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [n for status, n in answers if status == 303]
    assert len(won) == 1, answers
    assert {status for status, _n in answers} == {303, 410}
    assert person().sign_in(agent, f"{NEW} {won[0]}").status_code == 303


@pytest.mark.parametrize(("purpose", "hours"), [("invite", 24), ("reset", 1)])
def test_links_expire(make: Any, person: Any, purpose: str, hours: int) -> None:
    path = _link(make.agent().id, purpose)
    assert person().open(path).status_code == 200
    with time_machine.travel(now() + timedelta(hours=hours, minutes=1)):
        assert person().open(path).status_code == 410


def test_what_is_no_link_of_ours(make: Any, person: Any) -> None:
    agent = make.agent()
    path = _link(agent.id)
    token = path.rsplit("/", 1)[1]
    for wrong in (f"/invite/{token}", f"/reset/{token[:-1]}", f"/reset/{token}x", "/reset/%00", "/reset/" + "a" * 3000):
        assert person().open(wrong).status_code == 410, wrong
    newer = _link(agent.id)
    assert person().open(path).status_code == 410  # the newer one ends it
    with unit_of_work() as work:
        people.disable(work, None, agent.id)
    assert person().open(newer).status_code == 410


def test_a_token_rests_as_a_hash(make: Any) -> None:
    path = _link(make.agent().id)
    row = db.session.scalars(select(OneTimeLink)).one()
    assert path.rsplit("/", 1)[1] not in str(vars(row))


def test_a_weak_password_keeps_the_link(make: Any, person: Any) -> None:
    agent = make.agent()
    path, browser = _link(agent.id), person()
    for password, again in (("short", "short"), ("password", "password"), (NEW, NEW + "x"), (agent.email, agent.email)):
        answer = browser.send(path, password=password, again=again)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert _choose(browser, path).status_code == 303


def test_forgotten_says_the_same_to_everybody(make: Any, person: Any, drain: Any) -> None:
    agent = make.agent()
    told = []
    for email in (agent.email, "nobody@desk.example", "", "x" * 4000):
        browser = person()
        answer = browser.send("/forgot", email=email)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/forgot/sent")
        told.append(re.sub(r'(content|value|nonce)="[^"]*"', "", browser.open("/forgot/sent").text))
    assert len(set(told)) == 1
    kinds = db.session.scalars(select(OutboxRow.kind)).all()
    assert kinds == ["password_forgotten"] * 4  # the same work for each: no time to tell them apart by
    drain("reactions")
    db.session.rollback()
    assert [row.agent_id for row in db.session.scalars(select(OneTimeLink))] == [agent.id]


# --- mailed --------------------------------------------------------------------------------------------------


def _mailbox(make: Any, sink: SmtpSink) -> None:
    config = {
        "address": "help@doigio.example",
        "smtp_host": sink.host,
        "smtp_port": sink.port,
        "smtp_security": "none",
        "smtp_user": "help",
        "smtp_password": sink.password,
    }
    make.channel("email", config=config)
    with unit_of_work() as work:
        desk_settings.put(work, "public_url", "https://help.doigio.example")
        desk_settings.put(work, "brand.name", "Đồi Gió")


def test_an_invitation_is_mailed_and_opens_the_desk(make: Any, person: Any, drain: Any, app: Flask) -> None:
    with SmtpSink() as sink:
        admin = make.client(make.agent("admin"))
        _mailbox(make, sink)
        form = {"name": "Trần Linh", "email": "linh@doigio.example", "role": "agent", "locale": "vi"}
        admin.set_cookie(COOKIE, admin.get_cookie(COOKIE).value, domain="evil.example")
        answer = admin.post("/settings/people/new", data=form, headers={"Host": "evil.example"})
        assert answer.status_code == 303
        sealed = db.session.scalars(select(OutboxRow).where(OutboxRow.kind == "system_mail")).one()
        assert "/invite/" not in str(sealed.payload)  # a link that opens an account does not lie about readable
        drain("reactions")
        mail = sink.wait_for("linh@doigio.example")[0].message
    app.config["WTF_CSRF_ENABLED"] = True
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Đồi Gió" in str(mail["From"])
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    found = re.search(r"https://help\.doigio\.example(/invite/\S+)", text)
    assert found and found[1] in html
    assert "evil.example" not in text + html
    browser = person()
    assert _choose(browser, found[1]).status_code == 303
    assert browser.inside


def test_forgotten_is_mailed_in_the_readers_language(make: Any, person: Any, drain: Any) -> None:
    with SmtpSink() as sink:
        agent = make.agent(locale="en")
        _mailbox(make, sink)
        person().send("/forgot", email=agent.email)
        drain("reactions")
        mail = sink.wait_for(agent.email)[0].message
    assert "new password" in str(mail["Subject"])
    assert "https://help.doigio.example/reset/" in mail.get_body(("plain",)).get_content()


def test_without_a_mailbox_the_administrator_hands_the_link_over(make: Any, person: Any, app: Flask) -> None:
    admin = make.client(make.agent("admin"))
    page = admin.post(
        "/settings/people/new", data={"name": "Linh", "email": "linh@x.example", "role": "agent", "locale": "en"}
    )
    app.config["WTF_CSRF_ENABLED"] = True
    found = re.search(r'value="http://127\.0\.0\.1:8080(/invite/[^"]+)"', page.text)
    assert page.status_code == 200 and found
    assert _choose(person(), found[1]).status_code == 303


def test_a_desk_in_shadow_mode_mails_nobody(make: Any) -> None:
    from helpdesk.services import mailer

    make.channel("email", config={"address": "help@doigio.example", "smtp_host": "127.0.0.1"})
    assert mailer.mailbox(db.session) is not None
    with unit_of_work() as work:
        desk_settings.put(work, "shadow_mode", True)
    assert mailer.mailbox(db.session) is None


def test_a_head_is_no_post(make: Any, person: Any) -> None:
    """Whatever it carries: it asks no password, uses no link, starts no reset."""
    path = _link(make.agent().id)
    data = {"password": NEW, "again": NEW, "email": "a@desk.example"}
    for where in (path, "/login", "/forgot"):
        assert person().client.head(where, data=data).status_code == 200, where
    assert db.session.scalar(select(OneTimeLink.used_at)) is None
    assert db.session.scalar(select(OutboxRow.id)) is None
