"""Operators without words: tickets by their last activity."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Invalid
from helpdesk.models import Ticket
from helpdesk.services.search_conditions import few_tickets, ticket_conditions
from helpdesk.services.search_query import Query


def page(session: Session, viewer: Viewer, query: Query, limit: int, cursor: str) -> tuple[list[int], str]:
    """Tickets, and where the next page begins ("" after the last). Raises Invalid for a cursor of another making."""
    after = _moment(cursor)
    conditions = ticket_conditions(session, viewer, query)
    base = select(Ticket.last_activity_at, Ticket.id).where(access.seen(viewer))
    if query.before is not None:
        base = base.where(Ticket.last_activity_at < query.before)
    if query.after is not None:
        base = base.where(Ticket.last_activity_at >= query.after)
    few = few_tickets(session, viewer, query, conditions)
    if few is not None:
        parts = [base.where(Ticket.id.in_(few))]
    else:  # shelf by shelf, so that an index serves the order
        parts = [base.where(Ticket.shelf == shelf, *conditions) for shelf in _shelves(query)]
    rows = [(at, id_) for part in parts for at, id_ in session.execute(_newest(part, after).limit(limit + 1))]
    rows.sort(reverse=True)
    shown = rows[:limit]
    following = f"{shown[-1][0].isoformat()}|{shown[-1][1]}" if len(rows) > limit else ""
    return [id_ for _, id_ in shown], following


def _newest(statement: Select[datetime, int], after: tuple[datetime, int] | None) -> Select[datetime, int]:
    if after is not None:
        same = and_(Ticket.last_activity_at == after[0], Ticket.id < after[1])
        statement = statement.where(Ticket.last_activity_at <= after[0], or_(Ticket.last_activity_at < after[0], same))
    return statement.order_by(Ticket.last_activity_at.desc(), Ticket.id.desc())


def _shelves(query: Query) -> tuple[str, ...]:
    """Where tickets of the statuses asked for can lie."""
    if query.shelves or not query.statuses:
        return query.shelves or ("open", "snoozed", "solved", "closed")
    lie = {"solved": ("solved",), "closed": ("closed",)}
    return tuple(dict.fromkeys(s for status in query.statuses for s in lie.get(status, ("open", "snoozed"))))


def _moment(cursor: str) -> tuple[datetime, int] | None:
    if not cursor:
        return None
    try:
        at, id_ = cursor.split("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or len(id_) > 18:
            raise ValueError(cursor)
        return moment, int(id_)
    except ValueError:
        raise Invalid("This list cannot be continued from there; search again.") from None
