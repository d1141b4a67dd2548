"""Which messages have the words: newest first, block by block, each ticket once over all pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, String, bindparam, literal_column, select, text, true
from sqlalchemy.orm import Session

from helpdesk import access, blocks
from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.folding import terms
from helpdesk.models import Message, Ticket
from helpdesk.services.search_conditions import HIDDEN, few_tickets, ticket_conditions
from helpdesk.services.search_index import asked_in, index_of, matches, newest_message, on_sqlite
from helpdesk.services.search_query import Query

MORE = 4  # where many of the newest are of one ticket, so many times more are read at once, and so on
WIDER = 8  # where the newest block did not fill a page, so many times more blocks are looked into, and so on

Found = tuple[int, int]  # ticket, message


def page(
    session: Session, viewer: Viewer, query: Query, limit: int, before_id: int | None
) -> tuple[list[tuple[int, int | None]], str]:
    """(ticket, its newest matching message) and where the next page begins ("" after the last)."""
    found: dict[int, int | None] = {}
    last = before_id
    for some in _matching(session, viewer, query, before_id, limit + limit // 2):
        shown = _shown_before(session, query, [t for t, _ in some], before_id)
        for ticket_id, message_id in some:
            if len(found) == limit and ticket_id not in found and ticket_id not in shown:
                return list(found.items()), str(last)
            last = message_id
            if ticket_id not in shown:
                found.setdefault(ticket_id, message_id)
    return list(found.items()), ""


def _matching(
    session: Session, viewer: Viewer, query: Query, before_id: int | None, size: int
) -> Iterator[Sequence[Found]]:
    """What the viewer may see of all that matches, some at a time."""
    sqlite = on_sqlite(session)
    statement = _statement(session, sqlite, viewer, query)
    if statement is None:
        return
    if not sqlite:
        rows(session, _ALONE)
    before = before_id if before_id is not None else newest_message(session) + 1
    wide = 1 if before % blocks.SIZE > blocks.SIZE // 2 else 2  # the newest block may hold next to nothing yet
    while before > 1:
        newest = blocks.block_of(before - 1)
        oldest = max(0, newest - wide + 1)
        some: Sequence[Any] = rows(
            session,
            statement,
            words=asked_in(sqlite, query, oldest, newest),
            after=oldest * blocks.SIZE,
            before=before,
            size=size,
            **access.seen_by(viewer),
        ).all()
        if some:
            yield some
        if len(some) == size:
            before, size = some[-1].id, size * MORE
        else:
            before, wide = oldest * blocks.SIZE, wide * WIDER


# Helpers are called for by numbers of rows that a planner can only guess here, and cost more than all the rest.
_ALONE = text("SET LOCAL max_parallel_workers_per_gather = 0")


# --- the statement -------------------------------------------------------------------------------------------


def _statement(session: Session, sqlite: bool, viewer: Viewer, query: Query) -> Select[int, int] | None:
    """None: no ticket is as the operators ask."""
    if not query.filtered and not query.problems:
        return _plain(sqlite, viewer.sees_all)
    said = ticket_conditions(session, viewer, query)
    few = few_tickets(session, viewer, query, said)
    if few is not None and not few:
        return None
    if few is not None:
        said = []  # they were chosen by the same conditions
    if query.before is not None:
        said.append(Message.created_at < query.before)
    if query.after is not None:
        said.append(Message.created_at >= query.after)
    return _asking(sqlite, viewer.sees_all, said, few)


@cache
def _plain(sqlite: bool, sees_all: bool) -> Select[int, int]:
    """Without operators: made once."""
    return _asking(sqlite, sees_all, [Ticket.shelf.not_in(HIDDEN)], None)


def _asking(
    sqlite: bool, sees_all: bool, conditions: list[ColumnElement[bool]], few: Sequence[int] | None
) -> Select[int, int]:
    """The index leads: its rows come newest first, and no more of them are looked up than fill the page.

    A planner that began with the tickets would ask the index again for each message, one that believed in many matches
    would read all messages. `few` tickets are told to the index by their messages, so that a common word is not looked
    up in every other ticket.
    """
    index, key = index_of(sqlite, "message_search")
    inside = [
        matches(sqlite, "message_search", bindparam("words", type_=String)),
        key < bindparam("before", type_=Integer),
    ]
    allowed = [*conditions, *([] if sees_all else [access.SEEN])]
    return _on_sqlite(index, key, inside, allowed, few) if sqlite else _on_postgresql(key, inside, allowed, few)


def _on_sqlite(
    index: Any, key: Any, inside: list[Any], allowed: list[Any], few: Sequence[int] | None
) -> Select[int, int]:
    """A `+` forbids the planner another order."""
    message: ColumnElement[int] = literal_column("+message_search.rowid")
    ticket: ColumnElement[int] = literal_column("+messages.ticket_id")
    if few is not None:
        inside = [*inside, message.in_(_messages_of(few))]
    joined = select(Message.ticket_id, Message.id).select_from(index).join(Message, Message.id == message)
    found = joined.join(Ticket, Ticket.id == ticket).where(*inside, *allowed)
    return found.order_by(key.desc()).limit(bindparam("size", type_=Integer))


def _on_postgresql(key: Any, inside: list[Any], allowed: list[Any], few: Sequence[int] | None) -> Select[int, int]:
    """An OFFSET does, and LATERAL has each message looked up by itself."""
    none: ColumnElement[int] = literal_column("0")
    if few is not None:
        inside = [*inside, key.in_(_messages_of(few))]
    index = select(key).where(*inside).order_by(key.desc()).offset(none).subquery("found")
    one = select(Message.ticket_id).join(Ticket, Ticket.id == Message.ticket_id).where(Message.id == index.c.id)
    said = one.where(*allowed).offset(none).lateral("said")
    found = select(said.c.ticket_id, index.c.id).select_from(index).join(said, true())
    return found.order_by(index.c.id.desc()).limit(bindparam("size", type_=Integer))


def _messages_of(tickets: Sequence[int]) -> Select[int]:
    found = select(Message.id).where(
        Message.ticket_id.in_(tickets),
        Message.id >= bindparam("after", type_=Integer),
        Message.id < bindparam("before", type_=Integer),
    )
    return found.correlate(None)


# --- over pages ----------------------------------------------------------------------------------------------

_NEWER = (
    select(Message.ticket_id, Message.subject, Message.text)
    .where(Message.ticket_id.in_(bindparam("tickets", expanding=True)), Message.id >= bindparam("before"))
    .order_by(Message.id)
)


def _shown_before(session: Session, query: Query, tickets: Sequence[int], before_id: int | None) -> set[int]:
    """Tickets with a newer match: an earlier page has them. Their newer messages are few, so they are read."""
    if before_id is None:
        return set()
    newer = rows(session, _NEWER, tickets=list(dict.fromkeys(tickets)), before=before_id)
    return {row.ticket_id for row in newer if has(query, row.subject, row.text)}


def has(query: Query, *texts: str) -> bool:
    """Do these texts have the words, as the index understands it?"""
    said = f" {terms(*texts)} "
    wanted = [f" {' '.join(phrase)} " for phrase in query.phrases]
    if query.prefix:
        wanted[-1] = wanted[-1].rstrip()
    return all(phrase in said for phrase in wanted)
