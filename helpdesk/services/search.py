"""One search over subjects, messages and customers, newest first. It finds only what the viewer may open.

Index rows are written with the message, in its transaction (search_index.py). Which messages: search_messages.py; what
is shown of them: search_hits.py."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, String, bindparam, literal_column, select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.errors import Invalid, NotFound
from helpdesk.models import Ticket
from helpdesk.services import search_listed, search_messages
from helpdesk.services.search_conditions import HIDDEN, ticket_conditions
from helpdesk.services.search_hits import Hit, hits
from helpdesk.services.search_index import (
    asked,
    index_customer,
    index_message,
    index_of,
    matches,
    on_customer,
    on_sqlite,
    on_subject,
    rebuild,
)
from helpdesk.services.search_people import Person, customers, in_browser
from helpdesk.services.search_query import Query, understand

LIMIT = 25
SUBJECTS = 20  # subjects changed by hand that head the first page
FEW = 12  # so many are ordered by how well they fit; more by time


@dataclass(frozen=True)
class Results:
    query: Query
    hits: tuple[Hit, ...] = ()
    people: tuple[Person, ...] = ()
    jump: int | None = None  # the ticket number that was typed, when it can be opened
    next_cursor: str = ""


def search(session: Session, viewer: Viewer, typed: str, limit: int = LIMIT, cursor: str = "") -> Results:
    """Tickets by subject, message or note, and customers. Any text is a good query. Raises Invalid for a cursor of
    somebody else's making."""
    query = understand(typed, viewer.timezone)
    if query.empty:
        return Results(query, jump=None)
    if not query.phrases:
        listed, following = search_listed.page(session, viewer, query, limit, cursor)
        return Results(query, hits=hits(session, query, [(id_, None) for id_ in listed]), next_cursor=following)
    found, next_cursor = search_messages.page(session, viewer, query, limit, _after(cursor))
    first = not cursor
    subjects = _subjects(session, viewer, query) if first else []
    known = {ticket_id for ticket_id, _ in found}
    shown = hits(session, query, [*((t, None) for t in subjects if t not in known), *found])
    return Results(
        query,
        hits=_ranked(shown) if first and not next_cursor and len(shown) <= FEW else shown,
        people=customers(session, viewer, query) if first and not query.filtered else (),
        jump=_jump(session, viewer, query) if first else None,
        next_cursor=next_cursor,
    )


def tickets(session: Session, viewer: Viewer, typed: str, limit: int = 6) -> tuple[Hit, ...]:
    """The first few tickets, for lists that open as one types."""
    return search(session, viewer, typed, limit).hits[:limit]


def _after(cursor: str) -> int | None:
    if not cursor:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise Invalid("This list cannot be continued from there; search again.")
    return int(cursor)


def _ranked(found: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """The best first: named in the subject, then found more often in what was said; equal ones as they were, by time."""

    def weight(hit: Hit) -> int:
        named = sum(len(piece) for piece, found in hit.subject if found)
        return 20 * named + sum(len(piece) for piece, found in hit.snippet if found)

    return tuple(sorted(found, key=weight, reverse=True))


# --- subjects that were changed by hand ------------------------------------------------------------------------


def _subjects(session: Session, viewer: Viewer, query: Query) -> list[int]:
    sqlite = on_sqlite(session)
    statement = _named(sqlite, viewer.sees_all, not query.filtered and not query.problems)
    if query.filtered or query.problems:
        statement = statement.where(*ticket_conditions(session, viewer, query))
    found = rows(session, statement, words=asked(sqlite, query), **access.seen_by(viewer))
    return [row.id for row in found]


@cache
def _named(sqlite: bool, sees_all: bool, plain: bool) -> Select[Any]:
    index, key = index_of(sqlite, "ticket_search")
    ticket = literal_column("+ticket_search.rowid") if sqlite else key  # `+`: the index leads
    statement = (
        select(Ticket.id)
        .select_from(index)
        .join(Ticket, Ticket.id == ticket)
        .where(matches(sqlite, "ticket_search", bindparam("words", type_=String)))
        .order_by(key.desc())
        .limit(SUBJECTS)
    )
    if plain:
        statement = statement.where(Ticket.shelf.not_in(HIDDEN))
    return statement if sees_all else statement.where(access.SEEN)


def _jump(session: Session, viewer: Viewer, query: Query) -> int | None:
    if query.number is None:
        return None
    try:
        return access.ticket_by_number(session, viewer, query.number).number
    except NotFound:
        return None


__all__ = [
    "Hit", "Person", "Results", "customers", "in_browser", "index_customer", "index_message", "on_customer",
    "on_subject", "rebuild", "search", "tickets",
]  # fmt: skip
