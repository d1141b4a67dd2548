"""Brand: name, colour, logo, how senders are called."""

from __future__ import annotations

import re

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.forms import attempt, typed
from helpdesk.services import brand as service
from helpdesk.services import map_links
from helpdesk.services import settings as desk_settings
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.settings.general import put_all, stored
from helpdesk.unit_of_work import unit_of_work

BRAND = {"name": "brand.name", "colour": "brand.colour", "reply_name": "brand.reply_name"}
BRAND |= {"address": "brand.address", "place": "brand.place"}


@bp.route("/brand", methods=["GET", "POST"])
@needs("settings")
def brand() -> Response:
    form = typed(stored(BRAND))
    errors: dict[str, str] = {}
    if posted():
        done, errors = attempt(lambda: _save(form), form | {"logo": ""})
        if done:
            return go("settings.brand")
    return page("brand.html", errors, form=form, logo=desk_settings.get(db.session, "brand.logo"))


def _save(form: dict[str, str]) -> bool:
    wrong: dict[str, str] = {}
    if not form["name"].strip():
        wrong["name"] = _("Enter a name.")
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", form["colour"]):
        wrong["colour"] = _("Choose a colour like #0b7a66.")
    if form["place"].strip() and map_links.coordinates(form["place"]) is None:
        wrong["place"] = _("Paste the long link of a map, or two numbers like 10.7769, 106.7009.")
    if wrong:
        raise Invalid(fields=wrong)
    upload = request.files.get("logo")
    data = b""
    if upload is not None:
        with upload.stream:
            data = upload.read(service.MAX_LOGO_BYTES + 1)
    png = service.read_logo(data) if data else None
    with unit_of_work(actor=me().actor) as work:
        put_all(work, BRAND, form)
        if png is not None or "remove_logo" in request.form:
            service.set_logo(work, png)
    flash(_("Saved."))
    return True


@bp.get("/brand/logo/<token>")
def logo(token: str) -> Response:
    """The logo, for pages of the desk and for customers; any other file of the storage is not there."""
    if token != desk_settings.get(db.session, "brand.logo"):
        raise NotFound
    data = service.logo(token)
    if data is None:
        raise NotFound
    response = Response(data, mimetype="image/png")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


logo.open = True  # type: ignore[attr-defined]
