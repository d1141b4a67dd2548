"""Pages of hits against plain reading: whatever is asked, nothing allowed is missed, shown twice or out of order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import event, text

from connectors.contract import File
from helpdesk import blocks
from helpdesk.access import Viewer
from helpdesk.extensions import db
from helpdesk.folding import fold
from helpdesk.models import Grant, Message, Tag, Ticket, TicketTag
from helpdesk.services import replies, search, search_conditions, search_index, search_messages
from helpdesk.unit_of_work import unit_of_work

WORDS = ["giao", "hàng", "gian", "giấy", "tiền", "hoàn", "hoàng", "đổi", "trả", "gi", "an"]
LETTERS = [fold(word) for word in WORDS]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of four messages, so that a few tickets lie in many of them."""
    monkeypatch.setattr(blocks, "BITS", 2)
    monkeypatch.setattr(blocks, "SIZE", 4)
    monkeypatch.setattr(search_messages, "WIDER", 2)


@pytest.fixture
def agent(make: Any) -> Viewer:
    """Of one team of two, and granted one ticket of the other; the desk is full of random words."""
    dice = random.Random(5)
    teams = [make.team("One"), make.team("Two")]
    channel = make.channel()
    people = [make.customer("Lan Anh", email="lan@example.com"), make.customer("Bình", email="binh@example.com")]
    agent = make.viewer("agent", teams=teams[:1])
    with unit_of_work() as work:
        for person in people:
            search_index.index_customer(work.session, person.id)
        tag = Tag(name="VIP", name_folded="vip")
        work.session.add(tag)
        tickets = []
        for n in range(12):
            status = "solved" if n % 3 == 0 else "open"
            team = teams[n % 2]
            tickets.append(
                Ticket(
                    number=2000 + n, subject="…", status=status, shelf="spam" if n == 4 else status,
                    customer_id=people[n % 4 == 0].id, channel_id=channel.id, team_id=team, visible_team_id=team,
                )
            )  # fmt: skip
        work.session.add_all(tickets)
        work.session.flush()
        work.session.add_all(TicketTag(ticket_id=tickets[n].id, tag_id=tag.id) for n in (2, 5, 7))
        work.session.add(Grant(ticket_id=tickets[1].id, agent_id=agent.agent_id, why="follow"))
        for _ in range(60):
            said = " ".join(dice.choices(WORDS, k=dice.randint(1, 5)))
            message = Message(ticket_id=dice.choice(tickets).id, text=said)
            work.session.add(message)
            work.session.flush()
            search_index.index_message(work.session, message, new=True)
    return agent


def expected(viewer: Viewer, wanted: list[list[str]], begun: bool, allowed: set[int]) -> list[tuple[int, int]]:
    """(ticket, its newest message with the words), newest first, by reading everything."""
    found: dict[int, int] = {}
    for message in db.session.query(Message).order_by(Message.id.desc()):
        if message.ticket_id in allowed and all(
            _within(fold(message.text).split(), phrase, begun and phrase is wanted[-1]) for phrase in wanted
        ):
            found.setdefault(message.ticket_id, message.id)
    return sorted(found.items(), key=lambda pair: -pair[1])


def _within(said: list[str], phrase: list[str], begun: bool) -> bool:
    for at in range(len(said) - len(phrase) + 1):
        part = said[at : at + len(phrase)]
        if part[:-1] == phrase[:-1] and (part[-1].startswith(phrase[-1]) if begun else part[-1] == phrase[-1]):
            return True
    return False


def pages(viewer: Viewer, typed: str, limit: int) -> list[tuple[int, int]]:
    """All pages after each other. Each but the last is full, and few on one page are not ordered by rank here."""
    found: list[tuple[int, int]] = []
    cursor = ""
    while True:
        results = search.search(db.session(), viewer, typed, limit=limit, cursor=cursor)
        found += sorted(((h.ticket_id, h.message_id or 0) for h in results.hits), key=lambda pair: -pair[1])
        if not results.next_cursor:
            return found
        assert len(results.hits) == limit
        cursor = results.next_cursor


def allowed(viewer: Viewer, **only: Any) -> set[int]:
    granted = {g.ticket_id for g in db.session.query(Grant).filter_by(agent_id=viewer.agent_id)}
    return {
        t.id
        for t in db.session.query(Ticket).filter_by(**only)
        if t.shelf != "spam" and (viewer.sees_all or t.visible_team_id in viewer.visible_teams or t.id in granted)
    }


@pytest.mark.parametrize("limit", [1, 3, 25])
def test_pages_are_what_plain_reading_finds(make: Any, agent: Viewer, limit: int) -> None:
    boss = make.viewer("admin")
    assert 0 < len(allowed(agent)) < len(allowed(boss))
    for viewer in (boss, agent):
        seen = allowed(viewer)
        for word in LETTERS:
            assert pages(viewer, f"{word} ", limit) == expected(viewer, [[word]], False, seen), word
        for begun in ("g", "gi", "gia", "hoan", "h", "zz"):
            assert pages(viewer, begun, limit) == expected(viewer, [[begun]], True, seen), begun
        assert pages(viewer, "giao hang", limit) == expected(viewer, [["giao"], ["hang"]], True, seen)
        assert pages(viewer, '"giao hang" ', limit) == expected(viewer, [["giao", "hang"]], False, seen)
        assert pages(viewer, "giao-ha", limit) == expected(viewer, [["giao", "ha"]], True, seen)


@pytest.mark.parametrize("few", [1000, 1])
def test_operators_leave_what_they_say(make: Any, agent: Viewer, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways: the few tickets first, and the words first."""
    monkeypatch.setattr(search_conditions, "FEW", few)
    boss = make.viewer("admin")
    tag = {t.ticket_id for t in db.session.query(TicketTag)}
    lan = db.session.query(Ticket).filter_by(number=2001).one().customer_id
    for viewer in (boss, agent):
        gi = lambda tickets, viewer=viewer: expected(viewer, [["gi"]], True, tickets)  # noqa: E731
        assert pages(viewer, "tag:vip gi", 2) == gi(allowed(viewer) & tag)
        assert pages(viewer, "from:lan gi", 2) == gi(allowed(viewer, customer_id=lan))
        assert pages(viewer, "status:solved gi", 2) == gi(allowed(viewer, status="solved"))
        assert pages(viewer, "from:lan tag:vip status:open gi", 2) == gi(
            allowed(viewer, customer_id=lan, status="open") & tag
        )
        assert pages(viewer, "from:lan from:binh gi", 2) == []
        assert pages(viewer, "tag:nothing gi", 2) == []
        listed = search.search(db.session(), viewer, "tag:vip")
        assert {h.ticket_id for h in listed.hits} == allowed(viewer) & tag


def test_has_and_to_are_of_the_ticket_also_beside_words(make: Any) -> None:
    boss = make.viewer("admin")
    channel = make.channel()
    with_all = make.inbound(channel, "lỗi thanh toán", files=(File("ảnh.txt", "text/plain", data=b"x"),)).ticket_id
    make.inbound(channel, "lỗi giao hàng")
    with unit_of_work(actor=boss.actor) as work:
        ticket = work.session.get_one(Ticket, with_all)
        replies.note(work, boss, ticket, replies.Written(text="gọi lại"))
        replies.reply(work, boss, ticket, replies.Written(text="Chào bạn"))
    for operator in ("has:attachment", "has:note", "to:visitor"):
        found = search.search(db.session(), boss, f"loi {operator}").hits
        assert [hit.ticket_id for hit in found] == [with_all], operator
    assert search.search(db.session(), boss, "loi has:call").hits == ()


def test_a_page_takes_few_statements_however_much_there_is(
    make: Any, agent: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_messages, "WIDER", 8)
    boss = make.viewer("admin")
    asked: list[str] = []

    def listen(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    def count(viewer: Viewer, typed: str, **how: Any) -> int:
        db.session.rollback()
        asked.clear()
        search.search(db.session(), viewer, typed, **how)
        return len([s for s in asked if s.lstrip().upper().startswith("SELECT")])

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        for viewer in (boss, agent):
            # newest message, messages (in one to some steps), subjects, customers, tickets, texts
            asked_for = {
                "gi": count(viewer, "gi", limit=2),
                "gi, later": count(viewer, "gi", limit=4, cursor="30"),
                "nothing": count(viewer, "zzz"),
                "tag": count(viewer, "tag:vip gi", limit=2),
            }
            most = {"gi": 9, "gi, later": 10, "nothing": 6, "tag": 9}
            assert all(asked_for[name] <= most[name] for name in most), asked_for
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


@pytest.mark.only("sqlite")
def test_an_edited_message_leaves_its_block_in_order(make: Any, agent: Viewer) -> None:
    boss = make.viewer("admin")
    oldest = db.session.query(Message).order_by(Message.id).first()
    with unit_of_work() as work:
        work.session.execute(text("UPDATE messages SET text = 'hươu' WHERE id = :i"), {"i": oldest.id})
        work.session.execute(text("INSERT INTO message_search(message_search) VALUES ('integrity-check')"))
    assert pages(boss, "huou", 3) == [(oldest.ticket_id, oldest.id)]
    with unit_of_work() as work:
        work.session.execute(text("DELETE FROM messages WHERE id = :i"), {"i": oldest.id})
        work.session.execute(text("INSERT INTO message_search(message_search) VALUES ('integrity-check')"))
    assert pages(boss, "huou", 3) == []


def test_names_of_blocks_are_all_of_one_length() -> None:
    assert {len(blocks.name(n)) for n in (0, 1, 35, 36, 1295, 1296, 46_655, 46_656)} == {3}
    assert len({blocks.name(n) for n in range(5000)}) == 5000
    assert blocks.placed(5, "Giao hàng", "…") == "001giao 001hang"
    assert blocks.placed(5, "…") == ""
