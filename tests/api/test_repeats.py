"""Idempotency-Key: a repeat does nothing twice and gets the first answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from helpdesk.extensions import db
from tests.api.conftest import Api, Desk

pytestmark = pytest.mark.processes


def test_a_repeat_gets_the_first_answer(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None)
    body = {"kind": "note", "text": "once"}
    first = admin.call("POST", f"/tickets/{number}/messages", body, Idempotency_Key="k1")
    again = admin.call("POST", f"/tickets/{number}/messages", body, Idempotency_Key="k1")
    assert first.status_code == again.status_code == 201
    assert first.get_json() == again.get_json()
    assert again.headers["Idempotent-Replay"] == "true" and "Idempotent-Replay" not in first.headers
    assert len(admin.get(f"/tickets/{number}/messages")["items"]) == 2


def test_a_key_belongs_to_one_request_and_one_token(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None)
    admin.post(f"/tickets/{number}/messages", {"kind": "note", "text": "one"}, Idempotency_Key="k")
    told = admin.post(f"/tickets/{number}/messages", {"kind": "note", "text": "two"}, 422, Idempotency_Key="k")
    assert "Idempotency-Key" in told["errors"]
    other = desk.token(desk.make.agent("admin"))
    other.post(f"/tickets/{number}/messages", {"kind": "note", "text": "three"}, Idempotency_Key="k")
    assert len(admin.get(f"/tickets/{number}/messages")["items"]) == 3


def test_a_refused_request_does_not_use_the_key_up(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None)
    admin.post(f"/tickets/{number}/messages", {"kind": "note", "text": ""}, 422, Idempotency_Key="k")
    admin.post(f"/tickets/{number}/messages", {"kind": "note", "text": "now"}, Idempotency_Key="k")
    assert [m["text"] for m in admin.get(f"/tickets/{number}/messages")["items"]].count("now") == 1


def test_twenty_at_once_are_one(desk: Desk, admin: Api) -> None:
    number = desk.ticket(None)
    db.session.rollback()
    body = {"kind": "note", "text": "all at once"}

    def send(_n: int) -> tuple[int, str]:
        own = Api(desk.app.test_client(), admin.token)
        answer = own.call("POST", f"/tickets/{number}/messages", body, Idempotency_Key="same")
        return answer.status_code, answer.get_json()["id"]

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(send, range(20)))
    assert len(answers) == 1 and answers.pop()[0] == 201
    assert len(admin.get(f"/tickets/{number}/messages")["items"]) == 2


def test_an_upload_can_be_repeated(desk: Desk, admin: Api) -> None:
    import io

    def send() -> str:
        response = desk.app.test_client().post(
            "/api/v1/attachments",
            data={"file": (io.BytesIO(b"bytes"), "a.bin")},
            headers={"Authorization": f"Bearer {admin.token}", "Idempotency-Key": "up"},
        )
        assert response.status_code == 201
        return str(response.get_json()["token"])

    assert send() == send()
