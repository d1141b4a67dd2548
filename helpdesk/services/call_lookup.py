"""What is known of a phone number while it is being typed."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import NotFound
from helpdesk.models import Customer, Ticket
from helpdesk.models.ticket import UNSOLVED
from helpdesk.services import calls, identities


@dataclass(frozen=True)
class Match:
    """What is known of a number: its one spelling, whose it is, and their unsolved tickets the viewer may see.

    `other_team`: somebody has it whom the viewer may not know.
    """

    e164: str = ""
    pretty: str = ""
    where: str = ""
    error: str = ""
    customer: Customer | None = None
    tickets: tuple[Ticket, ...] = ()
    other_team: bool = False


def match(session: Session, viewer: Viewer, typed: str, locale: str = "en", channel_id: int | None = None) -> Match:
    """Look a number up as it is typed; never raises for what is typed."""
    known = [k for k in calls.lines(session) if channel_id is None or k[0].id == channel_id]
    if not known or not typed.strip():
        return Match()
    connector = known[0][1]
    try:
        value = connector.normalise(typed[:80])
    except ValueError as error:
        return Match(error=_(str(error.args[-1])))
    pretty, where = describe(value, locale)
    identity = identities.find(session, connector.identity_kind, connector.identity_scope, value)
    if identity is None:
        return Match(value, pretty, where)
    try:
        customer = access.customer_by_id(session, viewer, identity.customer_id)
    except NotFound:
        return Match(value, pretty, where, other_team=True)
    return Match(value, pretty, where, customer=customer, tickets=unsolved(session, viewer, customer.id))


def describe(value: str, locale: str = "en") -> tuple[str, str]:
    """A number as people write it, and where it is from: ("+84 912 345 678", "VinaPhone")."""
    import phonenumbers
    from phonenumbers import carrier, geocoder

    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return value, ""
    pretty = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return pretty, carrier.name_for_number(number, "en") or geocoder.description_for_number(number, locale)


def unsolved(session: Session, viewer: Viewer, customer_id: int, limit: int = 20) -> tuple[Ticket, ...]:
    """Their unsolved tickets, the one that waits for us first: a call most likely is about it."""
    statement = access.tickets_of(viewer, customer_id).where(
        Ticket.status.in_(UNSOLVED), Ticket.shelf.in_(("open", "snoozed"))
    )
    newest = statement.order_by(Ticket.last_activity_at.desc(), Ticket.id.desc()).limit(limit)
    return tuple(sorted(session.scalars(newest).all(), key=lambda t: not t.needs_reply))
