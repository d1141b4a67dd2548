"""`channel`: the accounts messages come in and go out by."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from helpdesk.cli import context
from helpdesk.errors import HelpdeskError, Invalid

COLUMNS = ("id", "kind", "name", "key", "state", "last_success", "last_error")


@click.group()
def channel() -> None:
    """Channels: email, widget, telegram, phone and those to come."""


@channel.command("kinds")
@context.as_json
def kinds(as_json: bool) -> None:
    """Kinds of channel and their settings (* secret, ! needed)."""
    from connectors import registry

    found = [
        {
            "kind": name,
            "label": kind.label,
            "settings": [
                {"name": s.name, "type": s.type, "required": s.required, "secret": s.secret, "default": s.default,
                 "choices": [c for c, _label in s.choices], "help": s.help or s.label}
                for s in kind.settings
            ],
        }
        for name, kind in registry.kinds().items()
    ]  # fmt: skip
    if as_json:
        context.show(found)
        return
    for kind in found:
        click.echo(f"{kind['kind']}: {kind['label']}")
        for s in kind["settings"]:
            mark = "*" if s["secret"] else "!" if s["required"] else " "
            choices = f" ({', '.join(s['choices'])})" if s["choices"] else ""
            click.echo(f"  {mark} {s['name']:<20} {s['help']}{choices}")


@channel.command("list")
@context.as_json
def list_(as_json: bool) -> None:
    """Every channel with its key, state, last success and last error; never a secret."""
    from helpdesk.extensions import db
    from helpdesk.services import channels

    with context.app():
        rows = [_row(c) for c in channels.every(db.session(), enabled=False)]
    context.show(rows) if as_json else context.table(rows, COLUMNS)


def _row(found: Any) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "kind": found.kind,
        "name": found.name,
        "key": found.key,
        "state": found.state,
        "enabled": found.enabled,
        "receive_only": found.receive_only,
        "settings": dict(found.settings or {}),
        "last_success": found.last_success_at.isoformat() if found.last_success_at else None,
        "last_error": found.last_error or None,
    }


@channel.command("add")
@click.argument("kind")
@click.option("--name", required=True)
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting; a secret as KEY=env:NAME.")
@click.option("--secret-stdin", "secrets_in", multiple=True, metavar="KEY", help="Read it from standard input.")
@context.as_json
def add(kind: str, name: str, pairs: tuple[str, ...], secrets_in: tuple[str, ...], as_json: bool) -> None:
    """Add a channel of this KIND."""
    from connectors import registry
    from helpdesk.services import channel_settings, channels

    if kind not in registry.kinds():
        raise HelpdeskError(f"There is no kind of channel called {kind}; choose one of {', '.join(registry.kinds())}.")
    secret = {s.name for s in registry.kind(kind).settings if s.secret}
    values = read_settings(pairs, secrets_in, secret)
    with context.writing() as work:
        wrong = channel_settings.wrong(work.session, kind, values)
        if wrong:
            raise Invalid(fields=wrong)
        row = _row(channels.create(work, kind, name, values))
    if as_json:
        context.show(row)
    else:
        click.echo(f"Added {kind} channel {row['id']} (key {row['key']}). `helpdesk channel test '{name}'` tries it.")


def read_settings(pairs: tuple[str, ...], from_stdin: tuple[str, ...], secret: set[str]) -> dict[str, str]:
    """KEY=VALUE of --set; env:NAME is read for secret keys only, so that a greeting may begin with "env:"."""
    values: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise click.UsageError(f"--set takes KEY=VALUE, not {pair!r}")
        if key in secret and value.startswith("env:"):
            name = value.removeprefix("env:")
            if name not in os.environ:
                raise HelpdeskError(f"The environment has no {name} (for {key}).")
            value = os.environ[name]
        values[key] = value
    for key in from_stdin:
        if key not in secret:
            raise click.UsageError(f"{key} is not a secret of this kind; use --set {key}=…")
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise HelpdeskError(f"Nothing came on standard input for {key}.")
        values[key] = line
    return values


@channel.command("test")
@click.argument("name")
@context.as_json
def test(name: str, as_json: bool) -> int:
    """Try everything the channel NAME (or id, or key) needs, step by step."""
    from connectors.contract import Tests
    from helpdesk.extensions import db
    from helpdesk.services import channels

    with context.app():
        found = find(db.session(), name)
        connector = channels.connector_of(found, db.session())
        if not isinstance(connector, Tests):
            raise HelpdeskError(f"A channel of kind {found.kind} has nothing to test.")
        db.session.rollback()
        steps = []
        for step in connector.test():
            steps.append(step)
            if not as_json:
                told = f"{'ok' if step.ok else 'FAIL':<5} {step.name}" + (f": {step.detail}" if step.detail else "")
                works = " ".join(f"--set {name}={value}" for name, value in step.fix)
                click.echo(told + (f"\n      → {step.advice}" if step.advice else ""))
                if works:
                    click.echo(f"      → This works: {works}")
    if as_json:
        context.show([vars(step) for step in steps])
    return 0 if steps and all(step.ok for step in steps) else 1


@channel.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Listen and send by it again."""
    _switch(name, True)


@channel.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Neither listen nor send by it."""
    _switch(name, False)


def _switch(name: str, enabled: bool) -> None:
    from helpdesk.services import channels

    with context.writing() as work:
        found = find(work.session, name)
        channels.set_enabled(work, found, enabled)
        told = found.name
    click.echo(f"{told} is {'on' if enabled else 'off'}.")


def find(session: Any, name: str) -> Any:
    """By name, id or key; a name that two channels have is refused."""
    from helpdesk.services import channels

    rows = channels.every(session, enabled=False)
    found = [c for c in rows if name in (c.key, str(c.id))] or [c for c in rows if c.name == name]
    if not found:
        raise HelpdeskError(f"There is no channel {name}; `helpdesk channel list` names them.")
    if len(found) > 1:
        ids = ", ".join(str(c.id) for c in found)
        raise HelpdeskError(f"Several channels are called {name}; say which by id: {ids}.")
    return found[0]


COMMANDS = (channel,)
