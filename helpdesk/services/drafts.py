"""What an agent is writing, kept on the server as they type; colleagues see that there is something."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Invalid
from helpdesk.events import DraftChanged
from helpdesk.models import Attachment, Draft, HeldReply, Message, Ticket
from helpdesk.services import markup
from helpdesk.services.threading import follow_merges
from helpdesk.unit_of_work import UnitOfWork

KINDS = ("reply", "note")
MAX_CHARS = 200_000


def save(
    work: UnitOfWork,
    viewer: Viewer,
    ticket: Ticket,
    kind: str,
    text: str,
    html: str = "",
    data: dict[str, Any] | None = None,
    client_msg_id: str = "",
) -> None:
    """One draft per agent, ticket and kind; an empty one is forgotten. Raises Invalid for another kind.

    Others hear of it when it begins and when it ends, not of every letter. `client_msg_id`: what it will be sent as;
    a draft that comes after its own message (requests overtake each other) is none any more.
    """
    if kind not in KINDS:
        raise Invalid(fields={"kind": "There is no such draft."})
    if client_msg_id and _sent(work.session, viewer, ticket.id, client_msg_id):
        return
    along = data or {}
    if not (text.strip() or html.strip() or along.get("attachments") or along.get("shared")):
        forget(work, viewer, ticket.id, kind)
        return
    draft = find(work.session, viewer, ticket.id, kind)
    if draft is None:
        draft = Draft(ticket_id=ticket.id, agent_id=viewer.agent_id, kind=kind)
        work.session.add(draft)
        work.record(DraftChanged(ticket_id=ticket.id, agent_id=viewer.agent_id, kind=kind, begun=True))
    draft.text, draft.html, draft.data, draft.updated_at = text[:MAX_CHARS], html[:MAX_CHARS], data or {}, work.now


def _sent(session: Session, viewer: Viewer, ticket_id: int, client_msg_id: str) -> bool:
    """As a message, or as a reply that waits."""
    sent = select(Message.id).where(Message.author_key == viewer.actor, Message.client_msg_id == client_msg_id)
    if session.scalar(sent) is not None:
        return True
    mine = select(HeldReply.data).where(HeldReply.ticket_id == ticket_id, HeldReply.agent_id == viewer.agent_id)
    return any(data.get("client_msg_id") == client_msg_id for data in session.scalars(mine))


def forget(work: UnitOfWork, viewer: Viewer, ticket_id: int, kind: str) -> None:
    """Sent, or given up."""
    draft = find(work.session, viewer, ticket_id, kind)
    if draft is not None:
        work.session.delete(draft)
        work.record(DraftChanged(ticket_id=ticket_id, agent_id=viewer.agent_id, kind=kind, begun=False))


def find(session: Session, viewer: Viewer, ticket_id: int, kind: str) -> Draft | None:
    where = (Draft.ticket_id == ticket_id, Draft.agent_id == viewer.agent_id, Draft.kind == kind)
    return session.scalar(select(Draft).where(*where))


def begin_again(
    work: UnitOfWork, viewer: Viewer, ticket: Ticket, text: str, html: str, data: dict[str, Any]
) -> Draft | None:
    """What was called back is a draft again, above what its author has begun meanwhile."""
    begun = find(work.session, viewer, ticket.id, "reply")
    if begun is not None:
        if html or begun.html:
            html = (html or markup.from_text(text)) + (begun.html or markup.from_text(begun.text))
        text = f"{text}\n\n{begun.text}" if begun.text.strip() else text
        files = [*data.get("attachments", []), *begun.data.get("attachments", [])]
        data = {**data, "attachments": list(dict.fromkeys(files))}
    save(work, viewer, ticket, "reply", text, html, data)
    work.session.flush()
    return find(work.session, viewer, ticket.id, "reply")


def place(session: Session, viewer: Viewer, ticket: Ticket, kind: str) -> Ticket:
    """Where a draft belongs that came when its ticket had gone into another one, which its page did not know yet."""
    target = follow_merges(session, ticket)
    if target is None or target.id == ticket.id or not access.may_open(session, viewer, target):
        return ticket
    return ticket if find(session, viewer, target.id, kind) is not None else target


def move(session: Session, source_id: int, target_id: int) -> None:
    """A ticket went into another one: what somebody was writing goes along, unless they write there already."""
    there = select(Draft.agent_id, Draft.kind).where(Draft.ticket_id == target_id)
    taken = {(agent_id, kind) for agent_id, kind in session.execute(there)}
    for draft in session.scalars(select(Draft).where(Draft.ticket_id == source_id)):
        if (draft.agent_id, draft.kind) not in taken:
            draft.ticket_id = target_id


def shown(session: Session, viewer: Viewer, ticket_id: int) -> dict[str, dict[str, Any]]:
    """What the viewer has begun in a ticket, by kind, as the composer takes it up."""
    mine = session.scalars(select(Draft).where(Draft.ticket_id == ticket_id, Draft.agent_id == viewer.agent_id))
    return {d.kind: as_told(session, viewer, d) for d in mine}


def as_told(session: Session, viewer: Viewer, draft: Draft) -> dict[str, Any]:
    """Text and way of one draft, with those of its files that are still there, by name."""
    tokens = [t for t in draft.data.get("attachments", []) if isinstance(t, str)]
    there = select(Attachment.token, Attachment.filename).where(
        Attachment.token.in_(tokens), Attachment.uploaded_by == viewer.actor, Attachment.message_id.is_(None)
    )
    names = dict(session.execute(there).all()) if tokens else {}
    files = [{"token": t, "filename": names[t]} for t in tokens if t in names]
    way = {k: draft.data[k] for k in ("via", "cc", "shared") if draft.data.get(k)}
    return {"text": draft.text, "html": draft.html, "attachments": files, **way}


def of_others(session: Session, viewer: Viewer, ticket_id: int) -> list[Draft]:
    """What colleagues are writing in a ticket the viewer may open, oldest change first."""
    statement = select(Draft).where(Draft.ticket_id == ticket_id, Draft.agent_id != viewer.agent_id)
    return list(session.scalars(statement.order_by(Draft.updated_at)))


__all__ = ["KINDS", "as_told", "begin_again", "find", "forget", "move", "of_others", "save", "shown"]
