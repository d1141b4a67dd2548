"""Fold text for search: same length out as in, so that offsets found in the folded text mark the original.

NFC first; then, letter by letter: marks off, đ -> d, lower case. "Hoàn tiền Đơn" -> "hoan tien don".
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SPECIAL = {
    "đ": "d",
    "Đ": "d",
    "ð": "d",
    "Ð": "d",
    "ß": "s",
    "ı": "i",
    "İ": "i",
    "ł": "l",
    "Ł": "l",
    "ø": "o",
    "Ø": "o",
}


@lru_cache(maxsize=8192)
def _fold_char(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    base = unicodedata.normalize("NFD", char)[0]
    lower = base.lower()
    return lower if len(lower) == 1 else base


def fold(text: str) -> str:
    """Folded text of exactly the length of `nfc(text)`."""
    text = nfc(text)
    if text.isascii():
        return text.lower()
    return text.translate(_FOLDED)


class _Folded(dict[int, str]):
    """Letters that were folded before, for `str.translate`; hostile text does not make it grow without end."""

    def __missing__(self, code: int) -> str:
        folded = _fold_char(chr(code))
        if len(self) < 8192:
            self[code] = folded
        return folded


_FOLDED = _Folded()


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


_WORD = re.compile(r"[^\W_]+")
_LONGEST_WORD = 60


def words(text: str) -> list[str]:
    """The folded words of a text, as the search index keeps them: letters and digits, 60 characters at most."""
    return [w[:_LONGEST_WORD] for w in _WORD.findall(fold(text))]


def terms(*texts: str | None) -> str:
    """Folded words of several texts, with single spaces."""
    return " ".join(w for text in texts if text for w in words(text))


def clean(text: str) -> str:
    """NFC, and nothing a database refuses: NUL bytes and lone surrogates become U+FFFD."""
    text = text.replace("\x00", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode("utf-8", "replace")
    return nfc(text)


_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")


def one_line(text: str, limit: int = 500) -> str:
    """A name or subject safe to show and to put in a header: one line, no control or direction characters."""
    text = " ".join(text.replace("\x00", " ").split())[: 4 * limit]  # of a long mail only its beginning is looked at
    text = _BIDI.sub("", clean(text))
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:limit]
