"""One mail, read. Never raises, whatever the bytes are: what could not be read is named in `defects`.

Imported by the parsing children, so it imports nothing heavy and nothing that talks to a network.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.email import addresses, auth, bodies, bounces, charsets, classify, headers, limits, mime, quotes
from connectors.email.addresses import Mailbox
from connectors.email.attachments import MailFile
from connectors.email.bounces import Bounce

# Every header that names where a mail was delivered or written to; the reply token is looked for in this order.
DELIVERY_HEADERS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "x-delivered-to",
                    "x-forwarded-to", "apparently-to", "to", "cc")  # fmt: skip


@dataclass
class ParsedMail:
    """Everything a mail says. Ids without angle brackets; addresses as written; `date` aware UTC."""

    message_id: str = ""
    in_reply_to: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    sender: Mailbox = Mailbox("", "")
    reply_to: list[Mailbox] = field(default_factory=list)
    to: list[Mailbox] = field(default_factory=list)
    cc: list[Mailbox] = field(default_factory=list)
    addressed_to: list[str] = field(default_factory=list)
    subject: str = ""
    date: datetime | None = None
    text: str = ""
    html: str = ""
    reply_text: str = ""
    quoted_text: str = ""
    files: list[MailFile] = field(default_factory=list)
    auto: str = "no"
    auto_reply_allowed: bool = True
    bounce: Bounce | None = None
    authentication: dict[str, str] = field(default_factory=lambda: dict.fromkeys(auth.METHODS, auth.UNKNOWN))
    body_marker: str = ""
    return_path: str = ""
    defects: list[str] = field(default_factory=list)


# A line our own mails carry at their end, which survives in quotes of clients that drop every header.
BODY_MARKER = re.compile(r"\[ref:([a-z0-9.+-]{8,120})\]", re.I)


def parse_mail(raw: bytes, trusted_hosts: Iterable[str] = (), own_addresses: Collection[str] = ()) -> ParsedMail:
    """Read one mail. `own_addresses` in lower case."""
    mail = ParsedMail()
    defects: list[str] = []
    try:
        root = mime.parse_tree(raw, defects)
        read_envelope(root, mail, defects)
        mail.authentication = auth.read(root.headers, trusted_hosts)
        _read_content(root, raw, mail, defects, frozenset(own_addresses))
    except Exception as error:  # noqa: BLE001 - the border to bytes from anywhere: partial results, never a failure
        defects.append(f"parser: {type(error).__name__}")
        mail.auto_reply_allowed = False
    mail.defects = list(dict.fromkeys(defects))[: limits.MAX_DEFECTS]
    return mail


def scan_headers(raw: bytes) -> ParsedMail:
    """Sender, subject, date and ids only: cheap and bounded, for mails that the parser could not finish."""
    mail = ParsedMail(defects=["parser: only the headers were read"], auto_reply_allowed=False)
    found, _ = mime.read_headers(raw[: limits.MAX_HEADER_BYTES], 0, min(len(raw), limits.MAX_HEADER_BYTES), [])
    short = [(name, value[:2000]) for name, value in found[:200]]
    read_envelope(mime.Part(short, b""), mail, [])
    return mail


def read_envelope(root: mime.Part, mail: ParsedMail, defects: list[str]) -> None:
    """Everything that stands in the headers of the mail itself."""
    mail.subject = headers.text(root.get("subject"))[:2000]
    mail.sender = addresses.first(root.get("from")) if root.get("from") else Mailbox("", "")
    mail.return_path = addresses.first(root.get("return-path")).email
    if not mail.sender.email:
        fallback = addresses.first(root.get("sender") or root.get("reply-to")).email or mail.return_path
        mail.sender = Mailbox(mail.sender.name, fallback)
        defects.append("headers: no sender" if not fallback else "headers: no From address")
    mail.message_id = headers.message_id(root.get("message-id"))
    mail.in_reply_to = list(headers.message_ids(root.all("in-reply-to")))
    mail.references = list(headers.message_ids(root.all("references")))
    mail.reply_to = [box for box in addresses.parse(root.all("reply-to")) if box.email]
    mail.to = addresses.parse(root.all("to"))
    mail.cc = addresses.parse(root.all("cc"))
    mail.addressed_to = _addressed_to(root)
    _read_date(root, mail, defects)


def _read_date(root: mime.Part, mail: ParsedMail, defects: list[str]) -> None:
    value = root.get("date")
    mail.date = headers.date(value) if value else None
    if value and mail.date is None:
        defects.append("headers: date unreadable")
    if mail.date is None:
        received = root.get("received")
        mail.date = headers.date(received.rpartition(b";")[2]) if received else None


def _addressed_to(root: mime.Part) -> list[str]:
    found: dict[str, str] = {}
    for name in DELIVERY_HEADERS:
        for box in addresses.parse(root.all(name)):
            if box.email:
                found.setdefault(box.email.lower(), box.email)
    return list(found.values())[: limits.MAX_ADDRESSES]


def _read_content(root: mime.Part, raw: bytes, mail: ParsedMail, defects: list[str], own: frozenset[str]) -> None:
    body = bodies.read(root, defects)
    mail.text, mail.html, mail.files = body.text, body.html, body.files
    if not mail.text and not mail.files and root.raw.strip() and not mail.html:
        mail.text = charsets.decode(root.payload())[0].strip()[: limits.MAX_TEXT_CHARS]
        body.marked = mail.text
    split = quotes.split_reply(body.marked, mail.subject)
    if body.html_marked and not split.quoted:  # the HTML may know of a quote that the text does not show
        other = quotes.split_reply(body.html_marked, mail.subject)
        split = other if other.quoted else split
    mail.reply_text = split.reply.strip() or mail.text
    mail.quoted_text = split.quoted
    marker = BODY_MARKER.search(mail.text, max(0, len(mail.text) - 100_000)) if "[ref:" in mail.text else None
    mail.body_marker = marker[1].lower() if marker else ""
    mail.bounce = bounces.read(root, raw, mail.sender.email, mail.text)
    verdict = classify.classify(root, mail.sender.email, mail.message_id, mail.text, own, mail.bounce is not None)
    mail.auto, mail.auto_reply_allowed = verdict.auto, verdict.auto_reply_allowed


def as_utc(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with a final Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
