"""`helpdesk demo`, really run: a shop within seconds, its doors open, and the same one at the second start."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.processes.running import Running, helpdesk, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.processes]


def write(smtp: str, subject: str) -> None:
    host, port = smtp.split(":")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Alex <alex@mail.example>", "hello@doigio.example", subject
    mail["Message-ID"] = f"<{subject.replace(' ', '-')}@mail.example>"
    mail.set_content("Is the fig vase still there?")
    with smtplib.SMTP(host, int(port), timeout=60) as server:
        server.send_message(mail)


def test_a_demo_runs_takes_mail_and_runs_again(tmp_path: Path) -> None:
    with Running(tmp_path, command="demo") as desk:
        facts = desk.facts
        assert set(facts["logins"]) == {"admin", "supervisor", "agent"} and "demo" in facts["pids"]
        for path in ("/demo", "/demo/shop", "/demo/email", "/demo/telegram", "/demo/phone", "/demo/mail"):
            assert desk.get(path).status_code == 200, path
        token = _token(desk, facts["logins"]["admin"]["email"])
        write(facts["smtp"], "a zebra for Friday")
        found = until(lambda: _tickets(desk, token, "q=zebra+Friday"), what="the mail in the inbox")
        assert found[0]["subject"] == "a zebra for Friday" and found[0]["channels"][0]["kind"] == "email"
        _answer(desk, token, found[0]["number"])
        until(lambda: "a zebra for Friday" in desk.get("/demo/mail").text, what="the answer in the mailbox")
        assert len(_tickets(desk, token, "limit=100")) == 100
    with Running(tmp_path, command="demo") as desk:
        assert desk.facts["logins"] == facts["logins"]
        assert "Making a sample shop" not in desk.log.split("Ready at")[-2]
        assert _tickets(desk, token, "q=zebra+Friday")
    refused = helpdesk("up", data=tmp_path / "data")
    assert refused.returncode == 1 and "demo" in refused.stderr and "Traceback" not in refused.stderr


def _token(desk: Running, email: str) -> str:
    made = helpdesk("token", "create", "--agent", email, "--name", "test", "--scopes", "read,write", data=desk.data)
    assert made.returncode == 0, made.stderr
    return next(word for word in made.stdout.split() if word.startswith("hd_"))


def _tickets(desk: Running, token: str, query: str) -> list[Any]:
    answer = desk.get(f"/api/v1/tickets?{query}", headers={"Authorization": f"Bearer {token}"})
    return list(answer.json()["items"])


def _answer(desk: Running, token: str, number: int) -> None:
    said = requests.post(
        f"{desk.url}/api/v1/tickets/{number}/messages",
        json={"text": "Two are set aside for you.", "then": "solve"},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "one"},
        timeout=60,
    )
    assert said.status_code == 201, said.text
