"""The customers' pages: list, profile, editing, addresses, merging by hand, search."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Customer, Identity, Merge, Organization, Ticket
from helpdesk.services import search


def test_the_list_goes_on_where_it_ended_and_is_filtered_as_one_types(desk: Any, make: Any, person: Any) -> None:
    for n in range(53):
        make.customer(f"Người số {n}", email=f"p{n}@example.com")
    lan = person("Nguyễn Lan Anh", phone="+84912345678")
    first = desk.get("/customers").get_data(as_text=True)
    assert first.count("/customers/") >= 50
    assert "Nguyễn Lan Anh" in first
    following = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    rest = desk.get(following).get_data(as_text=True)
    assert "Người số 0<" in rest
    assert "Nguyễn Lan Anh" not in rest
    found = desk.get("/customers?q=lan+anh", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert f"/customers/{lan.id}" in found
    assert "+84 91 234 56 78" in found or "+84 912 345 678" in found
    assert "Người số" not in found
    assert "Nobody found" in desk.get("/customers?q=zzz%25").get_data(as_text=True)
    assert desk.get("/customers?cursor=abc").status_code == 422


def test_a_profile_shows_who_they_are_and_what_happened_on_all_channels(desk: Any, make: Any) -> None:
    widget = make.channel("widget", name="Web shop")
    outcome = make.inbound(widget, "Nắp ấm bị vỡ", sender=Address("widget", "v:1", name="Nguyễn Lan Anh"))
    customer = db.session.get_one(Ticket, outcome.ticket_id).customer
    make.channel("phone", name="Hotline")
    call = {"number": "0912 345 678", "direction": "out", "outcome": "answered", "duration_s": "3:12",
            "notes": "Khách muốn đổi ấm mới", "customer": str(customer.id), "ticket": "1001"}  # fmt: skip
    assert desk.post("/new/call", data=call).status_code == 303
    page = desk.get(f"/customers/{customer.id}").get_data(as_text=True)
    for words in (
        "Nguyễn Lan Anh",
        "Wrote on Web shop",
        "Nắp ấm bị vỡ",
        "Call to them",
        "đổi ấm mới",
        "#1001",
        "1 / 0",
    ):
        assert words in page, words
    only = desk.get(f"/customers/{customer.id}?show=ratings", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "Nothing happened yet" in only
    assert desk.get(f"/customers/{customer.id}?show=nonsense").status_code == 404
    assert desk.get("/customers/999").status_code == 404


def test_editing_keeps_what_was_typed_and_names_the_wrong_field(desk: Any, person: Any) -> None:
    lan = person("Lan")
    other = person("Bình")
    form = {
        "name": "Nguyễn Lan Anh",
        "given_name": "Lan Anh",
        "salutation": "chị",
        "organization": "Hoa Ban Interiors",
        "locale": "vi",
        "timezone": "Asia/Ho_Chi_Minh",
        "notes": "Thích Telegram sau 17:00",
        "vip": "1",
    }
    assert desk.post(f"/customers/{lan.id}/edit", data=form).status_code == 303
    assert (
        desk.post(f"/customers/{other.id}/edit", data={"name": "Bình", "organization": "hoa ban interiors"}).status_code
        == 303
    )
    db.session.expire_all()
    found = db.session.get_one(Customer, lan.id)
    assert (found.name, found.salutation, found.vip, found.locale) == ("Nguyễn Lan Anh", "chị", True, "vi")
    assert db.session.get_one(Customer, other.id).organization_id == found.organization_id
    assert len(db.session.scalars(select(Organization)).all()) == 1
    assert [p.id for p in search.customers(db.session, desk.viewer, "hoa ban nguyen")] == [lan.id]
    wrong = desk.post(f"/customers/{lan.id}/edit", data={**form, "timezone": "Mars/Base", "name": "Kept <b>"})
    assert wrong.status_code == 422
    assert "Kept &lt;b&gt;" in wrong.get_data(as_text=True)


def test_block_and_unblock(desk: Any, make: Any) -> None:
    channel = make.channel("widget")
    sender = Address("widget", "v:9", name="Spammer")
    outcome = make.inbound(channel, "Buy cheap watches now", sender=sender)
    customer_id = db.session.get_one(Ticket, outcome.ticket_id).customer_id
    assert desk.post(f"/customers/{customer_id}/block", data={"blocked": "1"}).status_code == 303
    assert "Blocked" in desk.get(f"/customers/{customer_id}").get_data(as_text=True)
    assert desk.post(f"/customers/{customer_id}/block", data={"blocked": "0"}).status_code == 303
    db.session.expire_all()
    assert db.session.get_one(Customer, customer_id).blocked_at is None


def test_an_address_is_normalised_and_never_taken_from_somebody_else(desk: Any, person: Any) -> None:
    lan, binh = person("Lan"), person("Bình", email="binh@example.com")
    url = f"/customers/{lan.id}/identities"
    assert desk.post(url, data={"kind": "phone", "value": "0912 345 678"}).status_code == 303
    assert desk.post(url, data={"kind": "email", "value": "Lan.Anh@Example.COM"}).status_code == 303
    values = set(db.session.scalars(select(Identity.value).where(Identity.customer_id == lan.id)))
    assert values == {"+84912345678", "lan.anh@example.com"}
    wrong = desk.post(url, data={"kind": "phone", "value": "12"})
    assert wrong.status_code == 422
    assert "not a phone number" in wrong.get_data(as_text=True)
    assert desk.post(url, data={"kind": "carrier pigeon", "value": "x"}).status_code == 422
    taken = desk.post(url, data={"kind": "email", "value": "BINH@example.com"})
    assert taken.status_code == 422
    page = taken.get_data(as_text=True)
    assert "already belongs to Bình" in page
    assert f"/customers/{lan.id}/merge?with={binh.id}" in page


def test_merging_by_hand_shows_what_will_happen_and_can_be_undone(desk: Any, person: Any) -> None:
    lan = person("Nguyễn Lan Anh", email="lan@example.com")
    visitor = person("Lan Nguyen", phone="+84912345678", notes="Hỏi về ấm trà")
    found = desk.get(f"/customers/{lan.id}/merge?q=lan+nguyen").get_data(as_text=True)
    assert f"with={visitor.id}" in found
    preview = desk.get(f"/customers/{lan.id}/merge?with={visitor.id}").get_data(as_text=True)
    for words in ("become one profile", "Lan Nguyen", 'name="choose-name"', "Can be undone"):
        assert words in preview, words
    form = {"with": str(visitor.id), "keep": "target", "choose-name": "target"}
    assert desk.post(f"/customers/{lan.id}/merge", data=form).status_code == 303
    assert desk.get(f"/customers/{visitor.id}").headers["Location"].endswith(f"/customers/{lan.id}")
    page = desk.get(f"/customers/{lan.id}").get_data(as_text=True)
    assert "Undo merge" in page
    assert "Merged with Lan Nguyen" in page
    merge_id = db.session.scalars(select(Merge.id)).one()
    assert desk.post(f"/customers/merges/{merge_id}/undo").status_code == 303
    assert desk.get(f"/customers/{visitor.id}").status_code == 200
    assert desk.post(f"/customers/{lan.id}/merge", data={"with": str(lan.id)}).status_code == 422
    assert desk.get(f"/customers/{lan.id}/merge?with=99999").status_code == 404


def test_a_new_customer_or_the_one_that_has_the_address(desk: Any, person: Any) -> None:
    made = desk.post("/customers/new", data={"name": "Chị Hạnh", "who": "0987 654 321", "locale": "vi"})
    again = desk.post("/customers/new", data={"name": "Hạnh nữa", "who": "+84987654321"})
    assert made.status_code == again.status_code == 303
    assert made.headers["Location"] == again.headers["Location"]
    assert desk.post("/customers/new", data={"name": "", "who": ""}).status_code == 422
    assert desk.post("/customers/new", data={"name": "A", "who": "neither"}).status_code == 422


def test_the_search_page_and_its_json(desk: Any, make: Any) -> None:
    make.inbound(
        make.channel("widget"), "Cho mình <b>hoàn tiền</b> đơn DG-1", sender=Address("widget", "v:3", name="Lan")
    )
    page = desk.get("/search?q=hoan+tien").get_data(as_text=True)
    assert "<mark>hoàn</mark>" in page
    assert "&lt;b&gt;" in page
    assert 'href="/tickets/1001#m-' in page
    assert desk.get("/search?q=%231001").headers["Location"].endswith("/tickets/1001")
    told = desk.get("/search?q=lan&fragment=1").json
    assert [c["name"] for c in told["customers"]] == ["Lan"]
    told = desk.get("/search?q=hoan+tien&fragment=1").json
    assert told["tickets"][0]["number"] == 1001
    assert [p for p, found in told["tickets"][0]["snippet"] if found] == ["hoàn", "tiền"]
    assert desk.get("/search?q=1001&fragment=1").json["jump"] == {"number": 1001, "url": "/tickets/1001"}
    for odd in ("%00", '"', "%", "a" * 10_000, "*", "NEAR("):
        assert desk.get("/search", query_string={"q": odd}).status_code == 200
    assert "What are you looking for?" in desk.get("/search").get_data(as_text=True)
    assert "Nothing found." in desk.get("/search?q=qwertz").get_data(as_text=True)
    assert desk.get("/search?q=a&cursor=x").status_code == 422
