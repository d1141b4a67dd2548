"""A mail as a tree of parts: linear in its size, without recursion, and never raising.

The standard library's parser recurses per level and takes minutes for a hostile mail; this one only finds the
boundaries. Decoding is left to those who need a part's content.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from connectors.email import limits
from connectors.email.params import parse_params

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_NAME = re.compile(rb"^[\x21-\x39\x3b-\x7e]+$")
_FIRST_DELIMITER = re.compile(rb"(?m)^--(\S{1,200})[ \t]*\r?$")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")


@dataclass(slots=True)
class Part:
    """One leaf or multipart. `headers` in order, names in lower case, values unfolded but not decoded."""

    headers: list[tuple[str, bytes]]
    raw: bytes  # the bytes between the headers and the end, still encoded; empty for a multipart
    content_type: str = "text/plain"
    params: dict[str, str] = field(default_factory=dict)
    children: list[Part] = field(default_factory=list)
    preamble: bytes = b""
    depth: int = 0
    typed: bool = False  # says its content type itself
    unopened: bool = False  # there are parts in it that were not looked for: a limit was reached

    def get(self, name: str) -> bytes:
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    def all(self, name: str) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/") and bool(self.children)

    def walk(self) -> list[Part]:
        """This part and all below it, in reading order."""
        found, stack = [], [self]
        while stack:
            part = stack.pop()
            found.append(part)
            stack.extend(reversed(part.children))
        return found

    def payload(self) -> bytes:
        """The content with its transfer encoding undone, as far as it can be."""
        return decode_transfer(self.raw, self.get("content-transfer-encoding"))


def parse_tree(raw: bytes, defects: list[str]) -> Part:
    """The whole mail; what is wrong with its structure is added to `defects`."""
    if b"\n" not in raw and b"\r" in raw:  # line ends of old Macs
        raw = raw.replace(b"\r", b"\n")
    root = _part(raw, _envelope_end(raw), len(raw), 0, "text/plain", defects)
    stack, count = [(root, len(raw))], 1
    while stack:
        part, _ = stack.pop()
        if not part.content_type.startswith("multipart/"):
            continue
        if part.depth >= limits.MAX_DEPTH:
            defects.append("structure: nested too deep, kept as a file")
            part.unopened = True
            continue
        if count >= limits.MAX_PARTS:
            defects.append("structure: too many parts, the rest is kept as a file")
            part.unopened = True
            continue
        part.children = _children(part, limits.MAX_PARTS - count, defects)
        count += len(part.children)
        if part.children:
            part.raw = b""
        stack.extend((child, 0) for child in reversed(part.children))
    return root


def _envelope_end(raw: bytes) -> int:
    """Where the headers begin: after blank lines and an mbox "From " line."""
    start = 0
    while raw[start : start + 1] in (b"\n", b"\r") and start < 1000:
        start += 1
    if raw.startswith((b"From ", b">From "), start):
        end = raw.find(b"\n", start)
        start = end + 1 if end >= 0 else len(raw)
    return start


def _children(part: Part, room: int, defects: list[str]) -> list[Part]:
    body = part.raw
    boundary = part.params.get("boundary", "").encode("utf-8", "surrogateescape").rstrip()
    spans = _spans(body, boundary, room, defects) if boundary else []
    if not spans:
        first = _FIRST_DELIMITER.search(body)
        if first:
            spans = _spans(body, first[1], room, defects)
        defects.append("structure: boundary " + ("wrong" if spans else "missing"))
    if not spans:
        return []
    part.preamble = body[: max(0, spans[0][2])].strip()
    default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
    return [_part(body, start, end, part.depth + 1, default, defects) for start, end, _ in spans]


def _spans(body: bytes, boundary: bytes, room: int, defects: list[str]) -> list[tuple[int, int, int]]:
    """(start, end, start of its delimiter) of every part; what follows the closing delimiter is the epilogue."""
    delimiter = re.compile(rb"(?m)^--" + re.escape(boundary) + rb"(?:(--)[^A-Za-z0-9\r\n]{0,10}|[ \t]*)\r?$")
    marks = []
    closed = False
    for match in delimiter.finditer(body):
        marks.append((match.start(), match.end()))
        if match[1]:
            closed = True
            break
        if len(marks) > room:
            defects.append("structure: too many parts, the last one holds the rest")
            marks.append((len(body) + 1, len(body)))
            closed = True
            break
    if not marks:
        return []
    if not closed:
        defects.append("structure: closing boundary missing")
        marks.append((len(body) + 1, len(body)))
    spans = []
    for (mark, after), (following, _) in zip(marks, marks[1:], strict=False):
        start = after + 1
        end = following - 1  # the line end before a delimiter belongs to the delimiter
        if end > start and end < len(body) and body[end - 1 : end] == b"\r":
            end -= 1
        spans.append((min(start, len(body)), max(min(end, len(body)), min(start, len(body))), mark))
    return spans


def _part(raw: bytes, start: int, end: int, depth: int, default: str, defects: list[str]) -> Part:
    headers, body = read_headers(raw, start, end, defects)
    part = Part(headers, raw[body:end], default, depth=depth)
    value = part.get("content-type")
    if value:
        part.typed = True
        part.content_type, part.params = parse_params(value[: limits.MAX_HEADER_VALUE_BYTES])
        part.content_type = _known_type(part.content_type, default)
    return part


def _known_type(content_type: str, default: str) -> str:
    if "/" in content_type:
        return content_type
    return {"text": "text/plain", "html": "text/html", "plain": "text/plain"}.get(content_type, default)


def read_headers(raw: bytes, start: int, end: int, defects: list[str]) -> tuple[list[tuple[str, bytes]], int]:
    """Headers between start and end, and where the body begins."""
    if raw[start : start + 1] == b"\n":
        return [], start + 1
    if raw[start : start + 2] == b"\r\n":
        return [], start + 2
    blank = _BLANK_LINE.search(raw, start, end)
    head_end, body = (blank.start(), blank.end()) if blank else (end, end)
    if head_end - start > limits.MAX_HEADER_BYTES:
        defects.append("headers: too large, cut")
        head_end = start + limits.MAX_HEADER_BYTES
    headers: list[tuple[str, bytes]] = []
    lines = raw[start:head_end].split(b"\n")
    position = start
    for index, line in enumerate(lines):
        text = line.rstrip(b"\r")
        if text[:1] in (b" ", b"\t") and headers:
            name, value = headers[-1]
            if len(value) < limits.MAX_HEADER_VALUE_BYTES:
                headers[-1] = (name, value + b" " + text.strip())
        else:
            found, colon, value = text.partition(b":")
            found = found.rstrip()
            if colon and _NAME.match(found):
                if len(headers) < limits.MAX_HEADERS:
                    headers.append((found.decode("ascii").lower(), value.strip()[: limits.MAX_HEADER_VALUE_BYTES]))
            elif text.strip():
                if not _header_follows(lines, index):  # the blank line is missing: the body begins here
                    defects.append("headers: no blank line before the body")
                    return headers, position
                defects.append("headers: a line that is no header")
        position += len(line) + 1
    return headers, body


def _header_follows(lines: list[bytes], index: int) -> bool:
    if index + 1 >= len(lines):
        return index > 0  # the last line before the blank one
    found, colon, _ = lines[index + 1].partition(b":")
    return bool(colon) and bool(_NAME.match(found)) and len(found) < 60


def decode_transfer(raw: bytes, encoding: bytes) -> bytes:
    name = encoding.split(b";")[0].strip().strip(b"\"'").lower()
    if name == b"base64":
        return _base64(raw)
    if name == b"quoted-printable":
        return binascii.a2b_qp(raw)
    if name in (b"x-uuencode", b"uuencode", b"x-uue", b"uue"):
        return uudecode(raw)
    return raw


def _base64(raw: bytes) -> bytes:
    """Base64 with junk between, missing padding, or several padded pieces one after the other."""
    data = _NOT_BASE64.sub(b"", raw)
    pieces = [data] if b"=" not in data[:-2] else [p for p in re.split(rb"=+", data) if p]
    out = []
    for piece in pieces:
        piece = piece.rstrip(b"=")
        if len(piece) % 4 == 1:
            piece = piece[:-1]
        try:
            out.append(binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)))
        except binascii.Error:
            continue
    return b"".join(out)


def uudecode(raw: bytes) -> bytes:
    """The first uuencoded file in `raw`; lines that are damaged are left out."""
    out = []
    inside = False
    for line in raw.split(b"\n"):
        line = line.rstrip(b"\r")
        if not inside:
            inside = line.startswith(b"begin ")
            continue
        if line in (b"end", b"`", b""):
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            wanted = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:wanted]))
            except binascii.Error:
                continue
    return b"".join(out)
