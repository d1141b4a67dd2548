"""A notice in words, in the language that is in force; only what its agent may still open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext, lazy_gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.folding import one_line
from helpdesk.models import Agent, Customer, Message, Notice, Ticket

KIND_WORDS = {
    "assigned": lazy_gettext("A ticket is given to me"),
    "mention": lazy_gettext("Somebody mentions me"),
    "reply": lazy_gettext("A customer answers on my ticket, or one I follow"),
    "sla_soon": lazy_gettext("A promise is about to break"),
    "sla_late": lazy_gettext("A promise is broken"),
    "rating": lazy_gettext("My work is rated"),
    "failed": lazy_gettext("A message of mine did not arrive"),
    "approval": lazy_gettext("A reply waits for my approval, or mine came back"),
}
WAY_WORDS = {
    "app": lazy_gettext("In the inbox"),
    "desktop": lazy_gettext("On the desktop"),
    "sound": lazy_gettext("Sound"),
    "push": lazy_gettext("Push"),
    "chat": lazy_gettext("Chat app"),
    "email": lazy_gettext("Email"),
}
ICONS = {
    "assigned": "user-plus", "mention": "at", "reply": "message-circle", "sla_soon": "alarm",
    "sla_late": "alert-triangle", "rating": "mood-smile", "failed": "mail-x", "approval": "checks",
}  # fmt: skip
# icon="user-plus" icon="at" icon="message-circle" icon="alarm" icon="alert-triangle" icon="mood-smile" icon="mail-x"
# icon="checks" icon="bell" icon="bell-off" icon="bell-ringing"
PREVIEW = 200


@dataclass(frozen=True)
class Told:
    """One notice as it is shown. `number` 0: it is about no ticket."""

    id: int
    kind: str
    title: str
    about: str
    preview: str
    number: int
    message_id: int | None
    at: datetime
    unread: bool

    @property
    def url(self) -> str:
        anchor = f"#m-{self.message_id}" if self.message_id else ""
        return f"/tickets/{self.number}{anchor}" if self.number else "/notices"

    @property
    def icon(self) -> str:
        return ICONS.get(self.kind, "bell")


def tell(session: Session, viewer: Viewer, notices: Sequence[Notice]) -> list[Told]:
    """In the same order; four queries however many. A ticket that is not theirs to see any more is left out."""
    ids = {n.ticket_id for n in notices if n.ticket_id is not None}
    seen = select(Ticket).where(Ticket.id.in_(ids), access.seen(viewer))
    tickets = {t.id: t for t in session.scalars(seen)} if ids else {}
    people = {t.customer_id for t in tickets.values()}
    customers = dict(session.execute(select(Customer.id, Customer.name).where(Customer.id.in_(people))).all())
    agents = {int(n.actor[6:]) for n in notices if n.actor.startswith("agent:")}
    names = dict(session.execute(select(Agent.id, Agent.name).where(Agent.id.in_(agents))).all()) if agents else {}
    wanted = {n.message_id for n in notices if n.message_id is not None}
    texts = select(Message.id, Message.text).where(Message.id.in_(wanted), Message.ticket_id.in_(tickets))
    previews = dict(session.execute(texts).all()) if wanted else {}
    found = []
    for n in notices:
        ticket = tickets.get(n.ticket_id or 0)
        if n.ticket_id is not None and ticket is None:
            continue
        customer = (customers.get(ticket.customer_id) or gettext("The customer")) if ticket else ""
        actor = names.get(int(n.actor[6:]), "") if n.actor.startswith("agent:") else ""
        found.append(
            Told(
                n.id,
                n.kind,
                _title(n, customer, actor),
                f"#{ticket.number} {ticket.subject}" if ticket else "",
                one_line(previews.get(n.message_id or 0, ""), PREVIEW),
                ticket.number if ticket else 0,
                n.message_id,
                n.created_at,
                n.read_at is None,
            )
        )
    return found


def _title(notice: Notice, customer: str, actor: str) -> str:
    return str(_words(notice.kind, notice, customer, actor))


def _words(kind: str, notice: Notice, customer: str, actor: str) -> Any:
    if kind == "assigned":
        return gettext("%(name)s gave you a ticket", name=actor) if actor else gettext("A ticket was given to you")
    if kind == "mention":
        return gettext("%(name)s mentioned you", name=actor or gettext("Somebody"))
    if kind == "reply":
        return gettext("%(name)s wrote", name=customer)
    if kind == "rating":
        return gettext("%(name)s rated your work %(score)s of 5", name=customer, score=notice.data.get("score", "?"))
    if kind == "approval" and notice.data.get("state") == "returned":
        return gettext("%(name)s returned your reply with what to change", name=actor or gettext("Somebody"))
    if kind == "failed" and notice.data.get("state") == "stopped":
        return gettext("Your reply was not sent at its hour")
    if kind == "approval":
        return gettext("%(name)s asks for your approval", name=actor or gettext("Somebody"))
    return {
        "sla_soon": gettext("A promise is about to break"),
        "sla_late": gettext("A promise is broken"),
        "failed": gettext("Your message did not arrive"),
    }.get(kind, kind)
