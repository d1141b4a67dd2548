"""Mail that says a mail of ours did not arrive: RFC 3464 reports first, then the free texts of old servers.

`permanent` means "never write to this address again": unknown user or domain, moved, refused for good. A full mailbox,
a size or policy or spam refusal is a failure of one mail, not of the address.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from connectors.email import charsets, mime
from connectors.email.bounce_words import FREE_ADDRESS, HARD, SOFT, SUBJECT, TEMPORARY_TEXT, VIETNAMESE
from connectors.email.classify import DAEMON
from connectors.email.headers import message_ids, text

MAX_RECIPIENTS = 50
MAX_FREE_TEXT_BYTES = 256 * 1024

_MACHINE = re.compile(r"^(?:mail|system|admin|smtp|mta|exchange|mms|uucp|daemon|root|bounce|no-?reply|microsoft)")
_PASSED_ON = re.compile(r"^\s*(?:fwd?|tr|wg|chuyển tiếp)\s*:", re.I)
_COPY_BEGINS = re.compile(
    r"^-{2,}.*(?:copy|original|message|header|returned|thư gốc|nội dung gốc)|^Original message|^(?:Received|Subject|Message-ID): ",
    re.I,
)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass
class Recipient:
    email: str
    status: str = ""
    reason: str = ""
    permanent: bool = False


@dataclass
class Bounce:
    recipients: list[Recipient]
    original_message_id: str = ""


def read(root: mime.Part, raw: bytes, sender: str, body: str) -> Bounce | None:
    """The failures a mail reports, or None when it reports none."""
    parts = root.walk()
    reports = [part for part in parts if part.content_type.endswith("delivery-status")]
    recipients: dict[str, Recipient] = {}
    for part in reports[:10]:
        for recipient in _from_report(part.payload(), body):
            recipients.setdefault(recipient.email.lower(), recipient)
    if not recipients and _may_be_free_text(root, parts, sender):
        for recipient in _from_free_text(root, raw, body):
            recipients.setdefault(recipient.email.lower(), recipient)
    if not recipients:
        return None
    return Bounce(list(recipients.values())[:MAX_RECIPIENTS], _original_id(parts, body))


def permanent(status: str, reason: str) -> bool:
    """May the address never be written to again? By the enhanced status where it tells, else by the words."""
    if status.startswith(("2.", "4.")):
        return False
    if status in ("5.2.2", "5.2.3", "5.3.4", "5.2.4") or status.startswith("5.6."):
        return False
    if status in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"):
        return not re.search(r"mailbox (?:is )?full|over.?quota|quota exceed|hộp thư (?:đã )?đầy", reason, re.I)
    soft, hard = SOFT.search(reason), HARD.search(reason)
    if status.startswith("5.7."):
        return bool(hard) and not soft
    if re.search(r"(?:^|\D)4[25]\d[ -]", reason[:12]) or TEMPORARY_TEXT.search(reason):
        return False
    return bool(hard) and not soft


def _from_report(data: bytes, body: str) -> Iterator[Recipient]:
    """Groups of fields separated by blank lines; the first group speaks of the mail, the rest of one recipient each."""
    for group in re.split(rb"(?:\r?\n[ \t]*){2,}", data)[:500]:
        headers, _ = mime.read_headers(group, 0, len(group), [])
        fields = {name: text(value) for name, value in reversed(headers)}
        named = fields.get("final-recipient") or fields.get("original-recipient") or ""
        original = fields.get("original-recipient", "")
        email = _address(original) or _address(named)
        action = fields.get("action", "").lower().split(" ")[0].strip("();")
        if not email or action not in ("failed", "delayed", "fail", "failure", ""):
            continue
        found = _STATUS.search(fields.get("status", ""))
        diagnostic = _diagnostic(fields) or (_reason(body, email) if email.lower() in body.lower() else "")
        status = found[1] if found else ""
        detail = _STATUS.search(diagnostic)
        if detail and (not status or status.endswith(".0.0")):
            status = detail[1]
        if not action and status.startswith("2."):
            continue
        hard = action != "delayed" and permanent(status, diagnostic)
        yield Recipient(email, status, diagnostic[:500], hard)


def _diagnostic(fields: dict[str, str]) -> str:
    value = fields.get("diagnostic-code", "") or fields.get("x-display-name", "") and fields.get("remote-mta", "")
    kind, separator, words = value.partition(";")
    return (words if separator and len(kind) < 30 else value).strip()


def _address(field: str) -> str:
    """`rfc822;a@b` or `<a@b>` to a@b."""
    value = field.rpartition(";")[2].strip()
    match = FREE_ADDRESS.search(value)
    return match[1] if match else ""


def _may_be_free_text(root: mime.Part, parts: list[mime.Part], sender: str) -> bool:
    """Only mail that looks like a notice is searched: a customer who forwards a bounce writes a message."""
    if root.get("x-failed-recipients"):
        return True
    daemon = bool(DAEMON.match(sender))
    null_path = any(value.strip() == b"<>" for value in root.all("return-path"))
    subject = bool(SUBJECT.search(_subject(root)))
    report = root.content_type == "multipart/report" and root.params.get("report-type", "") in ("", "delivery-status")
    local = sender.partition("@")[0].lower()
    machine = bool(_MACHINE.match(local))
    if report or daemon or (null_path and subject) or (subject and machine) or (subject and not root.get("from")):
        return True
    # Old gateways write under any name; a person who answers or forwards a notice leaves these traces.
    return subject and not (root.get("in-reply-to") or root.get("references") or _PASSED_ON.match(_subject(root)))


def _subject(root: mime.Part) -> str:
    return text(root.get("subject"))


def _from_free_text(root: mime.Part, raw: bytes, body: str) -> Iterator[Recipient]:
    temporary, addresses = _flufl(raw)
    if not addresses:
        temporary = False
        named = text(root.get("x-failed-recipients"))
        addresses = {match[1] for match in FREE_ADDRESS.finditer(named[:5000])}
    if not addresses and VIETNAMESE.search(body[:5000]):
        match = FREE_ADDRESS.search(body[:5000])
        addresses = {match[1]} if match else set()
    known = [email.lower() for email in sorted(addresses)[:MAX_RECIPIENTS]]
    for email in sorted(addresses)[:MAX_RECIPIENTS]:
        reason = _reason(body, email, known)
        found = _STATUS.search(reason)
        status = found[1] if found else ""
        yield Recipient(email, status, reason[:500], not temporary and permanent(status, reason))


def _flufl(raw: bytes) -> tuple[bool, set[str]]:
    """What flufl.bounce recognises: (only temporary, addresses)."""
    from email import message_from_bytes  # seldom needed: not worth loading for every parser child

    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").disabled = True  # it logs a traceback for every detector that stumbles
    message = message_from_bytes(raw[:MAX_FREE_TEXT_BYTES])
    if not isinstance(message.get("from"), str):  # its detectors expect a plain one
        del message["from"]
        message["From"] = "unknown@invalid"
    try:
        temporary, failed = all_failures(message)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False, set()
    chosen = failed or temporary
    found = {address.decode("utf-8", "replace") if isinstance(address, bytes) else address for address in chosen}
    return not failed, {one.strip("<> ") for one in found if "@" in one}


def _reason(body: str, email: str, others: Collection[str] = ()) -> str:
    """The words after the address, up to the next address or the copy of the mail; those before it when none follow."""
    lines = [line.strip() for line in body[:20_000].split("\n")]
    wanted = email.lower()
    at = next((i for i, line in enumerate(lines) if wanted in line.lower()), None)
    if at is None:
        return charsets.one_line(" ".join(lines[:15]))[:500]
    after = [lines[at]]
    for line in lines[at + 1 : at + 9]:
        lowered = line.lower()
        if _COPY_BEGINS.match(line) or any(other in lowered for other in others if other != wanted):
            break
        if wanted not in lowered or len(line) > len(wanted) + 10:
            after.append(line)
    said = " ".join(line for line in after if line)
    if len(said) - len(email) < 20:
        said = " ".join(line for line in lines[max(0, at - 4) : at] if line) + " " + said
    return charsets.one_line(said)[:500]


def _original_id(parts: list[mime.Part], body: str) -> str:
    """The Message-ID of the mail that bounced: from the copy of it, else from a copy pasted into the text."""
    for part in parts:
        if part.content_type in ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"):
            data = part.payload()
            headers, _ = mime.read_headers(data, 0, len(data), [])
            for name, value in headers:
                if name == "message-id":
                    found = message_ids([value])
                    if found:
                        return found[0]
    match = re.search(r"(?im)^[\s>]*Message-ID:\s*<([^<>\s]{3,300})>", body)
    return match[1] if match else ""
