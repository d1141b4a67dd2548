"""The demo's own process: the pretended Telegram, and the mailbox that what the shop mails arrives in."""

from __future__ import annotations

import logging
import signal
from threading import Event

from flask import Flask
from sqlalchemy import select

from helpdesk.demo import bot_api, mailbox, ports
from helpdesk.errors import HelpdeskError
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.services import channels

log = logging.getLogger(__name__)


def serve(app: Flask) -> None:
    """Until SIGTERM."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    data = app.extensions["settings"].data
    chosen = ports.read(data)
    if chosen is None:
        raise HelpdeskError(f"{ports.folder(data) / ports.FILE} is gone; remove the folder to make a new demo.")
    with app.app_context():
        token = _token()
        db.session.remove()
    with bot_api.Server(token, ports.folder(data), chosen.bot), mailbox.Sink(data, chosen.mail_out):
        log.debug("demo doors open bot=%s mail_out=%s", chosen.bot, chosen.mail_out)
        stop.wait()


def _token() -> str:
    """Of the bot the shop uses; empty (nobody has it) when the channel was removed."""
    row = db.session.scalars(select(Channel).where(Channel.kind == "telegram").order_by(Channel.id)).first()
    return str(channels.secrets_of(row).get("token", "")) if row is not None else ""
