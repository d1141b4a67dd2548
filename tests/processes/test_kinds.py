"""A demo's folder never becomes a real desk by accident, nor the other way round; parts run alone, too."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest
import requests

from tests.processes.running import COMMAND, environment, helpdesk, set_up, until
from tests.servers.valkey import Valkey

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("real") / "data"
    set_up(
        (("init", "--admin-email", "an@desk.example", "--admin-password-stdin"), "a good long password\n"), data=data
    )
    return data


@pytest.fixture
def real(initialised: Path, tmp_path: Path) -> Path:
    """The folder of a real desk, one's own copy."""
    return Path(shutil.copytree(initialised, tmp_path / "data"))


def test_up_refuses_a_demos_folder(real: Path) -> None:
    with sqlite3.connect(real / "helpdesk.db") as connection:
        connection.execute("""INSERT INTO settings (key, value) VALUES ('instance.kind', '"demo"')""")
    connection.close()
    done = helpdesk("up", "--port", "0", data=real)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "demo's folder" in line


def test_demo_refuses_a_real_desk_and_a_strange_folder(real: Path, tmp_path: Path) -> None:
    done = helpdesk("demo", "--port", "0", data=real)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "real helpdesk" in line
    strange = tmp_path / "photos"
    strange.mkdir()
    (strange / "cat.jpg").write_bytes(b"")
    done = helpdesk("demo", "--port", "0", data=strange)
    assert done.returncode == 1 and "not empty" in done.stderr
    assert [p.name for p in strange.iterdir()] == ["cat.jpg"]


def test_a_declared_channel_without_its_secret_is_exit_2(real: Path) -> None:
    config = real.parent / "config.toml"
    config.write_text("[[channels]]\nkind = 'telegram'\nname = 'Bot'\ntoken = 'env:NOT_THERE'\n")
    done = helpdesk("up", "--port", "0", data=real, HELPDESK_CONFIG=str(config))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "NOT_THERE" in line and "`channels[0].token`" in line


def test_a_worker_alone_needs_a_queue_that_exists(real: Path) -> None:
    done = helpdesk("worker", data=real)
    assert done.returncode == 2 and "redis.url" in done.stderr
    done = helpdesk("worker", "--queue", "nonsense", data=real, HELPDESK_REDIS_URL="redis://127.0.0.1:9")
    assert done.returncode == 2 and "nonsense" in done.stderr


@pytest.mark.slow
def test_the_parts_run_alone(real: Path) -> None:
    with Valkey() as valkey:
        env = environment(HELPDESK_DATA=str(real), HELPDESK_REDIS_URL=valkey.url)
        started = []
        try:
            for part in (["web", "--port", "0"], ["worker"], ["listen"], ["clock"]):
                out = subprocess.PIPE if part[0] == "web" else None
                started.append(subprocess.Popen([*COMMAND, *part], env=env, cwd=real.parent, stdout=out, text=True))
            assert started[0].stdout is not None
            url = started[0].stdout.readline().strip().removeprefix("Listening on ")
            until(lambda: answers(url), what="readiness of the four parts")
        finally:
            for process in started:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(60) for process in started]
            if started and started[0].stdout is not None:
                started[0].stdout.close()
        assert codes == [0, 0, 0, 0]


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=60).status_code == 200
    except requests.RequestException:
        return False
