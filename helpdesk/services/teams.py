"""Teams: groups of agents with their own habits (status after sending, closing, hours, promises)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import AgentChanged, SettingChanged
from helpdesk.folding import one_line
from helpdesk.models import Agent, BusinessHours, Channel, SlaPolicy, Team, TeamMember
from helpdesk.services import sessions
from helpdesk.unit_of_work import UnitOfWork

AFTER_SEND = ("pending", "open", "solved")


def may_lead(viewer: Viewer | None, team_id: int) -> bool:
    """Administrators change every team, supervisors the habits of those they lead."""
    return viewer is None or viewer.may("people") or (viewer.may("sla") and team_id in viewer.led_team_ids)


def one(session: Session, viewer: Viewer | None, team_id: int) -> Team:
    """Raises NotFound for a team that is not there or not theirs to change."""
    team = session.get(Team, team_id)
    if team is None or not may_lead(viewer, team_id):
        raise NotFound
    return team


def create(work: UnitOfWork, viewer: Viewer | None, name: str) -> Team:
    _managing(viewer)
    team = Team(name=_free_name(work.session, name))
    work.session.add(team)
    work.session.flush()
    work.record(SettingChanged(key=f"team.{team.id}"))
    return team


def rename(work: UnitOfWork, viewer: Viewer | None, team_id: int, name: str) -> Team:
    _managing(viewer)
    team = one(work.session, viewer, team_id)
    team.name = _free_name(work.session, name, but=team.id)
    work.record(SettingChanged(key=f"team.{team.id}"))
    return team


def set_habits(work: UnitOfWork, viewer: Viewer | None, team_id: int, values: Mapping[str, Any]) -> Team:
    """`status_after_send`, `close_after_days`, `business_hours_id`, `sla_policy_id` (empty: the desk's own)."""
    team = one(work.session, viewer, team_id)
    fields: dict[str, str] = {}
    status = str(values.get("status_after_send", team.status_after_send))
    if status not in AFTER_SEND:
        fields["status_after_send"] = _("Choose one of the list.")
    days = whole(values.get("close_after_days", team.close_after_days), 1, 365)
    if days is None:
        fields["close_after_days"] = _("Enter a number of days between 1 and 365.")
    hours = known(
        work.session,
        BusinessHours,
        values.get("business_hours_id", team.business_hours_id),
        "business_hours_id",
        fields,
    )
    policy = known(work.session, SlaPolicy, values.get("sla_policy_id", team.sla_policy_id), "sla_policy_id", fields)
    if fields:
        raise Invalid(fields=fields)
    team.status_after_send, team.close_after_days = status, days or 14
    team.business_hours_id, team.sla_policy_id = hours, policy
    work.record(SettingChanged(key=f"team.{team.id}"))
    return team


def set_members(
    work: UnitOfWork, viewer: Viewer | None, team_id: int, members: Iterable[int], leads: Iterable[int]
) -> None:
    """Exactly these people; those in `leads` lead it."""
    _managing(viewer)
    team = one(work.session, viewer, team_id)
    led = set(leads)
    wanted = set(members) | led
    if wanted - set(work.session.scalars(select(Agent.id).where(Agent.id.in_(wanted)))):
        raise Invalid(fields={"members": _("Choose people of the list.")})
    present = {m.agent_id: m for m in work.session.scalars(select(TeamMember).where(TeamMember.team_id == team.id))}
    changed = set(present) ^ wanted
    for agent_id, membership in present.items():
        if agent_id not in wanted:
            work.session.delete(membership)
        elif membership.leads != (agent_id in led):
            membership.leads = agent_id in led
            changed.add(agent_id)
    work.session.add_all(TeamMember(team_id=team.id, agent_id=a, leads=a in led) for a in wanted - set(present))
    work.session.flush()
    for agent_id in sorted(changed):
        work.record(AgentChanged(agent_id=agent_id, what="teams"))
        sessions.reload(work, agent_id)


def archive(work: UnitOfWork, viewer: Viewer | None, team_id: int) -> None:
    """No longer offered; its tickets keep it. Channels must point elsewhere first."""
    _managing(viewer)
    team = one(work.session, viewer, team_id)
    using = work.session.scalars(
        select(Channel.name).where(Channel.team_id == team.id, Channel.archived_at.is_(None))
    ).all()
    if using:
        raise Conflict(_("These channels still give their tickets to this team: %(names)s.", names=", ".join(using)))
    team.archived_at = work.now
    work.record(SettingChanged(key=f"team.{team.id}"))


def restore(work: UnitOfWork, viewer: Viewer | None, team_id: int) -> None:
    _managing(viewer)
    one(work.session, viewer, team_id).archived_at = None
    work.record(SettingChanged(key=f"team.{team_id}"))


def _managing(viewer: Viewer | None) -> None:
    if viewer is not None:
        access.require_write(viewer)
        access.require(viewer, "people")


def _free_name(session: Session, name: str, but: int = 0) -> str:
    name = one_line(name, 200)
    if not name:
        raise Invalid(fields={"name": _("Enter a name.")})
    if session.scalar(select(Team.id).where(func.lower(Team.name) == name.lower(), Team.id != but)):
        raise Invalid(fields={"name": _("There is a team of this name already.")})
    return name


def whole(value: Any, low: int, high: int) -> int | None:
    """The whole number in the text, if it lies within both bounds."""
    try:
        number = int(str(value).strip())
    except ValueError:
        return None
    return number if low <= number <= high else None


def known(session: Session, model: type[Any], value: Any, field: str, fields: dict[str, str]) -> int | None:
    """The id in the text if there is such a row; None for an empty choice; else a sentence in `fields`."""
    if value in (None, "", "0", 0):
        return None
    number = whole(value, 1, 2**62)
    if number is None or session.get(model, number) is None:
        fields[field] = _("Choose one of the list.")
        return None
    return number
