"""One search over subjects, messages and customers, newest first. It finds only what the viewer may open.

Index rows are written with the message, in its transaction (search_index.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Invalid, NotFound
from helpdesk.models import Agent, Channel, Customer, Identity, Message, Ticket
from helpdesk.services.search_conditions import message_conditions, ticket_conditions
from helpdesk.services.search_index import (
    index_customer,
    index_message,
    matching,
    on_customer,
    on_subject,
    rebuild,
)
from helpdesk.services.search_people import Person, customers, in_browser
from helpdesk.services.search_query import Query, understand
from helpdesk.services.snippets import Snippet, excerpt, mark, pattern

LIMIT = 25
SUBJECTS = 20  # subjects changed by hand that head the first page
FEW = 12  # so many are ordered by how well they fit; more by time


@dataclass(frozen=True)
class Hit:
    """A ticket in which something was found. `message_id` None: only its subject matched."""

    ticket_id: int
    number: int
    subject: Snippet
    status: str
    shelf: str
    customer: str
    channel: str
    assignee: str
    sla_due_at: datetime | None
    sla_soon_at: datetime | None
    message_id: int | None
    kind: str
    author: str
    at: datetime
    snippet: Snippet


@dataclass(frozen=True)
class Results:
    query: Query
    hits: tuple[Hit, ...] = ()
    people: tuple[Person, ...] = ()
    jump: int | None = None  # the ticket number that was typed, when it can be opened
    next_cursor: str = ""


# --- searching -----------------------------------------------------------------------------------------------


def search(session: Session, viewer: Viewer, typed: str, limit: int = LIMIT, cursor: str = "") -> Results:
    """Tickets by subject, message or note, and customers. Any text is a good query. Raises Invalid for a cursor of
    somebody else's making."""
    query = understand(typed, viewer.timezone)
    if query.empty:
        return Results(query, jump=None)
    if not query.phrases:
        return _listed(session, viewer, query, limit, cursor)
    found, next_cursor = _messages(session, viewer, query, limit, _after(cursor))
    first = not cursor
    subjects = _subjects(session, viewer, query) if first else []
    known = {ticket_id for ticket_id, _ in found}
    pairs: list[tuple[int, int | None]] = [*((t, None) for t in subjects if t not in known), *found]
    hits = _hits(session, query, pairs)
    return Results(
        query,
        hits=_ranked(hits) if first and not next_cursor and len(hits) <= FEW else hits,
        people=customers(session, viewer, query) if first and not query.filtered else (),
        jump=_jump(session, viewer, query) if first else None,
        next_cursor=next_cursor,
    )


def _ranked(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """The best first: named in the subject, then found more often in what was said; equal ones as they were, by time."""

    def weight(hit: Hit) -> int:
        named = sum(len(piece) for piece, found in hit.subject if found)
        return 20 * named + sum(len(piece) for piece, found in hit.snippet if found)

    return tuple(sorted(hits, key=weight, reverse=True))


def tickets(session: Session, viewer: Viewer, typed: str, limit: int = 6) -> tuple[Hit, ...]:
    """The first few tickets, for lists that open as one types."""
    return search(session, viewer, typed, limit).hits[:limit]


def _messages(
    session: Session, viewer: Viewer, query: Query, limit: int, before_id: int | None
) -> tuple[list[tuple[int, int | None]], str]:
    """(ticket, its newest matching message), each ticket once over all pages.

    Where whole words fill a page by themselves, words that only begin like the last one are left out: those are
    gathered from the whole index before the first is known, whole words come newest first as they are read.
    """
    if query.prefix:
        whole = replace(query, prefix=False)
        page, following = _page(session, viewer, whole, limit, None)
        if following:
            return (page, following) if before_id is None else _page(session, viewer, whole, limit, before_id)
    return _page(session, viewer, query, limit, before_id)


def _page(
    session: Session, viewer: Viewer, query: Query, limit: int, before_id: int | None
) -> tuple[list[tuple[int, int | None]], str]:
    index, key, matches = matching(session, "message_search", query)
    base = (
        select(Message.ticket_id, Message.id)
        .select_from(index)
        .join(Message, Message.id == key)
        .join(Ticket, Ticket.id == Message.ticket_id)
        .where(matches, access.seen(viewer), *message_conditions(session, viewer, query))
        .order_by(key.desc())
    )
    found: dict[int, int | None] = {}
    last, ended = before_id, False
    while len(found) < limit and not ended:
        rows = session.execute((base.where(key < last) if last is not None else base).limit(limit * 3)).all()
        ended = len(rows) < limit * 3
        shown = _shown_before(session, base, key, [t for t, _ in rows], before_id)
        for ticket_id, message_id in rows:
            if len(found) == limit and ticket_id not in found:
                ended = False
                break
            last = message_id
            if ticket_id not in shown:
                found.setdefault(ticket_id, message_id)
    return list(found.items()), "" if ended else str(last)


def _shown_before(
    session: Session, base: Select[Any, Any], key: Any, ids: Sequence[int], before_id: int | None
) -> set[int]:
    """Tickets with a newer match: an earlier page has them."""
    if before_id is None or not ids:
        return set()
    newer = base.with_only_columns(Message.ticket_id).order_by(None)
    return set(session.scalars(newer.where(key >= before_id, Message.ticket_id.in_(set(ids)))))


def _subjects(session: Session, viewer: Viewer, query: Query) -> list[int]:
    index, key, matches = matching(session, "ticket_search", query)
    statement = (
        select(Ticket.id)
        .select_from(index)
        .join(Ticket, Ticket.id == key)
        .where(matches, access.seen(viewer), *ticket_conditions(session, viewer, query))
        .order_by(key.desc())
    )
    return list(session.scalars(statement.limit(SUBJECTS)))


def _listed(session: Session, viewer: Viewer, query: Query, limit: int, cursor: str) -> Results:
    """Operators only: tickets by their last activity, shelf by shelf in index order."""
    after = _moment(cursor)
    rows: list[tuple[datetime, int]] = []
    for shelf in _shelves(query):
        statement = select(Ticket.last_activity_at, Ticket.id).where(
            Ticket.shelf == shelf, access.seen(viewer), *ticket_conditions(session, viewer, query, days=True)
        )
        if after is not None:
            same = and_(Ticket.last_activity_at == after[0], Ticket.id < after[1])
            older = or_(Ticket.last_activity_at < after[0], same)
            statement = statement.where(Ticket.last_activity_at <= after[0], older)
        order = (Ticket.last_activity_at.desc(), Ticket.id.desc())
        rows += [(at, id_) for at, id_ in session.execute(statement.order_by(*order).limit(limit + 1))]
    rows.sort(reverse=True)
    page = rows[:limit]
    following = f"{page[-1][0].isoformat()}|{page[-1][1]}" if len(rows) > limit else ""
    return Results(query, hits=_hits(session, query, [(id_, None) for _, id_ in page]), next_cursor=following)


def _shelves(query: Query) -> tuple[str, ...]:
    """Where tickets of the statuses asked for can lie."""
    if query.shelves or not query.statuses:
        return query.shelves or ("open", "snoozed", "solved", "closed")
    lie = {"solved": ("solved",), "closed": ("closed",)}
    return tuple(dict.fromkeys(s for status in query.statuses for s in lie.get(status, ("open", "snoozed"))))


def _after(cursor: str) -> int | None:
    if not cursor:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise Invalid("This list cannot be continued from there; search again.")
    return int(cursor)


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


def _jump(session: Session, viewer: Viewer, query: Query) -> int | None:
    if query.number is None:
        return None
    try:
        return access.ticket_by_number(session, viewer, query.number).number
    except NotFound:
        return None


# Columns, not whole rows: a page of hits is read on every key.
_SHOWN = (
    Ticket.id, Ticket.number, Ticket.subject, Ticket.status, Ticket.shelf, Ticket.customer_id, Ticket.sla_due_at,
    Ticket.sla_soon_at, Ticket.last_activity_at, Ticket.preview,
)  # fmt: skip
_SAID = (Message.id, Message.kind, Message.author_type, Message.created_at, Message.text)


# --- showing -------------------------------------------------------------------------------------------------


def _hits(session: Session, query: Query, pairs: Sequence[tuple[int, int | None]]) -> tuple[Hit, ...]:
    """What is shown of each, in the same order; three queries however many."""
    if not pairs:
        return ()
    rows = {
        row.id: row
        for row in session.execute(
            select(*_SHOWN, Customer.name, Channel.kind.label("channel"), Agent.name.label("assignee"))
            .join(Customer, Customer.id == Ticket.customer_id)
            .outerjoin(Channel, Channel.id == Ticket.channel_id)
            .outerjoin(Agent, Agent.id == Ticket.assignee_id)
            .where(Ticket.id.in_([t for t, _ in pairs]))
        )
    }
    wanted = [m for _, m in pairs if m is not None]
    texts = session.execute(select(*_SAID).where(Message.id.in_(wanted))) if wanted else ()
    messages = {m.id: m for m in texts}
    names = _nameless(session, [r.customer_id for r in rows.values() if not r.name])
    found = pattern(query.phrases, query.prefix)
    return tuple(_hit(rows[t], messages.get(m) if m else None, names, found) for t, m in pairs)


def _nameless(session: Session, ids: Sequence[int]) -> dict[int, str]:
    if not ids:
        return {}
    people = session.scalars(select(Identity).where(Identity.customer_id.in_(ids)).order_by(Identity.id.desc()))
    return {i.customer_id: i.label for i in people}


def _hit(row: Any, message: Any, names: dict[int, str], found: Any) -> Hit:
    return Hit(
        ticket_id=row.id,
        number=row.number,
        subject=mark(row.subject, found),
        status=row.status,
        shelf=row.shelf,
        customer=row.name or names.get(row.customer_id, f"#{row.customer_id}"),
        channel=row.channel or "",
        assignee=row.assignee or "",
        sla_due_at=row.sla_due_at,
        sla_soon_at=row.sla_soon_at,
        message_id=message.id if message else None,
        kind=message.kind if message else "",
        author=message.author_type if message else "",
        at=message.created_at if message else row.last_activity_at,
        snippet=excerpt(message.text if message else row.preview, found),
    )


__all__ = [
    "Hit", "Person", "Results", "customers", "in_browser", "index_customer", "index_message", "on_customer",
    "on_subject", "rebuild", "search", "tickets",
]  # fmt: skip
