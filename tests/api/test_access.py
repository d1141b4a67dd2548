"""Who may do what by API: tokens, scopes, roles; whatever is not allowed is a 404 or 403 problem."""

from __future__ import annotations

from typing import Any

import pytest

from helpdesk.models import Response, now
from helpdesk.services import people
from helpdesk.unit_of_work import unit_of_work
from tests.api.conftest import Api, Desk


def test_without_a_token_nothing_is_told(desk: Desk) -> None:
    client = desk.app.test_client()
    from helpdesk.api.routing import ROUTES

    for route in ROUTES:
        path = route.path.replace("{number}", "1001").replace("{token}", "x").replace("{name}", "sla")
        path = path.replace("{customer_id}", "1").replace("{merge_id}", "1").replace("{webhook_id}", "1")
        response = client.open(path, method=route.method)
        assert response.status_code == 401, route
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.mimetype == "application/problem+json"


def test_an_unknown_token_is_refused(desk: Desk) -> None:
    assert Api(desk.app.test_client(), "hd_nonsense").call("GET", "/tickets").status_code == 401


def test_the_cookie_of_a_signed_in_agent_opens_nothing(desk: Desk) -> None:
    client = desk.make.client(desk.make.agent("admin"))
    assert client.get("/api/v1/tickets").status_code == 401


def test_a_token_dies_with_its_agent(desk: Desk) -> None:
    agent = desk.make.agent("agent")
    api = desk.token(agent)
    api.get("/tickets")
    with unit_of_work() as work:
        people.disable(work, None, agent.id)
    assert api.call("GET", "/tickets").status_code == 401


def test_the_document_is_open_and_holds_no_data(desk: Desk) -> None:
    desk.ticket(desk.orders, "a secret matter")
    client = desk.app.test_client()
    for path in ("/api/v1/openapi.json", "/api/docs"):
        response = client.get(path)
        assert response.status_code == 200
        assert "a secret matter" not in response.get_data(as_text=True)


WRITES = (
    ("PATCH", "/tickets/{number}", {"priority": "high"}),
    ("POST", "/tickets/{number}/messages", {"kind": "note", "text": "x"}),
    ("POST", "/customers", {"name": "New"}),
    ("PATCH", "/customers/{customer}", {"vip": True}),
    ("POST", "/customers/{customer}/identities", {"kind": "email", "value": "a@b.example"}),
    ("POST", "/customers/{customer}/merge", {"source": "{other}"}),
    ("POST", "/merges/1/undo", {}),
)


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_reading_token_writes_nothing(desk: Desk, method: str, path: str, body: Any) -> None:
    number = desk.ticket(None)
    api = desk.token(desk.make.agent("admin"), "read")
    customer = api.get(f"/tickets/{number}")["customer"]["id"]
    known = path.format(number=number, customer=customer)
    said = {k: str(v).format(other=customer) if k == "source" else v for k, v in body.items()}
    assert api.call(method, known, said).status_code == 403
    assert api.get(f"/tickets/{number}")["priority"] == "normal"


# --- the table of contract.md, over the routes of one ticket and its customer ----------------------------------

READS = ("/tickets/{number}", "/tickets/{number}/messages", "/tickets/{number}/events", "/customers/{customer}",
         "/customers/{customer}/timeline")  # fmt: skip

# (role, teams, led, how the ticket concerns them) -> may they see it?
WHO = [
    ("agent", "orders", "", "", False),
    ("agent", "care", "", "", True),
    ("agent", "", "", "assigned", True),
    ("agent", "", "", "mentioned", True),
    ("agent", "", "", "", False),
    ("supervisor", "orders", "orders", "", False),
    ("supervisor", "care", "", "", True),
    ("supervisor", "care", "care", "", True),
    ("admin", "", "", "", True),
]


@pytest.mark.parametrize(("role", "teams", "leads", "why", "sees"), WHO)
def test_each_role_sees_what_the_table_says(
    desk: Desk, admin: Api, role: str, teams: str, leads: str, why: str, sees: bool
) -> None:
    number = desk.ticket(desk.care, "something of the care team")
    known = {"orders": desk.orders, "care": desk.care}
    who = desk.make.agent(
        role,
        name="Per Person",
        teams=[known[teams]] if teams and not leads else [],
        leads=[known[leads]] if leads else [],
    )
    if why == "assigned":
        admin.patch(f"/tickets/{number}", {"assignee": str(who.id)})
    if why == "mentioned":
        admin.post(f"/tickets/{number}/messages", {"kind": "note", "text": "look", "mentions": [str(who.id)]})
    api = desk.token(who)
    customer = admin.get(f"/tickets/{number}")["customer"]["id"]
    for path in READS:
        status = api.call("GET", path.format(number=number, customer=customer)).status_code
        assert status == (200 if sees else 404), path
    assert (number in [t["number"] for t in api.get("/tickets")["items"]]) is sees
    assert (customer in [c["id"] for c in api.get("/customers")["items"]]) is sees
    assert (number in [h["number"] for h in api.get("/search?q=something")["items"]]) is sees
    assert (number in [e["ticket"] for e in api.get("/events")["items"]]) is sees
    if not sees:
        assert api.call("PATCH", f"/tickets/{number}", {"priority": "urgent"}).status_code == 404
        assert api.call("POST", f"/tickets/{number}/messages", {"kind": "note", "text": "x"}).status_code == 404
        assert api.call("PATCH", f"/customers/{customer}", {"vip": True}).status_code == 404


def test_files_follow_their_ticket(desk: Desk, admin: Api) -> None:
    import io

    number = desk.ticket(desk.care)
    client = desk.app.test_client()
    sent = client.post(
        "/api/v1/attachments",
        data={"file": (io.BytesIO(b"hello"), "note.txt")},
        headers={"Authorization": f"Bearer {admin.token}"},
    )
    token = sent.get_json()["token"]
    stranger = desk.token(desk.make.agent("agent", teams=[desk.orders]))
    assert stranger.call("GET", f"/attachments/{token}").status_code == 404
    admin.post(f"/tickets/{number}/messages", {"kind": "note", "text": "see file", "attachments": [token]})
    assert stranger.call("GET", f"/attachments/{token}").status_code == 404
    colleague = desk.token(desk.make.agent("agent", teams=[desk.care]))
    found = colleague.call("GET", f"/attachments/{token}")
    assert found.data == b"hello"
    assert found.headers["Content-Disposition"].startswith("attachment")
    found.close()


def test_answers_of_customers_follow_their_ticket(desk: Desk, admin: Api, agent: Api) -> None:
    number = desk.ticket(desk.care)
    from sqlalchemy import select

    from helpdesk.models import Ticket

    with unit_of_work() as work:
        ticket = work.session.scalars(select(Ticket).where(Ticket.number == number)).one()
        work.session.add(
            Response(ticket_id=ticket.id, customer_id=ticket.customer_id, score=2, reason_code="slow", created_at=now())
        )
    assert [r["score"] for r in admin.get("/survey-responses")["items"]] == [2]
    assert agent.get("/survey-responses")["items"] == []


def test_reports_are_for_supervisors_of_their_teams(desk: Desk, admin: Api, agent: Api) -> None:
    assert agent.call("GET", "/reports/sla").status_code == 404
    supervisor = desk.token(desk.make.agent("supervisor", leads=[desk.orders]))
    assert supervisor.get("/reports/csat")["name"] == "csat"
    assert supervisor.call("GET", f"/reports/sla?team={desk.care}").status_code == 404
    assert admin.call("GET", "/reports/salaries").status_code == 404


def test_what_concerns_the_desk_itself_is_for_administrators(desk: Desk, admin: Api, agent: Api) -> None:
    assert "channel_changed" in {e["type"] for e in admin.get("/events")["items"]}
    assert {e["type"] for e in agent.get("/events")["items"]} <= {"customer_created", "identity_added"}


def test_no_secret_is_told_of_channels(desk: Desk, admin: Api) -> None:
    desk.make.channel("telegram", config={"token": "7100000042:canary-of-a-secret"})
    answer = admin.call("GET", "/channels")
    assert "canary" not in answer.get_data(as_text=True)
    assert {c["kind"] for c in answer.get_json()["items"]} == {"widget", "email", "telegram"}
