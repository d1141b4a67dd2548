"""One search over subjects, messages and customers: folded, newest first, only what one may open."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import event, text

from connectors.contract import Address, File
from helpdesk import access
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.models import Message, Tag, Ticket
from helpdesk.services import replies, search, tickets
from helpdesk.services.search_complete import complete
from helpdesk.services.search_query import understand
from helpdesk.services.snippets import excerpt, mark, pattern
from helpdesk.unit_of_work import unit_of_work

LAN = Address("widget", "visitor-lan", name="Nguyễn Lan Anh")


def numbers(results: search.Results) -> list[int]:
    return [h.number for h in results.hits]


def marked(snippet: Any) -> list[str]:
    return [piece for piece, found in snippet if found]


@pytest.fixture
def boss(make: Any) -> Any:
    return make.viewer("admin")


def test_words_are_found_with_and_without_their_marks(make: Any, boss: Any) -> None:
    make.inbound(make.channel(), "Shop ơi cho mình hoàn tiền đơn này nhé")
    make.inbound(make.channel(), "một chuyện khác hẳn")
    for typed in ("hoan tien", "Hoàn tiền", "HOÀN TIỀN", "tien hoan", '"hoàn tiền"', "hoan ti"):
        results = search.search(db.session, boss, typed)
        assert numbers(results) == [1001], typed
        assert "".join(p for p, _ in results.hits[0].snippet) == "Shop ơi cho mình hoàn tiền đơn này nhé"
        assert "".join(marked(results.hits[0].snippet)).replace(" ", "") == "hoàntiền"


def test_d_finds_the_barred_d(make: Any, boss: Any) -> None:
    make.inbound(make.channel(), "Đơn hàng DG-20418 chưa tới")
    assert marked(search.search(db.session, boss, "don hang").hits[0].snippet) == ["Đơn", "hàng"]
    assert numbers(search.search(db.session, boss, "DG-20418")) == [1001]
    assert numbers(search.search(db.session, boss, "20418")) == [1001]
    assert numbers(search.search(db.session, boss, '"20418 DG"')) == []


def test_newest_first_and_each_ticket_once_over_all_pages(make: Any, boss: Any) -> None:
    channel = make.channel()
    for n in range(7):
        sender = Address("widget", f"v{n}", name=f"V{n}")
        make.inbound(channel, "chậu gốm men xanh", sender=sender)
    make.inbound(channel, "chậu gốm lại nữa", sender=Address("widget", "v0"))
    seen: list[int] = []
    cursor = ""
    for _ in range(10):
        results = search.search(db.session, boss, "chau gom", limit=3, cursor=cursor)
        seen += numbers(results)
        cursor = results.next_cursor
        if not cursor:
            break
    assert seen == [1001, 1007, 1006, 1005, 1004, 1003, 1002]
    with pytest.raises(Invalid):
        search.search(db.session, boss, "chau gom", cursor="1 OR 1=1")


def test_a_word_that_is_only_begun_misses_nothing_and_stays_newest_first(make: Any, boss: Any) -> None:
    channel = make.channel("widget")
    for n, said in enumerate(("teapot one", "tea two", "tea three", "teapot four")):
        make.inbound(channel, said, sender=Address("widget", f"v{n}"))
    seen, cursor = [], ""
    for _ in range(4):
        results = search.search(db.session, boss, "tea", limit=1, cursor=cursor)
        seen += numbers(results)
        cursor = results.next_cursor
    assert seen == [1004, 1003, 1002, 1001] and not cursor
    assert sorted(numbers(search.search(db.session, boss, "t"))) == [1001, 1002, 1003, 1004]
    assert numbers(search.search(db.session, boss, "tea ")) == [1003, 1002], "a space ends the word"
    assert numbers(search.search(db.session, boss, "tea from:nobody")) == []


def test_notes_subjects_and_edits_are_found(make: Any, boss: Any) -> None:
    outcome = make.inbound(make.channel(), "hello there everybody", sender=LAN)
    with unit_of_work(actor=boss.actor) as work:
        ticket = access.ticket_by_id(work.session, boss, outcome.ticket_id, lock=True)
        replies.note(work, boss, ticket, replies.Written(text="Khách quen, giảm giá mười phần trăm"))
        tickets.set_subject(work, boss, ticket, "Bình gốm Bát Tràng")
    assert numbers(search.search(db.session, boss, "giam gia")) == [1001]
    by_subject = search.search(db.session, boss, "bat trang")
    assert marked(by_subject.hits[0].subject) == ["Bát", "Tràng"]
    with unit_of_work() as work:
        work.session.get_one(Message, outcome.message_id).text = "changed by its author"
        search.index_message(work.session, work.session.get_one(Message, outcome.message_id))
    assert numbers(search.search(db.session, boss, "changed author")) == [1001]
    assert numbers(search.search(db.session, boss, "everybody")) == []


@pytest.mark.only("sqlite")
def test_the_index_follows_any_change_of_a_message(make: Any, boss: Any, app: Any) -> None:
    """On SQLite triggers keep the contentless index exact, whoever writes."""
    outcome = make.inbound(make.channel(), "canary elephant", sender=LAN)
    with unit_of_work() as work:
        work.session.execute(text("UPDATE messages SET text = 'giraffe' WHERE id = :i"), {"i": outcome.message_id})
        work.session.execute(text("INSERT INTO message_search(message_search) VALUES ('integrity-check')"))
    assert numbers(search.search(db.session, boss, "giraffe")) == [1001]
    assert numbers(search.search(db.session, boss, "elephant")) == []


def test_only_what_one_may_open(make: Any) -> None:
    orders, repairs = make.team("Orders"), make.team("Repairs")
    agent = make.viewer("agent", teams=[orders])
    lead = make.viewer("supervisor", leads=[repairs])
    make.inbound(make.channel(team_id=orders), "bí mật của đội đơn hàng")
    hidden = make.inbound(make.channel(team_id=repairs), "bí mật của đội sửa chữa", sender=LAN)
    assert numbers(search.search(db.session, agent, "bi mat")) == [1001]
    assert numbers(search.search(db.session, lead, "bi mat")) == [1002]
    assert search.search(db.session, agent, "1002").jump is None
    assert search.search(db.session, agent, "#1001").jump == 1001
    assert search.search(db.session, agent, "lan anh").people == ()
    assert [p.name for p in search.search(db.session, lead, "lan anh").people] == ["Nguyễn Lan Anh"]
    with unit_of_work() as work:
        tickets.assign(work, None, work.session.get_one(Ticket, hidden.ticket_id), agent.agent_id)
    assert numbers(search.search(db.session, agent, "bi mat")) == [1002, 1001]


def test_operators(make: Any, boss: Any) -> None:
    widget, telegram = make.channel("widget", name="Web shop"), make.channel("phone", name="Hotline")
    first = make.inbound(widget, "lỗi thanh toán thẻ", sender=LAN)
    make.inbound(telegram, "lỗi thanh toán ví", sender=Address("phone", "+84912345678", name="Phạm Đức"))
    with unit_of_work(actor=boss.actor) as work:
        ticket = access.ticket_by_id(work.session, boss, first.ticket_id, lock=True)
        tickets.set_tags(work, boss, ticket, ["Hoàn tiền"])
        tickets.set_status(work, boss, ticket, "pending")

    def found(typed: str) -> list[int]:
        return numbers(search.search(db.session, boss, typed))

    assert found("thanh toan") == [1002, 1001]
    assert found("thanh toan status:pending") == [1001]
    assert found("status:pending") == [1001]
    assert found('tag:"hoan tien"') == [1001]
    assert found("channel:hotline thanh") == [1002]
    assert found("channel:phone") == [1002]
    assert found("from:duc loi") == [1002]
    assert found("from:0912345678") == [1002]
    assert found("loi after:2020-01-01 before:1/1/2999") == [1002, 1001]
    assert found("loi before:2020-01-01") == []
    odd = search.search(db.session, boss, "loi before:soon status:dreaming").query.problems
    assert set(odd) == {"status:dreaming", "before:soon"}
    with unit_of_work() as work:
        tickets.move(work, None, work.session.get_one(Ticket, first.ticket_id), "spam")
    assert found("thanh toan") == [1002]
    assert found("thanh toan in:spam") == [1001]


def test_more_operators(make: Any, boss: Any) -> None:
    team = make.team("Chăm sóc")
    linh = make.agent("agent", name="Trần Linh", teams=[team])
    channel = make.channel()
    file = File("ảnh.txt", "text/plain", data=b"x")
    first = make.inbound(channel, "lỗi thanh toán", sender=LAN, files=(file,)).ticket_id
    second = make.inbound(channel, "lỗi giao hàng", sender=Address("widget", "v2", name="An")).ticket_id
    with unit_of_work(actor=boss.actor) as work:
        one, two = (access.ticket_by_id(work.session, boss, i, lock=True) for i in (first, second))
        tickets.assign(work, boss, one, linh.id)
        tickets.set_team(work, boss, one, team)
        tickets.set_priority(work, boss, two, "urgent")
        replies.note(work, boss, two, replies.Written(text="gọi lại"))
        replies.reply(work, boss, two, replies.Written(text="Chào bạn"))
        two.customer.vip = True

    def found(typed: str) -> list[int]:
        return sorted(numbers(search.search(db.session, boss, typed)))

    assert found("assignee:linh") == found('assignee:"tran linh"') == [1001]
    assert found("loi assignee:me") == found("is:mine") == [1002]  # who answers first has it
    assert found("team:cham") == [1001] and found("loi team:none") == [1002]
    assert found("priority:urgent") == [1002]
    assert found("has:attachment") == found("loi has:attachment") == [1001]
    assert found("has:note") == [1002] and found("has:rating has:note") == []
    assert found("is:unread") == [1001] and found("is:vip") == [1002]
    assert found("to:v2") == [1002] and found("to:2") == [] and found("to:%") == []
    assert found("is:blue") == []


def test_few_are_ordered_by_how_well_they_fit(make: Any, boss: Any) -> None:
    channel = make.channel()
    make.inbound(channel, "Ấm trà nứt nắp", sender=Address("widget", "v1"))
    make.inbound(channel, "Hỏi đơn hàng. Tiện thể: ấm trà có sẵn không?", sender=Address("widget", "v2"))
    make.inbound(channel, "Chuyện khác, không ấm trà", sender=Address("widget", "v3"))
    with unit_of_work() as work:
        for number, subject in ((1001, "Ấm trà nứt"), (1002, "Đơn hàng"), (1003, "Khác")):
            tickets.set_subject(work, boss, work.session.query(Ticket).filter_by(number=number).one(), subject)
    assert numbers(search.search(db.session, boss, "am tra")) == [1001, 1003, 1002]


def test_the_box_completes_operators_and_their_values(make: Any, boss: Any) -> None:
    make.channel("phone", name="Hotline Hà Nội")
    make.agent("agent", name="Trần Linh")
    with unit_of_work() as work:
        work.session.add(Tag(name="Hoàn tiền", name_folded="hoan tien"))

    def next_(typed: str) -> list[str]:
        return [c.text for c in complete(db.session(), boss, typed)]

    assert next_("hoan ass") == ["assignee:"]
    assert next_("") == next_("hoan ") == next_("nonsense:x") == []
    assert next_("tag:hoan") == ['tag:"Hoàn tiền" ']
    assert next_('x tag:"hoàn t') == ['tag:"Hoàn tiền" ']
    assert next_("status:o") == ["status:open ", "status:on_hold "]
    assert next_("channel:ha noi") == []  # a space ends the word
    assert next_("channel:hotline") == ['channel:"Hotline Hà Nội" ']
    assert next_("assignee:lin") == ['assignee:"Trần Linh" ']
    assert "has:attachment " in next_("has:")


def test_nothing_that_is_typed_is_an_error(make: Any, boss: Any) -> None:
    make.inbound(make.channel(), "a word b")
    for typed in (
        "%",
        "_",
        '"',
        "'",
        "*",
        "a*b",
        "NEAR(a b, 3)",
        "terms:x",
        "a AND",
        "OR",
        "NOT",
        "-a",
        "^a",
        "{a b}",
        "\x00",
        "(",
        ")",
        "a\x00b",
        "x" * 10_000,
        "word " * 2_500,
        "\ud800",
        "' OR 1=1 --",
        "a:b:c",
        "from:",
        "before:9999999999-1-1",
        "a & !b",
        "😀",
        ":*",
        "a\\",
        "'':*",
        "<->",
        "status:",
        "in:",
        "\u202e",
        "١٢٣",
        "999999999999",
        "#",
        "from:\x00",
        "after:1-1-1",
    ):
        began = time.thread_time()
        assert len(search.search(db.session, boss, typed).hits) <= 1
        assert time.thread_time() - began < 1, typed[:40]


def test_customers_by_name_address_and_number(make: Any, boss: Any) -> None:
    lan = make.customer("Nguyễn Lan Anh", email="lan.anh@hoaban.example", phone="+84912345678")
    other = make.customer("Trần Văn Bình", email="binh@example.com", phone="+84987654321")
    with unit_of_work() as work:
        search.index_customer(work.session, lan.id)
        search.index_customer(work.session, other.id)
    for typed in (
        "0912345678",
        "0912 345 678",
        "+84 912 345 678",
        "84912345678",
        "912345678",
        "0912345",
        "+84 (912) 345-678",
        "lan",
        "nguyen lan",
        "lan.anh@hoaban.example",
        "hoaban",
        "lan.anh@hoa",
    ):
        assert [p.id for p in search.search(db.session, boss, typed).people] == [lan.id], typed


def test_a_new_name_is_found_at_once(make: Any, boss: Any) -> None:
    channel = make.channel()
    make.inbound(channel, "xin chào shop nhé", sender=Address("widget", "v1"))
    assert search.search(db.session, boss, "thu trang").people == ()
    make.inbound(channel, "mình là Trang", sender=Address("widget", "v1", name="Đỗ Thu Trang"))
    assert [p.name for p in search.search(db.session, boss, "thu trang").people] == ["Đỗ Thu Trang"]


def test_marks_keep_every_letter_of_the_original() -> None:
    decomposed = "Hoa\u0300n tie\u0302\u0300n \u0110\u01a1n"
    query = understand("hoan tien don")
    found = pattern(query.phrases, query.prefix)
    assert "".join(p for p, _ in mark(decomposed, found)) == "Hoàn tiền Đơn"
    assert marked(mark(decomposed, found)) == ["Hoàn", "tiền", "Đơn"]
    long = "x " * 400 + "hoàn tiền ở đây " + "y " * 400
    piece = "".join(p for p, _ in excerpt(long, found))
    assert "hoàn tiền ở đây" in piece
    assert len(piece) < 200


def test_long_and_repeated_words_are_understood() -> None:
    assert understand("gi hàng gi").phrases == (("hang",), ("gi",)), "the last is the one that is begun"
    assert understand("Hoa\u0300n tie\u0302\u0300n").phrases == understand("hoàn tiền").phrases
    quoted = understand('"' + " ".join(f"w{n}" for n in range(40)) + '"').phrases
    assert len(quoted) == 1 and len(quoted[0]) == 24, "as much of it as is looked for"
    assert understand("😀 !!").empty and not understand("#1004").empty


@pytest.mark.only("sqlite")
def test_no_base_table_is_read_from_end_to_end(make: Any, boss: Any, app: Any) -> None:
    """EXPLAIN on SQLite, also for an agent of one team."""
    agent = make.viewer("agent", teams=[make.team()])
    make.inbound(make.channel(), "hoàn tiền đơn hàng", sender=LAN)
    statements: list[tuple[str, Any]] = []

    def listen(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", listen)
    for viewer in (boss, agent):
        for typed in (
            "hoan tien",
            "from:lan don",
            "status:open",
            "tag:x hoan",
            "0912345678",
            "hoan has:attachment is:unread",
            "hoan to:lan@ assignee:me team:none",
            "has:picture is:late",
        ):
            search.search(db.session, viewer, typed)
        search.search(db.session, viewer, "hoan", cursor="500")
    event.remove(db.engine, "before_cursor_execute", listen)
    for statement, parameters in statements:
        for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
            detail = row[-1]
            assert (
                not detail.startswith("SCAN")
                or "VIRTUAL TABLE" in detail
                or "channels" in detail
                or ("CONSTANT ROW" in detail or "SUBQUERY" in detail)
            ), f"{detail}\n{statement}"
