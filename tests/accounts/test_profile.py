"""One's own profile: what one may change about oneself, and nothing else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from helpdesk.extensions import db
from helpdesk.models import Agent, AgentSession, EventRow
from tests.factories import PASSWORD

FORM = {"name": "Trần Linh", "locale": "vi", "timezone": "Europe/Berlin", "theme": "dark", "signature": "Linh\nĐồi Gió"}


def test_profile_is_saved_and_seen(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    assert browser.send("/me", **FORM).status_code == 303
    db.session.rollback()
    stored = db.session.get_one(Agent, agent.id)
    assert {k: getattr(stored, k) for k in FORM} == FORM
    page = browser.open("/me").text
    assert '<html lang="vi" data-bs-theme="dark"' in page and "Trần Linh" in page
    actors = db.session.execute(select(EventRow.actor, EventRow.data).where(EventRow.type == "agent_changed")).all()
    assert (f"agent:{agent.id}", {"agent_id": agent.id, "what": "profile"}) in [tuple(a) for a in actors]


def test_more_than_the_form_is_ignored(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    more = {
        "role": "admin",
        "email": "evil@x.example",
        "id": "1",
        "disabled_at": "",
        "password_hash": "x",
        "teams": "1",
    }
    before = db.session.scalar(select(Agent.password_hash).where(Agent.id == agent.id))
    assert browser.send("/me", **{**FORM, **more}).status_code == 303
    db.session.rollback()
    stored = db.session.get_one(Agent, agent.id)
    assert (stored.role, stored.email, stored.password_hash) == ("agent", agent.email, before)


def test_a_wrong_profile_keeps_what_was_typed(make: Any, person: Any) -> None:
    browser = person()
    browser.sign_in(make.agent())
    wrong = {
        **FORM,
        "name": " \u202e ",
        "timezone": "Mars/Olympus",
        "signature": "x" * 2001,
        "locale": "xx",
        "theme": "pink",
    }
    answer = browser.send("/me", **wrong)
    assert answer.status_code == 422
    assert answer.text.count('class="hd-error"') == 5
    assert "x" * 2001 in answer.text


def test_a_new_password_takes_the_old_one_and_ends_other_sessions(make: Any, person: Any) -> None:
    agent, browser, elsewhere = make.agent(), person(), person()
    browser.sign_in(agent)
    elsewhere.sign_in(agent)
    new = "another good long password"
    for current, password in (("wrong", new), (PASSWORD, "short"), (PASSWORD, "12345678")):
        assert browser.send("/me/password", look="/me/security", current=current, password=password).status_code == 422
    assert elsewhere.inside
    assert browser.send("/me/password", look="/me/security", current=PASSWORD, password=new).status_code == 303
    assert browser.inside and not elsewhere.inside
    assert person().sign_in(agent).status_code == 422
    assert person().sign_in(agent, new).status_code == 303


def test_sessions_are_listed_and_ended(make: Any, person: Any) -> None:
    agent, browser = make.agent(), person()
    browser.sign_in(agent)
    phone = person(REMOTE_ADDR="203.0.113.9", HTTP_USER_AGENT="Mozilla/5.0 (iPhone) Safari/1")
    phone.sign_in(agent)
    page = browser.open("/me/sessions").text
    assert "Safari, iPhone" in page and "203.0.113.9" in page and page.count("this one") == 1
    row = db.session.scalars(select(AgentSession).where(AgentSession.address == "203.0.113.9")).one()
    assert browser.send(f"/me/sessions/{row.id}/end", look="/me/sessions").status_code == 303
    assert browser.inside and not phone.inside
    third = person()
    third.sign_in(agent)
    browser.send("/me/sessions/end", look="/me/sessions")
    assert browser.inside and not third.inside


def test_somebody_elses_session_is_not_there(make: Any, person: Any) -> None:
    browser, other = person(), person()
    browser.sign_in(make.agent("admin"))
    victim = make.agent()
    other.sign_in(victim)
    row = db.session.scalars(select(AgentSession).where(AgentSession.agent_id == victim.id)).one()
    assert browser.send(f"/me/sessions/{row.id}/end", look="/me/sessions").status_code == 404
    assert other.inside
