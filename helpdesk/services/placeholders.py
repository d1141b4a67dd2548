"""Words in {{ }} that become the customer's, the ticket's, the agent's. Plain substitution from a list; never code.

`{{customer.first_name|bạn}}`: what stands behind the bar is said when nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk.access import Viewer
from helpdesk.models import Customer, Identity, Ticket
from helpdesk.services import settings as desk_settings

# What a text may name; anything else is refused when it is saved and left standing when it is filled.
NAMES = (
    "customer.address", "customer.first_name", "customer.given_name", "customer.name", "customer.salutation",
    "customer.email", "ticket.number", "ticket.subject", "agent.name", "agent.first_name", "brand.name",
)  # fmt: skip
_NAMED = re.compile(r"\{\{\s*([a-z_.]+)\s*(?:\|([^{}|]{0,100}))?\}\}")
_ANY = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def unknown(text: str) -> list[str]:
    """What stands in {{ }} and is not on the list."""
    said = []
    for inside in _ANY.findall(text):
        found = _NAMED.fullmatch("{{" + inside + "}}")
        if found is None or found[1] not in NAMES:
            said.append(inside.strip()[:40] or "{{}}")
    return sorted(set(said))


def fill(text: str, values: Mapping[str, str]) -> str:
    """One pass: what a value itself contains is text, whatever it looks like."""

    def say(found: re.Match[str]) -> str:
        name, instead = found[1], (found[2] or "").strip()
        if name not in values:
            return found[0]
        value, otherwise = values[name], values.get(f"{name}|", "")
        return value or instead or otherwise

    return _NAMED.sub(say, text)


def values(session: Session, viewer: Viewer, ticket: Ticket, called: str = "") -> dict[str, str]:
    """What each name stands for in this ticket; "name|" is what is said when it is empty. `called`: the name shown."""
    customer = session.get_one(Customer, ticket.customer_id)
    vietnamese = speaks_vietnamese(customer, ticket)
    given = customer.given_name or _given(customer.name, vietnamese)
    somebody = "anh/chị" if vietnamese else "there"
    return {
        "customer.address": address(customer, vietnamese),
        "customer.address|": "anh/chị" if vietnamese else called or "there",
        "customer.first_name": given,
        "customer.first_name|": somebody,
        "customer.given_name": given,
        "customer.given_name|": somebody,
        "customer.name": customer.name,
        "customer.name|": called,
        "customer.salutation": customer.salutation,
        "customer.salutation|": "anh/chị" if vietnamese else "",
        "customer.email": _email(session, customer.id),
        "ticket.number": str(ticket.number),
        "ticket.subject": ticket.subject,
        "agent.name": viewer.name,
        "agent.first_name": _given(viewer.name, viewer.locale == "vi") or viewer.name,
        "brand.name": str(desk_settings.get(session, "brand.name")),
    }


def speaks_vietnamese(customer: Customer, ticket: Ticket) -> bool:
    return (customer.locale or ticket.language) == "vi"


def address(customer: Customer, vietnamese: bool) -> str:
    """ "chị Lan Anh"; "anh/chị Lan Anh" when nobody said which; "Ms Lan" where people say so; empty without a name."""
    given = customer.given_name or _given(customer.name, vietnamese)
    if not given:
        return customer.salutation if vietnamese else ""
    called = customer.salutation or ("anh/chị" if vietnamese else "")
    return f"{called} {given}".strip()


def _given(name: str, vietnamese: bool) -> str:
    """The name one is called by: the last word in Vietnamese, the first elsewhere."""
    words = name.split()
    return words[-1 if vietnamese else 0] if words else ""


def _email(session: Session, customer_id: int) -> str:
    mine = select(Identity.value).where(Identity.customer_id == customer_id, Identity.kind == "email")
    return session.scalar(mine.order_by(Identity.id).limit(1)) or ""


__all__ = ["NAMES", "address", "fill", "speaks_vietnamese", "unknown", "values"]
