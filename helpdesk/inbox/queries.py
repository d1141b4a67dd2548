"""Reading lists of tickets fast: ids by an index in their order, then what is shown of them. Core, no ORM, no N+1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    asc,
    bindparam,
    case,
    desc,
    func,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.inbox.cursors import Cursor
from helpdesk.inbox.filters import Filter
from helpdesk.inbox.formats import called
from helpdesk.inbox.shelves import BY_KEY, Shelf, shelf
from helpdesk.models import Agent, Channel, Customer, Grant, Identity, ReadMark, Tag, Ticket, TicketTag

PAGE = 30
SORTS = ("activity", "oldest", "created", "due")
COUNTED_TO = 1000  # saved views are exact up to here


@dataclass(frozen=True)
class Asked:
    """What list somebody looks at: a view, what was filtered in it, and the order."""

    view: Shelf
    filter: Filter = field(default_factory=Filter)
    sort: str = ""

    @property
    def order(self) -> str:
        if self.sort in SORTS:
            return self.sort
        return self.view.order


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    id: int
    number: int
    subject: str
    preview: str
    status: str
    priority: str
    shelf: str
    customer: str
    vip: bool
    channel: str
    assignee_id: int | None
    assignee: str
    last_author: str
    last_activity_at: datetime
    created_at: datetime
    sla_due_at: datetime | None
    sla_soon_at: datetime | None
    sla_target: str
    snoozed_until: datetime | None
    seq: int
    unread: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    next_cursor: str


# --- ids in order --------------------------------------------------------------------------------------------


def _teams(viewer: Viewer) -> ColumnElement[bool]:
    """The team filter as a residual check: `+ 0` keeps planners on the index that is in the list's order."""
    return true() if viewer.sees_all else (Ticket.visible_team_id + 0).in_(viewer.visible_teams)


def _where(asked: Asked, viewer: Viewer, at: datetime) -> list[ColumnElement[bool]]:
    terms = [asked.view.where(viewer, at)]
    if asked.view.scoped:
        terms.append(_teams(viewer))
    return [*terms, *asked.filter.predicates(viewer, at)]


def _after(cursor: Cursor | None, column: Any, descending: bool) -> ColumnElement[bool]:
    if cursor is None:
        return true()
    key = tuple_(column, Ticket.id)
    edge = tuple_(*(_bound(column, cursor.at), cursor.id))
    return key < edge if descending else key > edge


def _bound(column: Any, value: datetime) -> ColumnElement[Any]:
    return bindparam(None, value, type_=column.type)


def ordered_ids(
    asked: Asked, viewer: Viewer, part: str, cursor: Cursor | None, limit: int, at: datetime
) -> Select[Any] | Any:
    """The statement for the next ids of a list, served in order by an index.

    With several shelves or teams the arms of a UNION ALL are each in index order and merged, so that nothing is sorted.
    """
    column = _COLUMNS[part]
    descending = part in ("a", "c")
    base = [_after(cursor, column, descending), *([column.is_not(None)] if part == "d" else [])]
    if part == "a" and asked.order == "due":  # the rest of a list by urgency: those without a clock
        base.append(Ticket.sla_due_at.is_(None))
    base += asked.filter.predicates(viewer, at)
    arms = [
        select(Ticket.id, column.label("at")).where(and_(*where, *base)) for where in _arms(asked, viewer, part, at)
    ]
    order = desc if descending else asc
    if len(arms) > 1:
        return union_all(*arms).order_by(order(literal_column("at")), order(literal_column("id"))).limit(limit)
    return arms[0].order_by(order(column), order(Ticket.id)).limit(limit)


_COLUMNS: dict[str, Any] = {
    "a": Ticket.last_activity_at, "o": Ticket.last_activity_at, "c": Ticket.created_at, "d": Ticket.sla_due_at,
}  # fmt: skip
_MOST_ARMS = 48


def _arms(asked: Asked, viewer: Viewer, part: str, at: datetime) -> list[list[ColumnElement[bool]]]:
    """Conditions that an index serves in order, one list for each stretch of it."""
    view = asked.view
    every = [[shelf(name)] for name in view.shelves] or [[view.where(viewer, at)]]
    if not view.scoped or viewer.sees_all:
        return every
    teams = viewer.visible_teams
    if view.shelves and part in ("a", "o") and len(teams) * len(every) <= _MOST_ARMS:
        return [[*where, Ticket.visible_team_id == team] for where in every for team in teams]
    return [[*where, _teams(viewer)] for where in every]


def page(session: Session, viewer: Viewer, asked: Asked, cursor: Cursor | None = None, limit: int = PAGE) -> Page:
    """One page; its cursor continues exactly after the last row, whatever arrived meanwhile."""
    at = datetime.now(UTC)
    found: list[tuple[str, int, datetime]] = []
    for part in _parts(asked, cursor):
        left = limit + 1 - len(found)
        if left <= 0:
            break
        start = cursor if cursor is not None and cursor.part == part else None
        following = rows(session, ordered_ids(asked, viewer, part, start, left, at))
        found += [(part, row[0], row[1]) for row in following]
    more = len(found) > limit
    found = found[:limit]
    by_id = {row.id: row for row in rows_of(session, viewer, [id_ for _, id_, _ in found])}
    last = Cursor(*((found[-1][0], _aware(found[-1][2]), found[-1][1]))) if more else None
    return Page([by_id[id_] for _, id_, _ in found if id_ in by_id], str(last) if last else "")


WHOLE = 1000  # tickets of a list that one deed is about at most


def numbers(session: Session, viewer: Viewer, asked: Asked) -> tuple[list[int], bool]:
    """Numbers of a list's tickets in its order, `WHOLE` at most; whether there are more."""
    at = datetime.now(UTC)
    ids: list[int] = []
    for part in _parts(asked, None):
        left = WHOLE + 1 - len(ids)
        ids += [row[0] for row in rows(session, ordered_ids(asked, viewer, part, None, left, at))] if left > 0 else []
    by_id = dict(session.execute(select(Ticket.id, Ticket.number).where(Ticket.id.in_(ids[:WHOLE]))).all())
    return [by_id[i] for i in ids[:WHOLE] if i in by_id], len(ids) > WHOLE


def _parts(asked: Asked, cursor: Cursor | None) -> tuple[str, ...]:
    if asked.order == "oldest":
        return ("o",)
    if asked.order in ("activity", "created"):
        return (asked.order[0],)
    if asked.view.order == "due":  # Late and Breaching soon: all have a clock
        return ("d",)
    return ("a",) if cursor is not None and cursor.part == "a" else ("d", "a")


def _aware(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- what is shown of them -----------------------------------------------------------------------------------

_ROW = (
    select(
        Ticket.id, Ticket.number, Ticket.subject, Ticket.preview, Ticket.status, Ticket.priority, Ticket.shelf,
        Ticket.last_author, Ticket.last_activity_at, Ticket.sla_due_at, Ticket.sla_soon_at, Ticket.sla_target,
        Ticket.snoozed_until, Ticket.created_at, Ticket.seq, Ticket.assignee_id, Ticket.customer_id,
        Customer.name.label("customer_name"), Customer.vip, Agent.name.label("assignee"),
        Channel.kind.label("channel"), Identity.value.label("identity_value"), Identity.username,
        Identity.name.label("identity_name"), Identity.kind.label("identity_kind"),
        ReadMark.seq.label("read_seq"),
    )
    .join(Customer, Customer.id == Ticket.customer_id)
    .outerjoin(Agent, Agent.id == Ticket.assignee_id)
    .outerjoin(Channel, Channel.id == Ticket.channel_id)
    .outerjoin(Identity, Identity.id == Ticket.identity_id)
    .outerjoin(ReadMark, and_(ReadMark.ticket_id == Ticket.id, ReadMark.agent_id == bindparam("agent")))
    .where(Ticket.id.in_(bindparam("ids", expanding=True)))
)  # fmt: skip
_TAGS = (
    select(TicketTag.ticket_id, Tag.name)
    .join(Tag, Tag.id == TicketTag.tag_id)
    .where(TicketTag.ticket_id.in_(bindparam("ids", expanding=True)))
    .order_by(Tag.name_folded)
)


def rows_of(session: Session, viewer: Viewer, ids: Sequence[int]) -> list[Row]:
    """Rows of these tickets, unordered. The caller has checked that the viewer may see them."""
    if not ids:
        return []
    found = rows(session, _ROW, agent=viewer.agent_id, ids=ids).all()
    tags = tags_of(session, ids)
    return [_row(r, tags.get(r.id, ())) for r in found]


def _row(r: Any, tags: tuple[str, ...]) -> Row:
    known = r.customer_name or r.identity_name
    name = known or called(r.customer_id, "", r.username, r.identity_value, r.identity_kind)
    return Row(
        id=r.id, number=r.number, subject=r.subject, preview=r.preview, status=r.status, priority=r.priority,
        shelf=r.shelf, customer=name, vip=r.vip, channel=r.channel or "", assignee_id=r.assignee_id,
        assignee=r.assignee or "", last_author=r.last_author, last_activity_at=r.last_activity_at, created_at=r.created_at,
        sla_due_at=r.sla_due_at, sla_soon_at=r.sla_soon_at, sla_target=r.sla_target, snoozed_until=r.snoozed_until,
        seq=r.seq, unread=r.last_author == "customer" and r.seq > (r.read_seq or 0), tags=tags,
    )  # fmt: skip


def tags_of(session: Session, ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for ticket_id, name in rows(session, _TAGS, ids=list(ids)):
        found[ticket_id] = (*found.get(ticket_id, ()), name)
    return found


def in_view(session: Session, viewer: Viewer, asked: Asked, ids: Sequence[int]) -> dict[int, Row]:
    """Which of these tickets are in the list now, by id."""
    if not ids:
        return {}
    statement = select(Ticket.id).where(Ticket.id.in_(ids), *_where(asked, viewer, datetime.now(UTC)))
    return {row.id: row for row in rows_of(session, viewer, list(rows(session, statement).scalars()))}


# --- counts --------------------------------------------------------------------------------------------------


def counts(session: Session, viewer: Viewer) -> dict[str, int]:
    """Exact counts of the views of unsolved tickets: one covering index, one statement."""
    values: dict[str, Any] = {"now": datetime.now(UTC), "agent": viewer.agent_id}
    if not viewer.sees_all:
        values["teams"] = viewer.visible_teams
    row = rows(session, _COUNTS if viewer.sees_all else _TEAM_COUNTS, **values).one()
    return {key: int(value) for key, value in row._mapping.items()}


def _counting() -> Select[Any]:
    is_open = Ticket.shelf == literal_column("'open'")
    at = bindparam("now", type_=Ticket.sla_due_at.type)

    def how_many(*terms: ColumnElement[bool]) -> Any:
        return func.coalesce(func.sum(case((and_(is_open, *terms), 1), else_=0)), 0)

    mine = select(func.count()).where(Ticket.assignee_id == bindparam("agent"), is_open).scalar_subquery()
    mentions = (
        select(func.count())
        .where(Grant.agent_id == bindparam("agent"), Grant.why == "mention", Grant.unread == true())
        .scalar_subquery()
    )
    snoozed = case((Ticket.shelf == literal_column("'snoozed'"), 1), else_=0)
    return select(
        how_many(Ticket.needs_reply == true()).label("needs_reply"),
        how_many(Ticket.assignee_id.is_(None)).label("unassigned"),
        how_many().label("open"),
        how_many(Ticket.sla_due_at <= at).label("late"),
        how_many(Ticket.sla_due_at > at, Ticket.sla_soon_at <= at).label("soon"),
        func.coalesce(func.sum(snoozed), 0).label("snoozed"),
        mine.label("mine"),
        mentions.label("mentions"),
    ).where(literal_column("tickets.shelf IN ('open', 'snoozed')"))


_COUNTS = _counting()
_TEAM_COUNTS = _COUNTS.where(access.LISTED)


def count_up_to(session: Session, viewer: Viewer, asked: Asked, most: int = COUNTED_TO) -> int:
    """Exact up to `most`; most + 1 means more."""
    inner = select(Ticket.id).where(*_where(asked, viewer, datetime.now(UTC))).limit(most + 1).subquery()
    return session.scalar(select(func.count()).select_from(inner)) or 0


def oldest_waiting(session: Session, viewer: Viewer) -> datetime | None:
    """Since when the longest-waiting unassigned ticket waits; for the empty list's offer."""
    asked = Asked(BY_KEY["unassigned"])
    return session.scalar(select(func.min(Ticket.waiting_since)).where(*_where(asked, viewer, datetime.now(UTC))))
