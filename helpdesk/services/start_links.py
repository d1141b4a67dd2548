"""Links an agent hands to a customer, so that they begin on a channel of theirs and go on in the same ticket there.

A bot may not write first; whoever follows the link presses *Start*, and the signed token in it says where they belong.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Invites
from helpdesk.models import Channel, Customer, Identity, Ticket, now
from helpdesk.services import channels
from helpdesk.services.threading import continue_token, customer_token

HOURS = 7 * 24


@dataclass(frozen=True)
class StartLink:
    """`url` is good for a week, and for one account: theirs, once they followed it."""

    channel: Channel
    url: str


def of_ticket(session: Session, ticket: Ticket) -> list[StartLink]:
    """One a channel on which the customer has no address yet."""
    token = continue_token(current_app.extensions["keyring"], ticket.id, now(), hours=HOURS)
    return _links(session, ticket.customer_id, token)


def of_customer(session: Session, customer: Customer) -> list[StartLink]:
    """The same before there is a ticket: whoever follows it goes on in the conversation that is open with them by then."""
    token = customer_token(current_app.extensions["keyring"], customer.id, now(), hours=HOURS)
    return _links(session, customer.id, token)


def _links(session: Session, customer_id: int, token: str) -> list[StartLink]:
    known = select(Identity.kind, Identity.scope).where(Identity.customer_id == customer_id)
    theirs = {(kind, scope) for kind, scope in session.execute(known)}
    found = []
    for channel in channels.every(session):
        if not issubclass(registry.kind(channel.kind), Invites) or channels.may_send(session, channel):
            continue
        connector = channels.connector_of(channel, session)
        if isinstance(connector, Invites) and (connector.identity_kind, connector.identity_scope) not in theirs:
            url = connector.invitation(token)
            if url:
                found.append(StartLink(channel, url))
    return found
