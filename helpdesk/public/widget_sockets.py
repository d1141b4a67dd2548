"""Socket.IO of the chat widget: doorbells, typing, read marks. Known by the token in the handshake; no cookie is read.

A socket says only that there is something to fetch; what it is comes by GET /widget/<key>/messages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask_socketio import ConnectionRefusedError, join_room
from sqlalchemy import select

from helpdesk import access, realtime
from helpdesk.errors import HelpdeskError
from helpdesk.extensions import db, socketio
from helpdesk.models import Channel, Delivery, Message, Ticket, VisitorSession
from helpdesk.models.message import PROGRESS
from helpdesk.open_sockets import OpenSockets, held, hold, sid
from helpdesk.public import widget_queries as queries
from helpdesk.realtime import WIDGET
from helpdesk.services import chats, visitors
from helpdesk.unit_of_work import unit_of_work

log = logging.getLogger(__name__)

HEAD_EVERY_S = 15
TYPING_EVERY_S = 2.0


@dataclass
class Socket:
    """One open widget: which session, and whose conversations it hears of."""

    visitor_id: int
    identity_ids: tuple[int, ...] = ()
    typed_at: float = field(default=0.0)


class WidgetSockets(OpenSockets[Socket]):
    """The widgets connected to this process. Each is told the newest id, so that a lost doorbell costs no more."""

    namespace = WIDGET
    every_s = HEAD_EVERY_S

    def beat(self, passes: int) -> None:
        beat()


def init_app(app: Flask) -> None:
    hold(app, WidgetSockets)


def _rooms(identity_ids: Iterable[int]) -> list[str]:
    return [f"visitor:{i}" for i in identity_ids]


@socketio.on("connect", namespace=WIDGET)
def _connect(auth: Any = None) -> None:
    given = auth if isinstance(auth, dict) else {}
    token, key = str(given.get("token", "")), str(given.get("key", ""))
    channel_id = db.session.scalar(
        select(Channel.id).where(Channel.key == key, Channel.enabled.is_(True), Channel.archived_at.is_(None))
    )
    visitor = visitors.find(db.session, channel_id, token) if channel_id is not None else None
    if visitor is None:
        raise ConnectionRefusedError("session ended")
    held(WidgetSockets).add(sid(), Socket(visitor.id))
    _listen(visitor)


@socketio.on("disconnect", namespace=WIDGET)
def _disconnect(*_: Any) -> None:
    held(WidgetSockets).pop(sid())


@socketio.on("hello", namespace=WIDGET)
def _hello(message: Any = None) -> None:
    """{"after"}: the visitor came (back); hear of the identity that may have appeared meanwhile, and of the newest."""
    visitor = _visitor()
    if visitor is None:
        return
    _listen(visitor)
    newest = queries.head(db.session, visitor.identity_ids)
    socketio.emit("head", {"id": max(newest.values(), default=0)}, to=sid(), namespace=WIDGET)


@socketio.on("typing", namespace=WIDGET)
def _typing(*_: Any) -> None:
    """The visitor writes: shown to whoever may see the ticket."""
    widget = held(WidgetSockets).get(sid())
    if widget is None or time.monotonic() - widget.typed_at < TYPING_EVERY_S:
        return
    widget.typed_at = time.monotonic()
    visitor = _visitor()
    if visitor is None or visitor.identity_id is None:
        return
    newest = (
        select(Message.ticket_id).where(Message.identity_id == visitor.identity_id).order_by(Message.id.desc()).limit(1)
    )
    ticket = db.session.scalar(select(Ticket).where(Ticket.id == newest.scalar_subquery()))
    if ticket is None:
        return
    watching = {ticket.assignee_id} if ticket.assignee_id is not None else set()
    rooms = access.rooms_for(ticket.visible_team_id, watching)
    realtime.emit("typing", {"ticket": ticket.number, "customer": True}, rooms=rooms)


@socketio.on("read", namespace=WIDGET)
def _read(message: Any = None) -> None:
    """{"message"}: everything up to it was seen."""
    given = message.get("message") if isinstance(message, dict) else message
    visitor = _visitor()
    if visitor is None or not str(given).isdecimal():
        return
    try:
        mark_read(visitor, int(str(given)[:18]))
    except HelpdeskError as error:
        log.info("read mark not kept error=%s", error.message)


def mark_read(visitor: VisitorSession, message_id: int) -> None:
    """Write only when something is unread: most marks repeat."""
    unread = select(Delivery.id).where(
        Delivery.identity_id.in_(visitor.identity_ids),
        Delivery.message_id <= message_id,
        Delivery.state.in_(PROGRESS[:-1]),
    )
    if db.session.scalar(unread.limit(1)) is None:
        return
    with unit_of_work(actor="customer") as work:
        chats.mark_read(work, work.session.get_one(VisitorSession, visitor.id), message_id)


# --- from the rest of this package ---------------------------------------------------------------------------


def tell(identity_id: int, message_id: int) -> None:
    """The visitor's other tabs have something to fetch."""
    realtime.ring_widget(identity_id, message_id)


def drop(visitor_id: int) -> None:
    """A session ended: its open widgets stop hearing at once."""
    ours = held(WidgetSockets)
    for one, widget in ours.all().items():
        if widget.visitor_id == visitor_id:
            ours.hang_up(one)


# --- inside --------------------------------------------------------------------------------------------------


def _visitor() -> VisitorSession | None:
    """The session of this socket; a socket whose session ended is hung up."""
    widget = held(WidgetSockets).get(sid())
    found = db.session.get(VisitorSession, widget.visitor_id) if widget is not None else None
    if found is None or found.ended_at is not None:
        held(WidgetSockets).hang_up(sid())
        return None
    return found


def _listen(visitor: VisitorSession) -> None:
    widget = held(WidgetSockets).get(sid())
    if widget is None:  # hung up meanwhile
        return
    for room in _rooms(set(visitor.identity_ids) - set(widget.identity_ids)):
        join_room(room, namespace=WIDGET)
    widget.identity_ids = visitor.identity_ids


def beat() -> None:
    """Tell each widget of this process the newest id it may fetch; hang up ended sessions."""
    ours = held(WidgetSockets)
    widgets = ours.all()
    if not widgets:
        return
    ended = set(
        db.session.scalars(
            select(VisitorSession.id).where(
                VisitorSession.id.in_({w.visitor_id for w in widgets.values()}), VisitorSession.ended_at.is_not(None)
            )
        )
    )
    newest = queries.head(db.session, sorted({i for w in widgets.values() for i in w.identity_ids}))
    for one, widget in widgets.items():
        if widget.visitor_id in ended:
            ours.hang_up(one)
        else:
            head = max((newest.get(i, 0) for i in widget.identity_ids), default=0)
            socketio.emit("head", {"id": head}, to=one, namespace=WIDGET)
