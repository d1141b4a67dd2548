"""Two profiles become one, and two again: exactly, whatever came meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk import access
from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import Customer, EventRow, Identity, Merge, Message, Ticket
from helpdesk.services import merging, search
from helpdesk.unit_of_work import unit_of_work

pytestmark = pytest.mark.processes

PHONE = Address("phone", "+84912345678", name="Chị Lan")
CHAT = Address("widget", "v:lan", name="Lan Nguyen")


@pytest.fixture
def boss(make: Any) -> Any:
    return make.viewer("admin")


@pytest.fixture
def two(make: Any) -> tuple[int, int, Any, Any]:
    """(customer by phone, customer by chat, phone channel, chat channel), a ticket each."""
    phone, chat = make.channel("phone"), make.channel("widget")
    first = make.inbound(phone, "gọi hỏi giá sỉ bát men", sender=PHONE, kind="call")
    second = make.inbound(chat, "nắp ấm bị vỡ rồi shop", sender=CHAT)
    return _owner(first.ticket_id), _owner(second.ticket_id), phone, chat


def _owner(ticket_id: int) -> int:
    return db.session.scalars(select(Ticket.customer_id).where(Ticket.id == ticket_id)).one()


def snapshot() -> dict[str, Any]:
    """Whose everything is, and what the profiles say."""
    db.session.rollback()
    fields = (*merging.CHOSEN, "notes", "vip", "merged_into_id", "survey_opt_out_at")
    found: dict[str, Any] = {
        name: sorted((r.id, r.customer_id) for r in db.session.execute(select(model.id, model.customer_id)))
        for name, model in merging.MOVED.items()
    }
    found["customers"] = {
        c.id: [getattr(c, f) for f in fields]
        for c in db.session.scalars(select(Customer).execution_options(populate_existing=True))
    }
    return found


def merge(boss: Any, target: int, source: int, **values: Any) -> int:
    with unit_of_work(actor=boss.actor) as work:
        return merging.merge(work, boss, target, source, **values).id


def undo(boss: Any, merge_id: int) -> None:
    with unit_of_work(actor=boss.actor) as work:
        merging.undo(work, boss, merge_id)


def test_everything_moves_and_undo_restores_exactly(boss: Any, two: Any) -> None:
    lan, visitor, _phone, _chat = two
    with unit_of_work() as work:
        work.session.get_one(Customer, visitor).notes = "Hay hỏi đêm"
        work.session.get_one(Customer, visitor).vip = True
        work.session.get_one(Customer, visitor).salutation = "chị"
    before = snapshot()
    merge_id = merge(boss, lan, visitor, choose={"name": "source"}, reason="cùng số")
    merged = snapshot()
    assert {owner for _id, owner in merged["tickets"]} == {lan}
    assert {owner for _id, owner in merged["identities"]} == {lan}
    assert {owner for _id, owner in merged["messages"]} == {lan}
    target = db.session.get_one(Customer, lan)
    assert (target.name, target.salutation, target.vip, target.notes) == ("Lan Nguyen", "chị", True, "Hay hỏi đêm")
    assert access.customer_by_id(db.session, boss, visitor).id == lan
    assert [p.id for p in search.customers(db.session, boss, "lan nguyen")] == [lan]
    assert [p.id for p in search.customers(db.session, boss, "0912345678")] == [lan]
    undo(boss, merge_id)
    assert snapshot() == before
    assert [p.id for p in search.customers(db.session, boss, "lan nguyen")] == [visitor]
    row = db.session.get_one(Merge, merge_id)
    assert row.undone_by_id == boss.agent_id
    undo(boss, merge_id)  # once more changes nothing
    assert snapshot() == before
    told = db.session.scalars(select(EventRow).where(EventRow.type == "customers_merged")).all()
    assert [e.data["undone"] for e in told] == [False, True]


def test_what_came_meanwhile_follows_its_address(boss: Any, two: Any, make: Any) -> None:
    lan, visitor, phone, chat = two
    merge_id = merge(boss, lan, visitor)
    joined = make.inbound(chat, "còn đây là ảnh chụp nắp vỡ", sender=CHAT)
    by_phone = make.inbound(phone, "gọi lại về giá sỉ lần nữa", sender=PHONE, kind="call")
    with unit_of_work() as work:
        work.session.get_one(Ticket, joined.ticket_id).set_status("closed", work.now)
    follow_up = make.inbound(chat, "một đơn hàng khác nữa nhé", sender=CHAT)
    assert _owner(follow_up.ticket_id) == lan
    undo(boss, merge_id)
    db.session.rollback()
    assert _owner(joined.ticket_id) == visitor
    assert _owner(follow_up.ticket_id) == visitor
    assert _owner(by_phone.ticket_id) == lan
    owners = dict(db.session.execute(select(Message.id, Message.customer_id)).all())
    assert owners[joined.message_id] == owners[follow_up.message_id] == visitor
    assert owners[by_phone.message_id] == lan
    after = make.inbound(chat, "cảm ơn, mình nhận được rồi nhé shop", sender=CHAT)
    assert _owner(after.ticket_id) == visitor


def test_a_person_s_later_edit_is_not_undone(boss: Any, two: Any) -> None:
    lan, visitor, *_ = two
    merge_id = merge(boss, lan, visitor, choose={"name": "source"})
    with unit_of_work() as work:
        work.session.get_one(Customer, lan).name = "Nguyễn Lan Anh"
    undo(boss, merge_id)
    db.session.rollback()
    assert db.session.get_one(Customer, lan).name == "Nguyễn Lan Anh"


def test_chains_are_undone_in_any_order(boss: Any, two: Any, make: Any) -> None:
    lan, visitor, *_ = two
    third = make.customer("Lan ở cơ quan", email="lan@hoaban.example").id
    for order in ((0, 1), (1, 0)):
        before = snapshot()
        merges = [merge(boss, lan, visitor), merge(boss, third, lan)]
        assert {owner for _id, owner in snapshot()["identities"]} == {third}
        assert access.customer_by_id(db.session, boss, visitor).id == third
        for n in order:
            undo(boss, merges[n])
        assert snapshot() == before, order


def test_no_circles(boss: Any, two: Any) -> None:
    lan, visitor, *_ = two
    merge(boss, lan, visitor)
    with pytest.raises(Invalid):
        merge(boss, visitor, lan)
    with pytest.raises(Invalid):
        merge(boss, lan, lan)
    with pytest.raises(NotFound):
        merge(boss, lan, 999)


def test_twenty_at_once_are_one(boss: Any, two: Any, app: Any) -> None:
    lan, visitor, *_ = two
    ids: list[int] = []
    errors: list[BaseException] = []
    gate = threading.Barrier(20)

    def run() -> None:
        try:
            with app.app_context():
                gate.wait()
                ids.append(merge(boss, lan, visitor))
                db.session.remove()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert len(ids) == 20
    assert len(set(ids)) == 1
    db.session.rollback()
    assert len(db.session.scalars(select(Merge)).all()) == 1
    assert len(db.session.scalars(select(EventRow).where(EventRow.type == "customers_merged")).all()) == 1


def test_only_people_one_may_know(make: Any) -> None:
    mine, other = make.team(), make.team()
    agent = make.viewer("agent", teams=[mine])
    known = make.inbound(make.channel("widget", team_id=mine), "câu hỏi của đội mình", sender=Address("widget", "a"))
    foreign = make.inbound(make.channel("widget", team_id=other), "câu hỏi đội khác", sender=Address("widget", "b"))
    known_id, foreign_id = _owner(known.ticket_id), _owner(foreign.ticket_id)
    for target, source in ((known_id, foreign_id), (foreign_id, known_id)):
        with pytest.raises(NotFound):
            merge(agent, target, source)
        with pytest.raises(NotFound):
            merging.preview(db.session, agent, target, source)
    boss = make.viewer("admin")
    merge_id = merge(boss, foreign_id, make.customer("x").id)
    with pytest.raises(NotFound):
        undo(agent, merge_id)
    with unit_of_work() as work:
        work.session.get_one(Merge, merge_id).kind = "ticket"
    with pytest.raises(NotFound):
        undo(boss, merge_id)


@pytest.mark.only("postgresql")
def test_a_ticket_opened_during_the_merge_goes_along(boss: Any, two: Any, make: Any) -> None:
    """SQLite has one writer. An intake that had found the address before the merge, and writes after it."""
    from helpdesk.events import TicketOpened

    lan, visitor, *_ = two
    merge(boss, lan, visitor)
    with unit_of_work() as work:
        ticket = Ticket(number=9001, subject="late", customer_id=visitor)
        work.session.add(ticket)
        work.session.flush()
        work.record(TicketOpened(ticket_id=ticket.id, customer_id=visitor, history=True))
    assert _owner(ticket.id) == lan


def test_an_identity_stays_unique(boss: Any, two: Any) -> None:
    lan, visitor, *_ = two
    merge(boss, lan, visitor)
    rows = db.session.scalars(select(Identity).where(Identity.customer_id == lan)).all()
    assert sorted(i.kind for i in rows) == ["phone", "widget"]
