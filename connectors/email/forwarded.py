"""A mail that somebody passed on: who wrote it first, about what, and what they said."""

from __future__ import annotations

import re

from connectors.email import addresses, headers
from connectors.email.addresses import Mailbox
from connectors.email.parse import ParsedMail, parse_mail
from connectors.email.quotemarks import FORWARDED, header_block, label
from connectors.inbound import Address, Forwarded

SUBJECT = re.compile(r"^\s*(?:fwd?|tr|wg|rv|enc|chuyển tiếp|ct)\s*:\s*", re.I)
MAX_BYTES = 2 * 1024 * 1024  # of a mail attached to the one that passes it on
MAX_LINES = 2_000


def read(mail: ParsedMail) -> Forwarded | None:
    """What a mail passes on, as text under a block of headers or as an attached mail; None when it passes on nothing."""
    if not SUBJECT.match(mail.subject):
        return None
    return _in_text(mail) or _attached(mail)


def _in_text(mail: ParsedMail) -> Forwarded | None:
    lines = mail.text.split("\n")[:MAX_LINES]
    start = next((i for i, line in enumerate(lines) if FORWARDED.match(line)), None)
    first = 0 if start is None else start + 1
    at = next((i for i in range(first, len(lines)) if header_block(lines, i)), None)
    if at is None:
        return None
    found, end = _headers(lines, at)
    sender = addresses.first(found.get("from", "").encode())
    text = "\n".join(line.removeprefix("> ").removeprefix(">") for line in lines[end:]).strip()
    if not sender.email or not text:
        return None
    comment = "\n".join(lines[: at if start is None else start]).strip()
    subject = found.get("subject") or SUBJECT.sub("", mail.subject)
    return Forwarded(_address(sender), text, subject, comment)


def _headers(lines: list[str], index: int) -> tuple[dict[str, str], int]:
    """The block's headers by kind, and the line after it. A value may go on in the next line."""
    found: dict[str, str] = {}
    last = ""
    while index < len(lines) and lines[index].strip(" >*"):
        kind, value = label(lines[index])
        if kind:
            found.setdefault(kind, value)
            last = kind
        elif last:
            found[last] = f"{found[last]} {lines[index].strip(' >*')}"
        index += 1
    if "from" in found:  # "Lan <mailto:lan@khach.example>", "Lan [mailto:lan@khach.example]"
        found["from"] = re.sub(
            r"\[(?:mailto:)?([^\[\]\s]+@[^\[\]\s]+)\]", r"<\1>", found["from"].replace("mailto:", "")
        )
    return found, index


def _attached(mail: ParsedMail) -> Forwarded | None:
    mails = [f for f in mail.files if f.content_type == "message/rfc822" and 0 < len(f.data) <= MAX_BYTES]
    if len(mails) != 1:
        return None
    inner = parse_mail(mails[0].data)
    if not inner.sender.email or not (inner.text or inner.reply_text):
        return None
    return Forwarded(_address(inner.sender), inner.reply_text or inner.text, inner.subject, mail.reply_text.strip())


def _address(box: Mailbox) -> Address:
    from connectors.email.identity import lenient

    return Address("email", lenient(headers.text(box.email.encode())), name=box.name)
