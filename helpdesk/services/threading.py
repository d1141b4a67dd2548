"""Which ticket does a message belong to? Ordered evidence; the reason is stored with the message.

Evidence names the ticket, never the sender: somebody the ticket does not know becomes an "other sender" entry that
an agent accepts or splits off (signed evidence), or begins a ticket of their own (anything weaker).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from flask import current_app
from sqlalchemy import bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from connectors.contract import Connector, InboundMessage
from helpdesk.database import rows
from helpdesk.models import Channel, Customer, Delivery, Identity, Message, Recipient, Ticket, now
from helpdesk.services import foresight, quoting
from helpdesk.signing import SIGNATURE_LENGTH, Keyring

How = Literal["new", "joins", "follows"]
_REPLY_TOKEN = re.compile(rf"\+t(\d{{1,12}})-([a-z2-7]{{{SIGNATURE_LENGTH}}})@", re.IGNORECASE)
_CONTINUE = re.compile(rf"^c(\d{{1,12}})-(\d{{1,8}})-([a-z2-7]{{{SIGNATURE_LENGTH}}})$")
_INVITED = re.compile(rf"^p(\d{{1,12}})-(\d{{1,8}})-([a-z2-7]{{{SIGNATURE_LENGTH}}})$")
_OWN_ID = re.compile(rf"^hd\.(\d{{1,12}})\.(\d{{1,12}})\.([a-z2-7]{{{SIGNATURE_LENGTH}}})@", re.IGNORECASE)
_SUBJECT_NUMBER = re.compile(r"\[#(\d{1,10})\]|(?:^|\s)#(\d{3,10})\b")
MAX_IDS = 60
CONTINUE_HOURS = 24


@dataclass(frozen=True)
class Decision:
    """Where a message goes. `follows`: a new ticket linked to `ticket`, which is closed."""

    how: How
    ticket: Ticket | None = None
    reason: str = ""
    other_sender: bool = False
    owner_id: int | None = None  # the customer who went on, or began, from another channel by a link of ours


@dataclass(frozen=True)
class _Named:
    ticket: Ticket
    reason: str
    signed: bool
    same_person: bool = False


def reply_token(keyring: Keyring, ticket_id: int) -> str:
    """What stands behind the plus of a reply address."""
    return f"t{ticket_id}-{keyring.sign('reply-address', str(ticket_id))}"


def message_id(keyring: Keyring, ticket_id: int, message_id_: int, host: str) -> str:
    """Our signed Message-ID, without brackets."""
    payload = f"{ticket_id}.{message_id_}"
    return f"hd.{payload}.{keyring.sign('message-id', payload)}@{host}"


def continue_token(keyring: Keyring, ticket_id: int, at: datetime, *, hours: int = CONTINUE_HOURS) -> str:
    """What a link carries that a customer follows to go on with a ticket elsewhere; 64 letters at most."""
    hour = int(at.timestamp()) // 3600 + hours
    return f"c{ticket_id}-{hour}-{keyring.sign('continue', f'{ticket_id}.{hour}')}"


def _continued(session: Session, keyring: Keyring, token: str, identity: Identity) -> _Named | None:
    found = _CONTINUE.match(token)
    if found is None or int(found[2]) * 3600 < now().timestamp():
        return None
    if not keyring.verify("continue", f"{found[1]}.{found[2]}", found[3]):
        return None
    named = _named(session, int(found[1]), "The customer went on here from the chat, by its own link.", signed=True)
    begun = session.get(Ticket, int(found[1]))
    if named is None or begun is None or begun.customer_id != named.ticket.customer_id:
        return named  # its ticket went into another customer's: an agent says who this is
    return replace(named, same_person=not _there_already(session, begun.customer_id, identity))


def _there_already(session: Session, customer_id: int, identity: Identity) -> bool:
    """Has the customer another account there? Then the link was passed on, and this is somebody else."""
    another = select(Identity.id).where(
        Identity.customer_id == customer_id,
        Identity.kind == identity.kind,
        Identity.scope == identity.scope,
        Identity.id != identity.id,
    )
    return session.scalar(another.limit(1)) is not None


def customer_token(keyring: Keyring, customer_id: int, at: datetime, *, hours: int) -> str:
    """What a link carries that is handed to a customer before there is a ticket; 64 letters at most."""
    hour = int(at.timestamp()) // 3600 + hours
    return f"p{customer_id}-{hour}-{keyring.sign('invited', f'{customer_id}.{hour}')}"


def _invited(session: Session, token: str, identity: Identity) -> Decision | None:
    """A customer who followed such a link: the conversation that is open with them, or a new one of theirs."""
    found = _INVITED.match(token)
    keyring: Keyring = current_app.extensions["keyring"]
    if found is None or int(found[2]) * 3600 < now().timestamp():
        return None
    if not keyring.verify("invited", f"{found[1]}.{found[2]}", found[3]):
        return None
    customer = session.get(Customer, int(found[1]))
    if customer is not None and customer.merged_into_id is not None:
        customer = session.get(Customer, customer.merged_into_id)
    if customer is None or _there_already(session, customer.id, identity):
        return None
    latest = session.scalar(
        select(Ticket)
        .where(Ticket.customer_id == customer.id, Ticket.shelf.in_(("open", "snoozed")))
        .order_by(Ticket.last_activity_at.desc())
        .limit(1)
    )
    return Decision(
        "joins" if latest else "new",
        latest,
        "They followed a link that was handed to this customer.",
        owner_id=customer.id,
    )


def decide(
    session: Session, channel: Channel, connector: Connector, inbound: InboundMessage, identity: Identity
) -> Decision:
    named = _by_evidence(session, channel, inbound, identity)
    if named is not None:
        decision = _admit(session, named, inbound, identity)
        if decision is not None:
            return decision
    invited = _invited(session, inbound.evidence.token, identity)
    if invited is not None and not _wrote(session, identity):
        return invited
    if connector.continuous:
        return _continue(session, channel, identity)
    return Decision("new", reason="Nothing in it points to an earlier ticket.")


# --- evidence, strongest first -------------------------------------------------------------------------------


def _by_evidence(session: Session, channel: Channel, inbound: InboundMessage, identity: Identity) -> _Named | None:
    keyring: Keyring = current_app.extensions["keyring"]
    evidence = inbound.evidence
    for address in evidence.addressed_to[:MAX_IDS]:
        found = _REPLY_TOKEN.search(address)
        if found and keyring.verify("reply-address", found[1], found[2]):
            named = _named(session, int(found[1]), "It was sent to the ticket's signed reply address.", signed=True)
            if named:
                return named
    if evidence.token:
        named = _continued(session, keyring, evidence.token, identity)
        if named:
            return named
        ticket_id, _, signature = evidence.token.partition("-")
        if ticket_id.isdigit() and keyring.verify("join", ticket_id, signature):
            return _named(session, int(ticket_id), "It came through the ticket's own link.", signed=True)
    ids = list(dict.fromkeys([*evidence.in_reply_to, *reversed(evidence.references)]))[:MAX_IDS]
    for id_ in ids:
        own = _OWN_ID.match(id_)
        if own and keyring.verify("message-id", f"{own[1]}.{own[2]}", own[3]):
            named = _named(session, int(own[1]), "It answers a message we sent (signed Message-ID).", signed=True)
            if named:
                return named
    return (
        _by_stored_id(session, ids) or _by_quoted(session, channel, inbound) or _by_subject(session, inbound, identity)
    )


def _named(session: Session, ticket_id: int, reason: str, *, signed: bool) -> _Named | None:
    ticket = follow_merges(session, session.get(Ticket, ticket_id))
    return _Named(ticket, reason, signed) if ticket is not None else None


def _by_stored_id(session: Session, ids: list[str]) -> _Named | None:
    if not ids:
        return None
    look = foresight.of(session)
    where: dict[str, int | None] = look.named if look is not None else {}
    if not all(id_ in where for id_ in ids):
        rows = session.execute(
            select(Message.rfc822_id, Message.ticket_id).where(Message.rfc822_id.in_(ids)).order_by(Message.id)
        ).all()
        where = {str(row.rfc822_id): row.ticket_id for row in rows}
    for id_ in ids:
        ticket_id = where.get(id_)
        if ticket_id is not None:
            return _named(
                session, ticket_id, "Its In-Reply-To or References name a message of the ticket.", signed=False
            )
    return None


def _by_quoted(session: Session, channel: Channel, inbound: InboundMessage) -> _Named | None:
    quoted = quoting.answered(session, channel, inbound.reply_to_external_id)
    return _named(session, quoted.ticket_id, "It quotes a message of the ticket.", signed=False) if quoted else None


def _by_subject(session: Session, inbound: InboundMessage, identity: Identity) -> _Named | None:
    found = _SUBJECT_NUMBER.search(inbound.evidence.subject or inbound.subject)
    if not found or inbound.authentication.get("door") in ("smtp", "form"):  # nobody vouches for who wrote it
        return None
    ticket = session.scalar(select(Ticket).where(Ticket.number == int(found[1] or found[2])))
    ticket = follow_merges(session, ticket)
    if ticket is None or not is_participant(session, ticket, identity):
        return None
    return _Named(ticket, f"Its subject names ticket #{ticket.number}, and the sender takes part in it.", signed=False)


def _wrote(session: Session, identity: Identity) -> bool:
    """Is the address known by itself? Then its conversations go on where they are."""
    return session.scalar(select(Message.id).where(Message.identity_id == identity.id).limit(1)) is not None


def follow_merges(session: Session, ticket: Ticket | None) -> Ticket | None:
    for _ in range(20):
        if ticket is None or ticket.merged_into_id is None:
            return ticket
        ticket = session.get(Ticket, ticket.merged_into_id)
    return ticket


def is_participant(session: Session, ticket: Ticket, identity: Identity) -> bool:
    """The ticket's customer (any identity), an accepted sender, or somebody we wrote to in it."""
    if identity.customer_id == ticket.customer_id:
        return True
    wrote = exists().where(
        Message.ticket_id == ticket.id, Message.identity_id == identity.id, Message.other_sender.is_(False)
    )
    written_to = exists().where(
        Delivery.ticket_id == ticket.id,
        Recipient.delivery_id == Delivery.id,
        func.lower(Recipient.address) == identity.value,
    )
    return bool(session.scalar(select(or_(wrote, written_to))))


# --- may it join? --------------------------------------------------------------------------------------------


def _admit(session: Session, named: _Named, inbound: InboundMessage, identity: Identity) -> Decision | None:
    known = named.same_person or is_participant(session, named.ticket, identity)
    dmarc, spf = inbound.authentication.get("dmarc", ""), inbound.authentication.get("spf", "")
    forged = "fail" in (dmarc, spf) and dmarc != "pass"
    if not known and not named.signed:
        return None
    owner = named.ticket.customer_id if named.same_person else None
    reason = named.reason
    if forged and known:
        reason += " The sender's mail server did not confirm it (SPF or DMARC failed)."
    if named.ticket.status == "closed" and named.ticket.shelf not in ("spam", "trash"):  # a ticket of the sender's own
        reason += " That ticket is closed, so this is its follow-up."
        return Decision("follows", named.ticket, reason, forged, owner)
    if not known:
        reason += " The sender is not known in this ticket; accept or split it off."
    return Decision("joins", named.ticket, reason, not known or forged, owner)


_LAST = (
    select(Message.ticket_id)
    .where(Message.identity_id == bindparam("identity"), Message.channel_id == bindparam("channel"))
    .order_by(Message.id.desc())
    .limit(1)
)


def _continue(session: Session, channel: Channel, identity: Identity) -> Decision:
    """On a chat, the conversation goes on in the customer's latest ticket of this channel."""
    last = rows(session, _LAST, identity=identity.id, channel=channel.id).scalar()
    ticket = follow_merges(session, session.get(Ticket, last)) if last else None
    if ticket is None:
        return Decision("new", reason="The first message from here.")
    if ticket.status == "closed" and ticket.shelf not in ("spam", "trash"):
        return Decision("follows", ticket, f"Ticket #{ticket.number} is closed, so this is its follow-up.")
    return Decision("joins", ticket, "The conversation on this channel goes on.")
