"""Telling subscriptions of what happened: what each owner may know, in order; the network is used between transactions."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from connectors.contract import ConnectorError
from helpdesk.access import Viewer
from helpdesk.api import facts, render
from helpdesk.extensions import db
from helpdesk.models import EventRow
from helpdesk.services import outbox, webhooks
from helpdesk.unit_of_work import unit_of_work
from workers import stop


def post(task: outbox.Task) -> None:
    """Until nothing is left to tell, or the far side fails."""
    webhook_id = int(task.payload["webhook_id"])
    while not stop.asked.is_set():
        batch = _next(webhook_id)
        if batch is None:
            break
        try:
            for seq, body in batch.posts:
                webhooks.post(batch.url, batch.secret, webhooks.message_id(webhook_id, seq), body)
                with unit_of_work() as work:
                    webhooks.told(work, webhook_id, seq, posted=True)
        except ConnectorError as error:
            with unit_of_work() as work:
                webhooks.failed(work, task, error)
            return
        with unit_of_work() as work:
            webhooks.told(work, webhook_id, batch.up_to, posted=False)
        if not batch.more:
            break
    with unit_of_work() as work:
        outbox.finish(work, task.id)


def _next(webhook_id: int) -> webhooks.Batch | None:
    """None when there is nothing (any more)."""
    session = db.session()
    viewer, rows = webhooks.after(session, webhook_id)
    batch = None
    if viewer is not None and rows:
        batch = webhooks.next_batch(session, webhook_id, _told(viewer, rows), rows)
    db.session.rollback()  # nothing is open while the network is used
    return batch


def _told(viewer: Viewer, rows: list[EventRow]) -> dict[int, dict[str, object]]:
    """What the API says of the events this viewer may know."""
    seen = select(EventRow).where(EventRow.seq.in_([r.seq for r in rows]), facts.known_to(viewer))
    found = render.events(db.session(), list(db.session.scalars(seen)))
    return {event.seq: msgspec.to_builtins(event) for event in found}
