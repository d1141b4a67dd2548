"""The words of letters about a chat: answers that were not read there, and the whole conversation to keep."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk.folding import one_line
from helpdesk.models import Agent, Attachment, Message
from helpdesk.services import markup
from helpdesk.services import settings as desk_settings


def unread(session: Session, messages: Sequence[Message]) -> tuple[str, str]:
    """Text and HTML of the letter with answers nobody saw in the chat. Nothing the visitor wrote is in it: the address
    is only a claim, and mail in somebody else's name must stay impossible."""
    parts = [_("You had left the chat before our answer came. Here it is:"), *(m.text.strip() for m in messages)]
    names = ", ".join(a.filename for m in messages for a in m.attachments if a.sha256)
    if names:
        parts.append(_("Enclosed: %(names)s", names=names))
    names = ", ".join(dict.fromkeys(authors(session, messages).values()))
    parts.append(f"{names}\n{_brand(session)}" if names else _brand(session))
    parts.append(
        _("Answer this mail and it reaches the same conversation. You can also go on in the chat on our site.")
    )
    text = "\n\n".join(p for p in parts if p)
    return text, markup.from_text(text)


def why(*, at_once: bool) -> str:
    """Why the letter was sent, for agents."""
    return "The visitor asked for answers by mail." if at_once else "The answer was not read in the chat."


def enclosed(file: Attachment, message_id: int, at: datetime) -> Attachment:
    """The same file on another message; the bytes are stored once."""
    kept = ("filename", "content_type", "size_bytes", "sha256", "picture")
    same = {name: getattr(file, name) for name in kept}
    return Attachment(token=secrets.token_urlsafe(24), message_id=message_id, created_at=at, **same)


def authors(session: Session, messages: Sequence[Message]) -> dict[int, str]:
    """Agent id -> name as customers see it; nobody's where the brand answers as itself."""
    ids = {m.agent_id for m in messages if m.agent_id is not None and m.direction == "out"}
    if not ids or desk_settings.get(session, "brand.reply_name") == "brand":
        return {}
    rows = session.execute(select(Agent.id, Agent.name).where(Agent.id.in_(ids)))
    return dict(rows.all())


def transcript(session: Session, messages: Sequence[Message], you: str) -> str:
    """The conversation as plain text, in the reader's language; times in the desk's zone. `you`: the visitor's name.

    The caller gives only what the visitor may read.
    """
    zone = ZoneInfo(str(desk_settings.get(session, "timezone.default")))
    brand, names = _brand(session), authors(session, messages)
    lines = [_("Conversation with %(brand)s", brand=brand), ""]
    for message in messages:
        ours = message.direction == "out"
        who = names.get(message.agent_id or 0, brand) if ours else one_line(you, 100) or _("You")
        lines.append(f"[{message.created_at.astimezone(zone):%Y-%m-%d %H:%M}] {who}")
        if message.text.strip():
            lines.append(message.text.strip())
        lines += [f"<{a.filename}>" for a in message.attachments]
        lines.append("")
    lines.append(_("Times are those of %(zone)s.", zone=zone.key))
    return "\n".join(lines)


def _brand(session: Session) -> str:
    return str(desk_settings.get(session, "brand.name"))


__all__ = ["authors", "enclosed", "transcript", "unread", "why"]
