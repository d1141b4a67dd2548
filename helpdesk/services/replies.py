"""What the desk says: replies, notes, conversations we begin, and automatic messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, Forbidden, Invalid, NewerMessages
from helpdesk.events import NoteAdded, ReplySent
from helpdesk.folding import one_line
from helpdesk.models import Agent, Channel, Customer, Message, Team, Ticket
from helpdesk.services import approved as approved_messages
from helpdesk.services import drafts, files, opening, outgoing, preferred, search, sharing, tickets, ways
from helpdesk.services.courtesy import meaningful_line
from helpdesk.services.outgoing import answered, deliver
from helpdesk.services.ways import Option, options
from helpdesk.services.written import MAX_TEXT, Written, content, copies, within_limits
from helpdesk.unit_of_work import UnitOfWork


def reply(work: UnitOfWork, viewer: Viewer, ticket: Ticket, written: Written, *, approved: bool = False) -> Message:
    """A public reply. The ticket's row is locked by the caller. `approved`: somebody who may let a newcomer's go.

    Raises NewerMessages when somebody else wrote after `seen_seq`; Invalid for content or a way that cannot work.
    A repeated `client_msg_id` gives the first message again (other content: Invalid).
    """
    require_write(viewer)
    earlier = _repeated(work, viewer, written)
    if earlier is not None:
        return earlier
    if ticket.shelf == "merged":
        raise Conflict("This ticket was merged into another one.")
    check_seen(work.session, viewer, ticket, written.seen_seq)
    text, html = content(written)
    channel, connector, identity = ways.choose(
        work.session, ticket, written.channel_id, written.identity_id, template=written.template
    )
    within_limits(connector, text, written, identity.value)
    cc = copies(connector, written.cc)
    agent = work.session.get(Agent, viewer.agent_id)
    if agent is not None and agent.needs_approval and not approved:
        raise Forbidden(_("Your replies are approved before they go out: answer in the ticket, not from elsewhere."))
    meta: dict[str, Any] | None = {"shared": sharing.packed(written.shared)} if written.shared else None
    if written.template:
        filled = approved_messages.fill(work.session, ticket, connector, identity, agent, text, written.template)
        text, html, meta = filled.text, "", filled.meta
    message = outgoing.make(work, ticket, channel, identity, text, html, agent=agent, written=written, meta=meta)
    files.claim_uploads(work.session, written.attachments, viewer.actor, message.id)
    outgoing.deliver(work, ticket, message, channel, connector, identity, cc=cc)
    outgoing.answered(work, ticket, message, channel, identity)
    work.record(
        ReplySent(
            ticket_id=ticket.id,
            customer_id=ticket.customer_id,
            message_id=message.id,
            channel_id=channel.id,
            agent_id=viewer.agent_id,
        )
    )
    if ticket.assignee_id is None:
        tickets.assign(work, viewer, ticket, viewer.agent_id, reason="They answered first.")
    _then(work, viewer, ticket, written.then)
    drafts.forget(work, viewer, ticket.id, "reply")
    return message


def note(work: UnitOfWork, viewer: Viewer, ticket: Ticket, written: Written, mentions: Sequence[int] = ()) -> Message:
    """An internal note; those mentioned may open the ticket from then on."""
    require_write(viewer)
    earlier = _repeated(work, viewer, written)
    if earlier is not None:
        return earlier
    text, html = content(written)
    message = Message(
        ticket_id=ticket.id,
        kind="note",
        direction="out",
        public=False,
        author_type="agent",
        agent_id=viewer.agent_id,
        text=text,
        html=html,
        client_msg_id=written.client_msg_id or None,
        author_key=viewer.actor if written.client_msg_id else None,
        created_at=work.now,
    )
    work.session.add(message)
    work.session.flush()
    files.claim_uploads(work.session, written.attachments, viewer.actor, message.id)
    search.index_message(work.session, message)
    known = set(work.session.scalars(select(Agent.id).where(Agent.id.in_(mentions), Agent.disabled_at.is_(None))))
    for agent_id in sorted(known - {viewer.agent_id}):
        tickets.follow(work, viewer, ticket, agent_id, why="mention")
    ticket.message_count += 1
    ticket.updated_at = work.now
    work.record(
        NoteAdded(ticket_id=ticket.id, message_id=message.id, agent_id=viewer.agent_id, mentions=tuple(sorted(known)))
    )
    drafts.forget(work, viewer, ticket.id, "note")
    return message


def start(
    work: UnitOfWork,
    viewer: Viewer,
    customer: Customer,
    written: Written,
    *,
    team_id: int | None = None,
    assign: bool = True,
) -> Ticket:
    """A conversation we begin: a ticket and its first message, by the preferred (or named) channel.

    A newcomer's is begun by held.begin. Raises Invalid when the customer cannot be reached that way.
    """
    require_write(viewer)
    earlier = _repeated(work, viewer, written, anywhere=True)
    if earlier is not None:
        return work.session.get_one(Ticket, earlier.ticket_id)
    ticket, written = begin(work, viewer, customer, written, team_id=team_id, assign=assign)
    reply(work, viewer, ticket, written)
    return ticket


def begin(
    work: UnitOfWork,
    viewer: Viewer,
    customer: Customer,
    written: Written,
    *,
    team_id: int | None = None,
    assign: bool = True,
) -> tuple[Ticket, Written]:
    """The ticket of a conversation we begin, and what was written with the way it goes. Nothing is said yet."""
    text, _html = content(written)
    possible = [w for w in ways.of_customer(work.session, customer.id) if w.ok]
    if written.identity_id is not None:
        possible = [w for w in possible if w.identity_id == written.identity_id]
    if written.channel_id is not None:
        possible = [w for w in possible if w.channel_id == written.channel_id]
    liked = preferred.of(work.session, customer)
    possible.sort(key=lambda w: liked is None or w.channel_id != liked.channel_id)
    if not possible:
        raise Invalid(fields={"channel": str(_l("This customer cannot be reached that way."))})
    way = possible[0]
    channel = work.session.get_one(Channel, way.channel_id)
    ticket = opening.open_ticket(
        work,
        customer=customer,
        subject=written.subject or meaningful_line(text) or one_line(text, 90),
        channel_id=way.channel_id,
        identity_id=way.identity_id,
        team_id=team_id if team_id is not None else channel.team_id,
        status="open",
        assignee_id=viewer.agent_id if assign else None,
        reason="We wrote first.",
    )
    return ticket, replace(written, channel_id=way.channel_id, identity_id=way.identity_id, seen_seq=None)


def automatic(
    work: UnitOfWork,
    ticket: Ticket,
    text: str,
    *,
    html: str = "",
    kind: str = "reply",
    channel_id: int | None = None,
    identity_id: int | None = None,
    meta: dict[str, Any] | None = None,
    subject: str = "",
    reason: str = "",
) -> Message | None:
    """Something no person wrote (acknowledgement, survey). None when the way is closed; it changes no status."""
    written = Written(text=text, html=html, channel_id=channel_id, identity_id=identity_id, subject=subject)
    try:
        channel, connector, identity = ways.choose(
            work.session, ticket, written.channel_id, written.identity_id, automatic=True
        )
    except Invalid:
        return None
    message = outgoing.make(
        work, ticket, channel, identity, text, html, agent=None, written=written, kind=kind, meta=meta
    )
    message.reason = reason
    outgoing.deliver(work, ticket, message, channel, connector, identity)
    ticket.message_count += 1
    work.record(
        ReplySent(
            ticket_id=ticket.id,
            customer_id=ticket.customer_id,
            message_id=message.id,
            channel_id=channel.id,
            agent_id=None,
            automatic=True,
        ),
        reason=reason,
    )
    return message


# --- parts ---------------------------------------------------------------------------------------------------


def check_seen(session: Session, viewer: Viewer, ticket: Ticket, seen_seq: int | None) -> None:
    """Raises NewerMessages if and only if somebody else's message has a higher number."""
    if seen_seq is None:
        return
    rows = session.execute(
        select(Message.id, Message.seq)
        .where(
            Message.ticket_id == ticket.id,
            Message.seq > seen_seq,
            func.coalesce(Message.agent_id, 0) != viewer.agent_id,
        )
        .order_by(Message.seq)
    ).all()
    if rows:
        raise NewerMessages([r.id for r in rows], rows[-1].seq)


def _repeated(work: UnitOfWork, viewer: Viewer, written: Written, *, anywhere: bool = False) -> Message | None:
    if not written.client_msg_id:
        return None
    found = work.session.scalar(
        select(Message).where(Message.author_key == viewer.actor, Message.client_msg_id == written.client_msg_id)
    )
    if found is None:
        return None
    if found.text != content(written)[0] and not found.meta.get("template"):
        raise Invalid(fields={"client_msg_id": "This id was used for another message."})
    return found


def _then(work: UnitOfWork, viewer: Viewer, ticket: Ticket, then: str) -> None:
    if then == "solve":
        tickets.set_status(work, viewer, ticket, "solved")
    elif then in ("open", "pending", "on_hold"):
        tickets.set_status(work, viewer, ticket, then)
    else:
        team = work.session.get(Team, ticket.team_id) if ticket.team_id else None
        tickets.set_status(work, viewer, ticket, team.status_after_send if team else "pending")


__all__ = [
    "MAX_TEXT", "Option", "Written", "answered", "automatic", "check_seen", "deliver", "note", "options", "reply",
    "start",
]  # fmt: skip
