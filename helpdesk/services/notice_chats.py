"""Notices by a messenger: an agent links their own chat with one of the desk's accounts by sending it a code.

A linked chat is the agent's, not a customer's: what they write there never becomes a ticket. Quoting a notice adds an
internal note to its ticket, "stop" ends it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Address, InboundMessage, Opens, Outbound, Sends
from helpdesk import access
from helpdesk.access import viewer_of
from helpdesk.folding import fold, one_line
from helpdesk.models import Agent, Channel, Notice, NoticeChat, Ticket
from helpdesk.services import channels, files, replies
from helpdesk.services.written import Written
from helpdesk.unit_of_work import UnitOfWork

CODE_FOR = timedelta(hours=1)
_CODE = re.compile(r"(?:/start\s+)?hd[- ]?([a-z2-7]{4})[- ]?([a-z2-7]{4})", re.IGNORECASE)
_STOP = ("stop", "/stop", "dung", "ngung")
_ANSWERABLE = 300  # so many of the newest notices can be quoted


# --- linking -------------------------------------------------------------------------------------------------


def able(session: Session) -> list[Channel]:
    """Channels whose accounts can write to an agent."""
    return [c for c in channels.every(session) if registry.kind(c.kind).notifies]


@dataclass(frozen=True)
class Door:
    """An account an agent can send the code to. `url` opens a chat with it, empty where nobody knows the address."""

    icon: str
    name: str
    url: str


def doors(session: Session, code: str) -> list[Door]:
    found = []
    for channel in able(session):
        connector = channels.connector_of(channel, session)
        url = connector.opening(code) if isinstance(connector, Opens) else ""
        found.append(Door(connector.icon, channel.name, url))
    return found


def of(session: Session, agent_id: int) -> NoticeChat | None:
    return session.scalar(select(NoticeChat).where(NoticeChat.agent_id == agent_id))


def begin(work: UnitOfWork, agent_id: int) -> str:
    """A code that links the chat it is sent from, once, within the hour. What is linked stays so until then."""
    letters = base64.b32encode(os.urandom(5)).decode().lower()
    row = of(work.session, agent_id)
    if row is None:
        row = NoticeChat(agent_id=agent_id, created_at=work.now)
        work.session.add(row)
    row.code_hash, row.code_until = _hash(letters), work.now + CODE_FOR
    return f"hd-{letters[:4]}-{letters[4:]}"


def end(work: UnitOfWork, agent_id: int) -> None:
    work.session.execute(delete(NoticeChat).where(NoticeChat.agent_id == agent_id))


def take(work: UnitOfWork, channel: Channel, inbound: InboundMessage) -> str:
    """What became of a message from (or an echo to) an agent's own chat, in a sentence; empty: it is a customer's."""
    if not registry.kind(channel.kind).notifies:
        return ""
    if inbound.kind == "echo":
        ours = any(_at(work.session, address) for address in inbound.to)
        return "It is a copy of a notice to an agent." if ours else ""
    chat = _link(work, channel, inbound)
    if chat is not None:
        _say(work, chat, "linked")
        return "An agent linked this chat for their notices."
    chat = _at(work.session, inbound.sender)
    if chat is None:
        return ""
    if not work.session.get_one(Agent, chat.agent_id).active:  # who left is a customer like any other
        work.session.delete(chat)
        return ""
    chat.heard_at, chat.problem = work.now, ""
    if fold(inbound.text).strip() in _STOP:
        work.session.delete(chat)
        return "An agent ended the notices in this chat."
    if inbound.edits_external_id:
        return "An agent changed what they had written in their own chat."
    if _note(work, channel, chat, inbound):
        return "An agent answered a notice."
    if inbound.auto == "no":
        _say(work, chat, "hint")
    return "An agent wrote in the chat that their notices come to."


def _link(work: UnitOfWork, channel: Channel, inbound: InboundMessage) -> NoticeChat | None:
    code = _CODE.fullmatch(inbound.evidence.token.strip() or inbound.text.strip())
    if code is None:
        return None
    known = select(NoticeChat).where(NoticeChat.code_hash == _hash((code[1] + code[2]).lower()))
    row = work.session.scalar(known.with_for_update())
    agent = work.session.get(Agent, row.agent_id) if row is not None else None
    if row is None or row.code_until is None or row.code_until < work.now or agent is None or not agent.active:
        return None
    who = inbound.sender
    same = (NoticeChat.kind == who.kind, NoticeChat.scope == who.scope, NoticeChat.value == who.value)
    work.session.execute(delete(NoticeChat).where(*same, NoticeChat.id != row.id))
    row.channel_id, row.kind, row.scope, row.value = channel.id, who.kind, who.scope, who.value
    row.name = one_line(who.name or who.username or who.value, 200)
    row.code_hash, row.code_until, row.problem = None, None, ""
    row.created_at = row.heard_at = work.now
    return row


def _note(work: UnitOfWork, channel: Channel, chat: NoticeChat, inbound: InboundMessage) -> bool:
    """A quoted notice is answered by an internal note on its ticket."""
    notice = _quoted(work.session, chat, inbound.reply_to_external_id)
    agent = work.session.get(Agent, chat.agent_id)
    ticket = work.session.get(Ticket, notice.ticket_id) if notice is not None else None
    if agent is None or not agent.active or ticket is None:
        return False
    viewer = viewer_of(agent)
    if not access.may_open(work.session, viewer, ticket):
        return False
    uploads = [files.attach(work.session, None, f, work.now, uploaded_by=viewer.actor) for f in inbound.files]
    written = Written(
        text=inbound.text,
        attachments=tuple(u.token for u in uploads if u.sha256),
        client_msg_id=f"chat:{channel.id}:{inbound.external_id}"[:100],
    )
    if not written.text.strip() and not written.attachments:
        return False
    before, work.actor = work.actor, viewer.actor
    try:
        replies.note(work, viewer, ticket, written)
        work.session.flush()
        work.settle()  # whoever is told now is told that the agent did it
    finally:
        work.actor = before
    return True


def _quoted(session: Session, chat: NoticeChat, external_id: str) -> Notice | None:
    if not external_id:
        return None
    mine = select(Notice).where(Notice.agent_id == chat.agent_id).order_by(Notice.id.desc()).limit(_ANSWERABLE)
    return next((n for n in session.scalars(mine) if external_id in n.data.get("said", ())), None)


def _at(session: Session, who: Address) -> NoticeChat | None:
    where = (NoticeChat.kind == who.kind, NoticeChat.scope == who.scope, NoticeChat.value == who.value)
    return session.scalar(select(NoticeChat).where(*where))


def _say(work: UnitOfWork, chat: NoticeChat, what: str) -> None:
    work.enqueue("surveys", "notice.say", {"agent_id": chat.agent_id, "what": what})


def _hash(letters: str) -> str:
    return hashlib.sha256(letters.encode()).hexdigest()


# --- sending -------------------------------------------------------------------------------------------------


def compose(session: Session, chat: NoticeChat, text: str, number: int) -> tuple[Sends, Outbound] | None:
    """The connector and a message to the agent; None while nothing leaves by the channel. `number`: unique, so that a
    provider tells repeats; below zero, where no delivery to a customer has its number."""
    channel = session.get(Channel, chat.channel_id) if chat.channel_id is not None else None
    agent = session.get(Agent, chat.agent_id)
    if channel is None or agent is None or channels.may_send(session, channel):
        return None
    connector = channels.connector_of(channel, session)
    if not isinstance(connector, Sends):
        return None
    who = Address(chat.kind or "", chat.value or "", chat.scope, name=chat.name)
    outbound = Outbound(
        delivery_id=-number, to=(who,), text=text, automatic=True, locale=agent.locale, last_heard_at=chat.heard_at
    )
    return connector, outbound


def went(work: UnitOfWork, notice_id: int, said: tuple[str, ...]) -> None:
    """Remember under which ids the far side knows it, so that an answer finds its ticket."""
    notice = work.session.get(Notice, notice_id)
    if notice is not None:
        notice.data = {**notice.data, "said": [s[:200] for s in said][:5]}


def failed(work: UnitOfWork, agent_id: int, why: str) -> None:
    """Shown on the agent's page until it works again."""
    chat = of(work.session, agent_id)
    if chat is not None:
        chat.problem = one_line(why, 300)


__all__ = ["able", "begin", "compose", "doors", "end", "failed", "of", "take", "went"]
