"""Channels declared in config.toml: rows like all others, but the settings page only shows them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from connectors import registry
from helpdesk.errors import ConfigError, Invalid
from helpdesk.models import Channel
from helpdesk.services import channels
from helpdesk.unit_of_work import UnitOfWork


def sync(work: UnitOfWork, declared: Sequence[Mapping[str, Any]]) -> None:
    """Make the rows equal to the declarations, by name; what is no longer declared is switched off.

    Raises ConfigError naming the channel and the key.
    """
    rows = {
        c.name: c
        for c in work.session.scalars(select(Channel).where(Channel.from_config, Channel.archived_at.is_(None)))
    }
    wanted = [read(entry, number) for number, entry in enumerate(declared)]
    for name in rows.keys() - {name for _kind, name, _values in wanted}:  # first: a renamed one's account is free then
        gone = rows.pop(name)
        if gone.enabled:
            channels.set_enabled(work, gone, False)
    for kind, name, values in wanted:
        row = rows.get(name)
        try:
            if row is None:
                row = channels.create(work, kind, name, values)
                row.from_config = True
            elif _differs(row, values):
                row.from_config = False
                channels.update(work, row, values)
                row.from_config = True
            if not row.enabled:
                channels.set_enabled(work, row, True)
        except Invalid as error:
            told = " ".join(f"{key}: {text}" for key, text in error.fields.items()) or error.message
            raise ConfigError(f"`channels` in config.toml, {name}: {told}") from error


def read(entry: Mapping[str, Any], number: int) -> tuple[str, str, dict[str, Any]]:
    """Kind, name and settings of the channel, secrets taken from the environment. Raises ConfigError."""
    values = dict(entry)
    kind, name = values.pop("kind", None), values.pop("name", None)
    if not isinstance(kind, str) or kind not in registry.kinds():
        raise ConfigError(f"`channels[{number}].kind` in config.toml must be one of {', '.join(registry.kinds())}.")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"`channels[{number}].name` in config.toml is missing.")
    secret = {s.name for s in registry.kind(kind).settings if s.secret}
    for key in secret & values.keys():
        values[key] = _secret(str(values[key]), f"channels[{number}].{key}")
    return kind, name.strip(), values


def _secret(value: str, where: str) -> str:
    if not value.startswith("env:"):
        return value
    name = value.removeprefix("env:")
    if not os.environ.get(name):
        raise ConfigError(f"`{where}` in config.toml names {name}, which the environment does not have.")
    return os.environ[name]


def _differs(row: Channel, values: Mapping[str, Any]) -> bool:
    present = {**row.settings, **channels.secrets_of(row), **{name: getattr(row, name) for name in channels.COMMON}}
    return any(str(present.get(key, "")) != str(value) for key, value in values.items())
