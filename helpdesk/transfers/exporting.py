"""Everything a desk knows about its customers, in one zip that any program can read.

One JSON object a line, the shapes of the API (docs/developers/api.md): `customers.jsonl`, `tickets.jsonl`,
`messages.jsonl`, `survey-responses.jsonl`, `events.jsonl`; attachments lie in `files/<sha256>`. No secret is in it.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpdesk.api import render
from helpdesk.errors import HelpdeskError
from helpdesk.extensions import db
from helpdesk.models import Attachment, Customer, EventRow, Message, Response, Ticket
from helpdesk.storage import Storage

PAGE = 500

Progress = Callable[[str, int], Any]
Rendered = Callable[[Session, Sequence[Any]], list[Any]]


def write(target: Path, *, progress: Progress) -> dict[str, int]:
    """Write `target` (0600), complete or not at all; how many of each are in it. Raises HelpdeskError."""
    if target.exists():
        raise HelpdeskError(f"{target} exists already; an export overwrites nothing.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                counts = _fill(archive, progress)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return counts


def _fill(archive: zipfile.ZipFile, progress: Progress) -> dict[str, int]:
    parts: tuple[tuple[str, Any, Any, Rendered], ...] = (
        ("customers", Customer, Customer.id, render.customers),
        ("tickets", Ticket, Ticket.id, render.tickets),
        ("messages", Message, Message.id, _messages),
        ("survey-responses", Response, Response.id, render.responses),
        ("events", EventRow, EventRow.seq, render.events),
    )
    counts: dict[str, int] = {}
    with current_app.test_request_context():  # the shapes build addresses
        for name, model, key, shape in parts:
            count = db.session.scalar(select(func.count()).select_from(model)) or 0
            with progress(name, count) as bar, archive.open(f"{name}.jsonl", "w", force_zip64=True) as out:
                counts[name] = _lines(out, model, key, shape, bar)
    counts["files"], counts["missing"] = _files(archive, progress)
    return counts


def _lines(out: IO[bytes], model: Any, key: Any, shape: Rendered, bar: Any) -> int:
    written = 0
    for rows in _pages(model, key):
        for line in shape(db.session(), rows):
            out.write(msgspec.json.encode(line) + b"\n")
        written += len(rows)
        bar.update(len(rows))
        db.session.rollback()  # what was read is let go of; nothing is held open for the whole export
    return written


def _pages(model: Any, key: Any) -> Iterator[Sequence[Any]]:
    last: int | None = None
    while True:
        statement = select(model).order_by(key).limit(PAGE)
        rows = db.session.scalars(statement if last is None else statement.where(key > last)).all()
        if not rows:
            return
        last = getattr(rows[-1], key.key)
        yield rows


def _messages(session: Session, rows: Sequence[Message]) -> list[dict[str, Any]]:
    """As the API shows them; an attachment says which file of the zip it is."""
    tokens = select(Attachment.token, Attachment.sha256).where(Attachment.message_id.in_([m.id for m in rows]))
    stored = {row.token: row.sha256 for row in session.execute(tokens)}
    found: list[dict[str, Any]] = msgspec.to_builtins(render.messages(session, rows))
    for message in found:
        for attachment in message["attachments"]:
            sha256 = stored.get(attachment["token"])
            attachment["url"] = f"files/{sha256}" if sha256 else None
    return found


def _files(archive: zipfile.ZipFile, progress: Progress) -> tuple[int, int]:
    """(written, missing): each content once; what housekeeping or a damaged disk took away is counted."""
    storage: Storage = current_app.extensions["storage"]
    statement = select(Attachment.sha256).where(Attachment.message_id.is_not(None), Attachment.sha256 != "")
    wanted = list(db.session.scalars(statement.distinct()))
    missing = 0
    with progress("files", len(wanted)) as bar:
        for sha256 in wanted:
            try:
                archive.write(storage.path(sha256), f"files/{sha256}", zipfile.ZIP_STORED)
            except FileNotFoundError:
                missing += 1
            bar.update(1)
    return len(wanted) - missing, missing
