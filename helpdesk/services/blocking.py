"""Who may write without reaching the inbox: customers blocked by hand, addresses and domains on the desk's own list.

What they write is kept, under Spam; nothing is answered by itself.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from helpdesk.access import Viewer, require_write
from helpdesk.models import Customer, Identity, Ticket
from helpdesk.services import settings as desk_settings
from helpdesk.services import tickets
from helpdesk.unit_of_work import UnitOfWork

KEY = "blocked_senders"


def reason(session: Session, identity: Identity) -> str:
    """Why a message from there goes to Spam; empty when it does not."""
    if identity.customer.blocked_at is not None:
        return "The customer is blocked."
    return "The sender is on the list of blocked senders." if listed(session, identity.value) else ""


def listed(session: Session, value: str) -> bool:
    """Is an address on the list, itself or by its domain ("@spam.example")?"""
    entries: set[str] | None = session.info.get(KEY)
    if entries is None:
        entries = set(str(desk_settings.get(session, KEY)).lower().split())
        if "held" in session.info:  # the session of one unit of work: a batch of mails asks once
            session.info[KEY] = entries
    value = value.lower()
    domain = value.rpartition("@")[2]
    return bool(entries) and (value in entries or ("@" in value and f"@{domain}" in entries))


def block(work: UnitOfWork, viewer: Viewer, ticket: Ticket) -> Customer:
    """One click on a ticket: its customer is blocked, and this ticket goes to Spam. Twice is once."""
    from helpdesk.services import customers

    require_write(viewer)
    customer = work.session.get_one(Customer, ticket.customer_id)
    if customer.blocked_at is None:
        customers.set_blocked(work, viewer, customer.id, True)
    if ticket.shelf not in ("spam", "trash", "merged"):
        tickets.move(work, viewer, ticket, "spam", reason="The customer is blocked.")
    return customer


def unblock(work: UnitOfWork, viewer: Viewer, ticket: Ticket) -> Customer:
    """Taken back: they may write again, and this ticket is in the inbox."""
    from helpdesk.services import customers

    require_write(viewer)
    customer = work.session.get_one(Customer, ticket.customer_id)
    customers.set_blocked(work, viewer, customer.id, False)
    if ticket.shelf == "spam":
        tickets.move(work, viewer, ticket, "inbox", reason="The customer is not blocked any more.")
    return customer
