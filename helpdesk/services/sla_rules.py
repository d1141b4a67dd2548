"""Which promise holds for a ticket: the policy of its team (else the default), the most specific target, whose hours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from helpdesk.business_time import ALWAYS, Calendar
from helpdesk.models import BusinessHours, Channel, SlaPolicy, SlaTarget, Team, Ticket
from helpdesk.services import foresight

TARGET_WORDS = {"first_response": "first response", "next_response": "next response", "resolution": "resolution"}


@dataclass(frozen=True)
class Promise:
    """One target that holds for a ticket. `minutes` are minutes of `calendar`; `reason` says why, in plain words."""

    target: str
    minutes: int
    policy_id: int
    calendar: Calendar
    reason: str


def policy_of(session: Session, ticket: Ticket) -> SlaPolicy | None:
    """The active policy of the ticket's team, else the active default."""
    team = session.get(Team, ticket.team_id) if ticket.team_id else None
    if team is not None and team.sla_policy_id is not None:
        policy = session.get(SlaPolicy, team.sla_policy_id)
        if policy is not None and policy.active:
            return policy
    look = foresight.of(session)
    if look is None:
        return session.scalar(_DEFAULT)
    if not look.policy:
        look.policy.append(session.scalar(_DEFAULT))
    return look.policy[0]


_DEFAULT = select(SlaPolicy).where(SlaPolicy.is_default, SlaPolicy.active).order_by(SlaPolicy.id).limit(1)


def hours_of(session: Session, policy: SlaPolicy | None, ticket: Ticket) -> BusinessHours | None:
    """The policy's hours, else the team's, else the default ones, else none (always open)."""
    if policy is not None and policy.business_hours_id is not None:
        return session.get(BusinessHours, policy.business_hours_id)
    team = session.get(Team, ticket.team_id) if ticket.team_id else None
    if team is not None and team.business_hours_id is not None:
        return session.get(BusinessHours, team.business_hours_id)
    look = foresight.of(session)
    if look is None:
        return default_hours(session)
    if not look.hours:
        look.hours.append(default_hours(session))
    return look.hours[0]


def default_hours(session: Session) -> BusinessHours | None:
    return session.scalar(select(BusinessHours).where(BusinessHours.is_default).order_by(BusinessHours.id).limit(1))


def calendar_of(hours: BusinessHours | None) -> Calendar:
    """The pure calendar of a row of business hours; always open without one."""
    if hours is None:
        return ALWAYS
    week = tuple(sorted((day, tuple((str(a), str(b)) for a, b in spans)) for day, spans in (hours.week or {}).items()))
    off, worked = tuple(hours.holidays or ()), tuple(hours.workdays or ())
    return _calendar(hours.timezone, week, hours.holiday_country, off, worked)


@lru_cache(maxsize=256)
def _calendar(
    timezone: str,
    week: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    country: str,
    days_off: tuple[str, ...],
    workdays: tuple[str, ...],
) -> Calendar:
    return Calendar.of(timezone, dict(week), country, days_off, workdays)


def promises(session: Session, ticket: Ticket) -> dict[str, Promise]:
    """Every target that holds for the ticket as it is now, by the channel it began on and its priority."""
    policy = policy_of(session, ticket)
    if policy is None:
        return {}
    hours = hours_of(session, policy, ticket)
    channel = session.get(Channel, ticket.origin_channel_id) if ticket.origin_channel_id else None
    kind = channel.kind if channel is not None else ""
    found = {}
    for target in TARGET_WORDS:
        row = _most_specific(policy, target, kind, ticket.priority)
        if row is not None:
            reason = _reason(policy, row, hours)
            found[target] = Promise(target, row.minutes, policy.id, calendar_of(hours), reason)
    return found


def _most_specific(policy: SlaPolicy, target: str, kind: str, priority: str) -> SlaTarget | None:
    """More conditions win; of equally specific ones the stricter promise."""
    fitting = [
        t
        for t in policy.targets
        if t.target == target and t.channel_kind in ("", kind) and t.priority in ("", priority)
    ]
    return min(fitting, key=lambda t: (-bool(t.channel_kind) - bool(t.priority), t.minutes), default=None)


def _reason(policy: SlaPolicy, row: SlaTarget, hours: BusinessHours | None) -> str:
    where = f" on {_label(row.channel_kind)}" if row.channel_kind else ""
    which = f" for {row.priority} tickets" if row.priority else ""
    when = f'business time, hours of "{hours.name}" ({hours.timezone})' if hours else "time, day and night"
    return f"{policy.name} policy: {TARGET_WORDS[row.target]}{where}{which} within {spell(row.minutes)} of {when}."


def _label(kind: str) -> str:
    try:
        return registry.kind(kind).label
    except KeyError:
        return kind


def spell(minutes: int) -> str:
    """30 minutes; 2 hours; 1 hour 30 minutes."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((hours, "hour"), (rest, "minute")) if n]
    return " ".join(parts) or "0 minutes"
