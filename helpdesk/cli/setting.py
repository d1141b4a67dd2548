"""`setting`: what lives in the database."""

from __future__ import annotations

import json

import click

from helpdesk.cli import context
from helpdesk.errors import HelpdeskError


@click.group()
def setting() -> None:
    """Settings that are changed while it runs."""


@setting.command("list")
@context.as_json
def list_(as_json: bool) -> None:
    """Every setting with its value."""
    from helpdesk.extensions import db
    from helpdesk.services import settings as desk

    with context.app():
        values = desk.many(db.session(), *desk.DECLARED)
    rows = [
        {"key": k, "value": _shown(k, values[k]), "default": d.default, "help": d.help}
        for k, d in desk.DECLARED.items()
    ]
    context.show(rows) if as_json else context.table(rows, ("key", "value", "help"))


@setting.command("get")
@click.argument("key")
@context.as_json
def get(key: str, as_json: bool) -> None:
    """One value."""
    from helpdesk.extensions import db
    from helpdesk.services import settings as desk

    with context.app():
        value = _shown(key, desk.get(db.session(), _known(key)))
    if as_json:
        context.show({"key": key, "value": value})
    else:
        click.echo(value if isinstance(value, str) else json.dumps(value))


@setting.command("set", context_settings={"ignore_unknown_options": True})  # -5 is a value
@click.argument("key")
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Change one; it works at once."""
    from helpdesk.services import settings as desk

    if key == "instance.kind":
        raise HelpdeskError("instance.kind is written by `helpdesk demo` alone.")
    with context.writing() as work:
        stored = desk.put(work, _known(key), value)
    click.echo(f"{key} = {json.dumps(_shown(key, stored), ensure_ascii=False)}")


def _known(key: str) -> str:
    from helpdesk.services import settings as desk

    if key not in desk.DECLARED:
        raise HelpdeskError(f"There is no setting {key}; `helpdesk setting list` names them.")
    return key


def _shown(key: str, value: object) -> object:
    from helpdesk.services import settings as desk

    return "***" if key in desk.DECLARED and desk.DECLARED[key].secret and value else value


COMMANDS = (setting,)
