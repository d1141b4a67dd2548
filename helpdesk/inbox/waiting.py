"""Replies that wait: sent later, approved or returned, taken back by their author."""

from __future__ import annotations

from flask import g, render_template, request
from werkzeug.wrappers import Response

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import NewerMessages, NotFound
from helpdesk.extensions import db
from helpdesk.inbox.actions import done
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.happenings import load_names
from helpdesk.inbox.held import shown
from helpdesk.inbox.writing import stopped
from helpdesk.models import HeldReply
from helpdesk.services import held
from helpdesk.unit_of_work import unit_of_work


@bp.get("/review")
def review() -> str:
    """What waits for approval, for those who give it."""
    if not g.viewer.may("review"):
        raise NotFound()
    found = held.to_review(db.session, g.viewer)
    names = load_names(db.session, g.viewer.locale)
    rows = [(ticket, shown(row, names, g.viewer, ticket.number)) for row, ticket in found]
    return render_template("inbox/review.html", rows=rows)


@bp.post("/held/<int:held_id>/<any(send, approve, return, drop, edit):what>")
def held_do(held_id: int, what: str) -> Response:
    """409 with what is new when somebody wrote since `seen_seq`, as for any reply."""
    number = _number(g.viewer, held_id)
    seen_seq = request.form.get("seen_seq", type=int)
    try:
        with unit_of_work(actor=g.viewer.actor) as work:
            if what == "send":
                held.send_now(work, g.viewer, held_id, seen_seq)
            elif what == "approve":
                held.approve(work, g.viewer, held_id, seen_seq)
            elif what == "return":
                held.send_back(work, g.viewer, held_id, request.form.get("note", ""))
            elif what == "edit":
                return done(number, **held.take_back(work, g.viewer, held_id))
            else:
                held.drop(work, g.viewer, held_id)
    except NewerMessages as stop:
        return stopped(number, stop)
    return done(number)


def _number(viewer: Viewer, held_id: int) -> int:
    """Of its ticket. Raises NotFound where the viewer may not see that."""
    row = db.session.get(HeldReply, held_id)
    if row is None:
        raise NotFound()
    return access.ticket_by_id(db.session, viewer, row.ticket_id).number
