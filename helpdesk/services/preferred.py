"""The channel a customer prefers: as somebody said on the profile, else learned from what they use."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Sends
from helpdesk.database import rows
from helpdesk.models import Channel, Customer, Message

LOOKED_AT = 10  # their last messages
ENOUGH = 3  # fewer say nothing yet


@dataclass(frozen=True)
class Preferred:
    """`learned`: how many of their last messages (of how many) came that way; None: it was chosen."""

    channel_id: int
    name: str
    kind: str
    learned: tuple[int, int] | None = None


def of(session: Session, customer: Customer) -> Preferred | None:
    if customer.preferred_channel_id is not None:
        chosen = session.get(Channel, customer.preferred_channel_id)
        if chosen is not None and chosen.enabled and chosen.archived_at is None:
            return Preferred(chosen.id, chosen.name, chosen.kind)
    return learned(session, customer.id)


_USED = (
    select(Channel.id, Channel.name, Channel.kind)
    .join(Message, Message.channel_id == Channel.id)
    .where(
        Message.customer_id == bindparam("customer"),
        Message.direction == "in",
        Message.auto == "no",
        Channel.enabled,
        Channel.archived_at.is_(None),
    )
    .order_by(Message.id.desc())
    .limit(LOOKED_AT)
)


def learned(session: Session, customer_id: int) -> Preferred | None:
    """Most of their last messages came by it; where they are even, the latest one. Only channels that can answer."""
    used = [row for row in rows(session, _USED, customer=customer_id) if answers(row.kind)]
    if len(used) < ENOUGH:
        return None
    counted = Counter(row.id for row in used)  # the latest first, and so it wins a draw
    id_, count = counted.most_common(1)[0]
    row = next(r for r in used if r.id == id_)
    return Preferred(id_, row.name, row.kind, (count, len(used)))


def answers(kind: str) -> bool:
    connector = registry.kinds().get(kind)
    return connector is not None and (issubclass(connector, Sends) or bool(getattr(connector, "in_place", False)))
