"""Finding people: by name, address, organization or number, whoever was in touch last first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Integer, Select, String, bindparam, literal_column, select
from sqlalchemy.orm import Session

from connectors import registry
from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.folding import fold
from helpdesk.models import Customer, Identity
from helpdesk.services.search_index import asked, index_of, matches, on_sqlite
from helpdesk.services.search_query import Query, understand
from helpdesk.services.snippets import Snippet, mark, pattern

SORTED = 200


@dataclass(frozen=True)
class Person:
    """A customer that was found, and by which address."""

    id: int
    name: str
    label: Snippet
    marked: Snippet
    kind: str
    vip: bool
    last_contact_at: datetime


@cache
def _finding(sqlite: bool, sees_all: bool) -> Select[int, datetime]:
    """Made once. The index leads, newest customers first."""
    index, key = index_of(sqlite, "customer_search")
    customer = literal_column("+customer_search.rowid", Integer) if sqlite else key
    found = (
        select(Customer.id, Customer.last_contact_at)
        .select_from(index)
        .join(Customer, Customer.id == customer)
        .where(matches(sqlite, "customer_search", bindparam("words", type_=String)), Customer.merged_into_id.is_(None))
        .order_by(key.desc())
        .limit(SORTED)
    )
    return found if sees_all else found.where(access.CUSTOMERS_SEEN)


_ROWS = select(Customer.id, Customer.name, Customer.vip, Customer.last_contact_at).where(
    Customer.id.in_(bindparam("customers", expanding=True))
)
_IDENTITIES = (
    select(Identity).where(Identity.customer_id.in_(bindparam("customers", expanding=True))).order_by(Identity.id)
)


def customers(session: Session, viewer: Viewer, query: Query | str, limit: int = 6) -> tuple[Person, ...]:
    """People by name, address or number (with or without country code), whoever was in touch last first; of more than
    SORTED the newest."""
    if isinstance(query, str):
        query = understand(query)
    if not query.phrases:
        return ()
    sqlite = on_sqlite(session)
    words = asked(sqlite, query, digits=True)
    found_rows = rows(session, _finding(sqlite, viewer.sees_all), words=words, **access.seen_by(viewer)).all()
    ids = [row.id for row in sorted(found_rows, key=lambda row: (row.last_contact_at, row.id), reverse=True)[:limit]]
    if not ids:
        return ()
    known = {row.id: row for row in rows(session, _ROWS, customers=ids)}
    theirs: dict[int, list[Identity]] = {}
    for identity in session.scalars(_IDENTITIES, {"customers": ids}):
        theirs.setdefault(identity.customer_id, []).append(identity)
    found = pattern(query.phrases, query.prefix)
    return tuple(_person(known[i], theirs.get(i, []), found, query) for i in ids)


@cache
def in_browser(identity_kind: str) -> bool:
    """Is it an address only a browser knows, that says nothing to a person?"""
    kinds = (c for c in registry.kinds().values() if c.identity_kind == identity_kind)
    return any(getattr(c, "in_place", False) for c in kinds)


def _person(customer: Any, identities: list[Identity], found: Any, query: Query) -> Person:
    best = next((i for i in identities if _matches(i, found, query)), identities[0] if identities else None)
    told = best is not None and not in_browser(best.kind)
    name = customer.name or (best.label if best is not None and told else f"#{customer.id}")
    label = mark(best.label, found) if best is not None and told else ()
    return Person(
        id=customer.id,
        name=name,
        label=label,
        marked=mark(name, found),
        kind=best.kind if best else "",
        vip=customer.vip,
        last_contact_at=customer.last_contact_at,
    )


def _matches(identity: Identity, found: Any, query: Query) -> bool:
    if query.digits and query.digits.lstrip("0") in identity.value:
        return True
    return found is not None and found.search(fold(f"{identity.value} {identity.username}")) is not None
