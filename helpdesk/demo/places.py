"""Every start of the demo: its servers may have moved to other ports, and the desk to another address."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import select

from helpdesk.demo import ports
from helpdesk.demo.ports import bot_address, mail_settings
from helpdesk.models import Channel
from helpdesk.services import channels
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work


def settle(app: Flask, url: str) -> ports.Ports:
    """Point channels and links at where things are now. A channel somebody pointed elsewhere is left alone."""
    data = app.extensions["settings"].data
    before = ports.read(data)
    chosen = ports.choose(data)
    with app.app_context(), unit_of_work(actor="operator") as work:
        if desk_settings.get(work.session, "public_url") != url:
            desk_settings.put(work, "public_url", url)
        if before is not None and before != chosen:
            for channel in work.session.scalars(select(Channel).where(Channel.archived_at.is_(None))):
                _move(work, channel, before, chosen)
    return chosen


def _move(work: Any, channel: Channel, before: ports.Ports, chosen: ports.Ports) -> None:
    if channel.kind == "email":
        old, new = mail_settings(before), mail_settings(chosen)
    elif channel.kind == "telegram":
        old, new = {"api_base": bot_address(before)}, {"api_base": bot_address(chosen)}
    else:
        return
    if old != new and all((channel.settings or {}).get(k, "") == v for k, v in old.items()):
        channels.update(work, channel, new | channels.secrets_of(channel))
