"""What follows a notice: waking browsers, mails, warnings before a promise breaks, and the daily mail."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import force_locale, gettext
from sqlalchemy import select

from connectors.contract import ConnectorError, OutcomeUnknown, PermanentFailure, Receipt
from helpdesk.access import viewer_of
from helpdesk.extensions import db
from helpdesk.models import Agent, Notice, NoticeChat, now
from helpdesk.services import notice_chats, notice_choices, notice_mail, notice_words, notices, push
from helpdesk.unit_of_work import breathe, unit_of_work
from workers import tasks

log = logging.getLogger(__name__)


def wake_browsers(payload: Mapping[str, Any]) -> None:
    """Once for each browser of the agent; one that is gone is forgotten. A repeat only shows the same notice again."""
    notice = db.session.get(Notice, int(payload["notice_id"]))
    agent = db.session.get(Agent, notice.agent_id) if notice is not None else None
    if notice is None or agent is None or not agent.active or notice.read_at is not None:
        return
    browsers = push.of_agent(db.session(), agent.id)
    with force_locale(agent.locale):
        told = notice_words.tell(db.session(), viewer_of(agent), [notice]) if browsers else []
    unread = notices.unread(db.session(), agent.id)
    gone, failed = [], None
    for row_id, subscription in browsers if told else ():
        try:
            if not push.send(db.session(), subscription, _payload(told[0], unread), topic=f"notice-{told[0].id}"):
                gone.append(row_id)
        except ConnectorError as error:
            failed = error
    if gone:
        with unit_of_work() as work:
            push.forget(work, gone)
    if failed is not None:
        raise failed


def _payload(told: notice_words.Told, unread: int) -> dict[str, Any]:
    body = f"{told.about}\n{told.preview}" if told.preview else told.about
    return {"id": told.id, "title": told.title, "body": body, "url": told.url, "unread": unread}


def write_chat(payload: Mapping[str, Any]) -> None:
    """By the agent's own messenger, unless they read it meanwhile."""
    notice = db.session.get(Notice, int(payload["notice_id"]))
    agent = db.session.get(Agent, notice.agent_id) if notice is not None else None
    chat = notice_chats.of(db.session(), notice.agent_id) if notice is not None else None
    if notice is None or agent is None or chat is None or not agent.active or notice.read_at is not None:
        return
    with force_locale(agent.locale):
        told = notice_words.tell(db.session(), viewer_of(agent), [notice])
    if not told:
        return
    link = notice_mail.link(db.session(), told[0].url)
    text = "\n".join(line for line in (told[0].title, told[0].about, told[0].preview, link) if line)
    receipt = _say_in_chat(chat, text, notice.id)
    if receipt is not None:
        with unit_of_work() as work:
            notice_chats.went(work, notice.id, (receipt.external_id, *receipt.external_ids))


def answer_chat(payload: Mapping[str, Any]) -> None:
    """To what an agent wrote in their own chat: it is linked, or how it can be used."""
    agent = db.session.get(Agent, int(payload["agent_id"]))
    chat = notice_chats.of(db.session(), int(payload["agent_id"]))
    if agent is None or chat is None or not agent.active:
        return
    with force_locale(agent.locale):
        text = {
            "linked": gettext("Your notices come here from now on. Write “stop” to end that."),
            "hint": gettext(
                "What you write here reaches no customer. Answer (quote) a notice to add an internal note to its "
                "ticket, or write “stop” to end the notices."
            ),
        }[payload["what"]]
    _say_in_chat(chat, text, int(now().timestamp() * 1000))


def _say_in_chat(chat: NoticeChat, text: str, number: int) -> Receipt | None:
    """None when it did not go: then the agent's page says why. Raises what is worth another try."""
    agent_id = chat.agent_id
    put_together = notice_chats.compose(db.session(), chat, text, number) if chat.value else None
    if put_together is None:
        return None
    connector, outbound = put_together
    db.session.rollback()  # nothing is open while the network is waited for
    try:
        return connector.send(outbound)
    except OutcomeUnknown:  # once too few rather than twice
        return None
    except PermanentFailure as error:
        with unit_of_work() as work:
            notice_chats.failed(work, agent_id, str(error))
        return None


def write_mail(payload: Mapping[str, Any]) -> None:
    with unit_of_work() as work:
        notice_mail.send(work, int(payload["notice_id"]))


def warn_soon(_payload: Mapping[str, Any]) -> None:
    after: int | None = 0
    while after is not None:
        with unit_of_work() as work:
            after = notices.warn_soon(work, after)
        breathe()


def digests(_payload: Mapping[str, Any]) -> None:
    """The daily mail, once a day for each who wants it, at their hour."""
    wanting = db.session.scalars(select(Agent.id).where(Agent.disabled_at.is_(None))).all()
    for agent_id in wanting:
        agent = db.session.get_one(Agent, agent_id)
        choices = notice_choices.read(agent.preferences, agent.timezone)
        if not notices.digest_due(choices, now(), _last_digest(agent)):
            continue
        with unit_of_work() as work:
            mine = work.session.get_one(Agent, agent_id, with_for_update=True)
            notice_mail.digest(work, mine)
            mine.preferences = {**(mine.preferences or {}), "digest_at": work.now.isoformat()}
        breathe()


def _last_digest(agent: Agent) -> datetime | None:
    last = (agent.preferences or {}).get("digest_at")
    return datetime.fromisoformat(last) if last else None


HANDLERS: dict[str, tasks.Handler] = {
    "notice.push": wake_browsers,
    "notice.email": write_mail,
    "notice.chat": write_chat,
    "notice.say": answer_chat,
    "chore.sla_soon": warn_soon,
    "chore.digests": digests,
}
