"""Two profiles, one person: everything moves to one of them, a ledger remembers it, and undo puts it back exactly.

Nothing is deleted: the profile that was merged keeps its row and points at the one that took over. Undo follows the
addresses: what came in meanwhile by an address that goes back goes back with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from helpdesk import access, newcomers
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import CustomerChanged, CustomersMerged, Event
from helpdesk.folding import fold
from helpdesk.models import Customer, Identity, Invitation, Merge, Message, Organization, Response, Ticket
from helpdesk.models.ticket import UNSOLVED
from helpdesk.unit_of_work import UnitOfWork

# Tables whose rows belong to a person, by the name they have in the ledger.
MOVED: dict[str, Any] = {
    "identities": Identity,
    "tickets": Ticket,
    "messages": Message,
    "invitations": Invitation,
    "responses": Response,
}
# Fields of which one value is kept; an empty one is filled from the other profile.
CHOSEN = ("name", "given_name", "salutation", "locale", "timezone", "organization_id", "preferred_channel_id")
JOINED = ("notes", "vip", "survey_opt_out_at", "last_contact_at")
_TIMES = ("survey_opt_out_at", "last_contact_at")


@dataclass(frozen=True)
class Difference:
    """A field on which the profiles disagree; the words are what a person reads."""

    field: str
    target: str
    source: str


@dataclass(frozen=True)
class Preview:
    """What a merge would do. Counts are of what the viewer may see."""

    target: Customer
    source: Customer
    identities: list[Identity]
    tickets: int
    responses: int
    differences: list[Difference]


def preview(session: Session, viewer: Viewer, target_id: int, source_id: int) -> Preview:
    """Raises NotFound for people the viewer may not know, Invalid when both are the same."""
    target = access.customer_by_id(session, viewer, target_id)
    source = access.customer_by_id(session, viewer, source_id)
    _different(target, source)
    tickets = access.tickets_of(viewer, source.id).with_only_columns(Ticket.id)
    count = session.scalar(select(func.count()).select_from(tickets.subquery())) or 0
    rated = select(func.count()).where(Response.customer_id == source.id, Response.ticket_id.in_(tickets))
    return Preview(
        target,
        source,
        list(source.identities),
        count,
        session.scalar(rated) or 0,
        [
            Difference(name, _word(session, target, name), _word(session, source, name))
            for name in CHOSEN
            if getattr(target, name) and getattr(source, name) and getattr(target, name) != getattr(source, name)
        ],
    )


def _word(session: Session, customer: Customer, name: str) -> str:
    from helpdesk.models import Channel

    value = getattr(customer, name)
    row = {"organization_id": Organization, "preferred_channel_id": Channel}.get(name)
    if name == "locale":
        return str({"vi": "Tiếng Việt", "en": "English"}.get(value, value))
    return str(session.get_one(row, value).name if row is not None else value)  # type: ignore[attr-defined]


def _different(target: Customer, source: Customer) -> None:
    if target.id == source.id:
        raise Invalid(fields={"customer": _("This is already the same profile.")})


# --- merging -------------------------------------------------------------------------------------------------


def merge(
    work: UnitOfWork,
    viewer: Viewer,
    target_id: int,
    source_id: int,
    *,
    choose: Mapping[str, str] | None = None,
    reason: str = "",
) -> Merge:
    """Everything of `source` goes to `target`. `choose`: field -> "target" or "source" where they differ.

    The same merge asked for twice (or by twenty at once) is one. Raises NotFound, Invalid.
    """
    require_write(viewer)
    known = _asked_before(work.session, viewer, target_id, source_id)
    if known is not None:
        return known
    target = access.customer_by_id(work.session, viewer, target_id)
    source = access.customer_by_id(work.session, viewer, source_id)
    _different(target, source)
    _lock(work.session, target.id, source.id)
    if source.merged_into_id is not None or target.merged_into_id is not None:  # somebody was faster
        known = _asked_before(work.session, viewer, target_id, source_id)
        if known is not None:
            return known
        raise Conflict(_("One of these profiles was just merged by somebody else. Look again."))
    before, after = _join_fields(work, target, source, dict(choose or {}))
    moves = {name: _move(work.session, model, source.id, target.id) for name, model in MOVED.items()}
    source.merged_into_id = target.id
    row = Merge(
        source_id=source.id,
        target_id=target.id,
        reason=reason[:500],
        moves=moves,
        before={"fields": before, "after": after, "newest": _newest(work.session)},
        agent_id=viewer.agent_id,
        created_at=work.now,
    )
    work.session.add(row)
    work.session.flush()
    _tell(work, row, target.id, moves["tickets"], undone=False, reason=reason)
    return row


def _newest(session: Session) -> dict[str, int]:
    """Where the numbering of rows stood: what has a higher id came after the merge."""
    return {m.__tablename__: session.scalar(select(func.max(m.id))) or 0 for m in (Ticket, Message)}


def _asked_before(session: Session, viewer: Viewer, target_id: int, source_id: int) -> Merge | None:
    """The merge that already did this, while it holds."""
    source = session.get(Customer, source_id, populate_existing=True)
    if source is None or source.merged_into_id != target_id:
        return None
    access.customer_by_id(session, viewer, target_id)
    statement = select(Merge).where(Merge.source_id == source_id, Merge.undone_at.is_(None), Merge.kind == "customer")
    return session.scalar(statement.order_by(Merge.id.desc()).limit(1))


def _lock(session: Session, *ids: int) -> None:
    """The profiles' rows, always in the same order; a ticket being opened for one of them is waited for."""
    statement = select(Customer).where(Customer.id.in_(ids)).order_by(Customer.id)
    session.scalars(statement.with_for_update().execution_options(populate_existing=True)).all()


def _move(session: Session, model: Any, source_id: int, target_id: int) -> list[int]:
    moved = session.scalars(
        update(model)
        .where(model.customer_id == source_id)
        .values(customer_id=target_id)
        .returning(model.id)
        .execution_options(synchronize_session="fetch")
    )
    return sorted(moved)


def _join_fields(
    work: UnitOfWork, target: Customer, source: Customer, choose: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the target's fields; (values before, values after) of those that changed."""
    wanted: dict[str, Any] = {}
    for name in CHOSEN:
        mine, theirs = getattr(target, name), getattr(source, name)
        wanted[name] = theirs if theirs and (not mine or choose.get(name) == "source") else mine
    wanted["notes"] = "\n\n".join(dict.fromkeys(n for n in (target.notes, source.notes) if n))
    wanted["vip"] = target.vip or source.vip
    wanted["survey_opt_out_at"] = target.survey_opt_out_at or source.survey_opt_out_at
    wanted["last_contact_at"] = max(target.last_contact_at, source.last_contact_at)
    wanted["data_consent"] = {**(source.data_consent or {}), **(target.data_consent or {})}
    wanted["custom"] = {**(source.custom or {}), **(target.custom or {})}
    changed = {n: v for n, v in wanted.items() if getattr(target, n) != v}
    before = {n: _stored(getattr(target, n)) for n in changed}
    _set(target, changed)
    target.updated_at = work.now
    return before, {n: _stored(v) for n, v in changed.items()}


def _set(customer: Customer, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(customer, name, value)
    customer.name_folded = fold(customer.name)


def _stored(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _read(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in _TIMES and value else value


def _tell(work: UnitOfWork, row: Merge, target_id: int, ticket_ids: list[int], *, undone: bool, reason: str) -> None:
    work.record(
        CustomersMerged(customer_id=target_id, source=row.source_id, merge_id=row.id, undone=undone), reason=reason
    )
    owner = row.source_id if undone else target_id
    live = select(Ticket.id).where(Ticket.id.in_(ticket_ids), Ticket.status.in_(UNSOLVED)).order_by(Ticket.id)
    for ticket_id in work.session.scalars(live):  # open pages show whose ticket it is
        work.record(CustomerChanged(ticket_id=ticket_id, customer_id=owner, fields=("merged",)))


# --- undo ----------------------------------------------------------------------------------------------------


def undo(work: UnitOfWork, viewer: Viewer, merge_id: int) -> Merge:
    """Give back what was merged, wherever later merges took it. Undone twice is undone once. Raises NotFound."""
    require_write(viewer)
    row = work.session.get(Merge, merge_id, with_for_update=True, populate_existing=True)
    if row is None or row.kind != "customer":
        raise NotFound()
    holder = access.customer_by_id(work.session, viewer, row.target_id)
    if row.undone_at is not None:
        return row
    _lock(work.session, row.source_id, row.target_id, holder.id)
    source = work.session.get_one(Customer, row.source_id)
    holders = _chain(work.session, row.target_id)
    _restore_fields(work, row)
    tickets = _give_back(work, row, holders)
    source.merged_into_id = None
    source.updated_at = row.undone_at = work.now
    row.undone_by_id = viewer.agent_id
    work.session.flush()
    _tell(work, row, holder.id, tickets, undone=True, reason="")
    return row


def _chain(session: Session, customer_id: int) -> list[int]:
    """The profile that took over, and those that took it over in turn."""
    found = [customer_id]
    while (following := session.scalar(select(Customer.merged_into_id).where(Customer.id == found[-1]))) is not None:
        if following in found:
            break
        found.append(following)
    return found


def _restore_fields(work: UnitOfWork, row: Merge) -> None:
    """What the merge set on the target, unless somebody has changed it since."""
    target = work.session.get_one(Customer, row.target_id)
    before, after = row.before.get("fields", {}), row.before.get("after", {})
    _set(target, {n: _read(n, v) for n, v in before.items() if _stored(getattr(target, n)) == after.get(n)})
    target.updated_at = work.now


def _give_back(work: UnitOfWork, row: Merge, holders: list[int]) -> list[int]:
    """Rows of the ledger, and what came since by the addresses that go back. Returns the tickets."""
    session, moves, source = work.session, row.moves, row.source_id
    addresses = moves.get("identities", [])
    newest = row.before.get("newest", {})
    later = and_(Ticket.id > newest.get("tickets", 0), _began(addresses))
    tickets = _return(session, Ticket, holders, source, or_(Ticket.id.in_(moves.get("tickets", [])), later))
    later = and_(Message.id > newest.get("messages", 0), Message.identity_id.in_(addresses))
    _return(session, Message, holders, source, or_(Message.id.in_(moves.get("messages", [])), later))
    for name in ("invitations", "responses"):
        model = MOVED[name]
        _return(session, model, holders, source, or_(model.id.in_(moves.get(name, [])), model.ticket_id.in_(tickets)))
    _return(session, Identity, holders, source, Identity.id.in_(addresses))
    return tickets


def _began(identity_ids: list[int]) -> ColumnElement[bool]:
    """Tickets whose first message came from (or went to) one of these addresses."""
    other = aliased(Message)
    first = select(func.min(other.id)).where(other.ticket_id == Ticket.id).correlate(Ticket).scalar_subquery()
    return exists().where(Message.id == first, Message.identity_id.in_(identity_ids)).correlate(Ticket)


def _return(session: Session, model: Any, holders: list[int], source: int, which: ColumnElement[bool]) -> list[int]:
    ids = list(session.scalars(select(model.id).where(model.customer_id.in_(holders), which)))
    if ids:
        session.execute(
            update(model)
            .where(model.id.in_(ids))
            .values(customer_id=source)
            .execution_options(synchronize_session="fetch")
        )
    return sorted(ids)


# --- listeners -----------------------------------------------------------------------------------------------


def on_arrival(work: UnitOfWork, event: Event) -> None:
    """A ticket or message that was being written while its customer was merged goes where the customer went.

    (PostgreSQL: the new row's reference waits for the merge's lock, so the merge is seen here. SQLite has one writer.)
    """
    if work.session.get_bind().dialect.name == "sqlite" or event.customer_id is None:
        return
    if newcomers.is_new(work.session, Customer, event.customer_id):  # nobody has seen them yet
        return
    owner = _chain(work.session, event.customer_id)[-1]
    if owner == event.customer_id:
        return
    about: tuple[tuple[Any, int | None], ...] = ((Ticket, event.ticket_id), (Message, event.message_id))
    for model, id_ in about:
        row = work.session.get(model, id_) if id_ is not None else None
        if row is not None and row.customer_id == event.customer_id:
            row.customer_id = owner


def merges_of(session: Session, customer_id: int) -> list[Merge]:
    """Merges that hold, into this profile or into those merged into it, newest first."""
    found: list[Merge] = []
    waiting = [customer_id]
    while waiting:
        rows = session.scalars(
            select(Merge).where(Merge.target_id == waiting.pop(), Merge.undone_at.is_(None), Merge.kind == "customer")
        ).all()
        found += rows
        waiting += [r.source_id for r in rows]
    return sorted(found, key=lambda r: r.id, reverse=True)
