"""Tickets that belong together: related, part of another (parent), or the same matter once more (duplicate)."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Invalid
from helpdesk.events import TicketsLinked
from helpdesk.models import Ticket, TicketLink
from helpdesk.unit_of_work import UnitOfWork

# As seen from the ticket: the other one is … A stored row reads "ticket_id's <kind> is other_id".
KINDS = ("related", "parent", "child", "duplicate")
_BACK = {"related": "related", "parent": "child", "duplicate": "duplicated"}


@dataclass(frozen=True)
class Link:
    """`kind`: one of KINDS, or "duplicated" where the other one is a duplicate of this."""

    kind: str
    number: int
    subject: str
    status: str


def of(session: Session, viewer: Viewer, ticket_id: int) -> list[Link]:
    """Links to tickets that the viewer may open, the parent first."""
    rows = session.execute(
        select(TicketLink, Ticket)
        .join(
            Ticket,
            or_(
                and_(TicketLink.ticket_id == ticket_id, Ticket.id == TicketLink.other_id),
                and_(TicketLink.other_id == ticket_id, Ticket.id == TicketLink.ticket_id),
            ),
        )
        .where(access.seen(viewer))
    ).all()
    found = {(row.kind if row.ticket_id == ticket_id else _BACK[row.kind], other.number): other for row, other in rows}
    order = [*KINDS, "duplicated"]
    keys = sorted((k for k in found if k[0] != "parent"), key=lambda k: (order.index(k[0]), k[1]))
    parents = sorted(k for k in found if k[0] == "parent")
    return [Link(kind, n, found[kind, n].subject, found[kind, n].status) for kind, n in [*parents, *keys]]


def link(work: UnitOfWork, viewer: Viewer, ticket: Ticket, other_number: int, kind: str) -> Ticket:
    """The other one. Twice is once. Raises NotFound; Invalid for itself, an unknown kind or a parent in a circle."""
    require_write(viewer)
    other = access.ticket_by_number(work.session, viewer, other_number)
    if kind not in KINDS:
        raise Invalid(fields={"kind": _("Choose one of the list.")})
    if other.id == ticket.id:
        raise Invalid(fields={"number": _("This is the same ticket.")})
    low, high, stored = _stored(ticket, other, kind)
    if work.session.get(TicketLink, (low, high, stored)) is not None:
        return other
    if stored == "parent":
        _one_parent(work.session, child_id=low, parent_id=high)
    work.session.add(TicketLink(ticket_id=low, other_id=high, kind=stored))
    _tell(work, ticket, other, kind, added=True)
    return other


def unlink(work: UnitOfWork, viewer: Viewer, ticket: Ticket, other_number: int, kind: str) -> Ticket:
    """Not any more. Twice is once."""
    require_write(viewer)
    other = access.ticket_by_number(work.session, viewer, other_number)
    here, there = (other, ticket) if kind == "duplicated" else (ticket, other)
    low, high, stored = _stored(here, there, "duplicate" if kind == "duplicated" else kind)
    row = work.session.get(TicketLink, (low, high, stored))
    if row is not None:
        work.session.delete(row)
        _tell(work, ticket, other, kind, added=False)
    return other


def _stored(ticket: Ticket, other: Ticket, kind: str) -> tuple[int, int, str]:
    """How a link is kept: related by the lower id first, a child as the other side's parent."""
    if kind == "related":
        return min(ticket.id, other.id), max(ticket.id, other.id), "related"
    if kind == "child":
        return other.id, ticket.id, "parent"
    return ticket.id, other.id, kind


def _one_parent(session: Session, *, child_id: int, parent_id: int) -> None:
    """Raises Invalid when the child has another parent, or the parent lies below the child."""
    parent_of = select(TicketLink.other_id).where(TicketLink.kind == "parent")
    if session.scalar(parent_of.where(TicketLink.ticket_id == child_id)) is not None:
        raise Invalid(fields={"number": _("It has a parent already.")})
    above: int | None = parent_id
    for _step in range(50):
        if above == child_id:
            raise Invalid(fields={"number": _("A ticket cannot be part of itself.")})
        if above is None:
            return
        above = session.scalar(parent_of.where(TicketLink.ticket_id == above))


def _tell(work: UnitOfWork, ticket: Ticket, other: Ticket, kind: str, *, added: bool) -> None:
    back = {"related": "related", "parent": "child", "child": "parent", "duplicate": "duplicated"}
    work.record(TicketsLinked(ticket_id=ticket.id, other=other.number, kind=kind, added=added))
    work.record(TicketsLinked(ticket_id=other.id, other=ticket.number, kind=back.get(kind, "duplicate"), added=added))


__all__ = ["KINDS", "Link", "link", "of", "unlink"]
