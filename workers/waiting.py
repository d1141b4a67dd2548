"""What has to be in before a raw can be taken in: a question before its answer, an answer before the copy of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from connectors.contract import Connector, InboundMessage, Unparseable
from connectors.contract import Inbound as Thing
from helpdesk.models import Channel, Inbound
from helpdesk.services import echoes
from helpdesk.unit_of_work import UnitOfWork

AGAIN = timedelta(seconds=2)
COPY_WITHIN = timedelta(seconds=90)
WAITS = "waits"  # outcome of a pending row that waits for a later one, so that the later one does not wait for it


def reason(
    work: UnitOfWork,
    channel: Channel,
    connector: Connector,
    parsed: Sequence[Thing] | Unparseable | None,
    inbound: Inbound,
    together: Sequence[int],
) -> str:
    """Empty, or what it waits for. `together`: ids of the rows taken in with it, in order, in this transaction."""
    messages = [] if isinstance(parsed, Unparseable) else [t for t in parsed or () if isinstance(t, InboundMessage)]
    if any(message.kind == "echo" for message in messages) and _something_came_before(work, inbound, together):
        return "It waits for what came before it."
    if any(_is_copy_of_ours(work, channel, connector, message, inbound) for message in messages):
        inbound.outcome = WAITS
        return "It waits for its copy in the folder of sent mail."
    return ""


def _something_came_before(work: UnitOfWork, inbound: Inbound, together: Sequence[int]) -> bool:
    """An echo says what was answered: the question has to be in first, whichever worker has it."""
    earlier = select(Inbound.id).where(
        Inbound.channel_id == inbound.channel_id,
        Inbound.state == "pending",
        Inbound.outcome != WAITS,
        Inbound.id < inbound.id,
        Inbound.id.not_in(together),
    )
    return work.session.scalar(earlier.limit(1)) is not None


def _is_copy_of_ours(
    work: UnitOfWork, channel: Channel, connector: Connector, message: InboundMessage, inbound: Inbound
) -> bool:
    """A colleague who answers from a phone and adds our own address as a copy: the mail comes in as well. The folder of
    sent mail says that it is ours, a little later; without it, it is mail like any other."""
    if message.kind != "message" or message.sender.value not in connector.config.own_addresses:
        return False
    if inbound.history or not message.message_id or "sent" not in (channel.cursor or {}):
        return False
    return work.now - inbound.received_at < COPY_WITHIN and echoes.said_by_us(work.session, message) is None


__all__ = ["AGAIN", "reason"]
