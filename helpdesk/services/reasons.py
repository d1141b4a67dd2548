"""Contact reasons: why the customer came. Each belongs to a touchpoint, from the first day on."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpdesk.access import Viewer, require, require_write
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import SettingChanged
from helpdesk.folding import one_line
from helpdesk.models import ContactReason, Touchpoint
from helpdesk.unit_of_work import UnitOfWork


def every(session: Session, *, archived: bool = False) -> list[ContactReason]:
    """In the order people gave them."""
    statement = select(ContactReason).order_by(ContactReason.position, ContactReason.id)
    return list(session.scalars(statement if archived else statement.where(ContactReason.archived_at.is_(None))))


def touchpoints(session: Session) -> list[Touchpoint]:
    return list(session.scalars(select(Touchpoint).order_by(Touchpoint.position, Touchpoint.id)))


def label(row: ContactReason | Touchpoint, locale: str) -> str:
    return row.name_vi if locale == "vi" and row.name_vi else row.name


def create(work: UnitOfWork, viewer: Viewer, name: str, touchpoint_id: int, name_vi: str = "") -> ContactReason:
    _allow(viewer)
    row = ContactReason(name="", name_vi="", touchpoint_id=0)
    _fill(work, row, name, touchpoint_id, name_vi)
    row.position = (work.session.scalar(select(func.max(ContactReason.position))) or 0) + 1
    work.session.add(row)
    work.session.flush()
    work.record(SettingChanged(key="contact_reasons"))
    return row


def change(
    work: UnitOfWork, viewer: Viewer, reason_id: int, name: str, touchpoint_id: int, name_vi: str = ""
) -> ContactReason:
    _allow(viewer)
    row = _by_id(work, reason_id)
    _fill(work, row, name, touchpoint_id, name_vi)
    work.record(SettingChanged(key="contact_reasons"))
    return row


def archive(work: UnitOfWork, viewer: Viewer, reason_id: int, *, on: bool = True) -> None:
    """Not offered any more; tickets that have it keep it."""
    _allow(viewer)
    _by_id(work, reason_id).archived_at = work.now if on else None
    work.record(SettingChanged(key="contact_reasons"))


def _allow(viewer: Viewer) -> None:
    require(viewer, "settings")
    require_write(viewer)


def _by_id(work: UnitOfWork, reason_id: int) -> ContactReason:
    row = work.session.get(ContactReason, reason_id)
    if row is None:
        raise NotFound()
    return row


def _fill(work: UnitOfWork, row: ContactReason, name: str, touchpoint_id: int, name_vi: str) -> None:
    name = one_line(name, 200)
    fields = {}
    if not name:
        fields["name"] = "Give the reason a name."
    elif work.session.scalar(select(ContactReason.id).where(ContactReason.name == name, ContactReason.id != row.id)):
        fields["name"] = "There is a reason with this name already."
    if work.session.get(Touchpoint, touchpoint_id) is None:
        fields["touchpoint_id"] = "Choose the touchpoint it belongs to."
    if fields:
        raise Invalid(fields=fields)
    row.name, row.name_vi, row.touchpoint_id = name, one_line(name_vi, 200), touchpoint_id
