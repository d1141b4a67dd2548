"""What a visitor may read: public messages of their own conversations. Never a note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from helpdesk.errors import NotFound
from helpdesk.models import (
    Attachment,
    Invitation,
    Message,
    ReadMark,
    Response,
    VisitorSession,
    now,
)
from helpdesk.services import chat_letters

PAGE = 100
SHOWN = ("reply", "survey", "system")
MAX_TRANSCRIPT = 2000


def own_messages(identity_ids: Sequence[int], channel_id: int) -> Select[tuple[Message]]:
    """The one predicate of everything a visitor reads: what was said in the chat, and what goes on by another channel
    and was marked as belonging to it (services/continuations.py)."""
    said_here = and_(Message.identity_id.in_(identity_ids), Message.channel_id == channel_id)
    return select(Message).where(
        or_(said_here, Message.chat_identity_id.in_(identity_ids)),
        Message.public.is_(True),
        Message.kind.in_(SHOWN),
    )


def messages(session: Session, visitor: VisitorSession, after: int | None) -> dict[str, Any]:
    """Messages with seq > after, oldest first; `cursor` goes into the next `after`; `more`: ask again at once.

    Without `after` the newest page is given, so that a long history does not delay the first paint.
    """
    statement = own_messages(visitor.identity_ids, visitor.channel_id)
    if after is not None:
        rows = list(session.scalars(statement.where(Message.seq > after).order_by(Message.seq).limit(PAGE)))
    else:
        rows = list(session.scalars(statement.order_by(Message.seq.desc()).limit(PAGE)))[::-1]
    agents = chat_letters.authors(session, rows)
    files = _files(session, rows)
    surveys = _surveys(session, rows)
    return {
        "items": [_item(m, agents, files.get(m.id, []), surveys.get(m.id)) for m in rows],
        "cursor": rows[-1].seq if rows else after or 0,
        "more": after is not None and len(rows) == PAGE,
        "seen": seen(session, visitor),
    }


def _item(
    message: Message, agents: dict[int, str], files: list[dict[str, Any]], survey: dict[str, Any] | None
) -> dict[str, Any]:
    name = agents.get(message.agent_id, "") if message.agent_id is not None else ""
    return {
        "id": str(message.id),
        "seq": message.seq,
        "direction": message.direction,
        "kind": message.kind,
        "text": message.text,
        "author": {"type": message.author_type, "name": name},
        "attachments": files,
        "client_msg_id": message.client_msg_id if message.direction == "in" else None,
        "survey": survey,
        "created_at": _rfc3339(message.created_at),
        "edited": message.edited_at is not None,
        "elsewhere": message.chat_identity_id is not None,
    }


def _rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _files(session: Session, rows: list[Message]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    if not rows:
        return found
    ids = [m.id for m in rows]
    for a in session.scalars(select(Attachment).where(Attachment.message_id.in_(ids)).order_by(Attachment.id)):
        found.setdefault(a.message_id or 0, []).append(file_item(a))
    return found


def file_item(attachment: Attachment) -> dict[str, Any]:
    return {
        "token": attachment.token,
        "filename": attachment.filename,
        "content_type": attachment.content_type,
        "size_bytes": attachment.size_bytes,
        "picture": attachment.picture,
        "problem": attachment.problem,
    }


def _surveys(session: Session, rows: list[Message]) -> dict[int, dict[str, Any]]:
    ids = [m.id for m in rows if m.kind == "survey"]
    if not ids:
        return {}
    asked = session.execute(
        select(Invitation, Response)
        .outerjoin(Response, Response.invitation_id == Invitation.id)
        .where(Invitation.message_id.in_(ids))
    )
    return {i.message_id: _survey(i, r) for i, r in asked if i.message_id is not None}


def _survey(invitation: Invitation, response: Response | None) -> dict[str, Any]:
    over = invitation.expires_at is not None and invitation.expires_at < now()
    return {
        "state": "answered" if response is not None else "expired" if over else "open",
        "score": response.score if response is not None else None,
        "reason": response.reason_code if response is not None else "",
        "comment": response.comment if response is not None else "",
    }


def seen(session: Session, visitor: VisitorSession) -> int:
    """Up to which event number somebody of the desk has read this visitor's newest conversation."""
    if not visitor.identity_ids:
        return 0
    theirs = select(Message.ticket_id).where(Message.identity_id.in_(visitor.identity_ids))
    return int(session.scalar(select(func.max(ReadMark.seq)).where(ReadMark.ticket_id.in_(theirs))) or 0)


def head(session: Session, identity_ids: Sequence[int]) -> dict[int, int]:
    """Identity -> id of its newest public message; two queries for many visitors."""
    found: dict[int, int] = {}
    for whose in (Message.identity_id, Message.chat_identity_id):
        rows = session.execute(
            select(whose, func.max(Message.id))
            .where(whose.in_(identity_ids), Message.public.is_(True), Message.kind.in_(SHOWN))
            .group_by(whose)
        )
        for identity, newest in rows:
            found[identity] = max(newest, found.get(identity, 0))
    return found


def transcript(session: Session, visitor: VisitorSession) -> str:
    """The visitor's conversation as text; empty when nothing was said."""
    statement = own_messages(visitor.identity_ids, visitor.channel_id).where(Message.kind != "survey")
    rows = list(session.scalars(statement.order_by(Message.seq.desc()).limit(MAX_TRANSCRIPT)))[::-1]
    return chat_letters.transcript(session, rows, visitor.name) if rows else ""


def was_answered(session: Session, visitor: VisitorSession) -> bool:
    """Did a person of the desk write to them?"""
    theirs = own_messages(visitor.identity_ids, visitor.channel_id).where(Message.agent_id.is_not(None))
    return session.scalar(theirs.limit(1)) is not None


def attachment(session: Session, visitor: VisitorSession, token: str) -> Attachment:
    """A file of a message they may read. Raises NotFound."""
    found = session.scalar(select(Attachment).where(Attachment.token == token))
    if found is None or not found.sha256:
        raise NotFound()
    if found.message_id is None:
        if found.uploaded_by != f"visitor:{visitor.id}":
            raise NotFound()
        return found
    allowed = own_messages(visitor.identity_ids, visitor.channel_id).where(Message.id == found.message_id)
    if session.scalar(allowed) is None:
        raise NotFound()
    return found
