"""Messages a provider approved beforehand, as an administrator describes them: one a line, `name | language | text`."""

from __future__ import annotations

import re

from connectors.contract import Template

PLACE = re.compile(r"\{\{\s*([a-z_]+|\d+)\s*\}\}")


def described(lines: str) -> tuple[Template, ...]:
    """Lines that are none are left out."""
    parts = ([part.strip() for part in line.split("|", 2)] for line in lines.splitlines())
    return tuple(Template(*three) for three in parts if len(three) == 3 and all(three))


def places(body: str) -> list[str]:
    """The names in double braces, in order."""
    return PLACE.findall(body)
