"""What failed and waits for somebody to look: listed on the health page with the reason, and tried again from there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import NotFound
from helpdesk.models import Channel, Delivery, Inbound, OutboxRow, Ticket
from helpdesk.services import outbox
from helpdesk.unit_of_work import UnitOfWork

SHOWN = 100


def failed_inbound(session: Session) -> list[tuple[Inbound, str]]:
    """The newest raws that could not be taken in, with their channel's name; their bodies are not loaded."""
    rows = session.execute(
        select(Inbound, Channel.name)
        .join(Channel, Channel.id == Inbound.channel_id)
        .where(Inbound.state == "failed")
        .order_by(Inbound.id.desc())
        .limit(SHOWN)
        .options(defer(Inbound.body))
    )
    return [(row, name) for row, name in rows]


def failed_tasks(session: Session) -> list[OutboxRow]:
    """Work that was given up after all its attempts."""
    statement = select(OutboxRow).where(OutboxRow.state == "failed").order_by(OutboxRow.id.desc()).limit(SHOWN)
    return list(session.scalars(statement))


def failed_deliveries(session: Session) -> list[tuple[Delivery, int, str]]:
    """Messages that did not leave, or of which nobody knows: (delivery, ticket number, channel)."""
    rows = session.execute(
        select(Delivery, Ticket.number, Channel.name)
        .join(Ticket, Ticket.id == Delivery.ticket_id)
        .join(Channel, Channel.id == Delivery.channel_id)
        .where(Delivery.state.in_(("failed", "unknown")))
        .order_by(Delivery.id.desc())
        .limit(SHOWN)
    )
    return [(delivery, number, name) for delivery, number, name in rows]


def retry_inbound(work: UnitOfWork, viewer: Viewer, inbound_id: int) -> bool:
    """Take in a raw once more that failed or could not be read; False when it is neither any more."""
    _allow(viewer)
    row: Any = work.session.get(Inbound, inbound_id, with_for_update=True)
    if row is None:
        raise NotFound
    if row.state != "failed" and (row.state, row.outcome) != ("done", "stub"):
        return False
    row.state, row.reason = "pending", ""
    work.enqueue("arrivals", "parse", {"inbound_id": inbound_id})
    return True


def retry_task(work: UnitOfWork, viewer: Viewer, task_id: int) -> bool:
    _allow(viewer)
    if work.session.get(OutboxRow, task_id) is None:
        raise NotFound
    return outbox.retry(work, task_id)


def _allow(viewer: Viewer) -> None:
    access.require(viewer, "health")
    access.require_write(viewer)
