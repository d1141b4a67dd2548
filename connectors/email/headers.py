"""Header values to text: encoded words, message ids, dates. Tolerant of every broken form seen in real mail."""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from connectors.email import charsets, limits

_ID = re.compile(r"<([^<>]{1,990})>")
_BARE_ID = re.compile(r"[^\s<>,;\"]{1,400}@[^\s<>,;\"]{1,400}")
_CHARSET = re.compile(r"[A-Za-z0-9_.:+()'-]{1,60}(?:\*[A-Za-z0-9-]{0,20})?")


def text(value: bytes) -> str:
    """An unstructured header (subject, comment) as one safe line."""
    return charsets.one_line(decode_words(raw_text(value)))


def raw_text(value: bytes) -> str:
    """Header bytes as characters; raw eight-bit bytes are guessed (UTF-8 nearly always)."""
    if value.isascii():
        return value.decode("ascii")
    return charsets.guess(value)


def decode_words(value: str) -> str:
    """RFC 2047 words anywhere in `value`. Words split inside a character are joined before decoding."""
    if "=?" not in value:
        return value
    out: list[str] = []
    run: list[tuple[str, bytes]] = []  # encoded words not yet decoded, of neighbouring words
    position = 0
    while True:
        start = value.find("=?", position)
        word = _word(value, start) if start >= 0 else None
        if start >= 0 and word is None and value.find("?=", start) >= 0:
            _flush(run, out)
            out.append(value[position : start + 2])
            position = start + 2
            continue
        if start < 0 or word is None:
            _flush(run, out)
            out.append(value[position:])
            return "".join(out)
        charset, data, end = word
        between = value[position:start]
        if between and not (run and between.isspace()):
            _flush(run, out)
            out.append(between)
        run.append((charset, data))
        position = end


def _word(value: str, start: int) -> tuple[str, bytes, int] | None:
    """The encoded word at `start`: charset, bytes, end."""
    match = _CHARSET.match(value, start + 2)
    if not match or value[match.end() : match.end() + 1] != "?":
        return None
    kind = value[match.end() + 1 : match.end() + 2].lower()
    if kind not in ("b", "q") or value[match.end() + 2 : match.end() + 3] != "?":
        return None
    begin = match.end() + 3
    end = value.find("?=", begin)
    if end == begin and value.startswith("?==", end) and kind == "q":
        end = value.find("?=", begin + 1)  # Q text that begins with "=": "?q?=41?="
    if end < 0:
        return None
    content = value[begin:end]
    data = _base64(content) if kind == "b" else _quoted(content)
    return match[0], data, end + 2


def _base64(content: str) -> bytes:
    data = re.sub(r"[^A-Za-z0-9+/]", "", content)
    if len(data) % 4 == 1:
        data = data[:-1]
    try:
        return binascii.a2b_base64(data + "=" * (-len(data) % 4))
    except binascii.Error:
        return b""


def _quoted(content: str) -> bytes:
    return binascii.a2b_qp(content.encode("utf-8", "surrogateescape").replace(b"\n", b" "), header=True)


def _flush(run: list[tuple[str, bytes]], out: list[str]) -> None:
    """Decode a run of neighbouring words, joining those of one charset."""
    while run:
        charset, data = run.pop(0)
        joined = [data]
        while run and run[0][0].lower() == charset.lower() and not _complete(charset, joined[-1]):
            joined.append(run.pop(0)[1])
        out.append(charsets.decode(b"".join(joined), charset)[0])


def _complete(charset: str, data: bytes) -> bool:
    """Can this word be decoded alone? If not, a character was cut between two words."""
    codec = charsets.codec_of(charset)
    if not codec:
        return False
    try:
        data.decode(codec)
    except (UnicodeError, ValueError):
        return False
    return True


def message_ids(values: list[bytes]) -> tuple[str, ...]:
    """Ids without angle brackets, in order, each once; the oldest and the newest are kept of very many."""
    found: dict[str, None] = {}
    for value in values:
        line = raw_text(value)
        ids = ["".join(part.split()) for part in _ID.findall(line)] if "<" in line else []
        for one in ids or _BARE_ID.findall(line):
            if one:
                found.setdefault(charsets.one_line(one))
    ids = list(found)
    if len(ids) > limits.MAX_REFERENCES:
        ids = ids[:1] + ids[1 - limits.MAX_REFERENCES :]
    return tuple(ids)


def message_id(value: bytes) -> str:
    """The id of one mail; a value without brackets or "@" is taken as it stands."""
    found = message_ids([value])
    if found:
        return found[0]
    return charsets.one_line(raw_text(value)).strip("<> ").replace(" ", "")[:990]


def date(value: bytes) -> datetime | None:
    """An aware UTC time, or None when it cannot be read or is no date of our era."""
    line = raw_text(value[:200]).strip()
    try:
        fields = parsedate_tz(line)
    except (ValueError, TypeError, IndexError, OverflowError):
        fields = None
    try:
        if fields is None:
            found = datetime.fromisoformat(line)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        found = datetime(*fields[:6], tzinfo=UTC) - timedelta(seconds=fields[9] or 0)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if 1970 <= found.year <= 9000 else None
