"""Two tickets, one matter: the messages go to one of them, a ledger remembers it, and undo puts them back.

The ticket that was merged keeps its row, number and history and points at the one that took over; what its customer
answers later goes there by itself (services/threading.py follows the pointer).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import TicketAbsorbed, TicketsMerged
from helpdesk.models import Delivery, FollowUpTask, Grant, HeldReply, Inbound, Merge, Message, Ticket, TicketTag
from helpdesk.services import drafts, sla, standing
from helpdesk.services.identities import insert_or_skip
from helpdesk.services.turns import wants_answer
from helpdesk.unit_of_work import UnitOfWork

KIND = "ticket"
# Rows that go along with the matter, by the name they have in the ledger.
MOVED: dict[str, Any] = {"messages": Message, "deliveries": Delivery, "tasks": FollowUpTask, "held": HeldReply}


def merge(work: UnitOfWork, viewer: Viewer, source_number: int, target_number: int) -> Merge:
    """Everything said in `source` goes to `target`. The same merge asked for twice is one.

    Raises NotFound for what the viewer may not see, Invalid for a ticket and itself, Conflict for one that is put away.
    """
    require_write(viewer)
    source, target = _locked(work, viewer, source_number, target_number)
    if source.merged_into_id is not None:
        known = holding(work.session, source.id)
        if known is not None and known.target_id == target.id:
            return known
        raise Conflict(_("Ticket #%(number)s was merged already.", number=source.number))
    if target.shelf in ("spam", "trash", "merged") or target.status == "closed":
        raise Conflict(_("Ticket #%(number)s is closed or put away; reopen it first.", number=target.number))
    waits = _waiting_message(work.session, source) if source.needs_reply else None
    before = _state(source) | {"newest": work.session.scalar(select(func.max(Message.id))) or 0}
    moves = {name: _move(work.session, model, source.id, target.id) for name, model in MOVED.items()}
    _say_where(work.session, moves["messages"], target.id)
    moves["tags"], moves["followers"] = _share(work, source, target)
    _count(work.session, source, target)
    source.merged_into_id = target.id
    source.put_away("merged")
    source.needs_reply, source.waiting_since, source.updated_at = False, None, work.now
    row = Merge(
        kind=KIND, source_id=source.id, target_id=target.id, moves=moves, before=before,
        agent_id=viewer.agent_id, created_at=work.now,
    )  # fmt: skip
    work.session.add(row)
    standing.reckon(work, target)
    drafts.move(work.session, source.id, target.id)
    _tell(work, source, target, undone=False)
    if waits is not None and not standing.answered_after(work.session, waits) and wants_answer(work, target, waits):
        sla.turn(work, target)
    return row


def undo(work: UnitOfWork, viewer: Viewer, source_number: int) -> Ticket:
    """Give the merged ticket its messages back, with what its own customer wrote since; that ticket. Twice is once.

    Raises NotFound when it was never merged, or the viewer may not see one of the two; Conflict when the ticket that
    took over was merged itself meanwhile.
    """
    require_write(viewer)
    source = access.ticket_by_number(work.session, viewer, source_number, lock=True)
    row = holding(work.session, source.id)
    if row is None:
        if _undone(work.session, source.id):
            return source
        raise NotFound()
    target = access.ticket_by_id(work.session, viewer, row.target_id, lock=True)
    if target.merged_into_id is not None:
        raise Conflict(_("Undo the merge of ticket #%(number)s first.", number=target.number))
    for name, model in MOVED.items():
        _give_back(work.session, model, row.moves.get(name, []), target.id, source.id)
    _later(work.session, row, source, target)
    ids = list(work.session.scalars(select(Message.id).where(Message.ticket_id == source.id)))
    _say_where(work.session, ids, source.id)
    _unshare(work.session, row, target)
    _count(work.session, source, target)
    source.merged_into_id = None
    source.take_back()
    source.status, source.needs_reply = row.before["status"], False
    source.reshelve()
    row.undone_at, row.undone_by_id = work.now, viewer.agent_id
    waited = target.needs_reply
    standing.reckon(work, source)
    standing.reckon(work, target)
    if waited and not target.needs_reply:
        sla.nobody_waits(work, target)
    _tell(work, source, target, undone=True)
    return source


def holding(session: Session, source_id: int) -> Merge | None:
    """The merge of this ticket that holds."""
    statement = select(Merge).where(Merge.kind == KIND, Merge.source_id == source_id, Merge.undone_at.is_(None))
    return session.scalar(statement.order_by(Merge.id.desc()).limit(1))


def absorbed(session: Session, viewer: Viewer, target_id: int) -> list[Ticket]:
    """Tickets merged into this one that the viewer may see."""
    sources = select(Merge.source_id).where(holds(target_id))
    return list(
        session.scalars(select(Ticket).where(Ticket.id.in_(sources), access.seen(viewer)).order_by(Ticket.number))
    )


def holds(target_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Merges into this ticket that were not undone."""
    return and_(Merge.kind == KIND, Merge.target_id == target_id, Merge.undone_at.is_(None))


# --- parts ---------------------------------------------------------------------------------------------------


def _locked(work: UnitOfWork, viewer: Viewer, source_number: int, target_number: int) -> tuple[Ticket, Ticket]:
    """Both rows, locked in the order of their ids, so that two merges cannot wait for each other."""
    source = access.ticket_by_number(work.session, viewer, source_number)
    target = access.ticket_by_number(work.session, viewer, target_number)
    if source.id == target.id:
        raise Invalid(fields={"number": _("This is the same ticket.")})
    for id_ in sorted((source.id, target.id)):
        access.ticket_by_id(work.session, viewer, id_, lock=True)
    work.session.refresh(source)
    work.session.refresh(target)
    return source, target


def _state(source: Ticket) -> dict[str, Any]:
    return {"status": source.status, "shelf": source.shelf, "customer_id": source.customer_id}


def _move(session: Session, model: Any, source_id: int, target_id: int) -> list[int]:
    moved = session.scalars(
        update(model)
        .where(model.ticket_id == source_id)
        .values(ticket_id=target_id)
        .returning(model.id)
        .execution_options(synchronize_session="fetch")
    )
    return sorted(moved)


def _give_back(session: Session, model: Any, ids: Sequence[int], target_id: int, source_id: int) -> None:
    """Those that are still where the merge put them."""
    session.execute(
        update(model)
        .where(model.id.in_(ids), model.ticket_id == target_id)
        .values(ticket_id=source_id)
        .execution_options(synchronize_session="fetch")
    )


def _say_where(session: Session, message_ids: Sequence[int], ticket_id: int) -> None:
    """The raws tell which ticket they became part of."""
    session.execute(
        update(Inbound)
        .where(Inbound.message_id.in_(message_ids))
        .values(ticket_id=ticket_id)
        .execution_options(synchronize_session=False)
    )


def _later(session: Session, row: Merge, source: Ticket, target: Ticket) -> None:
    """What came since by the source's own customer goes back with it, where that is another person."""
    if source.customer_id == target.customer_id:
        return
    newer = select(Message.id).where(
        Message.ticket_id == target.id,
        Message.id > row.before.get("newest", 0),
        Message.customer_id == source.customer_id,
        Message.direction == "in",
    )
    _give_back(session, Message, list(session.scalars(newer)), target.id, source.id)


def _share(work: UnitOfWork, source: Ticket, target: Ticket) -> tuple[list[int], list[int]]:
    """Tags and followers of the source that the target did not have; their ids."""
    session = work.session
    theirs = set(session.scalars(select(TicketTag.tag_id).where(TicketTag.ticket_id == source.id)))
    theirs -= set(session.scalars(select(TicketTag.tag_id).where(TicketTag.ticket_id == target.id)))
    session.add_all(TicketTag(ticket_id=target.id, tag_id=i) for i in sorted(theirs))
    added = []
    for agent_id, why in session.execute(
        select(Grant.agent_id, Grant.why).where(Grant.ticket_id == source.id).order_by(Grant.id)
    ).all():
        values = {"ticket_id": target.id, "agent_id": agent_id, "why": why, "unread": False, "created_at": work.now}
        if insert_or_skip(session, Grant, values, ["ticket_id", "agent_id", "why"]):
            added.append(agent_id)
    return sorted(theirs), sorted(set(added))


def _unshare(session: Session, row: Merge, target: Ticket) -> None:
    for tag_id in row.moves.get("tags", []):
        tagged = session.get(TicketTag, (target.id, tag_id))
        if tagged is not None:
            session.delete(tagged)
    theirs = Grant.agent_id.in_(row.moves.get("followers", [])) & (Grant.created_at == row.created_at)
    session.execute(delete(Grant).where(Grant.ticket_id == target.id, theirs))


def _count(session: Session, *changed: Ticket) -> None:
    session.flush()
    for ticket in changed:
        counted = select(func.count()).select_from(Message).where(Message.ticket_id == ticket.id)
        ticket.message_count = session.scalar(counted) or 0


def _waiting_message(session: Session, ticket: Ticket) -> Message | None:
    """The newest message of the customer's that wants an answer."""
    statement = select(Message).where(
        Message.ticket_id == ticket.id,
        Message.direction == "in",
        Message.auto == "no",
        Message.courtesy.is_(False),
    )
    return session.scalar(statement.order_by(Message.id.desc()).limit(1))


def _tell(work: UnitOfWork, source: Ticket, target: Ticket, *, undone: bool) -> None:
    merged = TicketsMerged(ticket_id=source.id, customer_id=source.customer_id, into=target.id, undone=undone)
    work.record(merged, reason=f"It went into ticket #{target.number}." if not undone else "")
    work.record(TicketAbsorbed(ticket_id=target.id, source=source.id, number=source.number, undone=undone))


def _undone(session: Session, source_id: int) -> bool:
    statement = select(Merge.id).where(Merge.kind == KIND, Merge.source_id == source_id).limit(1)
    return session.scalar(statement) is not None


__all__ = ["absorbed", "holding", "holds", "merge", "undo"]
