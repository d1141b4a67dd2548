"""Finds connectors: every folder below `connectors/` with a connector.py adds one kind of channel."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from connectors.contract import ChannelConfig, Connector


@cache
def kinds() -> dict[str, type[Connector]]:
    """Kind -> connector class, in the order of their names. A folder without connector.py is not a kind."""
    found: dict[str, type[Connector]] = {}
    root = Path(__file__).parent
    for module in sorted(pkgutil.iter_modules([str(root)]), key=lambda m: m.name):
        if not module.ispkg or not (root / module.name / "connector.py").exists():
            continue
        loaded = import_module(f"connectors.{module.name}.connector")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Connector) and value.__module__ == loaded.__name__:
                found[value.channel] = value
    return found


def kind(name: str) -> type[Connector]:
    """The class for one kind; KeyError when no folder adds it."""
    return kinds()[name]


def build(name: str, config: ChannelConfig) -> Connector:
    return kind(name)(config)
