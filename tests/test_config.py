"""The configuration: config.example.toml says exactly what the code does, and mistakes are named."""

from __future__ import annotations

import os
import subprocess
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from helpdesk.config import ENVIRONMENT, Settings, load
from helpdesk.errors import ConfigError
from helpdesk.paths import resource
from tests.processes.running import COMMAND, helpdesk

EXAMPLE = resource("config.example.toml")
NOT_IN_FILE = {"secret_key", "channels"}  # the environment only; shown as a commented example


def keys_of(settings: object, prefix: str = "") -> dict[str, object]:
    """Dotted key -> default of every key the code knows."""
    found: dict[str, object] = {}
    for field in fields(settings):  # type: ignore[arg-type]
        value = getattr(settings, field.name)
        if is_dataclass(value):
            found |= keys_of(value, f"{prefix}{field.name}.")
        elif f"{prefix}{field.name}" not in NOT_IN_FILE:
            found[f"{prefix}{field.name}"] = value
    return found


def in_file(table: dict[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in table.items():
        found |= in_file(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def test_example_lists_every_key_with_its_default() -> None:
    known = keys_of(Settings())
    written = in_file(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")))
    assert set(written) == set(known)
    for key, default in known.items():
        plain = list(default) if isinstance(default, tuple) else str(default) if isinstance(default, Path) else default
        assert written[key] == plain, key


def test_example_loads_as_the_defaults() -> None:
    assert load(EXAMPLE, environ={}) == Settings()


def test_every_key_of_the_example_has_one_comment() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), line


def test_every_environment_variable_is_named_in_the_example() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert [name for name in ENVIRONMENT if name not in text] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "`prot`"),
        ("[server]\nprot = 1", "`server.prot`"),
        ("[server]\nport = 'x'", "`server.port`"),
        ("[server]\nport = true", "`server.port`"),
        ("server = 3", "`server`"),
        ("[server]\nmode = 'fast'", "`server.mode`"),
        ("[server]\nmode = 'gevent'", "`server.mode"),
        ("[server]\nthreads = 4", "`server.threads`"),
        ("[log]\nformat = 'xml'", "`log.format`"),
        ("[log]\nlevel = 'LOUD'", "`log.level`"),
        ("[server]\nport = 70000", "`server.port`"),
        ("[server]\nhost = ''", "`server.host`"),
        ("[server]\ntrusted_proxies = -1", "`server.trusted_proxies`"),
        ("[limits]\nlogin_per_minute = 0", "`limits.login_per_minute`"),
        ("[email]\nmax_message_mb = 0", "`email.max_message_mb`"),
        ("[redis]\nurl = 'nope'", "`redis.url`"),
        ("[database]\nurl = 'mysql://x'", "`database.url`"),
        ("[network]\nallow_private = ['10.0.0.1/8']", "`network.allow_private[0]`"),
        ("[network]\nallow_private = '10.0.0.0/8'", "`network.allow_private`"),
        ("secret_key = 'x'", "`secret_key`"),
        ("port = = 1", "not valid TOML"),
    ],
)
def test_a_mistake_names_the_key_and_the_file(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(file, environ={})
    assert told in str(raised.value)
    assert str(file) in str(raised.value)


def test_environment_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("data = 'here'\n[log]\nformat = 'json'\n[redis]\nurl = 'redis://a'")
    found = load(file, environ={"HELPDESK_DATA": "there", "HELPDESK_LOG": "console", "HELPDESK_REDIS_URL": "redis://b"})
    assert (found.data, found.log.format, found.redis.url) == (Path("there"), "console", "redis://b")


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "nowhere.toml", environ={})


@pytest.mark.parametrize("command", [["setting", "list"], ["up"], ["worker"], ["email", "parse", "x"]])
def test_commands_say_one_sentence_and_exit_2(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[server]\nprot = 1")
    env = {**os.environ, "HELPDESK_CONFIG": str(file), "HELPDESK_DATA": str(tmp_path / "data")}
    done = subprocess.run([*COMMAND, *command], env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [f"helpdesk: Unknown key `server.prot` in {file}."]
    assert not (tmp_path / "data").exists()


def test_a_missing_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    done = helpdesk("agent", "list", data=tmp_path / "data")
    assert done.returncode == 2
    assert "secret key" in done.stderr and "Traceback" not in done.stderr


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[email]\nsmtp_certificate = "chain.pem"\n')
    with pytest.raises(ConfigError, match="belong together"):
        load(file, environ={})
