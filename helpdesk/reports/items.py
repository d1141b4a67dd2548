"""The list behind a number: exactly the rows that were counted, newest first, by keyset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, func, or_
from sqlalchemy.orm import Session

from helpdesk.models import Agent, Channel, Customer, Response, SlaClock, Team, Ticket
from helpdesk.reports.measures import Filter, Measure

PAGE = 50
Cursor = tuple[datetime, int]


@dataclass(frozen=True)
class Item:
    """One counted thing and its ticket. `used_s`, `clock`: of a promise; `score`, `comment`, `reasons`: of a rating."""

    id: int
    at: datetime | None
    number: int
    subject: str
    status: str
    customer: str
    channel: str
    kind: str
    team: str
    agent: str
    clock: str = ""
    used_s: int | None = None
    score: int | None = None
    comment: str = ""
    reasons: tuple[str, ...] = ()


def count(
    session: Session,
    measure: Measure,
    wanted: Filter,
    *,
    hour: tuple[int, int] | None = None,
    zone: str = "UTC",
    comments: bool = False,
) -> int:
    """How many items the whole list has."""
    if hour is not None:
        return len(_of_hour(session, measure, wanted, hour, zone))
    statement = measure.rows(wanted, func.count())
    return int(session.scalar(statement.where(Response.comment != "") if comments else statement) or 0)


def page(
    session: Session,
    measure: Measure,
    wanted: Filter,
    *,
    after: Cursor | None = None,
    limit: int | None = PAGE,
    hour: tuple[int, int] | None = None,
    zone: str = "UTC",
    comments: bool = False,
) -> tuple[list[Item], Cursor | None]:
    """Items older than `after`, and where to go on (None at the end). `hour`: only those of a local (weekday, hour).
    `comments`: only ratings that say something. `limit` None: all."""
    statement = _select(measure, wanted)
    if comments:
        statement = statement.where(Response.comment != "")
    if hour is not None:
        statement = statement.where(measure.item.id.in_(_of_hour(session, measure, wanted, hour, zone)))
    if after is not None:
        at, id_ = after
        older = and_(measure.at == at, measure.item.id < id_)
        statement = statement.where(or_(measure.at < at, older))
    statement = statement.order_by(measure.at.desc(), measure.item.id.desc())
    rows = session.execute(statement.limit(limit + 1) if limit else statement).mappings().all()
    shown = rows[:limit] if limit else rows
    more = (shown[-1]["at"], shown[-1]["id"]) if limit and len(rows) > limit else None
    return [_item(row) for row in shown], more


def _select(measure: Measure, wanted: Filter) -> Select[Any]:
    item = measure.item
    columns = [
        item.id.label("id"),
        measure.at.label("at"),
        Ticket.number,
        Ticket.subject,
        Ticket.status,
        Customer.name.label("customer"),
        func.coalesce(Channel.name, "").label("channel"),
        func.coalesce(Channel.kind, "").label("kind"),
        func.coalesce(Team.name, "").label("team"),
        func.coalesce(Agent.name, "").label("agent"),
    ]
    if item is SlaClock:
        columns += [SlaClock.state.label("clock"), SlaClock.used_s, SlaClock.stopped_at]
    if item is Response:
        columns += [Response.score, Response.comment, Response.reason_code]
    team = measure.team if item is not Ticket and measure.team is not Ticket.visible_team_id else Ticket.team_id
    return (
        measure.rows(wanted, *columns)
        .join(Customer, Customer.id == Ticket.customer_id)
        .outerjoin(Channel, Channel.id == Ticket.origin_channel_id)
        .outerjoin(Team, Team.id == team)
        .outerjoin(Agent, Agent.id == measure.agent)
    )


def _item(row: Any) -> Item:
    return Item(
        id=row["id"],
        at=row["at"],
        number=row["number"],
        subject=row["subject"],
        status=row["status"],
        customer=row["customer"],
        channel=row["channel"],
        kind=row["kind"],
        team=row["team"],
        agent=row["agent"],
        clock=row.get("clock", ""),
        used_s=row["used_s"] if row.get("stopped_at") is not None else None,
        score=row.get("score"),
        comment=row.get("comment", ""),
        reasons=tuple(code for code in row.get("reason_code", "").split(",") if code),
    )


def _of_hour(session: Session, measure: Measure, wanted: Filter, hour: tuple[int, int], zone: str) -> list[int]:
    """Ids of one hour of the week, by the wall clock: no database agrees with another on that, so we look ourselves."""
    local = ZoneInfo(zone)
    found = session.execute(measure.rows(wanted, measure.item.id, measure.at))
    return [i for i, at in found if (at.astimezone(local).weekday(), at.astimezone(local).hour) == hour]


def low_comments(session: Session, wanted: Filter, limit: int = 5) -> tuple[list[Item], int]:
    """What low ratings say, newest first, and how many there are in all."""
    from helpdesk.reports.measures import MEASURES

    measure = MEASURES["low"]
    items, _more = page(session, measure, wanted, limit=limit, comments=True)
    return items, count(session, measure, wanted, comments=True)


__all__ = ["PAGE", "Item", "count", "low_comments", "page"]
