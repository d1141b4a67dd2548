"""`helpdesk email parse`: message files and mailboxes to JSON objects, one a mail."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from connectors.email.addresses import Mailbox
from connectors.email.children import Child, ParsingFailed
from connectors.email.parse import ParsedMail, as_utc, scan_headers

_MBOX_LINE = re.compile(rb"(?m)^From .{0,200}\d\d:\d\d(?::\d\d)?.{0,40}\d{4}.{0,20}\r?$")


def parse_files(
    paths: Iterable[str | Path], trusted_hosts: Collection[str] = (), own_addresses: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """One object for every mail in the files (contract.md). Never raises; an unreadable file gives one with a defect.

    Mails are parsed in a child process with limits of time and memory: none takes more than 10 s or delays the next.
    """
    own = frozenset(address.lower() for address in own_addresses)
    with Child() as child:
        for path in paths:
            try:
                content = Path(path).read_bytes()
            except OSError as error:
                yield as_json(str(path), ParsedMail(defects=[f"file: {error.strerror or 'cannot be read'}"]))
                continue
            for raw in split_mbox(content):
                yield as_json(str(path), _parse(child, raw, trusted_hosts, own))


def _parse(child: Child, raw: bytes, trusted_hosts: Collection[str], own: frozenset[str]) -> ParsedMail:
    try:
        return child.parse(raw, trusted_hosts, own)
    except ParsingFailed as error:
        mail = scan_headers(raw)
        mail.defects.append(f"parser: {error}")
        return mail


def split_mbox(content: bytes) -> Iterator[bytes]:
    """The mails of an mbox, "From " lines of the body unquoted; any other file is one mail."""
    if not content.startswith(b"From "):
        yield content
        return
    starts = [m.start() for m in _MBOX_LINE.finditer(content) if _begins_mail(content, m.start(), m.end())]
    if len(starts) < 2:
        yield content
        return
    for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
        piece = content[content.find(b"\n", start) + 1 : end]
        yield re.sub(rb"(?m)^>(>*From )", rb"\1", piece).removesuffix(b"\n")


def _begins_mail(content: bytes, start: int, end: int) -> bool:
    """A separator stands at the top or after a blank line, and a header follows it."""
    if start and content[start - 2 : start] != b"\n\n" and content[start - 4 : start] != b"\r\n\r\n":
        return False
    following = content[end + 1 : end + 200].split(b"\n", 1)[0]
    return bool(re.match(rb"^[!-9;-~]{1,60}:", following))


def as_json(path: str, mail: ParsedMail) -> dict[str, Any]:
    """The object that contract.md names."""
    bounce = mail.bounce
    return {
        "file": path,
        "message_id": mail.message_id,
        "in_reply_to": mail.in_reply_to,
        "references": mail.references,
        "from": _box(mail.sender),
        "reply_to": [_box(box) for box in mail.reply_to],
        "to": [_box(box) for box in mail.to],
        "cc": [_box(box) for box in mail.cc],
        "subject": mail.subject,
        "date": as_utc(mail.date),
        "text": mail.text,
        "html": mail.html,
        "reply_text": mail.reply_text,
        "quoted_text": mail.quoted_text,
        "attachments": [
            {
                "filename": file.filename,
                "content_type": file.content_type,
                "size_bytes": file.size_bytes,
                "sha256": file.sha256,
                "inline": file.inline,
                "content_id": file.content_id,
                **({"problem": file.problem} if file.problem else {}),
            }
            for file in mail.files
        ],
        "auto": mail.auto,
        "auto_reply_allowed": mail.auto_reply_allowed,
        "bounce": None
        if bounce is None
        else {
            "recipients": [
                {"email": r.email, "status": r.status, "reason": r.reason, "permanent": r.permanent}
                for r in bounce.recipients
            ],
            "original_message_id": bounce.original_message_id,
        },
        "authentication": mail.authentication,
        "defects": mail.defects,
    }


def _box(box: Mailbox) -> dict[str, str]:
    return {"name": box.name, "email": box.email}
