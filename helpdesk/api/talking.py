"""Messages of a ticket: read, replied, noted, calls logged; files for them."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g, request, send_file
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import File
from helpdesk import access
from helpdesk.api import given, paging, render, shapes
from helpdesk.api.routing import read, write
from helpdesk.errors import Invalid, NotFound, TooLarge
from helpdesk.extensions import db
from helpdesk.models import Agent, Attachment, Channel, Identity, Message
from helpdesk.services import calls, files, replies
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import UnitOfWork


def shown(message_id: int) -> shapes.MessageOut:
    return render.messages(db.session(), [db.session.get_one(Message, message_id)])[0]


def channel_of(session: Session, said: str | None) -> int | None:
    """A channel by id, by key, or the first of a kind. Raises Invalid."""
    if not said:
        return None
    mine = (
        Channel.id == int(said)
        if said.isdecimal() and len(said) < 19
        else (Channel.key == said) | (Channel.kind == said)
    )
    found = session.scalar(select(Channel.id).where(mine, Channel.archived_at.is_(None)).order_by(Channel.id).limit(1))
    if found is None:
        raise Invalid(fields={"channel": "There is no such channel."})
    return found


@read("/tickets/<int:number>/messages", tag="Messages", query=given.Page, returns=shapes.MessagePage)
def list_messages(query: given.Page, number: int) -> shapes.MessagePage:
    """Messages, notes and calls of a ticket, oldest first."""
    ticket = access.ticket_by_number(db.session(), g.viewer, number)
    after = paging.decode(query.cursor, int)
    statement = select(Message).where(Message.ticket_id == ticket.id, Message.id > (after[0] if after else 0))
    rows, more = paging.cut(
        list(db.session.scalars(statement.order_by(Message.id).limit(query.limit + 1))), query.limit
    )
    return shapes.MessagePage(render.messages(db.session(), rows), paging.encode(rows[-1].id) if more else None)


@write(
    "POST",
    "/tickets/<int:number>/messages",
    tag="Messages",
    body=given.NewMessage,
    returns=shapes.MessageOut,
    status=201,
    show=shown,
)
def add_message(work: UnitOfWork, new: given.NewMessage, number: int) -> int:
    """Reply to the customer, leave a note for colleagues, or log a call."""
    ticket = access.ticket_by_number(work.session, g.viewer, number, lock=True)
    if new.kind == "call":
        called = new.call.number if new.call else ""
        known = called or _number_of(work.session, ticket.customer_id)
        return log_call(
            work, new.call, new.text, new.channel, known, "", ticket=number, client_msg_id=new.client_msg_id
        )[1]
    if new.call is not None:
        raise Invalid(fields={"call": "Only a message of the kind call has it."})
    written = Written(
        text=new.text,
        html=new.html,
        channel_id=channel_of(work.session, new.channel),
        identity_id=paging.number(new.identity, "identity"),
        cc=tuple(new.cc),
        attachments=tuple(new.attachments),
        client_msg_id=new.client_msg_id,
        seen_seq=new.seen_seq,
        then=new.then,
    )
    if new.kind == "note":
        return replies.note(work, g.viewer, ticket, written, mentions=_mentioned(work.session, new.mentions)).id
    return replies.reply(work, g.viewer, ticket, written).id


def _mentioned(session: Session, ids: list[str]) -> list[int]:
    wanted = {int(id_) for id_ in ids}
    known = set(session.scalars(select(Agent.id).where(Agent.id.in_(wanted), Agent.disabled_at.is_(None))))
    if wanted - known:
        raise Invalid(fields={"mentions": "There is no such agent."})
    return sorted(known)


def _number_of(session: Session, customer_id: int) -> str:
    mine = select(Identity.value).where(Identity.customer_id == customer_id, Identity.kind == "phone")
    return session.scalar(mine.order_by(Identity.id).limit(1)) or ""


def log_call(
    work: UnitOfWork,
    call: given.CallIn | None,
    notes: str,
    channel: str | None,
    number: str,
    name: str,
    *,
    ticket: int | None = None,
    customer: str | None = None,
    subject: str = "",
    client_msg_id: str = "",
) -> tuple[int, int]:
    """(ticket id, message id) of a call that was written down."""
    call = call or given.CallIn()
    form: dict[str, Any] = {
        "direction": call.direction,
        "outcome": call.outcome,
        "duration_s": str(call.duration_s),
        "number": call.number or number,
        "notes": notes,
        "name": name,
    }
    if not form["number"] and customer is not None:
        form["number"] = _number_of(work.session, access.customer_by_id(work.session, g.viewer, int(customer)).id)
    if client_msg_id:
        form["client_msg_id"] = client_msg_id
    made, message = calls.log(
        work,
        g.viewer,
        calls.Call(
            form,
            channel_id=channel_of(work.session, channel),
            customer_id=int(customer) if customer else None,
            ticket_number=ticket,
            subject=subject,
        ),
    )
    return made.id, message.id


# --- files -------------------------------------------------------------------------------------------------------


def _shown_file(attachment_id: int) -> shapes.AttachmentOut:
    return render.attachment(db.session.get_one(Attachment, attachment_id))


@write("POST", "/attachments", tag="Messages", returns=shapes.AttachmentOut, status=201, show=_shown_file, upload=True)
def upload_attachment(work: UnitOfWork) -> int:
    """Upload a file (multipart form, field `file`); name its token in a message within a day."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(fields={"file": "Send the file as the field file of a multipart form."})
    limit = current_app.extensions["settings"].limits.max_upload_mb * 1024 * 1024
    data = sent.stream.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"A file may have {limit // 2**20} MB at most.")
    kind = sent.mimetype or "application/octet-stream"
    row = files.attach(
        work.session, None, File(sent.filename, kind, len(data), data), work.now, uploaded_by=g.viewer.actor
    )
    work.session.flush()
    return row.id


@read("/attachments/<token>", tag="Messages", download=True)
def download_attachment(token: str) -> Response:
    """The bytes of a file, as a download."""
    row = access.attachment_by_token(db.session(), g.viewer, token)
    path = files.storage().path(row.sha256)
    if not row.sha256 or not path.exists():
        raise NotFound("This file is no longer there.")
    response = send_file(
        path, mimetype="application/octet-stream", as_attachment=True, download_name=row.filename, max_age=0
    )
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
