"""What anybody may know of a widget: the shop's name, words, colours, hours, usual answer time, other ways. No secret."""

from __future__ import annotations

import statistics
import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.widget.connector import DEFAULT_COLOUR, Widget
from helpdesk.business_time import Calendar
from helpdesk.models import BusinessHours, Channel, Ticket, now
from helpdesk.public import colours
from helpdesk.services import settings as desk_settings
from helpdesk.services import sla_rules
from helpdesk.services.channels import contact_details

_answer_minutes: dict[str, tuple[float, int | None]] = {}
ANSWER_CACHE_S = 300
LATEST_TICKETS, LATEST_ANSWERS, ENOUGH_ANSWERS = 500, 50, 5


def config(session: Session, channel: Channel, connector: Widget) -> dict[str, Any]:
    """Everything the loader and the chat show before anything is said."""
    brand = desk_settings.many(session, "brand.name", "brand.logo", "locale.default")
    logo = str(brand["brand.logo"])
    return {
        "key": channel.key,
        "name": brand["brand.name"],
        "logo": url_for("settings.logo", token=logo) if logo else "",
        "greeting": str(connector.config.get("greeting")),
        "button": str(connector.config.get("button"))[:40],
        "consent": str(connector.config.get("consent"))[:500],
        "policy": connector.policy_url,
        "locale": str(connector.config.get("locale", "auto")),
        "default_locale": brand["locale.default"],
        "colours": _colours(connector),
        "needs_identity": connector.needs_identity,
        "limits": {
            "text": connector.limits.max_length,
            "file_bytes": connector.limits.max_file_bytes,
            "files": connector.limits.max_files,
        },
        "ways": ways(session, connector),
        "callback": connector.calls_back,
        "bot": bool(connector.bot_link("x")),
        "mail": connector.unread_minutes > 0 and _mails(session),
        "answer_minutes": answer_minutes(session, channel),
        "away_message": channel.away_message,
    }


def _colours(connector: Widget) -> dict[str, str]:
    light = colours.pair(str(connector.config.get("colour", DEFAULT_COLOUR)))
    chosen = str(connector.config.get("colour_dark"))
    if not chosen:
        return light
    dark = colours.pair(chosen, light["dark"])
    return light | {"dark": dark["dark"], "on_dark": dark["on_dark"]}


def ways(session: Session, connector: Widget) -> list[dict[str, str]]:
    """Other doors of the shop as links: as set for this site, else its mail address and its phone number."""
    known = contact_details(session)
    found = []
    if connector.zalo_link:
        found.append({"kind": "zalo", "href": connector.zalo_link, "label": connector.zalo_link.rpartition("/")[2]})
    number = str(connector.config.get("hotline")).strip() or known.get("phone", "")
    if number:
        found.append({"kind": "phone", "href": f"tel:{''.join(number.split())}", "label": number})
    address = str(connector.config.get("contact_email")).strip() or known.get("email", "")
    if "@" in address:
        found.append({"kind": "email", "href": f"mailto:{address}", "label": address})
    return found


def _mails(session: Session) -> bool:
    from helpdesk.services import mailer

    return mailer.mailbox(session) is not None


# --- time ----------------------------------------------------------------------------------------------------


def hours(session: Session, channel: Channel, at: datetime | None = None) -> dict[str, Any]:
    """{"open", "until" or "next": "18:00" in the shop's zone, "next_days", "next_weekday" (0: Monday)}."""
    at = at or now()
    calendar = calendar_of(session, channel)
    if calendar.week is None:
        return {"open": True, "until": None, "next": None}
    zone = ZoneInfo(calendar.timezone)
    if calendar.is_open(at):
        closes = calendar.closes(at)
        return {"open": True, "until": f"{closes.astimezone(zone):%H:%M}" if closes else None, "next": None}
    try:
        opens = calendar.opens(at).astimezone(zone)
    except ValueError:
        return {"open": False, "until": None, "next": None}
    days = (opens.date() - at.astimezone(zone).date()) // timedelta(days=1)
    return {"open": False, "until": None, "next": f"{opens:%H:%M}", "next_days": days, "next_weekday": opens.weekday()}


def calendar_of(session: Session, channel: Channel) -> Calendar:
    """The channel's own hours, else the desk's."""
    row = session.get(BusinessHours, channel.business_hours_id) if channel.business_hours_id is not None else None
    return sla_rules.calendar_of(row or sla_rules.default_hours(session))


def answer_minutes(session: Session, channel: Channel) -> int | None:
    """The median wait for a first answer over this channel's latest tickets, in minutes of business time: a question of
    Friday night answered on Monday morning took minutes. None when too few were answered."""
    cached = _answer_minutes.get(channel.key)
    if cached is not None and cached[0] > time.monotonic():
        return cached[1]
    newest = session.scalar(select(func.max(Ticket.id))) or 0
    rows = session.execute(
        select(Ticket.created_at, Ticket.first_response_at)
        .where(
            Ticket.id > newest - LATEST_TICKETS,
            Ticket.origin_channel_id == channel.id,
            Ticket.first_response_at.is_not(None),
            Ticket.history.is_(False),
        )
        .order_by(Ticket.id.desc())
        .limit(LATEST_ANSWERS)
    )
    calendar = calendar_of(session, channel)
    waits = [calendar.between(asked, answered) / 60 for asked, answered in rows if answered is not None]
    median = max(1, round(statistics.median(waits))) if len(waits) >= ENOUGH_ANSWERS else None
    _answer_minutes[channel.key] = (time.monotonic() + ANSWER_CACHE_S, median)
    return median


__all__ = ["answer_minutes", "calendar_of", "config", "hours", "ways"]
