"""Fields of the desk: typed, asked before solving, kept when archived."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.access import Viewer, viewer_of
from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import Ticket, TicketField
from helpdesk.services import fields, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work


@pytest.fixture
def admin(make: Any) -> Viewer:
    return viewer_of(make.agent("admin"))


@pytest.fixture
def ticket(make: Any) -> None:
    make.inbound(make.channel("widget"), "The lid is cracked", sender=Address("widget", "v", name="Lan"))


def the_ticket(session: Any) -> Ticket:
    return session.scalars(select(Ticket)).one()  # type: ignore[no-any-return]


def declare(admin: Viewer, name: str, kind: str, **values: Any) -> str:
    with unit_of_work(actor=admin.actor) as work:
        return fields.save(work, admin, None, {"name": name, "kind": kind, **values}).key


def fill(viewer: Viewer, **values: Any) -> dict[str, Any]:
    with unit_of_work(actor=viewer.actor) as work:
        fields.set_values(work, viewer, the_ticket(work.session), values)
    db.session.rollback()
    return dict(the_ticket(db.session).custom)


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        ("text", "  DH 2031 ", "DH 2031"), ("text", " ", None), ("number", "1 250,5", 1250.5), ("number", "1,250.5", 1250.5),
        ("number", "3", 3), ("number", 4, 4), ("date", "2026-11-22", "2026-11-22"), ("choice", "Red", "Red"),
        ("choice", "", None), ("checkbox", "1", True), ("checkbox", "", False), ("checkbox", True, True),
    ],
)  # fmt: skip
def test_a_value_is_kept_as_its_kind_is(kind: str, typed: Any, stored: Any, admin: Viewer, ticket: None) -> None:
    key = declare(admin, "Field", kind, choices="Red\nBlue")
    assert fill(admin, **{key: typed}).get(key) == stored


@pytest.mark.parametrize(
    ("kind", "typed"),
    [("number", "many"), ("number", "nan"), ("date", "22/11/2026"), ("date", "2026-02-30"), ("choice", "Green"), ("text", "x" * 1001)],
)  # fmt: skip
def test_what_makes_no_sense_is_told_and_changes_nothing(kind: str, typed: str, admin: Viewer, ticket: None) -> None:
    key = declare(admin, "Field", kind, choices="Red\nBlue")
    with pytest.raises(Invalid) as told:
        fill(admin, **{key: typed})
    assert set(told.value.fields) == {f"field.{key}"}
    db.session.rollback()
    assert the_ticket(db.session).custom == {}


def test_keys_are_short_and_apart(admin: Viewer) -> None:
    assert declare(admin, "Mã đơn hàng", "text") == "ma_don_hang"
    assert declare(admin, "Mã đơn-hàng", "text") == "ma_don_hang_2"
    with pytest.raises(Invalid):
        declare(admin, "Mã đơn hàng", "text")
    with pytest.raises(Invalid):
        declare(admin, "Colour", "choice", choices="Red")


def test_what_is_needed_is_asked_before_solving(admin: Viewer, ticket: None, make: Any) -> None:
    order = declare(admin, "Order", "text", required=True)
    asked = declare(admin, "Asked for consent", "checkbox", required=True)
    with unit_of_work() as work:
        desk_settings.put(work, "ticket.reason_required", True)
    for status in ("solved", "closed"):
        with pytest.raises(Invalid) as told, unit_of_work() as work:
            tickets.set_status(work, admin, the_ticket(work.session), status)
        assert set(told.value.fields) == {"reason", f"field.{order}", f"field.{asked}"}
    with unit_of_work() as work:  # machines are not asked
        tickets.set_status(work, None, the_ticket(work.session), "solved")
        tickets.set_status(work, None, the_ticket(work.session), "open")
        desk_settings.put(work, "ticket.reason_required", False)
    fill(admin, **{order: "2031", asked: "1"})
    with unit_of_work() as work:
        tickets.set_status(work, admin, the_ticket(work.session), "solved")
    db.session.rollback()
    assert the_ticket(db.session).status == "solved"


def test_an_archived_field_is_not_asked_and_what_it_held_stays(admin: Viewer, ticket: None) -> None:
    key = declare(admin, "Order", "text", required=True)
    fill(admin, **{key: "2031"})
    field_id = db.session.scalars(select(TicketField.id)).one()
    with unit_of_work(actor=admin.actor) as work:
        fields.archive(work, admin, field_id)
    db.session.rollback()
    assert fields.every(db.session()) == [] and the_ticket(db.session).custom == {key: "2031"}
    with pytest.raises(Invalid):
        fill(admin, **{key: "2032"})


def test_they_are_ordered_and_declared_by_administrators_only(admin: Viewer, make: Any) -> None:
    keys = [declare(admin, name, "text") for name in ("A", "B", "C")]
    last = db.session.scalars(select(TicketField.id).where(TicketField.key == keys[2])).one()
    with unit_of_work(actor=admin.actor) as work:
        fields.shift(work, admin, last, -1)
    db.session.rollback()
    assert [f.key for f in fields.every(db.session())] == ["a", "c", "b"]
    with pytest.raises(NotFound):
        declare(viewer_of(make.agent("supervisor")), "D", "text")
