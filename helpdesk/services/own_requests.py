"""A customer's own requests: read and answered by whoever opens the link we mailed to their address."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from flask import current_app
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Address, Evidence, InboundMessage
from helpdesk.errors import NotFound, Unavailable
from helpdesk.models import Channel, Identity, Message, Ticket
from helpdesk.services import intake, links, mailer, own_links
from helpdesk.services import settings as desk_settings
from helpdesk.services.outcomes import Outcome
from helpdesk.services.own_links import Pass
from helpdesk.signing import Keyring
from helpdesk.unit_of_work import UnitOfWork

MOST = 200


def listed(session: Session, admitted: Pass) -> list[Ticket]:
    """Those the link admits to, the last talked about first."""
    if admitted.only is not None:
        return [admitted.only]
    statement = select(Ticket).where(*_theirs(admitted.identity))
    return list(session.scalars(statement.order_by(Ticket.last_activity_at.desc(), Ticket.id.desc()).limit(MOST)))


def one(session: Session, admitted: Pass, number: int) -> Ticket:
    """Raises NotFound for whatever the link does not admit to."""
    wanted = [Ticket.number == number, *_theirs(admitted.identity)]
    if admitted.only is not None:
        wanted.append(Ticket.id == admitted.only.id)
    ticket = session.scalar(select(Ticket).where(*wanted))
    if ticket is None:
        raise NotFound
    return ticket


def said(session: Session, admitted: Pass, ticket: Ticket) -> Sequence[Message]:
    """What this customer and we said to each other: never a note, nor what others wrote into the ticket."""
    statement = select(Message).where(
        Message.ticket_id == ticket.id,
        Message.kind == "reply",
        Message.public.is_(True),
        Message.customer_id == admitted.identity.customer_id,
        Message.other_sender.is_(False),
    )
    return session.scalars(statement.order_by(Message.id.desc()).limit(MOST)).all()[::-1]


def _theirs(identity: Identity) -> tuple[ColumnElement[bool], ...]:
    return Ticket.customer_id == identity.customer_id, Ticket.shelf.not_in(own_links.HIDDEN)


def answer(work: UnitOfWork, admitted: Pass, ticket: Ticket, text: str, nonce: str) -> Outcome:
    """What they wrote on the page, taken in like a mail of theirs. The same form sent twice is one message."""
    keyring: Keyring = current_app.extensions["keyring"]
    identity = admitted.identity
    message = InboundMessage(
        external_id=f"page:{identity.id}:{nonce}",
        sender=Address(identity.kind, identity.value, identity.scope, name=identity.name),
        text=text,
        reply_text=text,
        evidence=Evidence(token=f"{ticket.id}-{keyring.sign('join', str(ticket.id))}"),
    )
    return intake.receive(work, _channel(work.session, ticket, identity), message)


def _channel(session: Session, ticket: Ticket, identity: Identity) -> Channel:
    """Where the answer to it goes out: the mailbox the ticket is talked about with, else the desk's first."""
    for channel_id in (ticket.channel_id, ticket.origin_channel_id):
        channel = session.get(Channel, channel_id) if channel_id else None
        if channel is not None and channel.enabled and registry.kind(channel.kind).identity_kind == identity.kind:
            return channel
    found = mailer.mailbox(session)
    if found is None:
        raise Unavailable
    return found


# --- a link to all of them -----------------------------------------------------------------------------------


def ask(work: UnitOfWork, address: str) -> None:
    """Somebody wants the link to all requests of an address. A worker looks whether there are any, so that who asks
    learns nothing, not even by the time it takes; asking again within the hour changes nothing."""
    address = address.strip().lower()[:320]
    asked = hashlib.sha256(f"{address} {work.now:%Y%m%d%H}".encode()).hexdigest()[:32]
    work.enqueue("reactions", "requests_asked", {"email": address}, dedupe=f"requests:{asked}")


def mail_link(work: UnitOfWork, address: str) -> bool:
    """Mail it, when somebody wrote to us from there. Raises nothing about who is unknown."""
    wanted = select(Identity).where(Identity.kind == "email", Identity.scope == "", Identity.value == address)
    identity = work.session.scalar(wanted)
    if identity is None or not work.session.scalar(select(Ticket.id).where(*_theirs(identity)).limit(1)):
        return False
    words = {
        "brand": str(desk_settings.get(work.session, "brand.name")),
        "link": links.address(work.session, own_links.path(identity.id, 0, work.now)),
        "hours": int(own_links.ALL_LAST.total_seconds()) // 3600,
    }
    locale = identity.customer.locale or str(desk_settings.get(work.session, "locale.default"))
    return mailer.send(work, identity.value, "own_requests", words, name=identity.name, locale=locale)


__all__ = ["answer", "ask", "listed", "mail_link", "one", "said"]
