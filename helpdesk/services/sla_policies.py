"""SLA policies: what is promised, by channel and priority."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.registry import kinds
from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import SettingChanged
from helpdesk.folding import one_line
from helpdesk.models import BusinessHours, SlaPolicy, SlaTarget, Team
from helpdesk.models.sla import TARGETS
from helpdesk.models.ticket import PRIORITIES
from helpdesk.services import sla
from helpdesk.services.teams import known
from helpdesk.unit_of_work import UnitOfWork

LONGEST_MINUTES = 60 * 24 * 90
_TIME = re.compile(r"(?:(\d{1,5})\s*(?:h|hours?|giờ|g))?\s*(?:(\d{1,6})\s*(?:m|min|minutes?|phút|p)?)?", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One line of the form; without a time it is left out."""

    target: str
    channel_kind: str = ""
    priority: str = ""
    time: str = ""


def every(session: Session) -> list[SlaPolicy]:
    return list(session.scalars(select(SlaPolicy).order_by(SlaPolicy.is_default.desc(), SlaPolicy.name)))


def one(session: Session, policy_id: int) -> SlaPolicy:
    policy = session.get(SlaPolicy, policy_id)
    if policy is None:
        raise NotFound
    return policy


def may_change(session: Session, viewer: Viewer, policy: SlaPolicy | None) -> bool:
    """Administrators every policy; supervisors those that only teams they lead go by."""
    if not viewer.writes():
        return False
    if viewer.may("settings"):
        return True
    if not viewer.may("sla") or not viewer.led_team_ids:
        return False
    if policy is None:
        return True
    users = set(session.scalars(select(Team.id).where(Team.sla_policy_id == policy.id)))
    return not policy.is_default and bool(users) and users <= viewer.led_team_ids


def save(
    work: UnitOfWork, viewer: Viewer, policy_id: int | None, *, name: str, business_hours_id: str, rows: Sequence[Row]
) -> SlaPolicy:
    """Create or change. Open promises are reckoned anew after the commit. Raises Invalid.

    A supervisor's new policy becomes that of the teams they lead, which makes it theirs.
    """
    policy = one(work.session, policy_id) if policy_id else None
    if not may_change(work.session, viewer, policy):
        raise NotFound
    fields: dict[str, str] = {}
    name = one_line(name, 200)
    if not name:
        fields["name"] = _("Enter a name.")
    hours = known(work.session, BusinessHours, business_hours_id, "business_hours_id", fields)
    targets = _read(rows, fields)
    if fields:
        raise Invalid(fields=fields)
    if policy is None:
        policy = SlaPolicy(name=name)
        work.session.add(policy)
        policy.is_default = viewer.may("settings") and not every(work.session)
    policy.name, policy.business_hours_id = name, hours
    policy.targets = []
    work.session.flush()
    policy.targets = [SlaTarget(target=t, channel_kind=c, priority=p, minutes=m) for (t, c, p), m in targets.items()]
    work.session.flush()
    if not policy_id and not viewer.may("settings"):
        work.session.execute(update(Team).where(Team.id.in_(viewer.led_team_ids)).values(sla_policy_id=policy.id))
    _changed(work, policy)
    return policy


def set_active(work: UnitOfWork, viewer: Viewer, policy_id: int, active: bool) -> None:
    policy = _theirs(work.session, viewer, policy_id)
    if policy.is_default and not active:
        raise Conflict(_("The desk's own policy stays on; make another one the default first."))
    policy.active = active
    _changed(work, policy)


def make_default(work: UnitOfWork, viewer: Viewer, policy_id: int) -> None:
    access.require(viewer, "settings")
    policy = _theirs(work.session, viewer, policy_id)
    work.session.execute(update(SlaPolicy).values(is_default=False))
    policy.is_default = policy.active = True
    _changed(work, policy)


def _theirs(session: Session, viewer: Viewer, policy_id: int) -> SlaPolicy:
    policy = one(session, policy_id)
    if not may_change(session, viewer, policy):
        raise NotFound
    return policy


def _changed(work: UnitOfWork, policy: SlaPolicy) -> None:
    work.record(SettingChanged(key=f"sla_policy.{policy.id}"))
    sla.policy_changed(work)


# --- reading and showing -------------------------------------------------------------------------------------


def _read(rows: Sequence[Row], fields: dict[str, str]) -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = {}
    for number, row in enumerate(rows):
        if not row.time.strip():
            continue
        minutes = minutes_in(row.time)
        key = (row.target, row.channel_kind, row.priority)
        if minutes is None:
            fields[f"time-{number}"] = _("Write it like 4 h, 30 m or 1 h 30 m.")
        elif (
            row.target not in TARGETS or row.channel_kind not in ("", *kinds()) or row.priority not in ("", *PRIORITIES)
        ):
            fields[f"time-{number}"] = _("Choose one of the list.")
        elif key in found:
            fields[f"time-{number}"] = _("There is a line for this already.")
        else:
            found[key] = minutes
    if not found and not fields:
        fields["time-0"] = _("Promise at least one thing.")
    return found


def minutes_in(text: str) -> int | None:
    """ "1 h 30 m", "90" -> 90; None when it cannot be read, is nothing, or is longer than 90 days."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    minutes = int(match[1] or 0) * 60 + int(match[2] or 0)
    return minutes if 0 < minutes <= LONGEST_MINUTES else None


def spelled(minutes: int) -> str:
    """In the reader's language, in words that `minutes_in` reads; a day of business hours has no fixed length."""
    hours, rest = divmod(minutes, 60)
    if hours and rest:
        return str(_("%(h)s h %(m)s m", h=hours, m=rest))
    return str(_("%(n)s h", n=hours) if hours else _("%(n)s m", n=rest))
