"""The people of the desk: who works here, with which rights.

`viewer` is who asks; None is the operator at the machine's command line, who may do everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import AgentChanged
from helpdesk.folding import clean, one_line
from helpdesk.models import Agent, ApiToken, Team, TeamMember
from helpdesk.models.agent import ROLES
from helpdesk.services import passwords, sessions, two_factor
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork

THEMES = ("auto", "light", "dark")


# --- finding -------------------------------------------------------------------------------------------------


def by_email(session: Session, email: str) -> Agent | None:
    return session.scalar(select(Agent).where(Agent.email == clean(email).strip().lower()))


def by_id(session: Session, viewer: Viewer | None, agent_id: int, *, lock: bool = False) -> Agent:
    """Raises NotFound, also for those who may not manage people."""
    _managing(viewer)
    if lock:  # administrators first and in order: two who change each other wait instead of blocking one another
        session.execute(select(Agent.id).where(Agent.role == "admin").order_by(Agent.id).with_for_update())
    agent = session.get(Agent, agent_id, with_for_update=True if lock else None)
    if agent is None:
        raise NotFound
    return agent


def _managing(viewer: Viewer | None) -> None:
    if viewer is not None:
        access.require_write(viewer)
        access.require(viewer, "people")


# --- adding --------------------------------------------------------------------------------------------------


def add_agent(
    work: UnitOfWork,
    viewer: Viewer | None,
    *,
    email: str,
    name: str,
    role: str = "agent",
    password: str | None = None,
    locale: str = "",
    timezone: str = "",
    teams: Iterable[int] = (),
    leads: Iterable[int] = (),
) -> Agent:
    """A new person. Without a password they cannot sign in until a link lets them choose one. Raises Invalid."""
    _managing(viewer)
    fields: dict[str, str] = {}
    email = _email(email, fields)
    name = _name(name, fields)
    _choice("role", role, ROLES, fields)
    locale = locale or str(desk_settings.get(work.session, "locale.default"))
    timezone = timezone or str(desk_settings.get(work.session, "timezone.default"))
    _choice("locale", locale, desk_settings.LOCALES, fields)
    _choice("timezone", timezone, available_timezones(), fields)
    if "email" not in fields and by_email(work.session, email):
        fields["email"] = _("Somebody with this address is here already.")
    if password is not None:
        try:
            passwords.check(password, email=email)
        except Invalid as error:
            fields |= error.fields
    if fields:
        raise Invalid(fields=fields)
    hashed = passwords.hash_password(password) if password is not None else None
    agent = Agent(email=email, name=name, role=role, password_hash=hashed, locale=locale, timezone=timezone)
    work.session.add(agent)
    work.session.flush()
    _put_into(work, agent, teams, leads)
    work.record(AgentChanged(agent_id=agent.id, what="added"))
    return agent


# --- changing ------------------------------------------------------------------------------------------------


def change_role(work: UnitOfWork, viewer: Viewer | None, agent_id: int, role: str) -> Agent:
    """Their open pages reload with the new rights. The last administrator stays one."""
    agent = by_id(work.session, viewer, agent_id, lock=True)
    fields: dict[str, str] = {}
    _choice("role", role, ROLES, fields)
    if fields:
        raise Invalid(fields=fields)
    if agent.role == role:
        return agent
    if agent.role == "admin":
        _not_the_last_admin(work, agent, "role")
    agent.role = role
    work.session.flush()
    sessions.reload(work, agent.id)
    work.record(AgentChanged(agent_id=agent.id, what="role"))
    return agent


def set_teams(
    work: UnitOfWork, viewer: Viewer | None, agent_id: int, teams: Iterable[int], leads: Iterable[int] = ()
) -> Agent:
    """In exactly these teams from now on; leading those in `leads` (which are among them or added)."""
    agent = by_id(work.session, viewer, agent_id, lock=True)
    before = {m.team_id: m.leads for m in agent.memberships}
    _put_into(work, agent, teams, leads)
    if {m.team_id: m.leads for m in agent.memberships} != before:
        work.record(AgentChanged(agent_id=agent.id, what="teams"))
        sessions.reload(work, agent.id)
    return agent


def rename(work: UnitOfWork, viewer: Viewer | None, agent_id: int, *, name: str, email: str) -> Agent:
    agent = by_id(work.session, viewer, agent_id, lock=True)
    fields: dict[str, str] = {}
    name, email = _name(name, fields), _email(email, fields)
    other = by_email(work.session, email)
    if other is not None and other.id != agent.id:
        fields["email"] = _("Somebody with this address is here already.")
    if fields:
        raise Invalid(fields=fields)
    if (agent.name, agent.email) != (name, email):
        agent.name, agent.email = name, email
        work.record(AgentChanged(agent_id=agent.id, what="profile"))
    return agent


def set_approval(work: UnitOfWork, viewer: Viewer | None, agent_id: int, *, needed: bool) -> Agent:
    """Do their replies wait until somebody who reviews lets them go?"""
    agent = by_id(work.session, viewer, agent_id, lock=True)
    if agent.needs_approval != needed:
        agent.needs_approval = needed
        work.record(AgentChanged(agent_id=agent.id, what="profile"))
    return agent


def disable(work: UnitOfWork, viewer: Viewer | None, agent_id: int) -> Agent:
    """They are out at once: sessions, sockets, API tokens and links. Their tickets keep their name."""
    agent = by_id(work.session, viewer, agent_id, lock=True)
    if not agent.active:
        return agent
    if viewer is not None and viewer.agent_id == agent.id:
        raise Conflict(_("You cannot disable yourself."))
    if agent.role == "admin":
        _not_the_last_admin(work, agent, "role")
    agent.disabled_at = work.now
    work.session.flush()
    for token in work.session.scalars(
        select(ApiToken).where(ApiToken.agent_id == agent.id, ApiToken.revoked_at.is_(None))
    ):
        token.revoked_at = work.now
    sessions.end(work, agent_id=agent.id)
    work.record(AgentChanged(agent_id=agent.id, what="disabled"))
    return agent


def enable(work: UnitOfWork, viewer: Viewer | None, agent_id: int) -> Agent:
    agent = by_id(work.session, viewer, agent_id, lock=True)
    if not agent.active:
        agent.disabled_at = None
        work.record(AgentChanged(agent_id=agent.id, what="enabled"))
    return agent


def _not_the_last_admin(work: UnitOfWork, agent: Agent, field: str) -> None:
    """Rows locked in order, so that two administrators cannot put each other out at the same moment."""
    admins = work.session.scalars(
        select(Agent.id).where(Agent.role == "admin", Agent.disabled_at.is_(None)).order_by(Agent.id).with_for_update()
    ).all()
    if [i for i in admins if i != agent.id] == []:
        raise Conflict(_("This is the last administrator; make somebody else one first."), field=field)


def _put_into(work: UnitOfWork, agent: Agent, teams: Iterable[int], leads: Iterable[int]) -> None:
    led = set(leads)
    wanted = set(teams) | led
    known = set(work.session.scalars(select(Team.id).where(Team.id.in_(wanted), Team.archived_at.is_(None))))
    if wanted - known:
        raise Invalid(fields={"teams": _("There is no such team.")})
    present = {m.team_id: m for m in agent.memberships}
    for team_id, membership in present.items():
        if team_id not in wanted:
            agent.memberships.remove(membership)
        else:
            membership.leads = team_id in led
    agent.memberships += [TeamMember(team_id=t, leads=t in led) for t in sorted(wanted - set(present))]
    work.session.flush()


# --- passwords -----------------------------------------------------------------------------------------------


def set_password(
    work: UnitOfWork, agent: Agent, password: str, *, keep_session: int | None = None, field: str = "password"
) -> None:
    """Choose a new password; every other session of theirs ends."""
    passwords.check(password, field=field, email=agent.email)
    agent.password_hash = passwords.hash_password(password)
    sessions.end(work, agent_id=agent.id, keep=keep_session)
    work.record(AgentChanged(agent_id=agent.id, what="password"), actor=f"agent:{agent.id}")


def reset_password(work: UnitOfWork, viewer: Viewer | None, agent_id: int, password: str) -> Agent:
    """Set it for somebody (the command line does); all their sessions end."""
    agent = by_id(work.session, viewer, agent_id, lock=True)
    set_password(work, agent, password)
    return agent


# --- reading what was typed ----------------------------------------------------------------------------------


def _email(value: str, fields: dict[str, str]) -> str:
    try:
        found = validate_email(
            value.strip(), check_deliverability=False, test_environment=True, globally_deliverable=False
        )
    except EmailNotValidError:
        fields["email"] = _("This is not an email address.")
        return ""
    return found.normalized.lower()[:320]


def _name(value: str, fields: dict[str, str]) -> str:
    value = one_line(value, 200)
    if not value:
        fields["name"] = _("Enter a name.")
    return value


def _choice(field: str, value: str, choices: Iterable[str], fields: dict[str, str]) -> None:
    if value not in choices:
        fields[field] = _("Choose one of the list.")


def end_sessions(work: UnitOfWork, viewer: Viewer | None, agent_id: int) -> None:
    """Sign them out everywhere."""
    agent = by_id(work.session, viewer, agent_id)
    sessions.end(work, agent_id=agent.id)
    work.record(AgentChanged(agent_id=agent.id, what="sessions"))


def lost_second_factor(work: UnitOfWork, viewer: Viewer | None, agent_id: int) -> None:
    """Their phone is gone: the password alone is enough again, and every session ends."""
    agent = by_id(work.session, viewer, agent_id, lock=True)
    two_factor.turn_off(work, agent)
    sessions.end(work, agent_id=agent.id)


# --- oneself -------------------------------------------------------------------------------------------------


def update_profile(
    work: UnitOfWork,
    agent_id: int,
    *,
    name: str,
    locale: str,
    timezone: str,
    theme: str,
    signature: str,
    extension: str | None = None,
) -> None:
    """What everybody may change about themselves. Raises Invalid."""
    fields: dict[str, str] = {}
    name = _name(name, fields)
    _choice("locale", locale, desk_settings.LOCALES, fields)
    _choice("timezone", timezone, available_timezones(), fields)
    _choice("theme", theme, THEMES, fields)
    signature = clean(signature).strip()
    if len(signature) > 2000:
        fields["signature"] = _("Use at most %(count)s characters.", count=2000)
    if fields:
        raise Invalid(fields=fields)
    agent = work.session.get_one(Agent, agent_id)
    agent.name, agent.locale, agent.timezone, agent.theme, agent.signature = name, locale, timezone, theme, signature
    if extension is not None:
        agent.extension = one_line(extension, 40) or None
    work.record(AgentChanged(agent_id=agent.id, what="profile"))


def prefer(work: UnitOfWork, agent_id: int, key: str, value: Any) -> None:
    """One preference of one's own; the others stay."""
    agent = work.session.get_one(Agent, agent_id, with_for_update=True)
    agent.preferences = {**(agent.preferences or {}), key: value}
    work.record(AgentChanged(agent_id=agent.id, what="profile"))
