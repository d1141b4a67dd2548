"""Notices by mail, and what comes back: an agent answers the mail, and the answer is a reply or a note on the ticket.

The mail's reply address names the agent, the ticket and what an answer is to be, signed. It counts only in a mail from
that agent's own address which the sender's server did not disown. A first line "#note" makes a note of any answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import current_app
from flask_babel import force_locale, gettext
from sqlalchemy.orm import Session

from connectors.contract import InboundMessage
from helpdesk import access
from helpdesk.access import viewer_of
from helpdesk.errors import Conflict, Invalid
from helpdesk.models import Agent, Channel, Message, Notice, Ticket
from helpdesk.services import files, mailer, notice_words, notices, replies
from helpdesk.services import settings as desk_settings
from helpdesk.services.threading import follow_merges
from helpdesk.signing import SIGNATURE_LENGTH, Keyring
from helpdesk.unit_of_work import UnitOfWork

PURPOSE = "notice-answer"
_TOKEN = re.compile(rf"\+n(\d{{1,12}})\.(\d{{1,12}})\.([rn])-([a-z2-7]{{{SIGNATURE_LENGTH}}})@", re.IGNORECASE)
_NOTE = re.compile(r"\A\s*#(?:note|ghichu|ghi chú)\b[ \t:]*\n?", re.IGNORECASE)
# Answering these answers the customer; any other mail is answered by a note.
_PUBLIC = ("reply",)


def token(keyring: Keyring, agent_id: int, ticket_id: int, what: str) -> str:
    """What stands behind the plus of the reply address. `what`: "r" answers the customer, "n" adds a note."""
    payload = f"{agent_id}.{ticket_id}.{what}"
    return f"n{payload}-{keyring.sign(PURPOSE, payload)}"


def send(work: UnitOfWork, notice_id: int) -> bool:
    """Mail one notice, unless it was read meanwhile or is not theirs to see any more."""
    notice = work.session.get(Notice, notice_id)
    agent = work.session.get(Agent, notice.agent_id) if notice is not None else None
    if notice is None or agent is None or not agent.active or notice.read_at is not None:
        return False
    viewer = viewer_of(agent)
    with force_locale(agent.locale):
        told = notice_words.tell(work.session, viewer, [notice])
        if not told:
            return False
        what = "r" if notice.kind in _PUBLIC else "n"
        message = work.session.get(Message, notice.message_id) if notice.message_id else None
        words = {
            "agent": agent,
            "notice": told[0],
            "text": message.text[:5000] if message is not None else "",
            "link": link(work.session, told[0].url),
            "settings": link(work.session, "/me/notices"),
            "brand": str(desk_settings.get(work.session, "brand.name")),
            "answer": _answers(work.session, what) if notice.ticket_id else "",
        }
    keyring: Keyring = current_app.extensions["keyring"]
    answer_to = token(keyring, agent.id, notice.ticket_id, what) if notice.ticket_id else ""
    return mailer.send(work, agent.email, "notice", words, name=agent.name, locale=agent.locale, reply_token=answer_to)


def digest(work: UnitOfWork, agent: Agent) -> bool:
    """One mail about everything unread; False when there is nothing."""
    waiting = [n for n in notices.page(work.session, agent.id, limit=50) if n.read_at is None]
    with force_locale(agent.locale):
        told = notice_words.tell(work.session, viewer_of(agent), waiting)
        words = {
            "agent": agent,
            "notices": [(t, link(work.session, t.url)) for t in told],
            "settings": link(work.session, "/me/notices"),
            "brand": str(desk_settings.get(work.session, "brand.name")),
        }
    return bool(told) and mailer.send(work, agent.email, "notice_digest", words, name=agent.name, locale=agent.locale)


def link(session: Session, path: str) -> str:
    """The whole address of a page; empty while nobody said where the desk is found."""
    base = str(desk_settings.get(session, "public_url"))
    return f"{base}{path}" if base else ""


def _answers(session: Session, what: str) -> str:
    """What an answer to the mail will do, in a sentence; empty where answers do not arrive."""
    channel = mailer.mailbox(session)
    if channel is None or not channel.plus_addressing:
        return ""
    if what == "r":
        return str(
            gettext("Answer this mail to answer the customer. Begin with #note to add an internal note instead.")
        )
    return str(gettext("Answer this mail to add an internal note to the ticket."))


# --- answers -------------------------------------------------------------------------------------------------


def take(work: UnitOfWork, channel: Channel, inbound: InboundMessage) -> Message | None:
    """The note or reply that an agent's mail became, or None when it is no answer of an agent's to a notice of ours."""
    found = _whose(work.session, inbound.evidence.addressed_to, inbound)
    if found is None:
        return None
    agent, ticket, what = found
    before, work.actor = work.actor, f"agent:{agent.id}"
    try:
        message = _write(work, channel, inbound, agent, ticket, what)
        work.session.flush()
        work.settle()  # whoever is told now is told that the agent did it
        return message
    finally:
        work.actor = before


def _write(
    work: UnitOfWork, channel: Channel, inbound: InboundMessage, agent: Agent, ticket: Ticket, what: str
) -> Message:
    viewer = viewer_of(agent)
    ticket = work.session.get(Ticket, ticket.id, with_for_update=True) or ticket
    text = inbound.reply_text or inbound.text
    if _NOTE.match(text):
        what, text = "n", _NOTE.sub("", text, count=1)
    uploads = [files.attach(work.session, None, f, work.now, uploaded_by=viewer.actor) for f in inbound.files]
    written = replies.Written(
        text=text.strip() or gettext("(no text)"),
        attachments=tuple(u.token for u in uploads if u.sha256),
        client_msg_id=f"mail:{channel.id}:{inbound.external_id}"[:100],
    )
    if what == "n":
        return replies.note(work, viewer, ticket, written)
    try:
        return replies.reply(work, viewer, ticket, written)
    except (Invalid, Conflict) as problem:  # kept as a note, and told: nothing an agent wrote is lost
        with force_locale(agent.locale):
            why = gettext("This came by mail and could not be sent to the customer: %(why)s", why=problem.message)
        kept = replies.Written(
            text=f"{why}\n\n{written.text}",
            attachments=written.attachments,
            client_msg_id=written.client_msg_id,
        )
        message = replies.note(work, viewer, ticket, kept)
        about = {"state": "failed", "error": problem.message}
        notices.tell(work, [agent.id], "failed", ticket_id=ticket.id, message_id=message.id, data=about, actor="")
        return message


def _whose(session: Session, addressed_to: Sequence[str], inbound: InboundMessage) -> tuple[Agent, Ticket, str] | None:
    keyring: Keyring = current_app.extensions["keyring"]
    for address in addressed_to[:60]:
        named = _TOKEN.search(address)
        if not named or not keyring.verify(PURPOSE, f"{named[1]}.{named[2]}.{named[3].lower()}", named[4]):
            continue
        agent = session.get(Agent, int(named[1]))
        ticket = follow_merges(session, session.get(Ticket, int(named[2])))
        if agent is None or ticket is None or not _is_them(agent, inbound):
            continue
        if access.may_open(session, viewer_of(agent), ticket):
            return agent, ticket, named[3].lower()
    return None


def _is_them(agent: Agent, inbound: InboundMessage) -> bool:
    """From the agent's own address, and not disowned by its server; machines' answers do not count."""
    told = inbound.authentication
    forged = told.get("dmarc") == "fail" or (told.get("spf") == "fail" and told.get("dmarc") != "pass")
    own = inbound.sender.value.strip().lower() == agent.email
    return agent.active and own and not forged and inbound.auto == "no"


__all__ = ["digest", "link", "send", "take", "token"]
