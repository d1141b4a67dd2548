"""Signed links of ours to a customer's own requests, and what they admit to.

A link in a mail shows the one request the mail is about: a mail is quoted, passed on, and read by colleagues who may not
see the customer's other tickets. All requests are shown by a second link, which is mailed when asked for and ends soon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy.orm import Session

from helpdesk.errors import Expired, NotFound
from helpdesk.models import Identity, Message, Recipient, Ticket, now
from helpdesk.services import settings as desk_settings
from helpdesk.services.threading import follow_merges
from helpdesk.signing import SIGNATURE_LENGTH, Keyring

PURPOSE = "own-requests"
ONE_LASTS = timedelta(days=30)
ALL_LAST = timedelta(hours=2)
HIDDEN = ("spam", "trash", "merged")  # the desk's own business
_TOKEN = re.compile(rf"^(\d{{1,12}})-(\d{{1,12}})-(\d{{1,8}})-([a-z2-7]{{{SIGNATURE_LENGTH}}})$", re.ASCII)


@dataclass(frozen=True)
class Pass:
    """What a link admits to: the requests of whoever reads the mail of `identity`, or the one ticket `only`."""

    identity: Identity
    only: Ticket | None
    token: str


def path(identity_id: int, ticket_id: int, at: datetime) -> str:
    """The page's address below the desk's own, good until a whole hour; `ticket_id` 0: all requests."""
    hour = int((at + (ONE_LASTS if ticket_id else ALL_LAST)).timestamp()) // 3600 + 1
    payload = f"{identity_id}-{ticket_id}-{hour}"
    return f"/p/{payload}-{_keyring().sign(PURPOSE, payload)}"


def offered(session: Session, message: Message, identity: Identity, recipients: Sequence[Recipient]) -> str:
    """The link that goes along with a mail of ours; empty unless nobody but the customer themselves gets it."""
    alone = [r.address.lower() for r in recipients] == [identity.value.lower()]
    if not alone or identity.kind != "email" or message.kind != "reply":
        return ""
    found = desk_settings.many(session, "public_url", "requests.link")
    if not found["public_url"] or not found["requests.link"]:
        return ""
    # The time of writing and not of sending: a repeated attempt carries the same link.
    return str(found["public_url"]) + path(identity.id, message.ticket_id, message.created_at)


def opened(session: Session, token: str) -> Pass:
    """Raises NotFound for a link that is not ours, Expired for one that has ended."""
    found = _TOKEN.match(token)
    if found is None or not _keyring().verify(PURPOSE, token.rpartition("-")[0], found[4]):
        raise NotFound
    if int(found[3]) * 3600 < now().timestamp():
        raise Expired
    identity = session.get(Identity, int(found[1]))
    if identity is None:
        raise NotFound
    if not int(found[2]):
        return Pass(identity, None, token)
    ticket = follow_merges(session, session.get(Ticket, int(found[2])))
    if ticket is None or ticket.customer_id != identity.customer_id or ticket.shelf in HIDDEN:
        raise NotFound
    return Pass(identity, ticket, token)


def _keyring() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring


__all__ = ["ALL_LAST", "HIDDEN", "ONE_LASTS", "Pass", "offered", "opened", "path"]
