"""A customer on Zalo and an agent at the desk: webhook door, worker, outbox, marks and echoes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.zalo.api import access_token
from helpdesk.extensions import db
from helpdesk.models import Attachment, Channel, ChannelTokens, Delivery, Identity, Inbound, Message, Reach, Ticket
from helpdesk.services import channels, replies
from helpdesk.services.vaults import ChannelVault
from helpdesk.unit_of_work import unit_of_work
from tests.servers.zalo import FakeZalo, event, signed
from workers.chores import CHORES

pytestmark = pytest.mark.processes

NOW_MS = int(datetime.now(UTC).timestamp() * 1000)


@pytest.fixture
def zalo() -> Any:
    with FakeZalo() as fake:
        yield fake


@pytest.fixture
def desk(client: Any, make: Any, drain: Any, zalo: FakeZalo) -> Any:
    return Desk(client, make, drain, make.channel("zalo", config=zalo.settings()))


class Desk:
    def __init__(self, client: Any, make: Any, drain: Any, channel: Channel) -> None:
        self.client, self.drain, self.channel, self.agent = client, drain, channel, make.viewer("admin")

    def post(self, what: dict[str, Any]) -> int:
        body, headers = signed(what)
        return int(self.client.post(f"/hooks/{self.channel.key}", data=body, headers=headers).status_code)

    def hear(self, *events: dict[str, Any]) -> None:
        assert [self.post(e) for e in events] == [200] * len(events)
        self.drain("arrivals")

    def closes(self) -> None:
        """The reply window is over."""
        with unit_of_work() as work:
            reach = work.session.scalars(select(Reach)).one()
            reach.last_inbound_at, reach.window_until = work.now - timedelta(days=8), work.now - timedelta(days=1)

    def phone(self, number: str) -> None:
        with unit_of_work() as work:
            customer_id = work.session.scalars(select(Identity.customer_id)).one()
            work.session.add(Identity(customer_id=customer_id, kind="phone", scope="", value=number))

    def reply(self, text: str, **more: Any) -> int:
        with unit_of_work(actor=self.agent.actor) as work:
            ticket = work.session.scalars(select(Ticket)).one()
            return replies.reply(work, self.agent, ticket, replies.Written(text=text, **more)).id

    def delivery(self) -> Delivery:
        self.drain("deliveries")
        db.session.rollback()
        return db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()  # type: ignore[return-value]

    def all(self, model: Any) -> list[Any]:
        db.session.rollback()
        return list(db.session.scalars(select(model).order_by(model.id)))


def asked(**more: Any) -> dict[str, Any]:
    return event("user_send_text", text="Đơn 20931 chưa giao", at_ms=NOW_MS, **more)


def test_a_message_becomes_a_ticket_and_the_answer_goes_back_with_its_marks(desk: Desk, zalo: FakeZalo) -> None:
    desk.hear(asked())
    (ticket,), (identity,), (reach,) = desk.all(Ticket), desk.all(Identity), desk.all(Reach)
    assert ticket.subject == "Đơn 20931 chưa giao" and identity.name == "Lan Trần"
    assert reach.window_until - reach.last_inbound_at == timedelta(days=7)
    desk.reply("Dạ mai giao ạ.")
    delivery = desk.delivery()
    assert delivery.state == "sent" and zalo.sent() == [{"text": "Dạ mai giao ạ."}]
    sent_as = {"msg_id": "", "msg_ids": [delivery.external_id]}
    seen = event("user_seen_message", message=sent_as, at_ms=NOW_MS + 9000)
    received = event("user_received_message", msg_id=delivery.external_id, at_ms=NOW_MS + 8000)
    desk.hear(seen, received, received)  # out of order, and one of them twice
    assert desk.delivery().state == "read"


def test_duplicates_are_one_message_also_in_parallel(desk: Desk, app: Any) -> None:
    body, headers = signed(asked())

    def call(_: int) -> int:
        return int(app.test_client().post(f"/hooks/{desk.channel.key}", data=body, headers=headers).status_code)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(call, range(8))) == {200}
    desk.drain("arrivals")
    assert len(desk.all(Message)) == 1 and desk.all(Inbound)[0].duplicates == 7


def test_a_call_that_is_not_signed_is_not_stored(desk: Desk) -> None:
    body, _ = signed(asked())
    assert desk.client.post(f"/hooks/{desk.channel.key}", data=body).status_code == 401
    indented = json.dumps(json.loads(body), indent=1).encode()
    _, headers = signed(asked())
    assert desk.client.post(f"/hooks/{desk.channel.key}", data=indented, headers=headers).status_code == 401
    assert desk.all(Inbound) == []


def test_an_answer_in_the_oa_app_stops_the_clock_and_our_own_is_not_doubled(desk: Desk, zalo: FakeZalo) -> None:
    desk.hear(asked())
    desk.hear(event("oa_send_text", "oa-1", "Dạ shop kiểm tra ngay ạ", at_ms=NOW_MS + 60_000))
    (ticket,) = desk.all(Ticket)
    assert (ticket.needs_reply, ticket.status) == (False, "pending")
    assert [m.direction for m in desk.all(Message)] == ["in", "out"]
    desk.reply("Mai giao ạ.")
    own = desk.delivery().external_id
    desk.hear(event("oa_send_text", str(own), "Mai giao ạ.", at_ms=NOW_MS + 70_000))
    assert len(desk.all(Message)) == 3


def test_a_picture_is_kept_before_its_address_ends(desk: Desk, zalo: FakeZalo) -> None:
    zalo.media["/o.jpg"] = b"\xff\xd8\xff\xe0 jpeg"
    picture = {"attachments": [{"type": "image", "payload": {"url": f"{zalo.url}/o.jpg"}}]}
    desk.hear(event("user_send_image", "m-2", message=picture))
    (kept,) = desk.all(Attachment)
    assert (kept.size_bytes, kept.problem) == (9, "")


def test_the_tokens_are_kept_sealed_and_a_new_one_in_the_settings_counts(desk: Desk, zalo: FakeZalo) -> None:
    desk.hear(asked())
    db.session.rollback()
    row = db.session.scalars(select(ChannelTokens)).one()
    assert "canary" not in row.sealed and "canary" not in row.seed
    vault = ChannelVault(desk.channel.id)
    assert vault.read("refresh-canary-0")["refresh_token"] == "refresh-canary-1"
    assert vault.read("another") == {}


def test_a_closed_window_is_not_offered(desk: Desk) -> None:
    desk.hear(asked())
    with unit_of_work() as work:
        reach = work.session.scalars(select(Reach)).one()
        reach.window_until = work.now - timedelta(minutes=1)
    (way,) = [w for w in replies.options(db.session(), desk.all(Ticket)[0]) if w.kind == "zalo"]
    assert not way.ok


def test_after_the_window_an_approved_template_goes_to_their_phone(
    client: Any, make: Any, drain: Any, zalo: FakeZalo
) -> None:
    line = "523194|vi|Chào {{customer_name}}, phiếu {{ticket_number}}: {{note}}"
    desk = Desk(client, make, drain, make.channel("zalo", config=zalo.settings(templates=line)))
    desk.hear(asked())
    desk.closes()
    assert "523194|vi" in make.client(make.agent("admin")).get("/tickets/1001/side").text
    desk.reply("Mai giao ạ", template="523194|vi")
    nobody = desk.delivery()
    assert nobody.state == "failed" and "phone number" in nobody.error
    desk.phone("+84901234567")
    desk.reply("Mai giao nhé", template="523194|vi")
    sent = desk.delivery()
    (call,) = zalo.called("/message/template")
    assert call.values["phone"] == "84901234567" and call.values["template_id"] == "523194"
    filled = {"customer_name": "Lan Trần", "ticket_number": "1001", "note": "Mai giao nhé"}
    assert call.values["template_data"] == filled
    assert sent.state == "sent" and sent.external_id.startswith("zns-")
    flat = {"app_id": "1", "event_name": "user_received_message", "sender": {"id": "388613280878808645"},
            "recipient": {"id": "84901234567"}, "msg_id": sent.external_id, "tracking_id": f"d{sent.id}",
            "timestamp": str(NOW_MS)}  # fmt: skip
    desk.hear(flat)
    assert desk.all(Delivery)[-1].state == "delivered"


@pytest.mark.parametrize(("code", "words"), [(-114, "does not want"), (-108, "phone number"), (-999, "refused (-999)")])
def test_what_zalo_says_of_a_template_is_said_in_words(
    zalo: FakeZalo, client: Any, make: Any, drain: Any, code: int, words: str
) -> None:
    desk = Desk(client, make, drain, make.channel("zalo", config=zalo.settings(templates="7|vi|{{text}}")))
    desk.hear(asked())
    desk.closes()
    desk.phone("+84901234567")
    zalo.errors = [code]
    desk.reply("Mai giao ạ", template="7|vi")
    told = desk.delivery()
    assert told.state == "failed" and words in told.error


def test_an_account_at_fault_is_shown_on_the_channel(desk: Desk, zalo: FakeZalo) -> None:
    desk.hear(asked())
    desk.reply("Mai giao ạ.")
    zalo.errors.append(-224)
    assert desk.delivery().state == "failed"
    channel = db.session.get_one(Channel, desk.channel.id)
    assert "plan" in channel.last_error and channels.may_send(db.session(), channel) == ""


def test_an_account_nobody_writes_to_keeps_its_access(desk: Desk, zalo: FakeZalo) -> None:
    CHORES["chore.renew_access"]({})
    assert zalo.renewals == 1
    with unit_of_work() as work:
        work.session.get_one(ChannelTokens, desk.channel.id).seed = "of another token"
    CHORES["chore.renew_access"]({})  # the token of the settings was used up already
    db.session.rollback()
    assert "no longer accepts" in db.session.get_one(Channel, desk.channel.id).last_error


def test_many_workers_use_the_refresh_token_once(desk: Desk, zalo: FakeZalo, app: Any) -> None:
    def token(_: int) -> str:
        with app.app_context():
            channel = db.session.get_one(Channel, desk.channel.id)
            config = channels.config_of(channel, db.session())
            db.session.rollback()
            return access_token(config)

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(token, range(12))) == {"access-canary-1"}
    assert zalo.renewals == 1
