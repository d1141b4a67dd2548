"""The same message once more: a channel repeats itself, or one mail came to two of our addresses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from connectors.contract import InboundMessage
from helpdesk.database import rows
from helpdesk.folding import one_line
from helpdesk.models import Channel, Inbound, Message
from helpdesk.services import foresight
from helpdesk.services.outcomes import Outcome
from helpdesk.unit_of_work import UnitOfWork

_SAME = select(Message.id, Message.ticket_id).where(
    Message.channel_id == bindparam("channel"),
    Message.external_id == bindparam("external_id"),
    Message.direction == "in",
)


def known(work: UnitOfWork, channel: Channel, inbound: InboundMessage, raw: Inbound | None) -> Outcome | None:
    """The same message once more: by the channel's id, or the same mail through another address of ours."""
    if _foreseen_unknown(work, channel, inbound, raw):
        return None
    message: Any = rows(work.session, _SAME, channel=channel.id, external_id=inbound.external_id).first()
    reason = "The same message was taken in before."
    if message is None and raw is not None and inbound.message_id:
        twin = (
            select(Message.id, Message.ticket_id)
            .join(Inbound, Inbound.message_id == Message.id)
            .where(
                Inbound.external_id == raw.external_id,
                Inbound.channel_id != channel.id,
                Message.rfc822_id == inbound.message_id,
            )
        )
        message = work.session.execute(twin.limit(1)).first()
        if message is not None:
            _also_came_to(work, message.id, channel)
        reason = "The same mail came to another of our addresses; it is one message in one ticket."
    if message is None:
        return None
    return Outcome("duplicate", message.ticket_id, message.id, reason)


def _foreseen_unknown(work: UnitOfWork, channel: Channel, inbound: InboundMessage, raw: Inbound | None) -> bool:
    """Did its batch ask for it already, and there was nothing?"""
    look = foresight.of(work.session)
    if look is None or look.channel_id != channel.id or look.same.get(inbound.external_id, (0, 0)) is not None:
        return False
    if raw is None or not inbound.message_id:
        return True
    return look.twins.get((raw.external_id, one_line(inbound.message_id)), (0, 0)) is None


def _also_came_to(work: UnitOfWork, message_id: int, channel: Channel) -> None:
    """One mail to two of our addresses is one message; it remembers the second door."""
    message = work.session.get_one(Message, message_id)
    known = [str(one) for one in message.meta.get("also_to", [])]
    if channel.name not in known:
        message.meta = {**message.meta, "also_to": [*known, channel.name][:10]}


__all__ = ["known"]
