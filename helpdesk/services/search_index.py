"""The search index of either engine: rows go in with what they describe, in its transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    String,
    TextClause,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from helpdesk import blocks, newcomers
from helpdesk.database import rows
from helpdesk.events import Event
from helpdesk.folding import terms
from helpdesk.models import SEARCH_TABLES, Customer, Identity, Message, Organization, Ticket
from helpdesk.services import foresight
from helpdesk.services.search_query import Query, fts5, tsquery, tsvector
from helpdesk.unit_of_work import UnitOfWork

_INSERT_SQLITE = {
    name: text(f"INSERT INTO {name}(rowid, terms) VALUES (:id, :terms)")  # noqa: S608
    for name in SEARCH_TABLES
}
_INSERT_POSTGRESQL = {
    name: text(
        f"INSERT INTO {name}(id, document) VALUES (:id, CAST(:terms AS tsvector)) "  # noqa: S608
        "ON CONFLICT (id) DO UPDATE SET document = excluded.document"
    )
    for name in SEARCH_TABLES
}
_INDEXED = text("SELECT 1 FROM message_search_docsize WHERE id = :id")


def on_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _put(session: Session, table: str, id_: int, found: str, *, new: bool = False) -> None:
    """Replace a row. `table` is one of SEARCH_TABLES; no words: no row."""
    if table not in SEARCH_TABLES:
        raise ValueError(table)
    if on_sqlite(session):
        if new:
            pass
        elif table != "message_search":
            session.execute(text(f"DELETE FROM {table} WHERE rowid = :id"), {"id": id_})  # noqa: S608
        elif session.execute(_INDEXED, {"id": id_}).first():
            return  # the trigger has done it
        _write(session, _INSERT_SQLITE[table], {"id": id_, "terms": found}, new)
        return
    _write(session, _INSERT_POSTGRESQL[table], {"id": id_, "terms": tsvector(found)}, new)


def _write(session: Session, statement: TextClause, values: dict[str, Any], new: bool) -> None:
    """At once, or what is new in a batch with the rest of it."""
    batch = newcomers.of(session)
    if batch is not None and new:
        batch.later.append((statement, values))
    else:
        session.execute(statement, values)


def _drop(session: Session, table: str, id_: int) -> None:
    key = "rowid" if on_sqlite(session) else "id"
    session.execute(text(f"DELETE FROM {table} WHERE {key} = :id"), {"id": id_})  # noqa: S608


# --- asking --------------------------------------------------------------------------------------------------


def index_of(sqlite: bool, name: str) -> tuple[Any, Any]:
    """(index table, its id column). `name` is one of SEARCH_TABLES."""
    found = table(name, column("rowid" if sqlite else "id", Integer))
    return found, found.c.rowid if sqlite else found.c.id


def matches(sqlite: bool, name: str, words: BindParameter[str]) -> ColumnElement[bool]:
    """The index has the words, given as `asked` or `asked_in` writes them."""
    if sqlite:
        return literal_column(name).bool_op("MATCH")(words)
    return literal_column(f"{name}.document").bool_op("@@")(cast(words, TSQUERY))


def asked(sqlite: bool, query: Query, *, digits: bool = False) -> str:
    """A query in the engine's language. `digits`: a number is meant, however it was grouped."""
    if digits and query.digits:
        return (fts5 if sqlite else tsquery)(((query.digits,),), True)
    return (fts5 if sqlite else tsquery)(query.phrases, query.prefix)


def asked_in(sqlite: bool, query: Query, first: int, last: int) -> str:
    """A query about the messages of some blocks."""
    leads = [blocks.name(block) for block in range(last, first - 1, -1)]
    return (fts5 if sqlite else tsquery)(query.phrases, query.prefix, leads)


def matching(session: Session, name: str, query: Query, *, digits: bool = False) -> tuple[Any, Any, Any]:
    """(index table, its id column, the condition that it matches the query), for part of a larger statement."""
    sqlite = on_sqlite(session)
    index, key = index_of(sqlite, name)
    if name == "message_search":
        words = asked_in(sqlite, query, 0, blocks.block_of(newest_message(session)))
    else:
        words = asked(sqlite, query, digits=digits)
    return index, key, matches(sqlite, name, bindparam("words", words, String, unique=True))


def newest_message(session: Session) -> int:
    return rows(session, _NEWEST).scalar() or 0


_NEWEST = select(func.max(Message.id))


# --- keeping -------------------------------------------------------------------------------------------------


def index_message(session: Session, message: Message, *, new: bool = False) -> None:
    """Put a message's folded text into the index, or replace it there. `new`: it cannot be there yet."""
    _put(session, "message_search", message.id, blocks.placed(message.id, message.subject, message.text), new=new)


def index_subject(session: Session, ticket_id: int, subject: str) -> None:
    """A subject that no message has: an agent changed it."""
    _put(session, "ticket_search", ticket_id, terms(subject))


def index_customer(session: Session, customer_id: int) -> None:
    """Names, addresses and numbers of a person; those of profiles merged into it too. A merged profile is no hit."""
    look = foresight.of(session)
    only = look.only.pop(customer_id, None) if look is not None else None
    if only is not None:  # made in this batch, with one address
        known = (only.customer.name, only.value, only.username, only.name, *_spellings(only.value))
        return _put(session, "customer_search", customer_id, terms(*dict.fromkeys(known)), new=True)
    session.flush()
    customer = session.get(Customer, customer_id)
    if customer is None or customer.merged_into_id is not None:
        return _drop(session, "customer_search", customer_id)
    values = [customer.name, customer.given_name]
    values += session.scalars(select(Customer.name).where(Customer.merged_into_id == customer_id))
    if customer.organization_id is not None:
        values += session.scalars(select(Organization.name).where(Organization.id == customer.organization_id))
    mine = select(Identity.value, Identity.username, Identity.name).where(Identity.customer_id == customer_id)
    for value, username, name in session.execute(mine):
        values += [value, username, name, *_spellings(value)]
    _put(session, "customer_search", customer_id, terms(*dict.fromkeys(values)))
    return None


def _spellings(value: str) -> list[str]:
    """An E.164 number as people type it: without the country code, with and without the zero before it."""
    if not value.startswith("+") or not value[1:].isdigit():
        return []
    import phonenumbers

    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return []
    national = phonenumbers.national_significant_number(number)
    return [f"0{national}", national]


def rebuild(session: Session, *, after_id: int = 0, limit: int = 500) -> int | None:
    """Index a batch of messages that are not indexed yet (imports, bulk loads); the id to go on from, or None."""
    rows = session.scalars(select(Message).where(Message.id > after_id).order_by(Message.id).limit(limit)).all()
    for message in rows:
        index_message(session, message)
    return rows[-1].id if len(rows) == limit else None


# --- listeners -----------------------------------------------------------------------------------------------


def on_subject(work: UnitOfWork, event: Event) -> None:
    ticket = work.session.get(Ticket, event.ticket_id)
    if ticket is not None:
        index_subject(work.session, ticket.id, ticket.subject)


def on_customer(work: UnitOfWork, event: Event) -> None:
    """Somebody is new, was changed, got an address, was merged or given back."""
    for customer_id in _about(event):
        if work.covers(f"customer_search:{customer_id}"):
            index_customer(work.session, customer_id)


def _about(event: Event) -> Iterable[int]:
    others = (event.customer_id, getattr(event, "source", None), getattr(event, "old", None))
    return dict.fromkeys(c for c in others if isinstance(c, int))
