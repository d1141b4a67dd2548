"""Long text in parts a channel takes."""

from __future__ import annotations

import re

_MARKS = re.compile(r"[\u0300-\u036f\u200d\ufe0f\U0001f3fb-\U0001f3ff]")


def cut(text: str, longest: int) -> list[str]:
    """Parts of at most `longest` characters, cut between paragraphs, lines or words where there are any."""
    parts, rest = [], text.strip()
    while len(rest) > longest:
        stop = next(
            (at for mark in ("\n\n", "\n", " ") if (at := rest.rfind(mark, longest // 2, longest)) > 0), longest
        )
        while stop > 1 and _MARKS.match(rest[stop]):  # not between a letter and what belongs to it
            stop -= 1
        parts.append(rest[:stop].rstrip())
        rest = rest[stop:].lstrip()
    return [*parts, rest] if rest else parts
