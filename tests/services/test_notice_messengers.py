"""An agent's notices by each messenger that carries them: linked, told, answered by quoting, ended, and never a ticket.

Everything goes through the real doors: the agent's message comes by the signed webhook, the notice leaves to the fake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.contract import Address
from helpdesk.access import viewer_of
from helpdesk.extensions import db
from helpdesk.models import Agent, Channel, Identity, Message, Notice, NoticeChat, Ticket
from helpdesk.services import tickets
from helpdesk.unit_of_work import unit_of_work
from tests.servers import graph as meta
from tests.servers import zalo as oa
from tests.servers.graph import FakeGraph
from tests.servers.zalo import FakeZalo

CODE = r'value="(hd-[a-z2-7]{4}-[a-z2-7]{4})"'
LINH, BOSS_SAYS = "Trần Linh", "Boss gave you a ticket"

Says = Callable[[str, str, str], tuple[bytes, dict[str, str]]]  # text, own id, id it answers -> body and headers


def _meta_call(kind: str, event: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    return meta.signed({"object": kind, "entry": [{"id": meta.PAGE, "time": 1781000000500, "messaging": [event]}]})


def _messenger(text: str, id_: str, answers: str) -> tuple[bytes, dict[str, str]]:
    message = {"mid": id_, "text": text, **({"reply_to": {"mid": answers}} if answers else {})}
    between = {"sender": {"id": meta.PERSON}, "recipient": {"id": meta.PAGE}, "timestamp": 1781000000123}
    return _meta_call("page", {**between, "message": message})


def _whatsapp(text: str, id_: str, answers: str) -> tuple[bytes, dict[str, str]]:
    message = {"id": id_, "timestamp": "1781000000", "from": "84901234567", "type": "text", "text": {"body": text}}
    if answers:
        message["context"] = {"from": "842873000111", "id": answers}
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "842873000111", "phone_number_id": meta.NUMBER},
        "contacts": [{"profile": {"name": LINH}, "wa_id": "84901234567", "user_id": "VN.13491208655302741918"}],
        "messages": [message],
    }
    changes = [{"value": value, "field": "messages"}]
    return meta.signed({"object": "whatsapp_business_account", "entry": [{"id": meta.BUSINESS, "changes": changes}]})


def _zalo(text: str, id_: str, answers: str) -> tuple[bytes, dict[str, str]]:
    quote = {"quote_msg_id": answers} if answers else {}
    return oa.signed(
        {
            "app_id": oa.APP_ID, "event_name": "user_send_text", "sender": {"id": oa.USER}, "recipient": {"id": oa.OA_ID},
            "timestamp": "1781000000123", "message": {"text": text, "msg_id": id_, **quote},
        }
    )  # fmt: skip


@dataclass
class Far:
    """One messenger: its fake, how somebody writes there, where its link leads."""

    kind: str
    fake: Any
    settings: dict[str, Any]
    says: Says
    link: str

    def texts(self) -> list[str]:
        bodies = self.fake.sent()
        found = [b.get("text") or (b.get("message") or {}).get("text") or "" for b in bodies]
        return [t["body"] if isinstance(t, dict) else t for t in found]


@pytest.fixture(params=["messenger", "whatsapp", "zalo"])
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    if request.param == "zalo":
        with FakeZalo() as zalo:
            yield Far("zalo", zalo, zalo.settings(), _zalo, f"https://zalo.me/{oa.OA_ID}")
        return
    with FakeGraph() as graph:
        if request.param == "messenger":
            yield Far("messenger", graph, graph.messenger(), _messenger, f"https://m.me/{meta.PAGE}?ref=(code)")
        else:
            settings = graph.whatsapp(number="+84 28 7300 0111")
            yield Far("whatsapp", graph, settings, _whatsapp, "https://wa.me/842873000111?text=(code)")


class Desk:
    def __init__(self, make: Any, drain: Any, client: Any, far: Far) -> None:
        self.make, self.drain, self.client, self.far = make, drain, client, far
        self.channel: Channel = make.channel(far.kind, name="The shop", config=far.settings)
        self.linh: Agent = make.agent("agent", name=LINH, locale="en")
        self.boss: Agent = make.agent("admin", name="Boss")
        self.page = self.code = ""
        self._said = 0

    def writes(self, text: str, answers: str = "") -> None:
        self._said += 1
        self.hears(*self.far.says(text, f"in-{self._said}", answers))

    def hears(self, body: bytes, headers: dict[str, str]) -> None:
        assert self.client.post(f"/hooks/{self.channel.key}", data=body, headers=headers).status_code == 200
        self.drain("arrivals")
        self.drain("surveys")
        db.session.rollback()

    def asks_for_a_code(self) -> str:
        self.page = self.make.client(self.linh).post("/me/notices/chat").get_data(as_text=True)
        found = re.search(CODE, self.page)
        assert found is not None
        self.code = found[1]
        return self.code

    def gives(self) -> None:
        email = self.make.channel("email", config={"address": "hello@shop.example"})
        self.make.inbound(email, "Where is my parcel?", sender=Address("email", "lan@khach.example", name="Lan"))
        with unit_of_work(actor=f"agent:{self.boss.id}") as work:
            tickets.assign(work, viewer_of(self.boss), work.session.scalars(select(Ticket)).one(), self.linh.id)
        self.drain("surveys")
        db.session.rollback()


@pytest.fixture
def desk(make: Any, drain: Any, client: Any, far: Far) -> Desk:
    return Desk(make, drain, client, far)


def rows(model: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_the_page_opens_the_chat_and_the_code_links_it(desk: Desk, far: Far) -> None:
    code = desk.asks_for_a_code()
    assert far.link.replace("(code)", code) in desk.page.replace("&amp;", "&")
    desk.writes(code)
    assert rows(NoticeChat) == 1 and db.session.scalars(select(NoticeChat)).one().kind == far.kind
    assert (rows(Ticket), rows(Identity)) == (0, 0), "an agent is no customer"
    assert far.texts()[-1].startswith("Your notices come here from now on")


def test_notices_come_and_a_quoted_one_is_answered_by_a_note(desk: Desk, far: Far) -> None:
    desk.writes(desk.asks_for_a_code())
    desk.gives()
    assert BOSS_SAYS in far.texts()[-1] and "#1001" in far.texts()[-1]
    said = db.session.scalars(select(Notice).where(Notice.agent_id == desk.linh.id)).one().data["said"][0]
    desk.writes("Ask the carrier", answers=said)
    notes = db.session.scalars(select(Message).where(Message.direction == "out")).all()
    assert [(n.kind, n.text, n.agent_id, n.public) for n in notes] == [("note", "Ask the carrier", desk.linh.id, False)]
    desk.writes("hello?")
    assert "reaches no customer" in far.texts()[-1]
    assert (rows(Message), rows(Ticket)) == (2, 1)


def test_stop_ends_it(desk: Desk, far: Far) -> None:
    desk.writes(desk.asks_for_a_code())
    desk.writes("dừng")
    assert rows(NoticeChat) == 0
    told = len(far.texts())
    desk.gives()
    assert len(far.texts()) == told


def test_a_link_of_messenger_brings_the_code_whether_they_wrote_before_or_not(
    make: Any, drain: Any, client: Any
) -> None:
    between = {"sender": {"id": meta.PERSON}, "recipient": {"id": meta.PAGE}, "timestamp": 1781000000123}
    with FakeGraph() as graph:
        desk = Desk(make, drain, client, Far("messenger", graph, graph.messenger(), _messenger, ""))
        referral = {"source": "SHORTLINK", "type": "OPEN_THREAD"}
        advert = {**between, "referral": {**referral, "ref": "summer-sale"}}
        desk.hears(*_meta_call("page", advert))
        assert rows(Ticket) == 0, "somebody opened the chat from elsewhere and said nothing"
        for opened in (
            lambda code: {**between, "referral": {**referral, "ref": code}},
            lambda code: {
                **between,
                "postback": {"mid": "m_start", "title": "Get Started", "referral": {**referral, "ref": code}},
            },
        ):
            desk.hears(*_meta_call("page", opened(desk.asks_for_a_code())))
            assert db.session.scalars(select(NoticeChat)).one().value == meta.PERSON
            desk.writes("stop")
        assert (rows(NoticeChat), rows(Ticket)) == (0, 0)


def test_the_link_of_a_telegram_bot_carries_the_code(make: Any, drain: Any, client: Any) -> None:
    make.channel("telegram", name="Shop bot", config={"token": "42:abc", "bot_name": "shop_bot"})
    page = make.client(make.agent("agent", locale="en")).post("/me/notices/chat").get_data(as_text=True)
    code = re.search(CODE, page)
    assert code is not None and f"https://t.me/shop_bot?start={code[1]}" in page
