"""The `helpdesk` command: what it does, what it prints, how it refuses."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from helpdesk.cli import cli
from tests.cli.conftest import PASSWORD, Command

OFFERED = {
    "up", "demo", "web", "worker", "listen", "clock", "init", "db", "doctor", "agent", "token", "channel", "setting",
    "email", "backup", "restore",
}  # fmt: skip


def test_every_command_of_the_contract_is_there_and_explains_itself(command: Command) -> None:
    assert set(cli.commands) >= OFFERED
    for name in OFFERED:
        assert "Usage: " in command(name, "--help").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["up", "--port", "many"],
        ["agent", "add"],
        ["channel", "add", "email"],
        ["setting", "set", "x"],
        [],
    ],
)
def test_wrong_usage_is_exit_2(command: Command, arguments: list[str]) -> None:
    assert command(*arguments, code=2).err.strip()


def test_before_init_a_command_says_what_to_do(command: Command) -> None:
    assert "helpdesk init" in command("agent", "list", code=2).err


# --- init, db, doctor ----------------------------------------------------------------------------------------


def test_init_makes_a_desk_once(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELPDESK_DATA", str(tmp_path / "desk"))
    arguments = ("init", "--admin-email", "An@Desk.example", "--admin-password-stdin", "--locale", "vi")
    assert "can sign in" in command(*arguments, stdin=PASSWORD + "\n").out
    key = tmp_path / "desk" / "secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "desk").stat().st_mode) == 0o700
    assert command("setting", "get", "locale.default").out.strip() == "vi"
    [agent] = command("agent", "list", "--json").json
    assert (agent["email"], agent["role"]) == ("an@desk.example", "admin")
    before = key.read_text()
    again = command(*arguments, stdin=PASSWORD + "\n", code=1)
    assert "set up already" in again.err and key.read_text() == before


def test_init_refuses_a_poor_password(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELPDESK_DATA", str(tmp_path / "desk"))
    told = command("init", "--admin-email", "an@desk.example", "--admin-password-stdin", stdin="123\n", code=1)
    assert told.err.startswith("helpdesk: password: ")
    assert command("agent", "list", "--json").json == []


def test_db_upgrade_may_be_repeated(desk: Command) -> None:
    first = desk("db", "upgrade").out
    assert first == desk("db", "upgrade").out
    assert "revision" in first


def test_doctor_names_what_is_missing(desk: Command) -> None:
    found = {r["name"]: r for r in desk("doctor", "--offline", "--json").json}
    assert found["database"]["state"] == found["secret key"]["state"] == "ok"
    assert found["helpdesk up"]["state"] == "warn"
    assert found["queue"]["state"] == "warn" and found["queue"]["advice"]


def test_doctor_sees_a_declared_channel_that_cannot_start(desk: Command, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[[channels]]\nkind = 'pigeon'\nname = 'Coo'\n")
    (found,) = (r for r in desk("doctor", "--offline", "--json", code=1).json if r["state"] == "fail")
    assert found["name"] == "channels" and "channels[0].kind" in found["told"]


def test_doctor_sees_an_open_key(desk: Command) -> None:
    key = Path(os.environ["HELPDESK_DATA"]) / "secret.key"
    key.chmod(0o644)
    assert "chmod 600" in desk("doctor", "--offline", code=1).out


def test_doctor_checks_the_public_address(desk: Command) -> None:
    desk("setting", "set", "public_url", "http://127.0.0.1:9")
    found = {r["name"]: r for r in desk("doctor", "--json", code=1).json}
    assert found["public address"]["state"] == "fail"


# --- people --------------------------------------------------------------------------------------------------


def test_agents_are_added_listed_and_disabled(desk: Command) -> None:
    made = desk("agent", "add", "binh@desk.example", "--role", "supervisor", "--json").json
    assert made["role"] == "supervisor" and len(made["password"]) >= 12
    desk("agent", "disable", "binh@desk.example")
    states = {a["email"]: a["active"] for a in desk("agent", "list", "--json").json}
    assert states == {"an@desk.example": True, "binh@desk.example": False}
    assert "last administrator" in desk("agent", "disable", "an@desk.example", code=1).err


def test_an_agent_twice_or_nowhere_is_refused(desk: Command) -> None:
    assert "here already" in desk("agent", "add", "an@desk.example", code=1).err
    assert "Nobody here" in desk("agent", "disable", "x@desk.example", code=1).err
    assert "no team" in desk("agent", "add", "b@desk.example", "--team", "Sales", code=1).err
    assert len(desk("agent", "list", "--json").json) == 1


def test_a_password_is_reset(desk: Command) -> None:
    told = desk("agent", "reset-password", "an@desk.example").out
    assert "shown once" in told
    told = desk("agent", "reset-password", "an@desk.example", "--password-stdin", stdin="another long password\n").out
    assert "another" not in told


def test_a_token_is_printed_once(desk: Command) -> None:
    text = desk("token", "create", "--agent", "an@desk.example", "--name", "till", "--scopes", "read").out.strip()
    assert len(text) >= 40
    made = desk("token", "create", "--agent", "an@desk.example", "--name", "till", "--json").json
    assert made["scopes"] == ["read", "write"]
    assert (
        "scopes" in desk("token", "create", "--agent", "an@desk.example", "--name", "x", "--scopes", "fly", code=1).err
    )


# --- settings ------------------------------------------------------------------------------------------------


def test_settings_are_read_and_changed(desk: Command) -> None:
    assert desk("setting", "get", "survey.csat.delay_minutes").out.strip() == "60"
    desk("setting", "set", "survey.csat.delay_minutes", "5")
    assert desk("setting", "get", "survey.csat.delay_minutes", "--json").json["value"] == 5
    listed = {s["key"]: s["value"] for s in desk("setting", "list", "--json").json}
    assert listed["survey.csat.delay_minutes"] == 5


def test_wrong_settings_are_refused(desk: Command) -> None:
    assert "There is no setting" in desk("setting", "get", "nonsense", code=1).err
    assert "whole number" in desk("setting", "set", "survey.csat.delay_minutes", "soon", code=1).err
    assert "between" in desk("setting", "set", "survey.csat.delay_minutes", "-5", code=1).err
    assert "brand.name" in desk("setting", "set", "brand.name", " ", code=1).err
    assert "helpdesk demo" in desk("setting", "set", "instance.kind", "demo", code=1).err


# --- channels ------------------------------------------------------------------------------------------------


def test_kinds_name_their_settings(command: Command) -> None:
    kinds = {k["kind"]: {s["name"]: s for s in k["settings"]} for k in command("channel", "kinds", "--json").json}
    assert set(kinds) >= {"email", "widget", "telegram", "phone"}
    assert kinds["telegram"]["token"]["secret"] and not kinds["telegram"]["mode"]["secret"]


def test_a_channel_is_added_with_secrets_that_are_never_shown(desk: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT", "123456:canary-in-the-environment")
    made = desk("channel", "add", "telegram", "--name", "Bot", "--set", "token=env:BOT", "--set", "mode=poll", "--json")
    stdin = desk("channel", "add", "telegram", "--name", "Two", "--secret-stdin", "token", "--json", stdin="9:canary\n")
    listed = desk("channel", "list", "--json")
    assert {c["name"]: c["state"] for c in listed.json} == {"Bot": "new", "Two": "new"}
    assert set(listed.json[0]) >= {"id", "key", "state", "last_success", "last_error"}
    assert "canary" not in made.out + stdin.out + listed.out + desk("channel", "list").out


def test_env_is_read_for_secrets_only(desk: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT", "canary")
    made = desk("channel", "add", "widget", "--name", "Chat", "--set", "greeting=env:BOT", "--json").json
    assert made["settings"]["greeting"] == "env:BOT"


def test_receive_only_is_a_setting_of_every_kind(desk: Command) -> None:
    for kind, needed in (("email", ("--set", "address=support@shop.example")), ("widget", ())):
        made = desk("channel", "add", kind, "--name", kind, *needed, "--set", "receive_only=true", "--json").json
        assert made["receive_only"] is True and "receive_only" not in made["settings"]
    kinds = desk("channel", "kinds", "--json").json
    assert all("receive_only" not in {s["name"] for s in k["settings"]} for k in kinds)


def test_channels_are_switched_off_and_on(desk: Command) -> None:
    key = desk("channel", "add", "widget", "--name", "Chat", "--json").json["key"]
    desk("channel", "disable", "Chat")
    assert desk("channel", "list", "--json").json[0]["state"] == "off"
    desk("channel", "enable", key)
    assert desk("channel", "list", "--json").json[0]["state"] == "new"


def test_wrong_channels_are_refused(desk: Command) -> None:
    assert "no kind" in desk("channel", "add", "fax", "--name", "Fax", code=1).err
    assert "no setting" in desk("channel", "add", "widget", "--name", "Chat", "--set", "x=1", code=1).err
    assert "KEY=VALUE" in desk("channel", "add", "widget", "--name", "Chat", "--set", "x", code=2).err
    assert "no NOWHERE" in desk("channel", "add", "telegram", "--name", "B", "--set", "token=env:NOWHERE", code=1).err
    assert "token: This is needed." in desk("channel", "add", "telegram", "--name", "B", code=1).err
    assert "There is no channel" in desk("channel", "test", "Nobody", code=1).err
    assert desk("channel", "list", "--json").json == []


def test_a_channel_test_tells_each_step(desk: Command) -> None:
    made = ["--name", "Bot", "--set", "api_base=http://127.0.0.1:9", "--secret-stdin", "token"]
    desk("channel", "add", "telegram", *made, stdin="123456:canary\n")
    told = desk("channel", "test", "Bot", code=1)
    assert "FAIL" in told.out and "canary" not in told.out


# --- mail files ----------------------------------------------------------------------------------------------


def test_email_parse_gives_one_object_a_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(
        b"From: Lan <lan@shop.example>\r\nSubject: hi\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n"
    )
    (tmp_path / "bad.eml").write_bytes(b"\x00\xff\xfe")
    lines = command("email", "parse", "one.eml", "bad.eml", "gone.eml").out.splitlines()
    assert len(lines) == 3
    first, _bad, gone = map(json.loads, lines)
    assert (first["from"], first["message_id"]) == ({"name": "Lan", "email": "lan@shop.example"}, "1@x")
    assert gone["defects"]
