"""`helpdesk up` as a person and a machine meet it: starts, answers, survives its parts, stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.running import Running, alive, helpdesk, until

pytestmark = pytest.mark.processes

WORKERS = {"worker-arrivals", "worker-deliveries", "worker-reactions", "worker-surveys"}
PARTS = {"queue", "web", "listen", "clock"} | WORKERS


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("up")) as running:
        yield running


def test_ready_file_tells_address_and_processes(desk: Running) -> None:
    facts = desk.facts
    assert set(facts) == {"url", "pids"}
    assert set(facts["pids"]) == {"up", *PARTS}
    assert all(alive(pid) for pid in facts["pids"].values())
    assert stat.S_IMODE(desk.ready_file.stat().st_mode) == 0o600


def test_healthz_serves(desk: Running) -> None:
    answer = desk.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_readyz_names_every_part(desk: Running) -> None:
    answer = desk.get("/readyz")
    assert answer.status_code == 200, answer.text
    parts = answer.json()["parts"]
    assert {name: part["state"] for name, part in parts.items()} == dict.fromkeys(
        ("database", "queue", "disk", "workers", "listeners", "clock"), "ok"
    )


def test_a_forwarded_call_learns_only_states(desk: Running) -> None:
    told = desk.get("/readyz", headers={"X-Forwarded-For": "203.0.113.7"}).json()
    assert set(told) == {"status", "parts"}
    assert all(set(part) == {"state"} for part in told["parts"].values())
    assert desk.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_metrics_are_for_this_machine(desk: Running) -> None:
    text = desk.get("/metrics").text
    assert "helpdesk_ready 1.0" in text
    assert 'helpdesk_part_up{part="queue"} 1.0' in text
    assert 'helpdesk_requests_total{method="GET",status="200"}' in text


def test_second_start_on_the_folder_is_refused(desk: Running) -> None:
    done = helpdesk("up", "--port", "0", data=desk.data)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"helpdesk: A helpdesk is already running on {desk.data} (process {desk.pids['up']}); stop it first."
    )
    assert desk.get("/healthz").status_code == 200


def test_a_port_in_use_is_told(desk: Running, tmp_path: Path) -> None:
    port = desk.url.rpartition(":")[2]
    done = helpdesk("up", "--port", port, data=tmp_path / "data")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "in use" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("part", ["clock", "worker-reactions", "listen", "web", "queue"])
def test_a_killed_part_starts_again(desk: Running, part: str) -> None:
    before = desk.pids
    os.kill(before[part], signal.SIGKILL)
    until(lambda: desk.pids.get(part) not in (before[part], None), what=f"restart of {part}")
    after = until(lambda: desk.ready() and desk.pids, what="readiness")
    assert {n: p for n, p in after.items() if n != part} == {n: p for n, p in before.items() if n != part}


def test_a_websocket_opens(desk: Running) -> None:
    """gunicorn's threaded worker without its master, with simple-websocket under it."""
    import websocket

    address = desk.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    opened = websocket.create_connection(address, timeout=60)
    try:
        assert json.loads(opened.recv()[1:])["pingInterval"] == 20000
    finally:
        opened.close()


def test_stops_in_time_with_open_pages(tmp_path: Path) -> None:
    import websocket

    with Running(tmp_path) as desk:
        address = desk.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        pages = [websocket.create_connection(address, timeout=60) for _ in range(5)]
        idle = socket.create_connection(("127.0.0.1", int(desk.url.rpartition(":")[2])))
        pids = desk.pids
        desk.process.send_signal(signal.SIGTERM)
        assert desk.process.wait(60) == 0
        assert "did not stop in time" not in desk.log
        assert [name for name, pid in pids.items() if alive(pid)] == []
        assert not desk.ready_file.exists()
        idle.close()
        for page in pages:
            page.shutdown()
    with Running(tmp_path) as again:
        assert again.ready()


def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with Running(tmp_path) as desk:
        pids = desk.pids
        desk.process.kill()
        desk.process.wait()
        until(lambda: not [n for n, p in pids.items() if alive(p)], what="end of the children")
    with Running(tmp_path) as again:
        assert again.ready()


def test_a_long_folder_name_still_has_a_queue(tmp_path: Path) -> None:
    place = tmp_path / ("long-" * 22)
    place.mkdir()
    with Running(place) as desk:
        assert desk.ready()
        socket_path = Path((desk.data / "run" / "valkey.path").read_text().strip())
        assert len(str(socket_path)) <= 100
        assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700


def test_log_lines_are_json_with_the_process(desk: Running) -> None:
    before = desk.pids["worker-surveys"]
    os.kill(before, signal.SIGKILL)
    wanted = f"starting again process=worker-surveys pid={before}"
    line = until(lambda: next((row for row in desk.log.splitlines() if wanted in row), ""), what="a line")
    told = json.loads(line)
    assert told["process"] == "up" and told["level"] == "warning"
    until(desk.ready, what="readiness")
