"""What a reply carries besides words and files: a place, somebody's card, a sticker.

A message keeps it twice: as what it is (`meta`), for the channels that can draw it, and as words at the end of its text,
for people who read the ticket and for a channel that cannot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Connector, Contact, Place, Shared, Shares, Sticker
from connectors.phone.numbers import e164
from helpdesk.errors import Invalid
from helpdesk.folding import one_line
from helpdesk.models import Message
from helpdesk.services import map_links, markup
from helpdesk.services import settings as desk_settings

MAX_NAME = 64
MAX_ADDRESS = 200
MAX_REF = 200
LAST_STICKERS = 8


def kinds(connector: Connector) -> frozenset[str]:
    """What a channel can draw; empty for most."""
    return connector.shares if isinstance(connector, Shares) else frozenset()


# --- what an agent enters ------------------------------------------------------------------------------------


def typed(session: Session, form: Mapping[str, str]) -> Shared:
    """From the composer's menu. Raises Invalid beside the field that is wrong."""
    kind = form.get("kind", "")
    if kind == "place":
        return _place(form)
    if kind == "contact":
        return _contact(session, form)
    if kind == "sticker":
        return _checked(Sticker(form.get("sticker", ""), one_line(form.get("emoji", ""), 16)))
    raise Invalid(fields={"kind": _("Choose one of the list.")})


def _place(form: Mapping[str, str]) -> Place:
    found = map_links.coordinates(form.get("place", ""))
    if found is None:
        told = _(
            "Paste the long link of a map, or two numbers like 10.7769, 106.7009. A short link hides where it leads."
        )
        raise Invalid(fields={"place": told})
    title, address = one_line(form.get("title", ""), MAX_NAME), one_line(form.get("address", ""), MAX_ADDRESS)
    return Place(found[0], found[1], title, address)


def _contact(session: Session, form: Mapping[str, str]) -> Contact:
    name = one_line(form.get("name", ""), MAX_NAME)
    if not name:
        raise Invalid(fields={"name": _("Enter a name.")})
    try:
        phone = e164(form.get("phone", ""), str(desk_settings.get(session, "phone.region")))
    except ValueError as error:
        raise Invalid(fields={"phone": _(str(error))}) from None
    return Contact(name, phone)


# --- kept, and read again ------------------------------------------------------------------------------------


def packed(shared: Shared) -> dict[str, Any]:
    return {"kind": shared.kind, **vars(shared)}


def unpacked(kept: Mapping[str, Any]) -> Shared:
    """Raises Invalid: a form may bring anything."""
    values = {k: v for k, v in kept.items() if k != "kind"}
    made = {"place": Place, "contact": Contact, "sticker": Sticker}.get(str(kept.get("kind")))
    try:
        return _checked(made(**values))  # type: ignore[misc]
    except (TypeError, ValueError):
        raise Invalid(fields={"shared": _("This cannot be sent.")}) from None


def read(written: str) -> Shared | None:
    """What the composer sends back of `packed`; None for nothing. Raises Invalid."""
    if not written:
        return None
    try:
        kept = json.loads(written)
    except (ValueError, RecursionError):
        kept = None
    return unpacked(kept if isinstance(kept, dict) else {})


def _checked(shared: Shared) -> Shared:
    if isinstance(shared, Place):
        spot = (float(shared.latitude), float(shared.longitude))
        good = abs(spot[0]) <= 90 and abs(spot[1]) <= 180
        good = good and len(shared.title) <= MAX_NAME and len(shared.address) <= MAX_ADDRESS
    elif isinstance(shared, Contact):
        good = 0 < len(shared.name) <= MAX_NAME and 0 < len(shared.phone) <= 20
    else:
        good = 0 < len(shared.ref) <= MAX_REF and len(shared.emoji) <= 16
    if not good:
        raise Invalid(fields={"shared": _("This cannot be sent.")})
    return shared


def of(message: Message) -> Shared | None:
    kept = message.meta.get("shared")
    return unpacked(kept) if kept else None


# --- as words ------------------------------------------------------------------------------------------------


def words(shared: Shared) -> str:
    """Readable wherever text is: a place carries its link, a card its number."""
    if isinstance(shared, Place):
        spot = f"{shared.latitude:.6f}, {shared.longitude:.6f}"
        named = ", ".join(part for part in (shared.title, shared.address) if part)
        link = f"https://www.openstreetmap.org/?mlat={shared.latitude:.6f}&mlon={shared.longitude:.6f}"
        return f"📍 {named} ({spot})\n{link}" if named else f"📍 {spot}\n{link}"
    if isinstance(shared, Contact):
        return f"👤 {shared.name} {shared.phone}"
    return shared.emoji or "🙂"


def along(text: str, html: str, shared: Shared) -> tuple[str, str]:
    """What was written, with the words for what goes along below it."""
    said = words(shared)
    return (f"{text}\n\n{said}" if text else said), (html + markup.from_text(said) if html else "")


def apart(text: str, html: str, shared: Shared) -> tuple[str, str]:
    """What was written, without those words: the opposite of `along`."""
    said = words(shared)
    return text.removesuffix(said).rstrip("\n"), html.removesuffix(markup.from_text(said))


# --- what there is to choose from ----------------------------------------------------------------------------


def stickers(session: Session, connector: Connector, channel_id: int, ticket_id: int) -> list[Sticker]:
    """The channel's own set, then those the customer sent in this ticket, newest first; each once."""
    found = list(connector.stickers()) if isinstance(connector, Shares) else []
    rows = session.execute(
        select(Message.text, Message.meta)
        .where(Message.ticket_id == ticket_id, Message.channel_id == channel_id, Message.direction == "in")
        .order_by(Message.id.desc())
        .limit(200)
    )
    # In a group the writer's name stands before it.
    ids = [(r.meta.get("sticker_id"), r.text.rpartition(": ")[2][:16]) for r in rows]
    sent = [Sticker(str(id_), emoji) for id_, emoji in ids if id_]
    found += list({s.ref: s for s in sent}.values())[:LAST_STICKERS]
    return list({s.ref: s for s in found}.values())
