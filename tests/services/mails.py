"""Mail as it comes: made, stored as a raw and drained, as a listener and a worker would."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Raw
from connectors.email.identity import external_id
from helpdesk.extensions import db
from helpdesk.models import Channel, Inbound, Message, Ticket
from helpdesk.services import listening
from helpdesk.unit_of_work import unit_of_work

SHOP = {"address": "hotro@shop.example", "smtp_host": "127.0.0.1", "smtp_security": "none"}


def mail(text: str = "Where is my order?", sender: str = "Lan <lan@khach.example>", **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = sender, "hotro@shop.example"
    made["Message-ID"] = headers.pop("message_id", f"<{abs(hash((text, sender)))}@khach.example>")
    made["Subject"] = headers.pop("subject", "A question")
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


@pytest.fixture
def mailbox(make: Any, drain: Callable[..., int]) -> Any:
    """`take(mail, channel)`: a raw stored and drained; the message it became (None: none)."""
    channel = make.channel("email", config=SHOP)

    def take(one: EmailMessage | bytes, to: Channel | None = None) -> Message | None:
        raw = one if isinstance(one, bytes) else one.as_bytes()
        where = to or channel
        stored = [Raw(external_id(raw), raw, "message/rfc822")]
        listening.keep(stored)
        with unit_of_work() as work:
            listening.store(work, where.id, stored, cursor={})
        drain("arrivals")
        row = db.session.scalar(select(Inbound).order_by(Inbound.id.desc()).limit(1))
        assert row is not None and row.state == "done", row and row.reason
        return db.session.get(Message, row.message_id) if row.message_id else None

    return SimpleNamespace(take=take, channel=channel, make=make, drain=drain)


def ticket_of(message: Message | None) -> Ticket:
    assert message is not None
    return db.session.get_one(Ticket, message.ticket_id)
