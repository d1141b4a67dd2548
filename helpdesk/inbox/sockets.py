"""Socket.IO of the live inbox: who hears that something happened, and who looks. Content comes by /inbox/changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, request
from flask_socketio import ConnectionRefusedError, join_room
from sqlalchemy import func, select

from helpdesk import access, realtime
from helpdesk.access import Viewer
from helpdesk.errors import HelpdeskError
from helpdesk.extensions import db, socketio
from helpdesk.inbox.presence import Presence, Who
from helpdesk.models import AgentSession, EventRow, Grant, Ticket, now
from helpdesk.open_sockets import OpenSockets, held, hold, sid
from helpdesk.realtime import AGENTS
from helpdesk.services import sessions
from helpdesk.services import settings as desk_settings

COOKIE = "helpdesk_session"
HEAD_EVERY_S = 15
CHECK_EVERY_S = 3  # how soon a revoked session's sockets are hung up at the latest
STATES = ("viewing", "replying", "away")


@dataclass
class Socket:
    """One open page of a signed-in agent."""

    session_id: int
    viewer: Viewer
    looking: int | None = None


class AgentSockets(OpenSockets[Socket]):
    """The agents' pages connected to this process."""

    namespace = AGENTS
    every_s = CHECK_EVERY_S

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self._looked_at: set[int] = set()

    def beat(self, passes: int) -> None:
        hang_up_ended()
        self._looked_at = _forget_stale(self._looked_at)
        if passes % (HEAD_EVERY_S // CHECK_EVERY_S) == 0:
            _heads()


def init_app(app: Flask) -> None:
    hold(app, AgentSockets)
    app.extensions["presence"] = Presence(app.extensions["settings"].redis.url)
    app.extensions["kick_sockets"] = hang_up_room


def _presence() -> Presence:
    found: Presence = current_app.extensions["presence"]
    return found


@socketio.on("connect", namespace=AGENTS)
def _connect(auth: Any = None) -> None:
    """By the session cookie, and only from our own pages."""
    origin = request.headers.get("Origin", "")
    if origin and urlsplit(origin).netloc != request.host:
        raise ConnectionRefusedError("another origin")
    signed_in = sessions.find(db.session, request.cookies.get(COOKIE, ""))
    if signed_in is None or not signed_in.complete:
        raise ConnectionRefusedError("not signed in")
    held(AgentSockets).add(sid(), Socket(signed_in.session_id, signed_in.viewer))
    for room in access.rooms_of(signed_in.viewer, signed_in.session_id):
        join_room(room, namespace=AGENTS)


@socketio.on("disconnect", namespace=AGENTS)
def _disconnect(*_: Any) -> None:
    page = held(AgentSockets).pop(sid())
    if page is not None and page.looking is not None:
        _looks(page, page.looking, "away")


@socketio.on("hello", namespace=AGENTS)
def _hello(message: Any = None) -> None:
    """{"seq"}: a page came (back); it hears the newest number and who is where."""
    page = held(AgentSockets).get(sid())
    if page is None:
        return
    socketio.emit("head", {"seq": newest()}, to=sid(), namespace=AGENTS)
    everywhere = _presence().everywhere()
    if everywhere:
        visible = select(Ticket.number).where(Ticket.number.in_(everywhere), access.seen(page.viewer))
        for number in db.session.scalars(visible):
            told = {"ticket": number, "who": everywhere[number]}
            socketio.emit("presence", told, to=sid(), namespace=AGENTS)


@socketio.on("look", namespace=AGENTS)
def _look(message: Any = None) -> None:
    """{"ticket", "state"}: viewing, replying or away. Repeated every 20 s while it lasts."""
    page = held(AgentSockets).get(sid())
    given = message if isinstance(message, dict) else {}
    number, state = given.get("ticket"), given.get("state")
    if page is None or state not in STATES or not isinstance(number, int):
        return
    before, page.looking = page.looking, None if state == "away" else number
    if before not in (None, number):
        _looks(page, before, "away")
    _looks(page, number, state)


def _looks(page: Socket, number: int | None, state: str) -> None:
    """What this page shows now; other pages of the same agent, here or in another process, count by themselves."""
    try:
        ticket = access.ticket_by_number(db.session, page.viewer, number or 0)
    except HelpdeskError:
        return
    who: Who = {"id": page.viewer.agent_id, "name": page.viewer.name, "state": state}
    _presence().set(ticket.number, who, sid())
    _tell(ticket)
    if ticket.identity_id is not None:
        brand = desk_settings.get(db.session, "brand.reply_name") == "brand"
        realtime.typing_widget(
            ticket.identity_id, "" if brand else page.viewer.name, on=_writes(page.viewer, ticket.number)
        )


def _writes(viewer: Viewer, number: int) -> bool:
    return any(who["id"] == viewer.agent_id and who["state"] == "replying" for who in _presence().of(number))


def _tell(ticket: Ticket) -> None:
    granted = set(db.session.scalars(select(Grant.agent_id).where(Grant.ticket_id == ticket.id)))
    rooms = access.rooms_for(ticket.visible_team_id, granted | ({ticket.assignee_id} - {None}))  # type: ignore[arg-type]
    realtime.emit("presence", {"ticket": ticket.number, "who": _presence().of(ticket.number)}, rooms=rooms)


def newest() -> int:
    return db.session.scalar(select(func.max(EventRow.seq))) or 0


# --- hanging up ----------------------------------------------------------------------------------------------


def hang_up_room(room: str) -> None:
    """Close the sockets of this process in a session's room."""
    ours = held(AgentSockets)
    for one, page in ours.all().items():
        if f"session:{page.session_id}" == room:
            ours.hang_up(one)


def hang_up_ended() -> int:
    """Sockets whose session was revoked (perhaps by another process) or ran out; how many."""
    ours = held(AgentSockets)
    pages = ours.all()
    if not pages:
        return 0
    ids = {page.session_id for page in pages.values()}
    good = select(AgentSession.id).where(
        AgentSession.id.in_(ids), AgentSession.revoked_at.is_(None), AgentSession.expires_at > now()
    )
    alive = set(db.session.scalars(good))
    ended = [one for one, page in pages.items() if page.session_id not in alive]
    for one in ended:
        ours.hang_up(one)
    return len(ended)


# --- the one background task ---------------------------------------------------------------------------------


def _heads() -> None:
    """To each page of this process (another process tells its own)."""
    told = {"seq": newest()}
    for one in held(AgentSockets).all():
        socketio.emit("head", told, to=one, namespace=AGENTS)


def _forget_stale(known: set[int]) -> set[int]:
    """Tickets nobody looks at any more: say so once."""
    here = set(_presence().everywhere())
    for number in known - here:
        ticket = db.session.scalar(select(Ticket).where(Ticket.number == number))
        if ticket is not None:
            _tell(ticket)
    return here
