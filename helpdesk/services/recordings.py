"""Recordings of calls: linked from the entry of their call, or fetched and kept with it, where the settings say so.

A phone system may tell of a recording before the call has an entry, and before the recording can be fetched: the call
remembers the address, and fetching is tried again for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.contract import File, Records
from helpdesk.events import MessageEdited
from helpdesk.extensions import db
from helpdesk.models import Channel, LiveCall, Message
from helpdesk.services import channels, files
from helpdesk.unit_of_work import UnitOfWork, unit_of_work


def told(work: UnitOfWork, row: LiveCall, message: Message | None, url: str) -> None:
    """There is a recording at `url` (or there was one told of before the entry). Told twice is once."""
    row.recording_url = url[:1000] or row.recording_url
    if message is None or not row.recording_url or message.call.get("recording_told") == row.recording_url:
        return
    link = row.recording_url if row.recording_url.startswith("https://") else ""
    message.call = {**message.call, "recording_told": row.recording_url, "recording_url": link}
    work.enqueue("reactions", "keep_recording", {"message_id": message.id, "url": row.recording_url})
    _edited(work, message)


def keep(payload: Mapping[str, Any]) -> None:
    """Fetch what is to be kept; a passing failure is tried again by the drain. Until then, and else, the link stays."""
    message = db.session.get(Message, int(payload["message_id"]))
    channel = db.session.get(Channel, message.channel_id) if message is not None and message.channel_id else None
    if message is None or channel is None or message.call.get("recording_told") != payload["url"]:
        return
    connector = channels.connector_of(channel, db.session())
    file = connector.recording(str(payload["url"])) if isinstance(connector, Records) else None
    db.session.rollback()  # nothing is open while the network is used
    if file is None or not isinstance(connector, Records):
        return
    found = connector.fetch(file)
    files.keep((found,))
    with unit_of_work() as work:
        _attach(work, work.session.get_one(Message, message.id, with_for_update=True), found)


def _attach(work: UnitOfWork, message: Message, file: File) -> None:
    if any(a.sha256 and a.filename == file.filename for a in message.attachments):
        return  # the drain ran twice
    files.attach(work.session, message.id, file, work.now)
    if file.data is not None:
        message.call = {**message.call, "recording_url": ""}
    _edited(work, message)


def _edited(work: UnitOfWork, message: Message) -> None:
    work.record(MessageEdited(ticket_id=message.ticket_id, message_id=message.id, customer_id=message.customer_id))
