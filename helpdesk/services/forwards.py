"""What an agent passes on from their own mailbox: the ticket is the original sender's, the agent's words are a note.

Only a mail from an agent's own address counts that no server disowned; anybody else who forwards something is its writer.
"""

from __future__ import annotations

from dataclasses import replace

from flask_babel import force_locale, gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Connector, Evidence, InboundMessage
from helpdesk.access import viewer_of
from helpdesk.folding import clean
from helpdesk.models import Agent, Ticket
from helpdesk.services import replies
from helpdesk.unit_of_work import UnitOfWork

REASON = "An agent forwarded it; the ticket is the original sender's."


def by_agent(session: Session, connector: Connector, inbound: InboundMessage) -> Agent | None:
    """The agent who passes on somebody else's message with this one."""
    passed_on, told = inbound.forwarded, inbound.authentication
    if passed_on is None or inbound.auto != "no" or told.get("door") in ("smtp", "form"):
        return None
    if told.get("dmarc") == "fail" or (told.get("spf") == "fail" and told.get("dmarc") != "pass"):
        return None
    who = passed_on.sender.value
    if who in connector.config.own_addresses or who == inbound.sender.value or _agent(session, who):
        return None
    return _agent(session, inbound.sender.value)


def _agent(session: Session, address: str) -> Agent | None:
    return session.scalar(select(Agent).where(Agent.email == address.strip().lower(), Agent.disabled_at.is_(None)))


def as_written(inbound: InboundMessage, agent: Agent) -> InboundMessage:
    """The message as its first writer wrote it. What it answers is no evidence; where it was sent to still is."""
    found = inbound.forwarded
    if found is None:
        return inbound
    return replace(
        inbound,
        sender=found.sender,
        text=clean(found.text),
        reply_text=clean(found.text),
        quoted_text="",
        subject=clean(found.subject),
        evidence=Evidence(addressed_to=inbound.evidence.addressed_to, subject=found.subject),
        reply_to=(),
        auto_reply_allowed=False,  # they wrote to a person, not to the desk
        authentication={},
        meta={**inbound.meta, "forwarded_by": agent.name},
    )


def remark(work: UnitOfWork, ticket: Ticket, agent: Agent, inbound: InboundMessage) -> None:
    """What the agent said above it, as their note on the ticket."""
    comment = inbound.forwarded.comment if inbound.forwarded else ""
    if comment.strip():
        with force_locale(agent.locale):
            text = f"{gettext('Forwarded by mail:')}\n\n{clean(comment).strip()[:20_000]}"
        written = replies.Written(text=text, client_msg_id=f"forward:{inbound.external_id}"[:100])
        replies.note(work, viewer_of(agent), ticket, written)
