"""People and teams: who may make whom what; nobody locks the desk; tokens."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from sqlalchemy import select

from helpdesk.access import viewer_of
from helpdesk.errors import Conflict, Forbidden, NotFound
from helpdesk.extensions import db
from helpdesk.models import Agent, ApiToken, EventRow, Team, TeamMember
from helpdesk.services import people, sessions, teams, tokens
from helpdesk.unit_of_work import unit_of_work

pytestmark = pytest.mark.processes

PERSON = {"name": "Trần Linh", "email": "linh@doigio.example", "role": "agent", "locale": "vi"}


def _role(agent_id: int) -> str:
    db.session.rollback()
    return db.session.get_one(Agent, agent_id).role


def test_an_administrator_invites_with_teams(make: Any) -> None:
    first, second = make.team("Sales"), make.team("Support")
    admin = make.client(make.agent("admin"))
    form = {**PERSON, "teams": [str(first)], "leads": [str(second)]}
    assert admin.post("/settings/people/new", data=form).status_code == 200  # no mailbox: the link is shown
    agent = db.session.scalars(select(Agent).where(Agent.email == PERSON["email"])).one()
    assert {m.team_id: m.leads for m in agent.memberships} == {first: False, second: True}
    assert agent.password_hash is None and agent.role == "agent"


def test_a_wrong_invitation_keeps_what_was_typed(make: Any) -> None:
    team = make.team("Sales")
    agent = make.agent("admin")
    admin = make.client(agent)
    form = {"name": "", "email": agent.email.upper(), "role": "king", "locale": "vi", "teams": [str(team)]}
    answer = admin.post("/settings/people/new", data=form)
    assert answer.status_code == 422
    assert agent.email.upper() in answer.text
    assert re.search(rf'name="teams" value="{team}"[^>]* checked', answer.text)
    for field in ("name", "email", "role"):
        assert f'id="f-{field}-error"' in answer.text
    assert admin.post("/settings/people/new", data={**PERSON, "teams": ["999999"]}).status_code == 422


@pytest.mark.parametrize("role", ["agent", "supervisor"])
def test_others_manage_nobody(make: Any, role: str) -> None:
    """Neither through pages nor by services; their own role least of all."""
    agent, other = make.agent(role), make.agent()
    client, viewer = make.client(agent), viewer_of(agent)
    assert client.post("/settings/people/new", data={**PERSON, "role": "admin"}).status_code == 404
    for path in (f"/settings/people/{agent.id}", f"/settings/people/{other.id}"):
        assert client.get(path).status_code == 404
        assert client.post(path, data={**PERSON, "role": "admin"}).status_code == 404
    for what in ("disable", "reset", "invite", "end_sessions", "two_factor", "enable"):
        assert client.post(f"/settings/people/{other.id}/{what}").status_code == 404
    assert client.post("/settings/tokens", data={"name": "x", "agent": agent.id, "scopes": "admin"}).status_code == 404
    for act in (
        lambda work: people.change_role(work, viewer, agent.id, "admin"),
        lambda work: people.add_agent(work, viewer, email="x@x.example", name="x", role="admin"),
        lambda work: people.disable(work, viewer, other.id),
        lambda work: tokens.create(work, viewer, agent_id=agent.id, name="x", scopes=["admin"]),
        lambda work: teams.create(work, viewer, "Mine"),
    ):
        with pytest.raises(NotFound), unit_of_work() as work:
            act(work)
    assert _role(agent.id) == role


def test_a_token_without_the_admin_scope_manages_nobody(make: Any) -> None:
    admin, other = make.agent("admin"), make.agent()
    for scopes, refusal in ((["read"], Forbidden), (["read", "write"], NotFound)):
        viewer = viewer_of(admin, frozenset(scopes))
        with pytest.raises(refusal), unit_of_work() as work:
            people.change_role(work, viewer, other.id, "admin")


def test_the_last_administrator_stays_one(make: Any) -> None:
    admin = make.agent("admin")
    client = make.client(admin)
    form = {"name": admin.name, "email": admin.email, "role": "agent"}
    answer = client.post(f"/settings/people/{admin.id}", data=form)
    assert answer.status_code == 422
    assert "last administrator" in answer.text
    client.post(f"/settings/people/{admin.id}/disable")
    db.session.rollback()
    stored = db.session.get_one(Agent, admin.id)
    assert stored.role == "admin" and stored.active
    with pytest.raises(Conflict), unit_of_work() as work:
        people.disable(work, None, admin.id)
    second = make.agent("admin")
    assert client.post(f"/settings/people/{admin.id}", data=form).status_code == 303
    assert _role(admin.id) == "agent" and _role(second.id) == "admin"


def test_two_administrators_cannot_put_each_other_out(make: Any) -> None:
    admins = [make.agent("admin"), make.agent("admin")]
    barrier, refused = threading.Barrier(2), []

    def demote(mine: Agent, other: Agent) -> None:
        with make.app.app_context():
            barrier.wait()
            try:
                with unit_of_work() as work:
                    people.change_role(work, viewer_of(mine), other.id, "agent")
            except Conflict:
                refused.append(other.id)

    threads = [threading.Thread(target=demote, args=pair) for pair in (admins, admins[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert sorted(_role(a.id) for a in admins) == ["admin", "agent"]


def test_changing_somebody_is_one_step_and_told(make: Any) -> None:
    admin, agent, team = make.agent("admin"), make.agent(), make.team("Sales")
    kicked: list[str] = []
    make.app.extensions["kick_sockets"] = kicked.append
    theirs = make.client(agent)
    client = make.client(admin)
    form = {
        "name": "New Name",
        "email": "new@doigio.example",
        "role": "supervisor",
        "teams": [str(team)],
        "leads": [str(team)],
    }
    more = {"password_hash": "x", "disabled_at": "2020-01-01", "id": "77", "totp_sealed": "x"}
    assert client.post(f"/settings/people/{agent.id}", data={**form, **more}).status_code == 303
    db.session.rollback()
    stored = db.session.get_one(Agent, agent.id)
    assert (stored.name, stored.email, stored.role, stored.active) == (
        "New Name",
        "new@doigio.example",
        "supervisor",
        True,
    )
    assert stored.password_hash == agent.password_hash and stored.totp_sealed is None
    assert kicked and theirs.get("/settings/sla").status_code == 200  # at once, with the new rights
    what = [data["what"] for data in db.session.scalars(select(EventRow.data).where(EventRow.type == "agent_changed"))]
    assert what == ["profile", "role", "teams"]


def test_disabling_ends_tokens_too_and_enabling_does_not_bring_them_back(make: Any) -> None:
    admin, agent = make.agent("admin"), make.agent()
    with unit_of_work() as work:
        _row, text = tokens.create(work, None, agent_id=agent.id, name="script", scopes=["read"])
    assert sessions.find_api(db.session, text)
    client = make.client(admin)
    client.post(f"/settings/people/{agent.id}/disable")
    db.session.rollback()
    assert sessions.find_api(db.session, text) is None
    client.post(f"/settings/people/{agent.id}/enable")
    db.session.rollback()
    assert sessions.find_api(db.session, text) is None
    assert db.session.get_one(Agent, agent.id).active


# --- tokens --------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_rests_as_a_hash(make: Any) -> None:
    agent = make.agent("admin")
    client = make.client(agent)
    answer = client.post("/settings/tokens", data={"name": "Shop", "agent": str(agent.id), "scopes": ["read", "write"]})
    text = re.search(r'value="(hd_[^"]+)"', answer.text)[1]  # type: ignore[index]
    row = db.session.scalars(select(ApiToken)).one()
    assert text not in str(vars(row)) and row.scopes == ["read", "write"]
    page = client.get("/settings/tokens").text
    assert text not in page and row.token_hash not in page and "Shop" in page
    viewer, _row = sessions.find_api(db.session, text) or pytest.fail("the token does not work")
    assert viewer.scopes == {"read", "write"}
    assert client.post(f"/settings/tokens/{row.id}/revoke").status_code == 303
    db.session.rollback()
    assert sessions.find_api(db.session, text) is None
    assert client.post("/settings/tokens/999/revoke").status_code == 404


def test_a_wrong_token_form(make: Any) -> None:
    client = make.client(make.agent("admin"))
    for form in ({"name": "", "agent": "999", "scopes": []}, {"name": "x", "agent": "1", "scopes": ["read", "root"]}):
        assert client.post("/settings/tokens", data=form).status_code == 422
    assert db.session.scalar(select(ApiToken.id)) is None


# --- teams ---------------------------------------------------------------------------------------------------

HABITS = {"status_after_send": "open", "close_after_days": "30", "business_hours_id": "", "sla_policy_id": ""}


def test_a_team_from_beginning_to_end(make: Any) -> None:
    agent = make.agent()
    client = make.client(make.agent("admin"))
    where = client.post("/settings/teams/new", data={"name": "Giao hàng"}).headers["Location"]
    assert client.post("/settings/teams/new", data={"name": "giao hàng"}).status_code in (303, 422)
    form = {**HABITS, "name": "Giao hàng 2", "members": [str(agent.id)], "leads": [str(agent.id)]}
    assert client.post(where, data=form).status_code == 303
    team = db.session.scalars(select(Team).where(Team.name == "Giao hàng 2")).one()
    assert (team.status_after_send, team.close_after_days) == ("open", 30)
    assert [(m.agent_id, m.leads) for m in db.session.scalars(select(TeamMember))] == [(agent.id, True)]
    make.channel("widget", team_id=team.id)
    client.post(f"{where}/archive")
    db.session.rollback()
    assert db.session.get_one(Team, team.id).archived_at is None  # a channel still feeds it
    wrong = client.post(
        where, data={**form, "close_after_days": "0", "status_after_send": "closed", "sla_policy_id": "77"}
    )
    assert wrong.status_code == 422 and wrong.text.count('role="alert"') >= 2


def test_a_lead_changes_habits_of_their_team_only(make: Any) -> None:
    mine, other = make.team("Mine"), make.team("Other")
    agent = make.agent("supervisor", leads=[mine], teams=[other])
    client = make.client(agent)
    assert client.get(f"/settings/teams/{other}").status_code == 404
    assert client.post(f"/settings/teams/{other}", data=HABITS).status_code == 404
    more = {"name": "Renamed", "members": [], "leads": []}
    assert client.post(f"/settings/teams/{mine}", data={**HABITS, **more}).status_code == 303
    db.session.rollback()
    team = db.session.get_one(Team, mine)
    assert (team.name, team.close_after_days) == ("Mine", 30)
    assert db.session.get(TeamMember, (mine, agent.id)) is not None
    assert "Other" not in client.get("/settings/teams").text
    assert client.post(f"/settings/teams/{mine}/archive").status_code == 404
