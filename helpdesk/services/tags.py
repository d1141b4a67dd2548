"""Tags: short words on tickets. Renaming one onto another merges the two."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import SettingChanged
from helpdesk.folding import fold, one_line
from helpdesk.models import Tag, TicketTag
from helpdesk.unit_of_work import UnitOfWork


def counted(session: Session) -> list[tuple[Tag, int]]:
    """Every tag and on how many tickets it stands."""
    rows = session.execute(
        select(Tag, func.count(TicketTag.ticket_id))
        .outerjoin(TicketTag, TicketTag.tag_id == Tag.id)
        .group_by(Tag.id)
        .order_by(Tag.name_folded)
    )
    return [(tag, count) for tag, count in rows]


def rename(work: UnitOfWork, viewer: Viewer, tag_id: int, name: str) -> None:
    """Raises Invalid for an empty name; an existing tag of that name takes the tickets over."""
    access.require(viewer, "settings")
    tag = _one(work.session, tag_id)
    name = one_line(name, 60)
    if not name:
        raise Invalid(fields={"name": _("Enter a name.")})
    other = work.session.scalar(select(Tag).where(Tag.name_folded == fold(name), Tag.id != tag.id))
    if other is None:
        tag.name, tag.name_folded = name, fold(name)
    else:
        has_both = select(TicketTag.ticket_id).where(TicketTag.tag_id == other.id)
        move = update(TicketTag).where(TicketTag.tag_id == tag.id, TicketTag.ticket_id.not_in(has_both))
        work.session.execute(move.values(tag_id=other.id), execution_options={"synchronize_session": False})
        _remove(work, tag)
    work.record(SettingChanged(key=f"tag.{tag_id}"))


def delete(work: UnitOfWork, viewer: Viewer, tag_id: int) -> None:
    """Taken off every ticket."""
    access.require(viewer, "settings")
    _remove(work, _one(work.session, tag_id))
    work.record(SettingChanged(key=f"tag.{tag_id}"))


def _one(session: Session, tag_id: int) -> Tag:
    tag = session.get(Tag, tag_id)
    if tag is None:
        raise NotFound
    return tag


def _remove(work: UnitOfWork, tag: Tag) -> None:
    work.session.execute(sql_delete(TicketTag).where(TicketTag.tag_id == tag.id))
    work.session.delete(tag)
    work.session.flush()
