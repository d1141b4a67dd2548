"""Teams: members, leads, habits."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from helpdesk.errors import Conflict
from helpdesk.extensions import db
from helpdesk.forms import attempt, numbers, typed
from helpdesk.models import Agent, Team, TeamMember
from helpdesk.services import calendars, sla_policies
from helpdesk.services import teams as service
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

AFTER_SEND_WORDS = {
    "pending": lazy_gettext("Pending: waiting for the customer"),
    "open": lazy_gettext("Open: still ours"),
    "solved": lazy_gettext("Solved"),
}


@bp.get("/teams")
@needs("sla")
def teams() -> Response:
    """Administrators see all, supervisors those they lead."""
    found = db.session.scalars(select(Team).order_by(Team.archived_at.is_not(None), Team.name)).all()
    rows = [t for t in found if service.may_lead(me(), t.id)]
    members: dict[int, list[tuple[str, bool]]] = {}
    for team_id, name, leads in db.session.execute(
        select(TeamMember.team_id, Agent.name, TeamMember.leads)
        .join(Agent, Agent.id == TeamMember.agent_id)
        .where(Agent.disabled_at.is_(None))
        .order_by(TeamMember.leads.desc(), Agent.name)
    ):
        members.setdefault(team_id, []).append((name, leads))
    return page("teams.html", rows=rows, members=members)


@bp.route("/teams/new", methods=["GET", "POST"])
@needs("people")
def new_team() -> Response:
    form = typed({"name": ""})
    errors: dict[str, str] = {}
    if posted():
        team, errors = attempt(lambda: _create(form["name"]), form)
        if team:
            return go("settings.team", team_id=team.id)
    return page("team_new.html", errors, form=form)


def _create(name: str) -> Team:
    with unit_of_work(actor=me().actor) as work:
        return service.create(work, me(), name)


@bp.route("/teams/<int:team_id>", methods=["GET", "POST"])
@needs("sla")
def team(team_id: int) -> Response:
    found = service.one(db.session, me(), team_id)
    rows = db.session.scalars(select(TeamMember).where(TeamMember.team_id == team_id)).all()
    form = typed(
        {
            "name": found.name,
            "status_after_send": found.status_after_send,
            "close_after_days": found.close_after_days,
            "business_hours_id": found.business_hours_id or "",
            "sla_policy_id": found.sla_policy_id or "",
            "members": [str(m.agent_id) for m in rows],
            "leads": [str(m.agent_id) for m in rows if m.leads],
        }
    )
    errors: dict[str, str] = {}
    if posted():
        done, errors = attempt(lambda: _save(team_id, form), form)
        if done:
            return go("settings.team", team_id=team_id)
        found = service.one(db.session, me(), team_id)
    active = select(Agent.id, Agent.name).where(Agent.disabled_at.is_(None)).order_by(Agent.name)
    return page(
        "team.html",
        errors,
        team=found,
        form=form,
        people=list(db.session.execute(active)),
        hours=calendars.every(db.session),
        policies=sla_policies.every(db.session),
        after_send=AFTER_SEND_WORDS,
        manages=me().may("people"),
    )


def _save(team_id: int, form: dict[str, Any]) -> bool:
    """Name and members are an administrator's; what else was sent by a lead is ignored."""
    with unit_of_work(actor=me().actor) as work:
        service.set_habits(work, me(), team_id, form)
        if me().may("people"):
            service.rename(work, me(), team_id, form["name"])
            service.set_members(work, me(), team_id, numbers(form["members"]), numbers(form["leads"]))
    flash(_("Saved."))
    return True


@bp.post("/teams/<int:team_id>/<any(archive, restore):what>")
@needs("people")
def team_do(team_id: int, what: str) -> Response:
    db.session.rollback()
    try:
        with unit_of_work(actor=me().actor) as work:
            (service.archive if what == "archive" else service.restore)(work, me(), team_id)
    except Conflict as error:
        flash(error.message, "bad")
        return go("settings.team", team_id=team_id)
    flash(_("Done."))
    return go("settings.teams")
