"""Mail of the system itself (invitation, password reset), through the first mailbox of the desk that can send.

An email is a folder templates/emails/<name>/{subject.txt, body.txt, body.html}. It leaves by the outbox, sealed there,
because it carries a link that opens an account.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import make_msgid
from typing import Any

from flask import current_app, render_template
from flask_babel import force_locale
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Address, Outbound, Sends
from connectors.registry import kinds
from helpdesk.extensions import db
from helpdesk.folding import one_line
from helpdesk.models import Channel
from helpdesk.services import channels
from helpdesk.services import settings as desk_settings
from helpdesk.signing import Keyring
from helpdesk.unit_of_work import UnitOfWork

PURPOSE = "system-mail"


def mailbox(session: Session) -> Channel | None:
    """The channel that system mail leaves by; None when none can send (or the desk is in shadow mode)."""
    if desk_settings.get(session, "shadow_mode"):
        return None
    able = [k for k, c in kinds().items() if c.identity_kind == "email" and issubclass(c, Sends)]
    return session.scalar(
        select(Channel)
        .where(
            Channel.kind.in_(able),
            Channel.enabled.is_(True),
            Channel.receive_only.is_(False),
            Channel.archived_at.is_(None),
        )
        .order_by(Channel.id)
        .limit(1)
    )


def send(
    work: UnitOfWork,
    to: str,
    template: str,
    words: Mapping[str, Any],
    *,
    name: str = "",
    locale: str = "en",
    reply_token: str = "",
) -> bool:
    """Queue one mail in the reader's language; False when no channel can send it. `reply_token`: what stands behind
    the plus of the address it is answered to, where the mailbox is known to deliver such."""
    channel = mailbox(work.session)
    if channel is None:
        return False
    with force_locale(locale):
        folder = f"emails/{template}"
        mail = {
            "to": to,
            "name": name,
            "locale": locale,
            "from_name": str(desk_settings.get(work.session, "brand.name")),
            "reply_token": reply_token if channel.plus_addressing else "",
            "message_id": make_msgid(domain=to.rpartition("@")[2] or "helpdesk.invalid").strip("<>"),
            "subject": one_line(render_template(f"{folder}/subject.txt", **words)),
            "text": render_template(f"{folder}/body.txt", **words).strip() + "\n",
            "html": render_template(f"{folder}/body.html", **words),
        }
    keyring: Keyring = current_app.extensions["keyring"]
    sealed = keyring.seal(PURPOSE, json.dumps(mail))
    work.enqueue("reactions", "system_mail", {"channel_id": channel.id, "sealed": sealed})
    return True


def deliver(payload: Mapping[str, Any]) -> None:
    """Hand one queued mail to the mail server; raises what the connector raises. No transaction is open meanwhile."""
    session = db.session()
    channel = session.get(Channel, payload["channel_id"])
    if channel is None or channels.may_send(session, channel):
        channel = mailbox(session)
    if channel is None:
        return
    connector = channels.connector_of(channel)
    session.rollback()
    keyring: Keyring = current_app.extensions["keyring"]
    mail = json.loads(keyring.open(PURPOSE, payload["sealed"]))
    if not isinstance(connector, Sends):
        return
    connector.send(
        Outbound(
            delivery_id=0,
            to=(Address("email", mail["to"], name=mail["name"]),),
            text=mail["text"],
            html=mail["html"],
            subject=mail["subject"],
            from_name=mail["from_name"],
            message_id=mail["message_id"],
            reply_address=connector.reply_address(mail.get("reply_token", "")),
            automatic=True,
            locale=mail["locale"],
        )
    )
