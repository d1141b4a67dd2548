"""Replies that are written and wait: for their hour (send later), or for somebody's approval (newcomers)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Shared
from helpdesk import access
from helpdesk.access import Viewer, require_write, viewer_of
from helpdesk.errors import Conflict, Forbidden, HelpdeskError, Invalid, NewerMessages, NotFound
from helpdesk.events import ReplyHeld
from helpdesk.folding import clean, one_line
from helpdesk.models import Agent, Customer, HeldReply, Message, Ticket
from helpdesk.models.held import HELD_OPEN
from helpdesk.services import drafts, replies, sharing, tickets, ways
from helpdesk.services.written import Written, content, copies, within_limits
from helpdesk.unit_of_work import UnitOfWork, savepoint

MOST_ON_A_TICKET = 20
LATEST = timedelta(days=366)
EARLY = timedelta(seconds=1)  # the clock that wakes us may be this much ahead


def needed(work: UnitOfWork, viewer: Viewer) -> bool:
    """Do this agent's replies wait for approval?"""
    agent = work.session.get(Agent, viewer.agent_id)
    return agent is not None and agent.needs_approval


def hold(
    work: UnitOfWork, viewer: Viewer, ticket: Ticket, written: Written, *, why: str, send_at: datetime | None = None
) -> HeldReply:
    """Keep a reply until `send_at` (later), or until somebody approves it (review; then until `send_at`, if given).

    Whether it could go is checked now and once more when it goes. The same `client_msg_id` again is the same one.
    Raises Invalid, NewerMessages as a reply would.
    """
    require_write(viewer)
    if ticket.shelf == "merged":
        raise Conflict(_("This ticket was merged into another one."))
    again = _repeated(work.session, viewer, ticket, written)
    if again is not None:
        return again
    if send_at is not None and not work.now < send_at <= work.now + LATEST:
        raise Invalid(fields={"send_at": _("Choose a time in the future.")})
    replies.check_seen(work.session, viewer, ticket, written.seen_seq)
    wanted = tickets.wanted_to_solve(work.session, ticket) if written.then == "solve" else {}
    if wanted:  # asked now, while its author is here
        raise Invalid(fields=wanted)
    text, html = content(written)
    _channel, connector, identity = ways.choose(
        work.session, ticket, written.channel_id, written.identity_id, template=written.template
    )
    within_limits(connector, text, written, identity.value)
    copies(connector, written.cc)
    if len(of(work.session, ticket.id)) >= MOST_ON_A_TICKET:
        raise Conflict(_("Too many replies wait in this ticket already."))
    row = HeldReply(
        ticket_id=ticket.id,
        agent_id=viewer.agent_id,
        why=why,
        text=text,
        html=html,
        data=_data(written),
        seen_seq=written.seen_seq or 0,
        send_at=send_at,
        created_at=work.now,
        updated_at=work.now,
    )
    work.session.add(row)
    work.session.flush()
    drafts.forget(work, viewer, ticket.id, "reply")
    if why == "later":
        _wake(work, row)
    _tell(work, row)
    return row


def begin(work: UnitOfWork, viewer: Viewer, customer: Customer, written: Written) -> Ticket:
    """A conversation we begin. A newcomer's first message waits in its ticket for approval. Raises as replies.start."""
    if not needed(work, viewer):
        return replies.start(work, viewer, customer, written)
    require_write(viewer)
    if written.client_msg_id:
        mine = select(HeldReply).where(HeldReply.agent_id == viewer.agent_id).order_by(HeldReply.id.desc()).limit(50)
        for row in work.session.scalars(mine):
            if row.data.get("client_msg_id") == written.client_msg_id:
                return work.session.get_one(Ticket, row.ticket_id)
    ticket, written = replies.begin(work, viewer, customer, written)
    ticket.preview = one_line(written.text, 300)
    hold(work, viewer, ticket, written, why="review")
    return ticket


def of(session: Session, ticket_id: int) -> list[HeldReply]:
    """Those of a ticket that somebody has still to look at, oldest first."""
    statement = select(HeldReply).where(HeldReply.ticket_id == ticket_id, HeldReply.state.in_(HELD_OPEN))
    return list(session.scalars(statement.order_by(HeldReply.id)))


def to_review(session: Session, viewer: Viewer, limit: int = 100) -> list[tuple[HeldReply, Ticket]]:
    """Replies that wait for approval in tickets the viewer may open, oldest first; not their own."""
    access.require(viewer, "review")
    statement = (
        select(HeldReply, Ticket)
        .join(Ticket, Ticket.id == HeldReply.ticket_id)
        .where(HeldReply.state == "waiting", HeldReply.why == "review", HeldReply.agent_id != viewer.agent_id)
        .where(access.seen(viewer))
    )
    return [(row, ticket) for row, ticket in session.execute(statement.order_by(HeldReply.id).limit(limit))]


# --- its hour ------------------------------------------------------------------------------------------------


def release(work: UnitOfWork, held_id: int) -> Message | None:
    """Its hour has come: send it, or say in the ticket why it stopped. None when there is nothing to do any more."""
    row = work.session.get(HeldReply, held_id, with_for_update=True)
    due = row is not None and row.send_at is not None and row.send_at <= work.now + EARLY
    if row is None or row.state != "waiting" or row.why != "later" or not due:
        return None
    ticket = work.session.get_one(Ticket, row.ticket_id, with_for_update=True)
    work.actor = f"agent:{row.agent_id}"
    try:
        with savepoint(work):
            return _send(work, row, ticket, row.seen_seq or None)
    except NewerMessages:
        _stop(work, row, "Somebody wrote since it was written.")
    except HelpdeskError as error:
        _stop(work, row, error.message)
    return None


def send_now(work: UnitOfWork, viewer: Viewer, held_id: int, seen_seq: int | None) -> Message:
    """By its author, who has seen the ticket up to `seen_seq`. Raises NewerMessages, Invalid, Conflict."""
    row, ticket = _held(work, viewer, held_id)
    if row.agent_id != viewer.agent_id:
        raise Forbidden(_("Only who wrote it can send it."))
    if row.why == "review":
        raise Conflict(_("It waits for approval."))
    return _send(work, row, ticket, seen_seq)


def drop(work: UnitOfWork, viewer: Viewer, held_id: int) -> HeldReply:
    """It does not go. Whoever works on the ticket may stop it; a twice dropped one is dropped once."""
    row, _ticket = _held(work, viewer, held_id, states=(*HELD_OPEN, "dropped"))
    if row.state != "dropped":
        _decide(work, viewer, row, "dropped")
    return row


def take_back(work: UnitOfWork, viewer: Viewer, held_id: int) -> dict[str, Any]:
    """Its author writes on: it is their draft again, which is answered as the composer takes it up."""
    row, ticket = _held(work, viewer, held_id)
    if row.agent_id != viewer.agent_id:
        raise Forbidden(_("Only who wrote it can change it."))
    _decide(work, viewer, row, "dropped")
    data = {k: row.data[k] for k in ("cc", "attachments", "shared") if row.data.get(k)}
    if row.data.get("channel_id"):
        data["via"] = f"{row.data['channel_id']}:{row.data['identity_id']}"
    draft = drafts.begin_again(work, viewer, ticket, *said(row), data)
    return drafts.as_told(work.session, viewer, draft) if draft is not None else {}


def said(row: HeldReply) -> tuple[str, str]:
    """What its author wrote. The row shows also the words for what goes along, which a reply adds by itself."""
    shared = _shared(row)
    return sharing.apart(row.text, row.html, shared) if shared else (row.text, row.html)


def _shared(row: HeldReply) -> Shared | None:
    return sharing.unpacked(row.data["shared"]) if row.data.get("shared") else None


# --- somebody's approval -------------------------------------------------------------------------------------


def approve(work: UnitOfWork, viewer: Viewer, held_id: int, seen_seq: int | None) -> HeldReply:
    """It goes out under its author's name, at once or at its hour. Raises Forbidden, NewerMessages, Conflict."""
    row, ticket = _reviewed(work, viewer, held_id)
    row.decided_by_id = viewer.agent_id
    if row.send_at is not None and row.send_at > work.now:
        row.why, row.updated_at = "later", work.now
        row.seen_seq = max(row.seen_seq, seen_seq or 0)
        _wake(work, row)
        _tell(work, row)
        return row
    _send(work, row, ticket, seen_seq)
    return row


def send_back(work: UnitOfWork, viewer: Viewer, held_id: int, note: str) -> HeldReply:
    """To its author, with what to change. Raises Invalid without a note."""
    row, _ticket = _reviewed(work, viewer, held_id)
    note = clean(note).strip()[:2000]
    if not note:
        raise Invalid(fields={"note": _("Say what should be changed.")})
    row.note = note
    _decide(work, viewer, row, "returned")
    return row


# --- parts ---------------------------------------------------------------------------------------------------


def _held(
    work: UnitOfWork, viewer: Viewer, held_id: int, states: tuple[str, ...] = HELD_OPEN
) -> tuple[HeldReply, Ticket]:
    """It and its ticket, both locked. Raises NotFound; Conflict when somebody decided meanwhile."""
    require_write(viewer)
    row = work.session.get(HeldReply, held_id)
    if row is None:
        raise NotFound()
    ticket = access.ticket_by_id(work.session, viewer, row.ticket_id, lock=True)
    work.session.refresh(row, with_for_update=True)
    if row.state not in states:
        raise Conflict(_("It was sent or dropped meanwhile."))
    return row, ticket


def _reviewed(work: UnitOfWork, viewer: Viewer, held_id: int) -> tuple[HeldReply, Ticket]:
    row, ticket = _held(work, viewer, held_id, states=("waiting",))
    if not viewer.may("review") or row.agent_id == viewer.agent_id:
        raise Forbidden(_("Somebody who reviews has to approve it."))
    if row.why != "review":
        raise Conflict(_("It does not wait for approval."))
    return row, ticket


def _send(work: UnitOfWork, row: HeldReply, ticket: Ticket, seen_seq: int | None) -> Message:
    author = work.session.get_one(Agent, row.agent_id)
    if not author.active:
        raise Conflict("Its author does not work here any more.")
    text, html = said(row)
    written = Written(
        text=text,
        html=html,
        shared=_shared(row),
        channel_id=row.data.get("channel_id"),
        identity_id=row.data.get("identity_id"),
        cc=tuple(row.data.get("cc", ())),
        attachments=tuple(row.data.get("attachments", ())),
        client_msg_id=f"held-{row.id}",
        seen_seq=seen_seq,
        then=row.data.get("then", "default"),
        template=row.data.get("template", ""),
        subject=row.data.get("subject", ""),
    )
    message = replies.reply(work, viewer_of(author), ticket, written, approved=True)
    row.message_id = message.id
    row.state, row.updated_at = "sent", work.now
    _tell(work, row)
    return message


def _stop(work: UnitOfWork, row: HeldReply, why: str) -> None:
    row.note = why
    row.state, row.updated_at = "stopped", work.now
    _tell(work, row)


def _decide(work: UnitOfWork, viewer: Viewer, row: HeldReply, state: str) -> None:
    row.state, row.updated_at, row.decided_by_id = state, work.now, viewer.agent_id
    _tell(work, row)


def _wake(work: UnitOfWork, row: HeldReply) -> None:
    work.enqueue("reactions", "held_reply_due", {"held_id": row.id}, run_at=row.send_at)


def _tell(work: UnitOfWork, row: HeldReply) -> None:
    held = ReplyHeld(ticket_id=row.ticket_id, held_id=row.id, agent_id=row.agent_id, why=row.why, state=row.state)
    work.record(held)


def _data(written: Written) -> dict[str, Any]:
    return {
        "channel_id": written.channel_id,
        "identity_id": written.identity_id,
        "cc": list(written.cc),
        "attachments": list(written.attachments),
        "then": written.then,
        "client_msg_id": written.client_msg_id,
        "template": written.template,
        "subject": written.subject,
        "shared": sharing.packed(written.shared) if written.shared else None,
    }


def _repeated(session: Session, viewer: Viewer, ticket: Ticket, written: Written) -> HeldReply | None:
    if not written.client_msg_id:
        return None
    mine = select(HeldReply).where(HeldReply.ticket_id == ticket.id, HeldReply.agent_id == viewer.agent_id)
    return next((r for r in session.scalars(mine) if r.data.get("client_msg_id") == written.client_msg_id), None)


__all__ = [
    "approve",
    "begin",
    "drop",
    "hold",
    "needed",
    "of",
    "release",
    "said",
    "send_back",
    "send_now",
    "take_back",
    "to_review",
]
