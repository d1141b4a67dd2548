"""Which messages have the words: newest first, block by block, each ticket once over all pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, String, bindparam, literal_column, select
from sqlalchemy.orm import Session

from helpdesk import access, blocks
from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.folding import terms
from helpdesk.models import Message, Ticket
from helpdesk.services.search_conditions import HIDDEN, few_tickets, ticket_conditions
from helpdesk.services.search_index import asked_in, index_of, matches, newest_message, on_sqlite
from helpdesk.services.search_query import Query

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
            before = some[-1].id
        else:
            before, wide = oldest * blocks.SIZE, wide * WIDER


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

    A planner that began with the tickets would ask the index again for each message. `few` tickets are told to the index
    by their messages, so that a common word is not looked up in every other ticket.
    """
    index, key = index_of(sqlite, "message_search")
    words = matches(sqlite, "message_search", bindparam("words", type_=String))
    older = key < bindparam("before", type_=Integer)
    if sqlite:  # a `+` forbids the planner another order
        message: ColumnElement[int] = literal_column("+message_search.rowid")
        ticket: ColumnElement[int] = literal_column("+messages.ticket_id")
        inside = [words, older, *([message.in_(_messages_of(few))] if few is not None else [])]
        statement = _joined(index, message, ticket).where(*inside)
    else:  # an OFFSET does
        inside = [words, older, *([key.in_(_messages_of(few))] if few is not None else [])]
        found = select(key).where(*inside).order_by(key.desc()).offset(literal_column("0")).subquery("found")
        key = found.c.id
        statement = _joined(found, key, Message.ticket_id)
    if not sees_all:
        statement = statement.where(access.SEEN)
    return statement.where(*conditions).order_by(key.desc()).limit(bindparam("size", type_=Integer))


def _joined(source: Any, message: Any, ticket: Any) -> Select[int, int]:
    return (
        select(Message.ticket_id, Message.id)
        .select_from(source)
        .join(Message, Message.id == message)
        .join(Ticket, Ticket.id == ticket)
    )


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
