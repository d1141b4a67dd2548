"""What every page for customers stands in: the business's name and colour, and a way on where a link leads no further."""

from __future__ import annotations

from typing import Any

from flask import render_template

from helpdesk.extensions import db
from helpdesk.public import colours
from helpdesk.services import channels
from helpdesk.services import settings as desk_settings


def brand() -> dict[str, Any]:
    """What templates/public/_page.html needs."""
    found = desk_settings.many(db.session(), "brand.name", "brand.colour", "brand.logo")
    return {
        "brand": found["brand.name"],
        "logo": found["brand.logo"],
        "colour": colours.pair(str(found["brand.colour"])),
    }


def ways() -> list[tuple[str, str]]:
    """(address, label) of mailboxes and phone numbers people reach the business at."""
    found = []
    for channel in channels.every(db.session()):
        plain = channel.settings or {}
        if plain.get("address"):
            found.append((f"mailto:{plain['address']}", str(plain["address"])))
        elif plain.get("number"):
            found.append((f"tel:{str(plain['number']).replace(' ', '')}", str(plain["number"])))
    return found


def ended(what: str, status: int) -> tuple[str, int]:
    """Says what is wrong with a link, and offers a way on."""
    return render_template("public/ended.html", what=what, ways=ways(), **brand()), status
