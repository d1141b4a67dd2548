"""Reading JSON of strangers: text a database takes, ids as text, times from numbers. Nothing in here raises for content."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.contract import Unparseable

# What reading a payload of the wrong shape may raise; anything else is a fault of ours.
BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, OSError, RecursionError)


def load(body: bytes, what: str) -> dict[str, Any]:
    """The JSON object of a stored call, without NUL and lone surrogates. Raises Unparseable."""
    try:
        found = _clean(json.loads(body.decode("utf-8")))
    except (ValueError, RecursionError):
        raise Unparseable(f"This is not valid JSON of {what}.") from None
    if not isinstance(found, dict):
        raise Unparseable(f"This is not an event of {what}.")
    return found


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", " ").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    return value


def nfc(value: Any, longest: int = 200) -> str:
    """One line, composed."""
    return unicodedata.normalize("NFC", " ".join(str(value or "").split()))[:longest]


def field(given: Mapping[str, Any], key: str, longest: int) -> str:
    """A field's text: composed, stripped, cut; empty when it is missing or no text."""
    value = _clean(given.get(key))
    return unicodedata.normalize("NFC", value).strip()[:longest] if isinstance(value, str) else ""


def text_of(value: Any) -> str:
    """Text as it was written; anything that is no text is none."""
    return value if isinstance(value, str) else ""


def id_of(value: Any, longest: int = 190) -> str:
    """An id as text, or "": never a container, never a truth value."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    found = str(value).strip()
    return found if len(found) <= longest else "sha256:" + hashlib.sha256(found.encode()).hexdigest()


def moment(value: Any, *, per_second: int = 1000) -> datetime | None:
    """A time from a number (or its text) since 1970; None when it makes no sense."""
    try:
        return datetime.fromtimestamp(int(value) / per_second, UTC)
    except BROKEN:
        return None


def filename(value: Any, otherwise: str) -> str:
    """A name without folders, composed."""
    name = nfc(text_of(value).replace("\\", "/").rsplit("/", 1)[-1], 200).strip(". ")
    return name or otherwise


def address(value: Any) -> str:
    """A web address worth following later, or ""."""
    found = text_of(value).strip()
    return found if found.startswith(("https://", "http://")) and len(found) <= 4000 else ""


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:40]


def pick(value: Any, *names: str) -> dict[str, Any]:
    """The object below these names, or an empty one."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def many(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []
