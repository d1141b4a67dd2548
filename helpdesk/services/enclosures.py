"""What goes along with a message of ours: files, links to those that are too large for the channel, the quoted question."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Connector, FileLink, OutFile, Quote
from helpdesk.models import Attachment, Customer, Message
from helpdesk.services import files
from helpdesk.services import settings as desk_settings
from helpdesk.signing import Keyring

PURPOSE = "file-link"
LASTS = timedelta(days=90)


def pack(session: Session, connector: Connector, message: Message) -> tuple[list[OutFile], list[FileLink]]:
    """The smallest files first as long as they fit the channel's limit; the rest as signed links, in their order.

    Without a public address of the desk there is nothing to link to: all go along.
    """
    rows = [a for a in message.attachments if a.sha256]
    base = str(desk_settings.get(session, "public_url")).rstrip("/")
    room = int(connector.config.get("max_files_mb", 0) or 0) * 1024 * 1024
    if not base or not room:
        return [_file(row) for row in rows], []
    along: set[int] = set()
    for row in sorted(rows, key=lambda a: a.size_bytes):
        if row.size_bytes > room:
            break
        along.add(row.id)
        room -= row.size_bytes
    # The time of writing and not of sending: a repeated attempt carries the same link.
    until = message.created_at + LASTS
    links = [FileLink(r.filename, r.size_bytes, f"{base}{path(r.id, until)}") for r in rows if r.id not in along]
    return [_file(row) for row in rows if row.id in along], links


def _file(row: Attachment) -> OutFile:
    storage, sha256 = files.storage(), row.sha256
    return OutFile(row.filename, row.content_type, row.size_bytes, lambda: storage.read(sha256))


def path(attachment_id: int, until: datetime) -> str:
    """The signed address of a file, below the desk's public one."""
    keyring: Keyring = current_app.extensions["keyring"]
    ends = int(until.timestamp())
    return f"/get/{attachment_id}/{ends}/{keyring.sign(PURPOSE, f'{attachment_id}.{ends}')}"


def linked(session: Session, attachment_id: int, ends: int, signature: str) -> Attachment | None:
    """The file of a signed address, if we wrote it: only files of our own public messages are ever linked."""
    keyring: Keyring = current_app.extensions["keyring"]
    if not keyring.verify(PURPOSE, f"{attachment_id}.{ends}", signature):
        return None
    row = session.get(Attachment, attachment_id)
    message = session.get(Message, row.message_id) if row is not None and row.message_id else None
    return row if message is not None and message.direction == "out" and message.public else None


def quote(session: Session, connector: Connector, message: Message) -> Quote | None:
    """The customer's last message before ours, where the channel is set so. Never a note, never of another sender."""
    if not connector.config.get("quote_last", False) or message.automatic or message.kind != "reply":
        return None
    heard = (
        select(Message)
        .where(
            Message.ticket_id == message.ticket_id,
            Message.id < message.id,
            Message.direction == "in",
            Message.public,
            Message.kind == "reply",
            Message.customer_id == message.customer_id,
            Message.other_sender.is_(False),
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    last = session.scalar(heard)
    if last is None or not last.text.strip():
        return None
    customer = session.get(Customer, last.customer_id) if last.customer_id else None
    return Quote(customer.name if customer else "", last.text, last.sent_at or last.created_at)
