"""What the resources do, on the same services as the pages."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Delivery, Recipient
from tests.api.conftest import Api, Desk


def test_a_ticket_reads_as_the_contract_says(desk: Desk, admin: Api) -> None:
    number = desk.ticket(desk.orders, "Where is my parcel?")
    found = admin.get(f"/tickets/{number}")
    wanted = {"number", "subject", "status", "priority", "customer", "assignee", "team", "tags", "channels",
              "created_at", "updated_at", "first_response_at", "solved_at", "sla", "seq"}  # fmt: skip
    assert wanted <= set(found)
    assert found["number"] == number and found["status"] == "new"
    assert found["team"] == {"id": str(desk.orders), "name": "Orders"}
    assert found["channels"] == [{"id": str(desk.channel.id), "kind": "widget", "name": "Chat"}]
    assert isinstance(found["customer"]["id"], str)
    assert found["created_at"].endswith("Z")
    assert found["seq"] > 0


def test_changing_a_ticket_goes_through_the_services(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None)
    colleague = desk.make.agent("agent", name="Carla Care", teams=[desk.care])
    change = {
        "priority": "urgent",
        "assignee": str(colleague.id),
        "team": str(desk.care),
        "tags": ["Hoàn tiền", "vip"],
        "subject": "A better subject",
        "status": "on_hold",
    }
    found = admin.patch(f"/tickets/{number}", change)
    assert found["priority"] == "urgent" and found["status"] == "on_hold" and found["subject"] == "A better subject"
    assert found["assignee"]["name"] == "Carla Care" and found["team"]["name"] == "Care"
    assert found["tags"] == ["Hoàn tiền", "vip"]
    types = [e["type"] for e in admin.get(f"/tickets/{number}/events")["items"]]
    for expected in (
        "priority_changed",
        "ticket_assigned",
        "team_changed",
        "tags_changed",
        "subject_changed",
        "status_changed",
    ):
        assert types.count(expected) == 1
    assert admin.patch(f"/tickets/{number}", {"assignee": None, "team": None})["assignee"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"customer_id": 5}, "customer_id"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "created_at"),
        ({"seq": 1}, "seq"),
        ({"status": "happy"}, "status"),
        ({"priority": 3}, "priority"),
        ({"assignee": "abc"}, "assignee"),
        ({"assignee": "999999"}, "assignee"),
        ({"tags": ["ok", 7]}, "tags"),
    ],
)
def test_a_wrong_or_unknown_field_is_named(desk: Desk, admin: Api, body: Any, field: str) -> None:
    number = desk.ticket(None)
    before = admin.get(f"/tickets/{number}")
    errors = admin.patch(f"/tickets/{number}", body, 422)["errors"]
    assert any(name.startswith(field) for name in errors), errors
    assert admin.get(f"/tickets/{number}") == before


def test_tickets_are_merged_and_taken_apart_again(desk: Desk, admin: Api) -> None:
    who = Address("widget", "v:lan", name="Lan")
    first, second = desk.ticket(None, "The lid is cracked", sender=who), desk.ticket(None, "It leaks, too")
    kept = admin.post(f"/tickets/{second}/merge", {"source": first}, 200)
    again = admin.post(f"/tickets/{second}/merge", {"source": first}, 200)
    assert kept["number"] == again["number"] == second
    said = [m["text"] for m in admin.get(f"/tickets/{second}/messages")["items"]]
    assert sorted(said) == ["It leaks, too", "The lid is cracked"]
    assert admin.post(f"/tickets/{first}/unmerge", {}, 200)["number"] == first
    assert [m["text"] for m in admin.get(f"/tickets/{first}/messages")["items"]] == ["The lid is cracked"]
    assert "source" in admin.post(f"/tickets/{second}/merge", {"source": "1"}, 422)["errors"]
    admin.post(f"/tickets/{second}/merge", {"source": second}, 422)
    admin.post(f"/tickets/{second}/merge", {"source": 999_999}, 404)


def test_a_body_that_is_no_json_is_a_problem(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None)
    headers = {"Authorization": f"Bearer {admin.token}"}
    client = desk.app.test_client()
    broken = client.patch(f"/api/v1/tickets/{number}", data="{", headers=headers, content_type="application/json")
    assert broken.status_code == 400 and broken.mimetype == "application/problem+json"
    form = client.patch(f"/api/v1/tickets/{number}", data={"priority": "high"}, headers=headers)
    assert form.status_code == 415
    deep = client.patch(
        f"/api/v1/tickets/{number}", data="[" * 100_000, headers=headers, content_type="application/json"
    )
    assert deep.status_code in (400, 422)


def test_an_unknown_query_is_named(admin: Api) -> None:
    assert "assigne" in admin.get("/tickets?assigne=me", 422)["errors"]
    assert "limit" in admin.get("/tickets?limit=1000", 422)["errors"]
    assert "cursor" in admin.get("/tickets?cursor=nonsense", 422)["errors"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/reports/sla?from=2026-02-30&to=2026-03-01", "from"),
        ("/reports/sla?from=2026-02-01", "to"),
        ("/reports/sla?from=2026-02-02&to=2026-02-01", "to"),
        ("/reports/sla?from=2001-01-01&to=2026-01-01", "to"),
        ("/events?after=9223372036854775808", "after"),
        ("/tickets?updated_since=2026-11-22T09:00:00", "updated_since"),
    ],
)
def test_what_cannot_be_meant_is_named_and_never_answered_with_something_else(
    admin: Api, path: str, field: str
) -> None:
    assert field in admin.get(path, 422)["errors"]


def test_what_a_resource_takes_is_told_with_what_it_refuses(desk: Desk, admin: Api) -> None:
    refused = admin.call("DELETE", f"/tickets/{desk.ticket(None)}")
    assert refused.status_code == 405
    assert {"GET", "PATCH"} <= set(refused.headers["Allow"].split(", "))


def test_found_words_are_plain_text(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None, "Is the fig vase dishwasher safe?")
    (hit,) = admin.get("/search?q=dishwasher")["items"]
    assert (hit["number"], hit["subject"]) == (number, "Is the fig vase dishwasher safe?")
    assert hit["snippet"] == "Is the fig vase dishwasher safe?"


def test_a_search_keeps_to_the_other_filters(desk: Desk, admin: Api) -> None:
    desk.ticket(None, "vase")
    assert len(admin.get("/tickets?q=vase&updated_since=2020-01-01T00:00:00Z")["items"]) == 1
    assert admin.get("/tickets?q=vase&updated_since=2120-01-01T00:00:00Z")["items"] == []


# --- messages ----------------------------------------------------------------------------------------------------


def test_a_copy_goes_to_addresses_only(desk: Desk, admin: Api) -> None:
    said = {"identity": {"kind": "email", "value": "lan@mail.example"}, "channel": str(desk.mail.id), "text": "Hello"}
    number = admin.post("/tickets", said)["number"]
    for wrong in ("boss", "boss@mail.example\r\nBcc: x@mail.example", "Boss <boss>"):
        assert "cc" in admin.post(f"/tickets/{number}/messages", {"text": "x", "cc": [wrong]}, 422)["errors"]
    sent = admin.post(f"/tickets/{number}/messages", {"text": "x", "cc": ["Boss <boss@mail.example>"]})
    recipients = select(Recipient.address).join(Delivery).where(Delivery.message_id == int(sent["id"]))
    assert list(db.session.scalars(recipients.order_by(Recipient.id))) == ["lan@mail.example", "boss@mail.example"]


def test_nobody_who_is_not_here_is_mentioned(desk: Desk, admin: Api) -> None:
    note = {"kind": "note", "text": "look", "mentions": ["999999"]}
    assert "mentions" in admin.post(f"/tickets/{desk.ticket(None)}/messages", note, 422)["errors"]


def test_a_reply_is_sent_and_a_note_is_not(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None)
    said = admin.post(f"/tickets/{number}/messages", {"text": "It is on its way."})
    assert said["kind"] == "reply" and said["direction"] == "out" and said["public"]
    assert said["author"]["type"] == "agent" and said["delivery"]["state"] == "sent"
    note = admin.post(f"/tickets/{number}/messages", {"kind": "note", "text": "ask the depot"})
    assert not note["public"] and note["delivery"] is None
    ticket = admin.get(f"/tickets/{number}")
    assert ticket["status"] == "pending" and ticket["first_response_at"]
    listed = admin.get(f"/tickets/{number}/messages")["items"]
    assert [m["text"] for m in listed] == ["Where is my parcel?", "It is on its way.", "ask the depot"]
    assert [m["seq"] for m in listed] == sorted(m["seq"] for m in listed)


def test_a_reply_that_missed_something_is_stopped_and_told_what(desk: Desk, admin: Api) -> None:
    who = Address("widget", "v:lan", name="Lan")
    number = desk.ticket(None, "Hello?", sender=who)
    seen = admin.get(f"/tickets/{number}")["seq"]
    desk.make.inbound(desk.channel, "One more thing: I moved.", sender=who)
    told = admin.post(f"/tickets/{number}/messages", {"text": "Sent to your old address.", "seen_seq": seen}, 409)
    assert [m["text"] for m in told["messages"]] == ["One more thing: I moved."]
    assert told["seq"] == told["messages"][0]["seq"] > seen
    assert len(admin.get(f"/tickets/{number}/messages")["items"]) == 2
    admin.post(f"/tickets/{number}/messages", {"text": "Sent to your new address.", "seen_seq": told["seq"]})


def test_what_i_wrote_myself_stops_nothing(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None)
    seen = admin.get(f"/tickets/{number}")["seq"]
    admin.post(f"/tickets/{number}/messages", {"text": "one", "seen_seq": seen})
    admin.post(f"/tickets/{number}/messages", {"text": "two", "seen_seq": seen})
    said = [m["text"] for m in admin.get(f"/tickets/{number}/messages")["items"] if m["direction"] == "out"]
    assert sorted(said) == ["one", "two"]


def test_a_call_is_logged_in_a_ticket_and_out_of_one(desk: Desk, admin: Api) -> None:
    desk.make.channel("phone", name="Hotline")
    made = admin.post(
        "/tickets",
        {"kind": "call", "identity": {"kind": "phone", "value": "0912 345 678", "name": "Bà Hoa"},
         "text": "Asked for plates", "call": {"direction": "in", "outcome": "answered", "duration_s": 70}},
    )  # fmt: skip
    message = admin.get(f"/tickets/{made['number']}/messages")["items"][0]
    assert message["kind"] == "call" and message["call"]["duration_s"] == 70
    assert message["call"]["number"] == "+84912345678"
    again = admin.post(
        f"/tickets/{made['number']}/messages",
        {"kind": "call", "text": "Told her", "call": {"direction": "out", "outcome": "answered"}},
    )
    assert again["direction"] == "out" and again["ticket"] == made["number"]


def test_a_conversation_is_begun_by_address(desk: Desk, admin: Api) -> None:
    made = admin.post(
        "/tickets",
        {
            "identity": {"kind": "email", "value": "Lan@Example.COM", "name": "Lan"},
            "subject": "Your order",
            "text": "Hello Lan",
        },
    )
    assert made["subject"] == "Your order" and made["customer"]["name"] == "Lan"
    message = admin.get(f"/tickets/{made['number']}/messages")["items"][0]
    assert message["identity"]["value"].lower() == "lan@example.com" and message["delivery"]["state"] == "queued"
    assert "customer" in admin.post("/tickets", {"text": "to whom?"}, 422)["errors"]


# --- lists -------------------------------------------------------------------------------------------------------


def test_lists_are_filtered(desk: Desk, admin: Api) -> None:
    first, second = desk.ticket(desk.orders, "about a teapot"), desk.ticket(desk.care, "about a vase")
    admin.patch(f"/tickets/{second}", {"tags": ["vase"], "status": "open"})

    def numbers(query: str) -> list[int]:
        return [t["number"] for t in admin.get(f"/tickets?{query}")["items"]]

    assert numbers("") == [second, first]
    assert numbers("tag=vase") == [second] and numbers("status=open,pending") == [second]
    assert numbers(f"team={desk.orders}") == [first] and numbers("channel=widget") == [second, first]
    assert numbers("q=teapot") == [first] and numbers("view=needs_reply") == [second, first]
    assert numbers("assignee=none") == [second, first] and numbers("assignee=me") == []
    customer = admin.get(f"/tickets/{first}")["customer"]["id"]
    assert numbers(f"customer={customer}") == [first]
    admin.patch(f"/tickets/{first}", {"status": "solved"})
    since = admin.get(f"/tickets/{first}")["updated_at"]
    assert numbers(f"updated_since={since}") == [first]


@pytest.mark.parametrize(
    "path", ["/tickets?limit=3", "/customers?limit=3", "/tickets?limit=3&updated_since=2020-01-01T00:00:00Z"]
)
def test_paging_neither_repeats_nor_skips_while_rows_come_in(desk: Desk, admin: Api, path: str) -> None:
    key = "id" if "customers" in path else "number"
    for n in range(8):
        desk.ticket(None, f"matter {n}")
    before = {t[key] for t in admin.get(path.replace("limit=3", "limit=100"))["items"]}
    seen: list[Any] = []
    cursor = ""
    while True:
        page = admin.get(path + (f"&cursor={cursor}" if cursor else ""))
        seen += [t[key] for t in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        if len(seen) < 8:
            desk.ticket(None, "somebody writes meanwhile")
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_events_are_polled_by_number(desk: Desk, admin: Api) -> None:
    seq = admin.get("/events?limit=100")["seq"]
    assert admin.get(f"/events?after={seq}")["items"] == []
    number = desk.ticket(None)
    found = admin.get(f"/events?after={seq}")
    assert [e["type"] for e in found["items"]][-1] == "message_received"
    assert {e["ticket"] for e in found["items"] if e["ticket"]} == {number}
    assert found["seq"] == found["items"][-1]["seq"]
    first = admin.get("/events?limit=2")
    assert len(first["items"]) == 2 and first["next_cursor"] == str(first["items"][-1]["seq"]) == str(first["seq"])
    second = admin.get(f"/events?limit=2&cursor={first['next_cursor']}")  # as with every other list
    assert second["items"] == admin.get(f"/events?limit=2&after={first['seq']}")["items"] != first["items"]


# --- customers ---------------------------------------------------------------------------------------------------


def test_customers_are_made_changed_merged_and_given_back(desk: Desk, admin: Api) -> None:
    desk.ticket(None, sender=Address("widget", "v:1", name="Lan"))
    one = admin.get("/customers")["items"][0]["id"]
    two = admin.post("/customers", {"name": "Lan Anh", "identity": {"kind": "email", "value": "lan@mail.example"}})[
        "id"
    ]
    found = admin.patch(f"/customers/{two}", {"salutation": "chị", "vip": True, "notes": "likes celadon"})
    assert found["vip"] and found["salutation"] == "chị" and found["notes"] == "likes celadon"
    assert "admin" in admin.patch(f"/customers/{two}", {"admin": True}, 422)["errors"]
    assert "preferred_channel" in admin.patch(f"/customers/{two}", {"preferred_channel": "99999"}, 422)["errors"]
    merge = admin.post(f"/customers/{two}/merge", {"source": one, "reason": "same order number"})
    assert admin.get(f"/customers/{one}")["id"] == two
    assert {i["kind"] for i in admin.get(f"/customers/{two}")["identities"]} == {"email", "widget"}
    undone = admin.post(f"/merges/{merge['id']}/undo", {}, 200)
    assert undone["undone_at"]
    assert admin.get(f"/customers/{one}")["id"] == one
    timeline = admin.get(f"/customers/{one}/timeline")["items"]
    assert timeline and timeline[0]["seq"] > timeline[-1]["seq"]
    page = admin.get(f"/customers/{one}/timeline?limit=1")
    rest = admin.get(f"/customers/{one}/timeline?cursor={page['next_cursor']}")["items"]
    assert [*page["items"], *rest] == timeline


def test_an_address_of_somebody_else_is_a_conflict(admin: Api) -> None:
    admin.post("/customers", {"name": "A", "identity": {"kind": "email", "value": "a@mail.example"}})
    other = admin.post("/customers", {"name": "B"})["id"]
    admin.post(f"/customers/{other}/identities", {"kind": "email", "value": "a@mail.example"}, 409)
    assert admin.get(f"/customers/{other}")["identities"] == []


def test_everything_else_can_be_read(desk: Desk, admin: Api) -> None:
    for path in (
        "/channels",
        "/agents",
        "/teams",
        "/views",
        "/macros",
        "/rules",
        "/sla-policies",
        "/surveys",
        "/survey-responses",
    ):
        assert "items" in admin.get(path)
    for name in ("volume", "sla", "csat"):
        found = admin.get(f"/reports/{name}?period=7d")
        assert found["name"] == name and len(found["by_day"]) <= 7
    assert [t["name"] for t in admin.get("/teams")["items"]] == ["Care", "Orders"]
    assert admin.get("/views")["items"][0]["id"] == "needs_reply"
