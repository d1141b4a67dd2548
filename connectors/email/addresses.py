"""Address lists (From, To, Cc, …) in one linear walk: quotes, comments, groups, encoded words, and no recursion."""

from __future__ import annotations

import re
from typing import NamedTuple

from connectors.email import charsets, limits
from connectors.email.headers import decode_words, raw_text

_SIMPLE = re.compile(r'^\s*(?:"([^"\\]*)"|([^"<>(),;:\\@]*?))\s*<\s*([^<>()\s,;"\\]+@[^<>()\s,;"\\@]+)\s*>\s*$')
_BARE = re.compile(r"^\s*([^<>()\s,;\"\\]+@[^<>()\s,;\"\\@]+)\s*$")
_ADDRESS = re.compile(r"[^<>()\s,;:\"\\@]+@[^<>()\s,;:\"\\@]+")
_EMPTY_GROUP = re.compile(r"^[^:;@<]{0,100}:\s*;\s*$")


class Mailbox(NamedTuple):
    """A name and an address as written (only the domain's case is left to the reader)."""

    name: str
    email: str


def parse(values: list[bytes]) -> list[Mailbox]:
    """Every mailbox in the headers, without repetitions; one without an address keeps its text as a name."""
    found: dict[str, Mailbox] = {}
    for value in values:
        for mailbox in _parse_one(raw_text(value)):
            if len(found) >= limits.MAX_ADDRESSES:
                return list(found.values())
            found.setdefault(mailbox.email.lower() or mailbox.name, mailbox)
    return list(found.values())


def first(value: bytes) -> Mailbox:
    """The first mailbox with an address, else the first one, else an empty one."""
    boxes = parse([value]) if value else []
    return next((box for box in boxes if box.email), boxes[0] if boxes else Mailbox("", ""))


def _parse_one(line: str) -> list[Mailbox]:
    match = _SIMPLE.match(line)
    if match:
        return [Mailbox(_name(match[1] if match[1] is not None else match[2]), match[3])]
    match = _BARE.match(line)
    if match:
        return [Mailbox("", match[1])]
    if _EMPTY_GROUP.match(line):  # "undisclosed-recipients:;"
        return []
    if "@" not in line and "=?" in line:  # the whole header was encoded, address and all
        line = decode_words(line)
    return [box for piece in _split(line) if (box := _mailbox(piece)) is not None]


def _split(line: str) -> list[str]:
    """At commas and semicolons outside quotes, comments and angle brackets. At most twice the limit of pieces."""
    pieces: list[str] = []
    start = depth = 0
    quoted = angle = False
    index, length = 0, len(line)
    while index < length and len(pieces) < 2 * limits.MAX_ADDRESSES:
        char = line[index]
        if char == "\\":
            index += 2
            continue
        if quoted:
            quoted = char != '"'
        elif char == '"':
            quoted = line.find('"', index + 1) >= 0
        elif char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif depth:
            pass
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char in ",;" and not angle:
            if index > start:
                pieces.append(line[start:index])
            start = index + 1
        index += 1
    if start < length:
        pieces.append(line[start:] if length - start <= 2000 else f"{line[start : start + 1000]} {line[-1000:]}")
    return pieces


def _mailbox(piece: str) -> Mailbox | None:
    """One piece between commas: `Name <address>`, `address (Name)`, `address`, or words only."""
    piece = piece.strip()
    if not piece:
        return None
    opened = piece.rfind("<")
    if opened >= 0:
        inside = piece[opened + 1 :].split(">")[0]
        email = _clean_address(inside)
        name = _name(piece[:opened])
        if email:
            return Mailbox(name, email)
        return Mailbox(name or charsets.one_line(inside), "") if name or inside.strip() else None
    without, comment = _comments(piece)
    match = _ADDRESS.search(without)
    if match:
        before = without[: match.start()].rpartition(":")[2]  # a group's name stands before a colon
        return Mailbox(_name(comment or before), match[0].strip("."))
    if "=?" in piece:
        decoded = decode_words(piece)
        match = _ADDRESS.search(decoded)
        if match:
            return Mailbox(charsets.one_line(decoded[: match.start()].strip(" <\"'")), match[0])
    name = _name(piece)
    return Mailbox(name, "") if name and not name.endswith(":") else None


def _clean_address(inside: str) -> str:
    """The address between angle brackets: no comments, no source route, no blanks."""
    text = "".join(_comments(inside)[0].split())
    if text.lower().startswith("mailto:"):
        text = text[7:]
    if text.startswith("@") and ":" in text:
        text = text.rpartition(":")[2]
    text = text.strip(",;'")
    return charsets.one_line(text) if "@" in text.strip("@") and len(text) <= 320 else ""


def _comments(piece: str) -> tuple[str, str]:
    """The text outside parentheses and the text inside them."""
    if "(" not in piece:
        return piece, ""
    outside: list[str] = []
    inside: list[str] = []
    depth = 0
    for char in piece:
        if char == "(":
            depth += 1
            if depth == 1:
                continue
        elif char == ")" and depth:
            depth -= 1
            if depth == 0:
                continue
        (inside if depth else outside).append(char)
    return "".join(outside), "".join(inside)


def _name(text: str) -> str:
    """A display name without its quotes, decoded (also when a broken client encoded inside quotes)."""
    text = text.strip()
    if '"' in text or "\\" in text:
        text = re.sub(r'\\(.)|"', lambda m: m[1] or "", text)
    elif len(text) > 1 and text[0] == text[-1] == "'":
        text = text[1:-1]
    name = charsets.one_line(decode_words(text))
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].strip()
    return name[:200]
