"""The health page: what failed, why, and *Retry*."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from helpdesk.extensions import db
from helpdesk.models import Inbound, OutboxRow, now
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.processes


@pytest.fixture
def failed(make: Any) -> tuple[int, int]:
    channel = make.channel(
        "telegram", config={"token": "123456:canary-token"}, last_error="Telegram is away.", last_error_at=now()
    )
    with unit_of_work() as work:
        raw = Inbound(
            channel_id=channel.id,
            external_id="9",
            body=b"secret body",
            size_bytes=11,
            state="failed",
            reason="Not an update.",
        )
        task = OutboxRow(
            drain="reactions",
            kind="system_mail",
            payload={"sealed": "sealed-canary"},
            state="failed",
            last_error="It broke.",
        )
        work.session.add_all([raw, task])
        work.session.flush()
        return raw.id, task.id


def test_it_lists_what_failed_with_its_reason(make: Any, failed: tuple[int, int]) -> None:
    page = make.client(make.agent("admin")).get("/settings/health")
    assert page.status_code == 200
    for words in ("Not an update.", "It broke.", "Telegram is away.", "No worker is running", "No clock is running"):
        assert words in page.text
    for secret in ("canary-token", "sealed-canary", "secret body"):
        assert secret not in page.text


def test_retry_puts_it_back_to_work(make: Any, failed: tuple[int, int]) -> None:
    raw, task = failed
    client = make.client(make.agent("admin"))
    for _n in range(2):  # pressed twice
        assert client.post(f"/settings/health/inbound/{raw}/retry").status_code == 303
        assert client.post(f"/settings/health/task/{task}/retry").status_code == 303
    db.session.rollback()
    assert db.session.get_one(Inbound, raw).state == "pending"
    assert db.session.get_one(OutboxRow, task).state == "due"
    work = db.session.execute(select(OutboxRow.drain, OutboxRow.kind)).all()
    assert [tuple(w) for w in work].count(("arrivals", "parse")) == 1
    assert client.post("/settings/health/inbound/99999/retry").status_code == 404
    assert client.get(f"/settings/health/inbound/{raw}/retry").status_code == 405


def test_only_administrators(make: Any, failed: tuple[int, int]) -> None:
    for role in ("agent", "supervisor"):
        client = make.client(make.agent(role))
        assert client.post(f"/settings/health/inbound/{failed[0]}/retry").status_code == 404
    db.session.rollback()
    assert db.session.get_one(Inbound, failed[0]).state == "failed"


def test_it_says_when_links_point_elsewhere(make: Any) -> None:
    client = make.client(make.agent("admin"))
    assert "No public address is set" in client.get("/settings/health").text
    with unit_of_work() as work:
        desk_settings.put(work, "public_url", "https://help.doigio.example")
    page = client.get("/settings/health").text
    assert "links point to https://help.doigio.example" in page
    assert "trusted_proxies" in page and "secure_cookies" in page


def test_the_public_address_is_called_from_outside(make: Any) -> None:
    client = make.client(make.agent("admin"))

    def pressed() -> str:
        return str(client.post("/settings/health/outside", follow_redirects=True).text)

    assert "No public address is set" in pressed()
    with Receiver(answers=[(404, b"a parking page"), (200, b"ok")]) as server:
        url = server.url
        with unit_of_work() as work:
            desk_settings.put(work, "public_url", url)
        assert f"Check {url} from outside" in client.get("/settings/health").text
        assert f"{url}/healthz answers 404, but not like this product." in pressed()
        assert f"{url} answers in" in pressed()
        assert [post.path for post in server.came] == ["/healthz", "/healthz"]
    assert f"{url} does not answer (ConnectError)." in pressed()
