"""One outbound message as the bytes of a mail. Never raises for what is in it: what would break a header is removed.

Headers are folded and encoded here and not by the email package, which encodes long ids and cuts words too long.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.policy import compat32
from email.utils import format_datetime, make_msgid

from connectors.contract import Address, ChannelConfig, Outbound
from connectors.email import charsets, content
from connectors.email.classify import LOOP_HEADER

MAX_REFERENCES_CHARS = 1_500
MAX_SUBJECT_CHARS = 400
_ATOMS = re.compile(r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*$")
_UNSAFE_ID = re.compile(r"[^\x21-\x3b\x3d\x3f-\x7e]")
_REPLY = re.compile(r"^\s*(re|fwd?|tr|aw|sv|trả lời)\s*:\s*", re.I)


def compose(outbound: Outbound, config: ChannelConfig) -> bytes:
    """The mail, lines ended by CRLF. A repeat of the same outbound carries the same Message-ID."""
    body = content.body(outbound)
    for header in ("MIME-Version",):
        del body[header]
    parts = body.as_bytes(policy=compat32.clone(max_line_length=76, linesep="\r\n"))
    lines = [_fold(name, value) for name, value in _headers(outbound, config) if value]
    return "".join(lines).encode("utf-8") + b"MIME-Version: 1.0\r\n" + parts


def _headers(outbound: Outbound, config: ChannelConfig) -> Iterable[tuple[str, str]]:
    address = str(config.get("address"))
    yield "From", mailbox(_from_name(outbound, config), address)
    yield "To", ", ".join(_recipient(one) for one in outbound.to)
    yield "Cc", ", ".join(_recipient(one) for one in outbound.cc)
    if outbound.reply_address:
        yield "Reply-To", mailbox(_from_name(outbound, config), outbound.reply_address)
    yield "Subject", encode(_subject(outbound))
    yield "Date", format_datetime(datetime.now(UTC))
    yield "Message-ID", _ids([outbound.message_id or make_msgid(domain=_domain(address)).strip("<>")])
    yield "In-Reply-To", _ids([outbound.in_reply_to])
    yield "References", _references(outbound)
    if outbound.automatic:
        yield "Auto-Submitted", "auto-replied" if outbound.in_reply_to else "auto-generated"
        yield "X-Auto-Response-Suppress", "All"
        yield "Precedence", "bulk"
        yield LOOP_HEADER.title(), _header_text(address)
    if outbound.unsubscribe_url:
        yield "List-Unsubscribe", f"<{_UNSAFE_ID.sub('', outbound.unsubscribe_url)}>"
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


def _from_name(outbound: Outbound, config: ChannelConfig) -> str:
    """Who writes, honestly: what the desk has chosen, else the person and the channel's name, "Mai (Shop Hoa)"."""
    if outbound.from_name:
        return outbound.from_name
    desk, person = str(config.get("from_name")), outbound.sender_name
    return f"{person} ({desk})" if person and desk and person != desk else person or desk


def _recipient(address: Address) -> str:
    return mailbox(address.name, address.value)


def mailbox(name: str, address: str) -> str:
    """`Name <address>` that cannot break out of its header. A name that looks like an address is left out."""
    address = re.sub(r"[\s<>\",;:()\\\x00-\x1f\x7f]", "", charsets.one_line(address))
    local, at, domain = address.rpartition("@")
    address = f"{local}{at}{ascii_domain(domain)}"
    name = charsets.one_line(name)[:120]
    if not name or "@" in name:
        return address if not name else f"<{address}>"
    if _ATOMS.match(name):
        return f"{name} <{address}>"
    if name.isascii():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{encode(name)} <{address}>"


def ascii_domain(domain: str) -> str:
    """An internationalised domain as DNS knows it; as it stands when it cannot be encoded."""
    if domain.isascii():
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain


def _subject(outbound: Outbound) -> str:
    """As given, with the ticket's number behind "Re:" unless it is there."""
    subject = charsets.one_line(outbound.subject)[:MAX_SUBJECT_CHARS]
    tag = f"[#{outbound.ticket_number}]"
    if outbound.ticket_number is None or tag in subject:
        return subject
    match = _REPLY.match(subject)
    start = match.end() if match else 0
    return f"{subject[:start]}{tag} {subject[start:]}".strip()


def encode(text: str) -> str:
    """RFC 2047 words of at most 75 characters, never cut inside a character; plain ASCII stays."""
    text = charsets.one_line(text)
    if text.isascii() and "=?" not in text:
        return text
    words, piece = [], b""
    for char in text:
        data = char.encode("utf-8")
        if len(piece) + len(data) > 45:  # 60 letters of base64
            words.append(piece)
            piece = b""
        piece += data
    words.append(piece)
    return " ".join(f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in words)


def _header_text(text: str) -> str:
    return charsets.one_line(text).encode("ascii", "replace").decode()


def _ids(ids: Iterable[str]) -> str:
    cleaned = [_UNSAFE_ID.sub("", one)[:900] for one in ids]
    return " ".join(f"<{one}>" for one in cleaned if one)


def _references(outbound: Outbound) -> str:
    """The first and as many of the newest as relays pass on."""
    ids = [one for one in dict.fromkeys([*outbound.references, outbound.in_reply_to]) if one]
    if not ids:
        return ""
    kept, size = [], len(ids[0])
    for one in reversed(ids[1:]):
        size += len(one) + 3
        if size > MAX_REFERENCES_CHARS:
            break
        kept.append(one)
    return _ids([ids[0], *reversed(kept)])


def _fold(name: str, value: str) -> str:
    """One header in lines of at most 78 characters where it can be broken at a space."""
    lines, line = [], f"{name}:"
    for word in value.split(" "):
        if len(line) + 1 + len(word) > 78 and line.strip() and not line.endswith(":"):
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def _domain(address: str) -> str:
    return ascii_domain(address.rpartition("@")[2]) or "localhost"
