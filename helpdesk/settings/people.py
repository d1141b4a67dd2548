"""People: invite, change role and teams, disable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from helpdesk.errors import Conflict
from helpdesk.extensions import db
from helpdesk.forms import LANGUAGES, attempt, numbers, typed
from helpdesk.models import Agent, Team
from helpdesk.services import invites, mailer
from helpdesk.services import people as service
from helpdesk.services import settings as desk_settings
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

ROLE_WORDS = {
    "agent": lazy_gettext("Agent"),
    "supervisor": lazy_gettext("Supervisor"),
    "admin": lazy_gettext("Administrator"),
}


def _teams() -> list[tuple[int, str]]:
    statement = select(Team.id, Team.name).where(Team.archived_at.is_(None)).order_by(Team.name)
    return list(db.session.execute(statement))


@bp.get("/people")
@needs("people")
def people() -> Response:
    rows = db.session.scalars(select(Agent).order_by(Agent.disabled_at.is_not(None), Agent.name)).all()
    names = dict(db.session.execute(select(Team.id, Team.name)).all())
    return page("people.html", rows=rows, teams=names, roles=ROLE_WORDS)


@bp.route("/people/new", methods=["GET", "POST"])
@needs("people")
def new_person() -> Response:
    locale = str(desk_settings.get(db.session, "locale.default"))
    form = typed({"name": "", "email": "", "role": "agent", "locale": locale, "teams": [], "leads": []})
    errors: dict[str, str] = {}
    if posted():
        handed, errors = attempt(lambda: _invite(form), form)
        if handed:
            return _handed(handed)
    mails = mailer.mailbox(db.session) is not None
    words = {"roles": ROLE_WORDS, "teams": _teams(), "languages": LANGUAGES, "mails": mails}
    return page("person_new.html", errors, form=form, **words)


def _invite(form: dict) -> invites.Handed:  # type: ignore[type-arg]
    with unit_of_work(actor=me().actor) as work:
        return invites.invite(
            work,
            me(),
            email=form["email"],
            name=form["name"],
            role=form["role"],
            locale=form["locale"],
            teams=numbers(form["teams"]),
            leads=numbers(form["leads"]),
        )


def _handed(handed: invites.Handed) -> Response:
    """Mailed: say so. Not mailed: show the link, this once, to hand over."""
    if not handed.mailed:
        return page("handed.html", agent=handed.agent, address=handed.address)
    flash(_("A link is on its way to %(email)s.", email=handed.agent.email))
    return go("settings.person", agent_id=handed.agent.id)


@bp.route("/people/<int:agent_id>", methods=["GET", "POST"])
@needs("people")
def person(agent_id: int) -> Response:
    agent = service.by_id(db.session, me(), agent_id)
    defaults = {
        "name": agent.name,
        "email": agent.email,
        "role": agent.role,
        "teams": [str(m.team_id) for m in agent.memberships],
        "leads": [str(m.team_id) for m in agent.memberships if m.leads],
        "needs_approval": agent.needs_approval,
    }
    form = typed(defaults)
    errors: dict[str, str] = {}
    if posted():
        done, errors = attempt(lambda: _change(agent_id, form), form)
        if done:
            return go("settings.person", agent_id=agent_id)
        agent = service.by_id(db.session, me(), agent_id)
    return _person_page(agent, form, errors)


def _person_page(agent: Agent, form: dict, errors: dict[str, str]) -> Response:  # type: ignore[type-arg]
    return page("person.html", errors, agent=agent, form=form, roles=ROLE_WORDS, teams=_teams())


def _change(agent_id: int, form: dict) -> bool:  # type: ignore[type-arg]
    with unit_of_work(actor=me().actor) as work:
        service.rename(work, me(), agent_id, name=form["name"], email=form["email"])
        service.change_role(work, me(), agent_id, form["role"])
        service.set_teams(work, me(), agent_id, numbers(form["teams"]), numbers(form["leads"]))
        service.set_approval(work, me(), agent_id, needed=bool(form["needs_approval"]))
    flash(_("Saved."))
    return True


@bp.post("/people/<int:agent_id>/<any(disable, enable, invite, reset, end_sessions, two_factor):what>")
@needs("people")
def person_do(agent_id: int, what: str) -> Response:
    db.session.rollback()
    try:
        with unit_of_work(actor=me().actor) as work:
            done = _DEEDS[what](work, me(), agent_id)
    except Conflict as error:
        flash(error.message, "bad")
        return go("settings.person", agent_id=agent_id)
    if isinstance(done, invites.Handed):
        return _handed(done)
    flash(_("Done."))
    return go("settings.person", agent_id=agent_id)


_DEEDS: dict[str, Callable[..., Any]] = {
    "disable": service.disable,
    "enable": service.enable,
    "invite": invites.invite_again,
    "reset": invites.send_reset,
    "end_sessions": service.end_sessions,
    "two_factor": service.lost_second_factor,
}
