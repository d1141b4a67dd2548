"""`value; name=value; …` as Content-Type and Content-Disposition write it, with RFC 2231 and its broken cousins."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from connectors.email import charsets

MAX_PARAMS = 200
_EXTENDED = re.compile(r"^(.*?)(?:\*(\d{1,3}))?(\*)?$")


def parse_params(value: bytes) -> tuple[str, dict[str, str]]:
    """The main value in lower case and its parameters (names in lower case). Values stay encoded words if they are."""
    text = _text(value)
    pieces = _split(text)
    main = re.sub(r"\s+", "", pieces[0].lower()) if pieces else ""
    plain: dict[str, str] = {}
    pieced: dict[str, list[tuple[int, bool, str]]] = {}
    for piece in pieces[1:MAX_PARAMS]:
        name, equals, content = piece.partition("=")
        name = name.strip().lower()
        if not equals or not name:
            continue
        content = _unquote(content.strip())
        match = _EXTENDED.match(name)
        if match and (match[2] is not None or match[3]):
            pieced.setdefault(match[1], []).append((int(match[2] or 0), bool(match[3]), content))
        else:
            plain.setdefault(name, content)
    for name, parts in pieced.items():
        plain[name] = _join(parts)
    return main, plain


def _text(value: bytes) -> str:
    if value.isascii():
        return value.decode("ascii")
    return charsets.decode(value, "utf-8")[0]


def _split(text: str) -> list[str]:
    """At semicolons outside quotes. A quote that is never closed counts as an ordinary character."""
    if '"' not in text:
        return text.split(";")
    pieces, start, index, length = [], 0, 0, len(text)
    while index < length:
        char = text[index]
        if char == ";":
            pieces.append(text[start:index])
            start = index + 1
        elif char == '"':
            close = _closing_quote(text, index + 1)
            if close < 0:
                break
            index = close
        index += 1
    rest = text[start:]
    pieces.extend(rest.split(";") if index < length else [rest])
    return pieces


def _closing_quote(text: str, index: int) -> int:
    while True:
        close = text.find('"', index)
        if close < 0:
            return -1
        slashes = close
        while slashes > index and text[slashes - 1] == "\\":
            slashes -= 1
        if (close - slashes) % 2 == 0:
            return close
        index = close + 1


def _unquote(content: str) -> str:
    if len(content) >= 2 and content[0] == '"' and content[-1] == '"':
        return re.sub(r"\\(.)", r"\1", content[1:-1])
    if len(content) >= 2 and content[0] == "'" and content[-1] == "'" and content.count("'") == 2:
        return content[1:-1]
    return content.strip('"') if content[:1] == '"' or content[-1:] == '"' else content


def _join(parts: list[tuple[int, bool, str]]) -> str:
    """RFC 2231: numbered pieces in order, the charset in front of the first encoded one."""
    charset, out = "", []
    for number, encoded, content in sorted(parts, key=lambda p: p[0]):
        if encoded:
            if number == 0 and content.count("'") >= 2:
                charset, _, content = content.split("'", 2)
            out.append(unquote_to_bytes(content))
        else:
            out.append(content.encode("utf-8", "replace"))
    return charsets.decode(b"".join(out), charset or "utf-8")[0]
