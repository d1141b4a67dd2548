"""What was found, shown in the text as it was written: folding keeps every letter's place."""

from __future__ import annotations

import re
from collections.abc import Iterable

from helpdesk.folding import fold, nfc
from helpdesk.services.search_query import Phrase

WIDTH = 180
MAX_TEXT = 100_000

Snippet = tuple[tuple[str, bool], ...]  # pieces of the original text; True: found


def pattern(phrases: Iterable[Phrase], prefix: bool) -> re.Pattern[str] | None:
    """Matches the words of a query in folded text."""
    parts = [r"[\W_]+".join(p) for p in phrases]
    if not parts:
        return None
    end = r"(?![^\W_])"
    ends = [end] * len(parts)
    if prefix:
        ends[-1] = r"[^\W_]*"
    joined = "|".join(p + e for p, e in sorted(zip(parts, ends, strict=True), key=lambda x: -len(x[0])))
    return re.compile(rf"(?<![^\W_])(?:{joined})")


def mark(text: str, found: re.Pattern[str] | None) -> Snippet:
    """The whole text with what was found marked."""
    text = nfc(text)
    if found is None:
        return ((text, False),)
    return _pieces(text, [m.span() for m in found.finditer(fold(text))])


def excerpt(text: str, found: re.Pattern[str] | None, width: int = WIDTH) -> Snippet:
    """About `width` characters around the first match, on one line; from the beginning where nothing matches."""
    text = " ".join(nfc(text)[:MAX_TEXT].split())
    spans = [m.span() for m in found.finditer(fold(text))] if found is not None else []
    start = max(0, spans[0][0] - width // 3) if spans else 0
    if start:
        space = text.find(" ", start, spans[0][0])
        start = space + 1 if space != -1 else start
    end = min(len(text), start + width)
    if end < len(text):
        space = text.rfind(" ", start, end)
        end = space if space > start + width // 2 else end
    inside = [(a - start, b - start) for a, b in spans if a >= start and b <= end]
    pieces = list(_pieces(text[start:end], inside))
    if start:
        pieces.insert(0, ("… ", False))
    if end < len(text):
        pieces.append((" …", False))
    return tuple(pieces)


def _pieces(text: str, spans: list[tuple[int, int]]) -> Snippet:
    pieces, at = [], 0
    for a, b in spans:
        if a > at:
            pieces.append((text[at:a], False))
        pieces.append((text[a:b], True))
        at = b
    if at < len(text):
        pieces.append((text[at:], False))
    return tuple(pieces)
