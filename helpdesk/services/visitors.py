"""Visitors of a web site: their session, who they prove to be, and what they send.

A session is a random token kept by the browser (never in a cookie); the row holds its hash. What a visitor merely
claims (a name, an address) is shown to agents as a claim and never opens anybody's history.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from connectors.contract import Address
from connectors.widget.connector import Widget
from helpdesk.errors import Forbidden
from helpdesk.events import IdentityAdded
from helpdesk.folding import one_line
from helpdesk.models import Channel, Customer, Identity, VisitorSession
from helpdesk.services import identities
from helpdesk.signing import hash_token, new_token
from helpdesk.unit_of_work import UnitOfWork

LOCALES = ("en", "vi")
MAX_ATTRIBUTES = 20
SEEN_EVERY = timedelta(seconds=30)  # a row is not written anew with each line of a chat


@dataclass(frozen=True)
class About:
    """What the browser tells of itself; all of it claims. `consent`: the sentence the visitor agreed to."""

    name: str = ""
    contact: str = ""
    consent: str = ""
    locale: str = ""
    page: str = ""
    referrer: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """Who the page says its signed-in user is, with the signature its server made."""

    user_id: str = ""
    email: str = ""
    signature: str = ""


_BY_TOKEN = select(VisitorSession).where(VisitorSession.token_hash == bindparam("token_hash"))


def find(session: Session, channel_id: int, token: str) -> VisitorSession | None:
    """The session behind a token on this channel, or None when it ended or never was."""
    if not token or len(token) > 200:
        return None
    found = session.scalar(_BY_TOKEN, {"token_hash": hash_token(token)})
    if found is None or found.channel_id != channel_id or found.ended_at is not None:
        return None
    return found


def begin(work: UnitOfWork, channel: Channel, connector: Widget, about: About) -> tuple[VisitorSession, str]:
    """A new anonymous session and its token. Raises Forbidden where only verified visitors may chat."""
    if connector.needs_identity:
        raise Forbidden(_("Only signed-in visitors can chat here."))
    return _start(work, channel, f"v:{secrets.token_hex(16)}", about, verified=False)


def end(work: UnitOfWork, visitor_id: int) -> None:
    """The token stops working at once (the visitor signed out of the site)."""
    work.session.execute(
        update(VisitorSession)
        .where(VisitorSession.id == visitor_id, VisitorSession.ended_at.is_(None))
        .values(ended_at=work.now)
    )


def describe(work: UnitOfWork, visitor: VisitorSession, about: About) -> None:
    """Take over what the visitor now says of themselves; empty values change nothing."""
    visitor.name = one_line(about.name, 200) or visitor.name
    visitor.contact = one_line(about.contact, 320) or visitor.contact
    visitor.locale = about.locale if about.locale in LOCALES else visitor.locale
    visitor.page = _web_address(about.page) or visitor.page
    visitor.referrer = _web_address(about.referrer) or visitor.referrer
    if visitor.last_seen_at is None or work.now - visitor.last_seen_at > SEEN_EVERY:
        visitor.last_seen_at = work.now
    if about.attributes:
        visitor.attributes = {**(visitor.attributes or {}), **_attributes(about.attributes)}
    if about.consent:
        visitor.consent = {
            "at": work.now.isoformat(),
            "text": one_line(about.consent, 500),
            "locale": visitor.locale,
        }


def _web_address(given: str) -> str:
    """Agents click it: nothing but http and https."""
    found = one_line(given, 500)
    return found if found.startswith(("https://", "http://")) else ""


def _attributes(given: Mapping[str, Any]) -> dict[str, str]:
    plain = [(k, v) for k, v in given.items() if isinstance(v, (str, int, float, bool))]
    return {one_line(str(k), 60): one_line(str(v), 300) for k, v in plain[:MAX_ATTRIBUTES]}


def _start(
    work: UnitOfWork, channel: Channel, value: str, about: About, *, verified: bool, identity_id: int | None = None
) -> tuple[VisitorSession, str]:
    token = new_token()
    visitor = VisitorSession(
        token_hash=hash_token(token),
        channel_id=channel.id,
        value=value,
        verified=verified,
        identity_id=identity_id,
        created_at=work.now,
        name="",
        contact="",
        locale="",
        page="",
        referrer="",
    )
    describe(work, visitor, about)
    work.session.add(visitor)
    work.session.flush()
    return visitor, token


# --- proving who one is --------------------------------------------------------------------------------------


def identify(
    work: UnitOfWork, channel: Channel, connector: Widget, visitor: VisitorSession | None, claim: Claim, about: About
) -> tuple[VisitorSession, str]:
    """The session after a claim, and its new token ("" when the old one goes on).

    Proven: a session of that user, with a new token. Only claimed: an anonymous one that opens no history; where
    only verified visitors may chat, Forbidden.
    """
    if not connector.verify_identity(claim.user_id, claim.email, claim.signature):
        return _claimed(work, channel, connector, visitor, about)
    value = f"user:{one_line(claim.user_id, 300)}" if claim.user_id else f"email:{one_line(claim.email, 300).lower()}"
    if visitor is not None and visitor.verified and visitor.value == value:
        describe(work, visitor, about)
        return visitor, ""
    anonymous = None if visitor is None or visitor.verified else visitor.identity_id
    proven_email = "" if claim.user_id else one_line(claim.email, 320).lower()
    identity = _proven_identity(work, connector, value, proven_email, anonymous, about)
    if visitor is not None:
        end(work, visitor.id)
    started, token = _start(
        work, channel, value, about, verified=True, identity_id=identity.id if identity is not None else None
    )
    if identity is not None and anonymous != identity.id:
        started.earlier_identity_id = anonymous
    return started, token


def _claimed(
    work: UnitOfWork, channel: Channel, connector: Widget, visitor: VisitorSession | None, about: About
) -> tuple[VisitorSession, str]:
    """A claim without proof. A verified session is left behind: the page may have changed its user."""
    if connector.needs_identity:
        raise Forbidden(_("The signature of this visitor is missing or wrong."))
    if visitor is None or visitor.verified:
        if visitor is not None:
            end(work, visitor.id)
        return begin(work, channel, connector, about)
    describe(work, visitor, about)
    return visitor, ""


def _proven_identity(
    work: UnitOfWork, connector: Widget, value: str, email: str, anonymous: int | None, about: About
) -> Identity | None:
    """The identity of a proven user. None: it appears with the first message.

    A signed email address links to the customer who has it; otherwise what the same browser wrote just before
    becomes the proven user's own.
    """
    found = identities.find(work.session, "widget", connector.identity_scope, value)
    if found is not None:
        return found
    owner = identities.find(work.session, "email", "", email) if email else None
    if owner is not None:
        return _add(work, owner.customer_id, "widget", connector.identity_scope, value)
    if anonymous is not None:
        identity = work.session.get_one(Identity, anonymous)
        identity.value, identity.verified_at, identity.verified_how = value, work.now, "signed hash"
    elif email:
        address = Address("widget", value, connector.identity_scope, name=about.name)
        identity = identities.find_or_create(work, address, locale=about.locale)
        identity.verified_at, identity.verified_how = work.now, "signed hash"
    else:
        return None
    if email:
        _add(work, identity.customer_id, "email", "", email)
    return identity


def _add(work: UnitOfWork, customer_id: int, kind: str, scope: str, value: str) -> Identity:
    identity = Identity(
        customer_id=customer_id,
        kind=kind,
        scope=scope,
        value=value,
        verified_at=work.now,
        verified_how="signed hash",
        created_at=work.now,
    )
    work.session.add(identity)
    work.session.flush()
    work.record(
        IdentityAdded(customer_id=customer_id, identity_id=identity.id),
        reason="The site's server signed who this visitor is.",
    )
    return identity


def remember(work: UnitOfWork, visitor: VisitorSession, customer: Customer) -> None:
    """Put a visitor's claims and consent on the profile, where an agent sees them as unproven."""
    claims = {k: v for k, v in (("contact", visitor.contact), *(visitor.attributes or {}).items()) if v}
    known = dict((customer.custom or {}).get("said_in_chat", {}))
    if claims and known != {**known, **claims}:
        customer.custom = {**(customer.custom or {}), "said_in_chat": {**known, **claims}}
    if visitor.consent and (customer.data_consent or {}).get("chat") != visitor.consent:
        customer.data_consent = {**(customer.data_consent or {}), "chat": visitor.consent}
    if visitor.locale and not customer.locale:
        customer.locale = visitor.locale


__all__ = ["About", "Claim", "begin", "describe", "end", "find", "identify", "remember"]
