"""Writing in a ticket: replies (sent, called back, held), notes, drafts, sending again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, g, jsonify, render_template, request
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import access
from helpdesk.errors import Invalid, NewerMessages, NotFound
from helpdesk.extensions import db
from helpdesk.folding import fold
from helpdesk.inbox import thread
from helpdesk.inbox.actions import done, on_ticket
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.happenings import load_names
from helpdesk.inbox.snooze import snooze_time
from helpdesk.inbox.tickets import name_of
from helpdesk.models import Agent, Delivery, Message, Ticket
from helpdesk.services import deliveries, drafts, held, replies, sharing, undo
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import UnitOfWork, unit_of_work


def _written() -> Written:
    channel, _, identity = request.form.get("via", "").partition(":")
    return Written(
        text=request.form.get("text", ""),
        html=request.form.get("html", ""),
        channel_id=int(channel) if channel.isdecimal() else None,
        identity_id=int(identity) if identity.isdecimal() else None,
        cc=tuple(a.strip() for a in request.form.get("cc", "").replace(";", ",").split(",") if a.strip()),
        attachments=tuple(request.form.getlist("attachment")),
        client_msg_id=request.form.get("client_msg_id", "")[:100],
        seen_seq=request.form.get("seen_seq", type=int),
        then=request.form.get("then", "default"),
        template=request.form.get("template", "")[:300],
        shared=sharing.read(request.form.get("shared", "")[:2000]),
    )


@bp.post("/tickets/<int:number>/reply")
def reply(number: int) -> BaseResponse:
    """409 with what is new, as a box above the composer, when somebody wrote since `seen_seq`."""
    written = _written()
    wait = bool(request.form.get("undo"))
    try:
        told = on_ticket(number, lambda work, t: _reply(work, t, written, wait))
    except NewerMessages as stop:
        keep_draft(number, written)
        return stopped(number, stop)
    return done(number, **told)


def _reply(work: UnitOfWork, ticket: Ticket, written: Written, wait: bool) -> dict[str, Any]:
    """Sent, or held: for its hour, or for approval."""
    send_at = _send_at()
    if held.needed(work, g.viewer):
        return {"held": held.hold(work, g.viewer, ticket, written, why="review", send_at=send_at).why}
    if send_at is not None:
        return {"held": held.hold(work, g.viewer, ticket, written, why="later", send_at=send_at).why}
    message = replies.reply(work, g.viewer, ticket, written)
    return {"message": message.id, "undo_s": undo.hold_back(work, g.viewer, message) if wait else 0}


def _send_at() -> datetime | None:
    try:
        return snooze_time(request.form.get("send_at", ""), g.viewer)
    except ValueError:
        raise Invalid(fields={"send_at": gettext("Choose a time in the future.")}) from None


def keep_draft(number: int, written: Written) -> None:
    """What was stopped is not lost, whatever becomes of the page."""
    via = f"{written.channel_id or ''}:{written.identity_id or ''}"
    with unit_of_work(actor=g.viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, g.viewer, number)
        data: dict[str, Any] = {"via": via, "cc": ", ".join(written.cc), "attachments": list(written.attachments)}
        if written.shared is not None:
            data["shared"] = sharing.packed(written.shared)
        drafts.save(work, g.viewer, ticket, "reply", written.text, written.html, data)


def stopped(number: int, stop: NewerMessages) -> Response:
    ticket = access.ticket_by_number(db.session, g.viewer, number)
    names = load_names(db.session, g.viewer.locale)
    found = thread.load(db.session, ticket.id, names, name_of(db.session, ticket), since=min(stop.message_ids))
    said = [i for i in found.items if isinstance(i, thread.Said) and i.id in set(stop.message_ids)]
    who = said[-1].author if said else ""
    title = gettext("Not sent yet: %(name)s wrote while you were typing", name=who)
    html = render_template("inbox/_stop.html", seq=stop.seq, messages=said[-5:], title=title)
    response = jsonify(title=stop.title, status=409, detail=stop.message, seq=stop.seq, html=html)
    response.status_code = 409
    return response


@bp.post("/tickets/<int:number>/note")
def note(number: int) -> BaseResponse:
    written = _written()
    message = on_ticket(number, lambda work, t: _note(work, t, written))
    return done(number, message=message.id)


def _note(work: UnitOfWork, ticket: Ticket, written: Written) -> Message:
    return replies.note(work, g.viewer, ticket, written, mentions=mentioned(work, written.text))


def mentioned(work: UnitOfWork, text: str) -> list[int]:
    """Agents whose full name stands after an @ in the text, however its marks were typed."""
    if "@" not in text:
        return []
    left, found = fold(text), []
    agents = work.session.execute(select(Agent.id, Agent.name).where(Agent.disabled_at.is_(None))).all()
    for id_, name in sorted(agents, key=lambda a: len(a.name), reverse=True):  # "@Linh Chi" is not "@Linh", too
        if f"@{fold(name)}" in left:
            found.append(id_)
            left = left.replace(f"@{fold(name)}", "@")
    return found


@bp.post("/messages/<int:message_id>/undo")
def undo_send(message_id: int) -> BaseResponse:
    """Call a reply back before it left; its text comes back as the draft."""
    with unit_of_work(actor=g.viewer.actor) as work:
        message = access.message_by_id(work.session, g.viewer, message_id)
        ticket = access.ticket_by_id(work.session, g.viewer, message.ticket_id, lock=True)
        draft = undo.call_back(work, g.viewer, ticket, message)
    return done(ticket.number, **draft)


@bp.post("/deliveries/<int:delivery_id>/retry")
def retry(delivery_id: int) -> BaseResponse:
    with unit_of_work(actor=g.viewer.actor) as work:
        delivery = work.session.get(Delivery, delivery_id)
        if delivery is None:
            raise NotFound()
        access.ticket_by_id(work.session, g.viewer, delivery.ticket_id)
        deliveries.retry(work, g.viewer, delivery_id)
    return done()


@bp.post("/tickets/<int:number>/draft")
def save_draft(number: int) -> BaseResponse:
    """What is being written, kept as one types; empty removes it."""
    form = request.form
    files = [token[:100] for token in form.getlist("attachment")[:50]]
    data: dict[str, Any] = {"via": form.get("via", "")[:40], "cc": form.get("cc", "")[:2000], "attachments": files}
    shared = sharing.read(form.get("shared", "")[:2000])
    if shared is not None:
        data["shared"] = sharing.packed(shared)
    with unit_of_work(actor=g.viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, g.viewer, number)
        kind, text, html = form.get("kind", "reply"), form.get("text", ""), form.get("html", "")
        ticket = drafts.place(work.session, g.viewer, ticket, kind)
        drafts.save(work, g.viewer, ticket, kind, text, html, data, form.get("client_msg_id", "")[:100])
    return done(number)
