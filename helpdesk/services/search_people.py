"""Finding people: by name, address, organization or number, whoever was in touch last first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.folding import fold
from helpdesk.models import Customer, Identity
from helpdesk.services.search_index import matching
from helpdesk.services.search_query import Query, understand
from helpdesk.services.snippets import Snippet, mark, pattern


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


def customer_ids(session: Session, viewer: Viewer, query: Query, limit: int) -> list[int]:
    index, key, matches = matching(session, "customer_search", query, digits=True)
    statement = (
        select(Customer.id)
        .select_from(index)
        .join(Customer, Customer.id == key)
        .where(matches, Customer.merged_into_id.is_(None), access.customers_seen(viewer))
        .order_by(Customer.last_contact_at.desc(), Customer.id.desc())
    )
    return list(session.scalars(statement.limit(limit)))


def customers(session: Session, viewer: Viewer, query: Query | str, limit: int = 6) -> tuple[Person, ...]:
    """People by name, address or number (with or without country code), whoever was in touch last first."""
    if isinstance(query, str):
        query = understand(query)
    if not query.phrases:
        return ()
    ids = customer_ids(session, viewer, query, limit)
    if not ids:
        return ()
    rows = {c.id: c for c in session.scalars(select(Customer).where(Customer.id.in_(ids)))}
    known: dict[int, list[Identity]] = {}
    for identity in session.scalars(select(Identity).where(Identity.customer_id.in_(ids)).order_by(Identity.id)):
        known.setdefault(identity.customer_id, []).append(identity)
    found = pattern(query.phrases, query.prefix)
    return tuple(_person(rows[i], known.get(i, []), found, query) for i in ids)


@cache
def in_browser(identity_kind: str) -> bool:
    """Is it an address only a browser knows, that says nothing to a person?"""
    kinds = (c for c in registry.kinds().values() if c.identity_kind == identity_kind)
    return any(getattr(c, "in_place", False) for c in kinds)


def _person(customer: Customer, identities: list[Identity], found: Any, query: Query) -> Person:
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
