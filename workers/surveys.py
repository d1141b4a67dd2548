"""Surveys that are due, the word after a tap on a survey button, and what follows notices (notices.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.contract import Address, InboundRating, PermanentFailure, Settles
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.services import channels, surveys
from helpdesk.unit_of_work import unit_of_work
from workers import notices, tasks


def send_survey(payload: Mapping[str, Any]) -> None:
    """Once: an invitation that was sent, skipped or cancelled is left alone."""
    with unit_of_work() as work:
        surveys.send(work, int(payload["invitation_id"]))


def settle(payload: Mapping[str, Any]) -> None:
    """Thanks in place of the buttons. A tap the channel no longer knows is nobody's loss."""
    channel = db.session.get(Channel, payload["channel_id"])
    connector = channels.connector_of(channel, db.session()) if channel is not None and channel.enabled else None
    words, why = surveys.settle_words(db.session(), payload["token"], payload["response_id"])
    db.session.rollback()  # nothing is open while the network is used
    if connector is None or not isinstance(connector, Settles):
        return
    kind, value, scope = payload["sender"]
    rating = InboundRating(
        external_id=payload["external_id"],
        sender=Address(kind, value, scope),
        token=payload["token"],
        callback_id=payload["callback_id"],
    )
    try:
        connector.settle(rating, words, why)
    except PermanentFailure:
        return


# Notices share this worker: neither is in a hurry, and a process more would cost every small desk its memory.
HANDLERS: dict[str, tasks.Handler] = {"send_survey": send_survey, "settle": settle, **notices.HANDLERS}


def drain() -> int:
    return tasks.drain("surveys", HANDLERS)
