"""What changed since a number: the only way a page's cursor moves on. Content goes only here, access checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, g, jsonify, render_template, request
from flask_wtf.csrf import generate_csrf
from sqlalchemy import bindparam, func, select

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.inbox import formats, lists, queries, tickets
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.happenings import SHOWN
from helpdesk.inbox.navigation import saved_views
from helpdesk.inbox.painting import row_html
from helpdesk.models import EventRow, Lease, Message, Ticket, now
from helpdesk.services import notices

MOST = 500  # events in one answer; beyond that a page starts afresh

# Events after which the customer panel and the ways to answer may look different.
_SIDE = frozenset(
    {
        "message_received", "reply_sent", "customer_changed", "identity_added", "identity_moved", "customers_merged",
        "reach_changed", "survey_answered", "tags_changed", "status_changed", "ticket_opened", "sender_decided",
        "message_moved", "message_left", "tickets_linked", "field_changed", "follower_changed",
    }
)  # fmt: skip
# Events after which a message is in the middle of a thread where it was not, or not where it was.
_ELSEWHERE = frozenset({"message_moved", "message_left", "sender_decided"})


@dataclass(frozen=True)
class Looking:
    """What one page has on its screen."""

    after: int
    rows: list[int]
    ticket: int | None


def head() -> int:
    """The newest event number."""
    return rows(db.session, _HEAD).scalar() or 0


_HEAD = select(func.max(EventRow.seq))
_EVENTS = (
    select(EventRow.seq, EventRow.type, EventRow.ticket_id, EventRow.message_id, EventRow.actor)
    .where(EventRow.seq > bindparam("after"))
    .order_by(EventRow.seq)
    .limit(MOST + 1)
)
_BEAT = select(func.max(Lease.beat_at)).where(Lease.name.like("worker:%"))
_BEFORE = select(func.max(Message.id)).where(Message.ticket_id == bindparam("ticket"), Message.seq < bindparam("first"))


@bp.get("/inbox/changes")
def changes() -> Response:
    """JSON: cursor, counts, rows (html by id, null when gone), the open ticket's parts, events without texts."""
    look = _looking()
    newest = head()
    if newest < look.after or newest - look.after > 20 * MOST:
        counted = {"counts": _counts(saved=True)} if request.args.get("counts") else {}
        return jsonify(agent=g.viewer.agent_id, cursor=newest, reset=True, **counted)
    events = rows(db.session, _EVENTS, after=look.after).all() if newest > look.after else []
    if len(events) > MOST:
        return jsonify(agent=g.viewer.agent_id, cursor=newest, reset=True)
    cursor = events[-1].seq if events else look.after
    touched = list(dict.fromkeys(e.ticket_id for e in events if e.ticket_id is not None))
    answer: dict[str, Any] = {
        "agent": g.viewer.agent_id,
        "cursor": cursor,
        "worker": worker_alive(),
        "notices": _notices(),
    }
    if touched or request.args.get("counts"):
        answer["counts"] = _counts(saved=bool(request.args.get("counts")))
    seen = _seen(g.viewer, touched)
    answer["events"] = [
        {"seq": e.seq, "type": e.type, "ticket": seen[e.ticket_id], "message": e.message_id, "actor": e.actor}
        for e in events
        if e.ticket_id in seen
    ]
    if request.args.get("view") and touched:
        answer |= _list_part(look, touched)
    if look.ticket is not None:
        answer["ticket"] = _ticket_part(look, events)
    return jsonify(answer)


@bp.get("/inbox/token")
def token() -> Response:
    """JSON: who is signed in here, and the token its posts need: for a page that outlived the session it came with."""
    return jsonify(agent=g.viewer.agent_id, csrf=generate_csrf())


def _counts(*, saved: bool) -> dict[str, int | str]:
    """Of the views of unsolved tickets; `saved`: of the saved ones too, exact to 1,000 and then "1,000+"."""
    found: dict[str, int | str] = {**queries.counts(db.session, g.viewer)}
    for view in saved_views(g.viewer) if saved else []:
        count = queries.count_up_to(db.session, g.viewer, lists.asked_by(view))
        found[f"v{view.id}"] = f"{formats.number(queries.COUNTED_TO)}+" if count > queries.COUNTED_TO else count
    return found


def _looking() -> Looking:
    after = max(request.args.get("after", 0, type=int), 0)
    rows = [int(i) for i in request.args.get("rows", "").split(",")[:500] if i.isdecimal()]
    return Looking(after, rows, request.args.get("ticket", type=int))


def _seen(viewer: Viewer, ids: list[int]) -> dict[int, int]:
    """Numbers of those of the tickets that the viewer may open."""
    if not ids:
        return {}
    statement = select(Ticket.id, Ticket.number).where(Ticket.id.in_(ids), access.seen(viewer))
    return dict(rows(db.session, statement).all())


def _list_part(look: Looking, touched: list[int]) -> dict[str, Any]:
    """Rows to paint again, rows that left, rows that came."""
    asked, saved = lists.asked_for(g.viewer)
    found = queries.in_view(db.session, g.viewer, asked, touched)
    shown = set(look.rows)
    values = {"selected": look.ticket, "query": lists.query_of(asked, saved), "asked": asked}
    changed: dict[int, Any] = {}
    for id_ in touched:
        if id_ in found:
            changed[id_] = {"html": row_html(found[id_], **values), "known": id_ in shown}
        elif id_ in shown:
            changed[id_] = _left(id_, look, values)
    return {"rows": changed}


def _left(id_: int, look: Looking, values: dict[str, Any]) -> dict[str, Any] | None:
    """A row that left the list; that of the open ticket is shown as it is now until the reader goes on."""
    number = _seen(g.viewer, [id_]).get(id_)
    if number is None or number != look.ticket:
        return None
    row = queries.rows_of(db.session, g.viewer, [id_])[0]
    return {"html": row_html(row, **values), "known": True, "gone": True}


def _ticket_part(look: Looking, events: Sequence[Any]) -> dict[str, Any] | None:
    """The open ticket's head and the tail of its thread from the first message that changed; None when unchanged."""
    try:
        ticket = access.ticket_by_number(db.session, g.viewer, look.ticket or 0)
    except NotFound:
        return {"gone": True}
    about = [e for e in events if e.ticket_id == ticket.id]
    if not about:
        return None
    since = _tail_from(ticket.id, about)
    page = tickets.page_of(db.session, g.viewer, ticket, since=since)
    asked, saved = lists.asked_for(g.viewer)
    values = {"t": page, "list_query": lists.query_of(asked, saved), "partial": True}
    return {
        "head": render_template("inbox/_head.html", **values),
        "tail": render_template("inbox/_thread.html", **values),
        "from": since,
        "seq": page.thread.newest_seq,
        "status": ticket.status,
        "shelf": ticket.shelf,
        "merged_into": page.merged_into,
        "tasks": render_template("inbox/_tasks.html", t=page),
        "side": any(e.type in _SIDE for e in about),
    }


def _tail_from(ticket_id: int, about: Sequence[Any]) -> int:
    """The message from which on the thread is painted again: the first that changed, or the last before the events."""
    told = [e for e in about if e.message_id is not None or e.type in SHOWN]
    if any(e.type in ("ticket_absorbed", "tickets_merged") for e in told):  # messages came or went all over it
        return 0
    first = min((e.seq for e in told), default=about[0].seq)
    messages = {e.message_id for e in told if e.message_id is not None}
    oldest = min(messages) if messages else None
    if oldest is not None and any(e.type in _ELSEWHERE for e in told):  # it may not be on the page, or not any more
        statement = select(func.max(Message.id)).where(Message.ticket_id == ticket_id, Message.id < oldest)
        return db.session.scalar(statement) or 0
    before = rows(db.session, _BEFORE, ticket=ticket_id, first=first).scalar()
    candidates = [i for i in (oldest, before) if i is not None]
    return min(candidates) if candidates else 0


def _notices() -> int:
    """The newest notice of the viewer; a page that knows an older one asks for what is new."""
    return notices.newest(db.session(), g.viewer.agent_id)


def worker_alive() -> bool:
    """False when workers have signed on here before and none gave a sign of life for two minutes."""
    newest = rows(db.session, _BEAT).scalar()
    return newest is None or (now() - newest).total_seconds() < 120
