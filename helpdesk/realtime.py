"""Doorbells: after a commit, who may know hears that something happened. Never content, never an exception."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import current_app, has_app_context

from helpdesk.extensions import socketio
from helpdesk.wakeups import Breaker

log = logging.getLogger(__name__)

AGENTS = "/agents"
WIDGET = "/widget"


@dataclass(frozen=True)
class Doorbell:
    """One event of one ticket for the rooms that may hear it; and the widget visitors it concerns."""

    seq: int
    type: str
    ticket: int | None
    rooms: tuple[str, ...]
    ids: dict[str, Any]


def emit(event: str, payload: dict[str, Any], *, rooms: Iterable[str], namespace: str = AGENTS) -> None:
    """Emit to rooms, once to who is in several; a dead queue trips a breaker instead of slowing or failing the caller."""
    breaker: Breaker = current_app.extensions["realtime_breaker"]
    to = list(rooms)
    if socketio.server is None or breaker.open or not to:  # no room would mean everybody
        return
    try:
        socketio.emit(event, payload, to=to, namespace=namespace)
    except Exception as error:  # the boundary: sockets are only hints
        breaker.trip()
        log.warning("doorbell not rung event=%s error=%s", event, type(error).__name__)


def ring(doorbells: Iterable[Doorbell]) -> None:
    for bell in doorbells:
        payload = {"seq": bell.seq, "type": bell.type, "ticket": bell.ticket, **bell.ids}
        emit("event", payload, rooms=bell.rooms)


def ring_widget(identity_id: int, message_id: int) -> None:
    """Tell the visitor's open widgets that there is something to fetch."""
    emit("message", {"id": message_id}, rooms=[f"visitor:{identity_id}"], namespace=WIDGET)


def typing_widget(identity_id: int, name: str, *, on: bool) -> None:
    """Show the visitor that somebody of the desk writes, or stopped. `name` as customers see it."""
    emit("typing", {"name": name, "on": on}, rooms=[f"visitor:{identity_id}"], namespace=WIDGET)


def seen_widget(identity_id: int, seq: int) -> None:
    """Tell the visitor that somebody of the desk has read up to an event number."""
    emit("read", {"seq": seq}, rooms=[f"visitor:{identity_id}"], namespace=WIDGET)


def kick(room: str, namespace: str = AGENTS) -> None:
    """Make the pages in a room reload: their session ended or their rights changed."""
    if has_app_context():
        emit("reload", {}, rooms=[room], namespace=namespace)
