"""Outlook's winmail.dat (MS-OXTNEF): the files in it and the plain body, nothing more."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from connectors.email import charsets
from connectors.email.attachments import safe_name

SIGNATURE = 0x223E9F78
_BODY = 0x0002800C
_RENDDATA = 0x00069002
_TITLE = 0x00018010
_DATA = 0x0006800F
_ATTACHMENT = 0x00069005  # MAPI properties of a file
_LONG_NAME = 0x3707
_SIZES = {0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, 0x000B: 4, 0x0014: 8, 0x0040: 8,
          0x0048: 16}  # fmt: skip
_VARIABLE = frozenset({0x000D, 0x001E, 0x001F, 0x0102})
MAX_ATTRIBUTES = 20_000


@dataclass
class Packet:
    files: list[tuple[str, bytes]] = field(default_factory=list)
    body: str = ""


def read(data: bytes) -> Packet:
    """What can be read; an empty packet for anything that is no TNEF. Never raises."""
    packet = Packet()
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != SIGNATURE:
        return packet
    position, name, content = 6, "", b""
    for _ in range(MAX_ATTRIBUTES):
        if position + 9 > len(data):
            break
        _, attribute, length = struct.unpack_from("<BII", data, position)
        value = data[position + 9 : position + 9 + length]
        position += 9 + length + 2
        if attribute == _RENDDATA:  # a new file begins
            _finish(packet, name, content)
            name, content = "", b""
        elif attribute == _TITLE:
            name = name or charsets.decode(value.split(b"\0")[0])[0]
        elif attribute == _DATA:
            content = value
        elif attribute == _ATTACHMENT:
            name = _long_name(value) or name
        elif attribute == _BODY:
            packet.body = charsets.decode(value.rstrip(b"\0"))[0]
    _finish(packet, name, content)
    return packet


def _finish(packet: Packet, name: str, content: bytes) -> None:
    if name or content:
        packet.files.append((safe_name(name) or "file.bin", content))


def _long_name(data: bytes) -> str:
    """PR_ATTACH_LONG_FILENAME among the properties, as far as they can be walked."""
    try:
        count, position = struct.unpack_from("<I", data)[0], 4
        for _ in range(min(count, 1000)):
            kind, ident = struct.unpack_from("<HH", data, position)
            position += 4
            if ident >= 0x8000:
                position = _skip_name(data, position)
            base = kind & 0x0FFF
            if base in _SIZES and not kind & 0x1000:
                position += _SIZES[base]
                continue
            if base not in _VARIABLE and not kind & 0x1000:
                return ""
            values = struct.unpack_from("<I", data, position)[0]
            position += 4
            for _ in range(min(values, 100)):
                size = struct.unpack_from("<I", data, position)[0]
                value = data[position + 4 : position + 4 + size]
                position += 4 + (size + 3) // 4 * 4
                if ident == _LONG_NAME:
                    text = value.decode("utf-16-le", "replace") if base == 0x001F else charsets.decode(value)[0]
                    return text.rstrip("\0")
    except struct.error:
        return ""
    return ""


def _skip_name(data: bytes, position: int) -> int:
    """A named property carries its GUID and its number or name."""
    named = struct.unpack_from("<I", data, position + 16)[0]
    if named == 0:
        return position + 24
    size = struct.unpack_from("<I", data, position + 20)[0]
    return int(position + 24 + (size + 3) // 4 * 4)
