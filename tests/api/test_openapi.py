"""The document is true: it tells of every route, and what the routes answer fits it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connectors.contract import Address
from tests.api.conftest import Api, Desk

TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def check(value: Any, schema: dict[str, Any], components: dict[str, Any], place: str = "$") -> None:
    """The part of JSON Schema the document uses; unknown properties are errors."""
    if "$ref" in schema:
        return check(value, components[schema["$ref"].rsplit("/", 1)[1]], components, place)
    if "anyOf" in schema:
        for choice in schema["anyOf"]:
            try:
                return check(value, choice, components, place)
            except AssertionError:
                continue
        raise AssertionError(f"{place}: {value!r} fits none of {schema['anyOf']}")
    if "enum" in schema:
        assert value in schema["enum"], f"{place}: {value!r} is not one of {schema['enum']}"
    kind = schema.get("type")
    if kind:
        kinds = [kind] if isinstance(kind, str) else kind
        assert any(isinstance(value, TYPES[k]) and not (k == "integer" and value is True) for k in kinds), (
            f"{place}: {value!r}"
        )
    if "properties" in schema:
        assert set(value) <= set(schema["properties"]), (
            f"{place}: {set(value) - set(schema['properties'])} are not told"
        )
        assert set(schema.get("required", [])) <= set(value), f"{place}: {set(schema['required']) - set(value)} missing"
        for name, inner in schema["properties"].items():
            if name in value:
                check(value[name], inner, components, f"{place}.{name}")
    if "items" in schema:
        for n, one in enumerate(value):
            check(one, schema["items"], components, f"{place}[{n}]")
    return None


@pytest.fixture
def document(desk: Desk) -> dict[str, Any]:
    return dict(desk.app.test_client().get("/api/v1/openapi.json").get_json())


def test_every_route_is_in_the_document(desk: Desk, document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    served = set()
    for rule in desk.app.url_map.iter_rules():
        if rule.endpoint.startswith("api.") and rule.endpoint not in ("api.document", "api.docs"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            served |= {(path, m.lower()) for m in rule.methods or () if m not in ("HEAD", "OPTIONS")}
    told = {(path, method) for path, operations in document["paths"].items() for method in operations}
    assert told == served
    names = [o["operationId"] for operations in document["paths"].values() for o in operations.values()]
    assert len(names) == len(set(names))


def test_every_reference_is_there(document: dict[str, Any]) -> None:
    found = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert found and found <= set(document["components"]["schemas"])


def test_what_is_answered_fits_the_document(desk: Desk, admin: Api, document: dict[str, Any]) -> None:
    number = desk.ticket(desk.orders, "Where is it?", sender=Address("widget", "v:9", name="Lan"))
    admin.patch(f"/tickets/{number}", {"priority": "high", "tags": ["late"], "team": str(desk.care)})
    desk.make.channel("phone")
    made = {
        "customer_id": admin.get(f"/tickets/{number}")["customer"]["id"],
        "number": number,
        "name": "sla",
    }
    bodies: dict[str, Any] = {
        "add_message": {"text": "Soon.", "client_msg_id": "x1"},
        "change_ticket": {"status": "solved"},
        "start_ticket": {"identity": {"kind": "email", "value": "x@mail.example"}, "text": "Hello"},
        "add_customer": {"name": "Somebody"},
        "change_customer": {"locale": "vi"},
        "add_identity": {"kind": "phone", "value": "+84912000111"},
        "add_webhook": {"url": "https://app.example/hooks", "secret": "long-enough-for-a-secret-1"},
        "change_webhook": {"active": False},
    }
    other = admin.post("/customers", {"name": "Other", "identity": {"kind": "email", "value": "o@mail.example"}})["id"]
    bodies["merge_customer"] = {"source": other}
    twin = desk.ticket(desk.orders, "The same once more", sender=Address("widget", "v:10", name="Mai"))
    bodies["merge_tickets"] = {"source": twin}
    components = document["components"]["schemas"]
    seen = 0
    order = sorted(document["paths"].items(), key=lambda p: "undo" in p[0])
    for path, operations in order:
        for method, operation in operations.items():
            name = operation["operationId"]
            if name in ("download_attachment", "upload_attachment"):
                continue
            known = path.removeprefix("/api/v1").format(**{"merge_id": 0, "webhook_id": 0, "token": "", **made})
            if name == "unmerge_ticket":
                known = f"/tickets/{twin}/unmerge"
            if name == "search_all":
                known += "?q=it"
            answer = admin.call(method.upper(), known, bodies.get(name, {} if method != "get" else None))
            status = str(answer.status_code)
            assert status in operation["responses"] and answer.status_code < 300, (name, answer.get_data(as_text=True))
            content = operation["responses"][status]["content"]["application/json"]
            check(answer.get_json(), content["schema"], components, name)
            if name == "merge_customer":
                made["merge_id"] = answer.get_json()["id"]
            if name == "add_webhook":
                made["webhook_id"] = answer.get_json()["id"]
            seen += 1
    assert seen >= 25


def test_a_problem_fits_the_document(admin: Api, document: dict[str, Any]) -> None:
    told = admin.patch("/tickets/1", {"nonsense": 1}, 422)
    check(told, document["components"]["schemas"]["Problem"], document["components"]["schemas"])
    assert admin.get("/tickets/999999", 404)["title"] == "Not found"


def test_the_page_works_without_script_or_style_attribute(desk: Desk) -> None:
    page = desk.app.test_client().get("/api/docs").get_data(as_text=True)
    assert "<script" not in page and "style=" not in page and "https://" not in page.replace("https://helpdesk", "")
    for path in ("/api/v1/tickets", "/api/v1/events", "/api/v1/customers/{customer_id}/merge"):
        assert path in page
