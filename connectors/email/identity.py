"""What makes a mail the same mail, and an address the same address."""

from __future__ import annotations

import hashlib
import re

from email_validator import EmailNotValidError, validate_email

from connectors.email.limits import MAX_HEADER_BYTES
from connectors.email.mime import read_headers

# What the writer wrote. Everything else in the headers may be added or changed on the way (Received, Return-Path,
# Delivered-To, Authentication-Results, ARC-*, X-*), differently for each copy of the mail.
WRITTEN_HEADERS = frozenset({
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id",
})  # fmt: skip
TEST_ID = "helpdesk-test-"  # begins the Message-ID of our test mails, which never become tickets

_SPACES = re.compile(rb"\s+")
_PLAIN = re.compile(r"^[a-z0-9][a-z0-9._%+-]{0,62}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}$")


def external_id(raw: bytes) -> str:
    """sha256 of the mail without its trace headers: of the headers its writer wrote and of the body.

    The same mail delivered twice, to two of our addresses, or with other line ends has the same id; two different
    mails that share a Message-ID have two.
    """
    start = 0
    if raw.startswith(b"From ") and b"\n" in raw:  # an mbox separator
        start = raw.index(b"\n") + 1
    headers, body = read_headers(raw, start, len(raw), [])
    digest = hashlib.sha256()
    for name, value in sorted(header for header in headers if header[0] in WRITTEN_HEADERS):
        digest.update(name.encode() + b":" + _SPACES.sub(b" ", value) + b"\n")
    digest.update(b"\n")
    digest.update(raw[body:].replace(b"\r\n", b"\n").rstrip(b"\n"))
    return digest.hexdigest()


def external_id_of_headers(headers: bytes, size_bytes: int) -> str:
    """For a mail whose body was not fetched: its headers and its size stand for it."""
    return hashlib.sha256(f"{external_id(headers[:MAX_HEADER_BYTES])} {size_bytes}".encode()).hexdigest()


def normalise(value: str) -> str:
    """One spelling of an email address: lower case, the domain in ASCII. Raises ValueError with a sentence."""
    text = value.strip().lower()
    if _PLAIN.match(text) and ".." not in text:
        return text
    if text.startswith("mailto:"):
        text = text[7:]
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(f"“{value.strip()[:100]}” is not an email address: {error}") from error
    return f"{found.local_part}@{found.ascii_domain}".lower()


def lenient(value: str) -> str:
    """For addresses of mail that already came: normalised if possible, else as written in lower case."""
    try:
        return normalise(value)
    except ValueError:
        return value.strip().lower()
