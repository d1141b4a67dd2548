"""The help centre at /help: every way to reach the business, and the link to one's own requests, by mail."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, render_template, request, url_for
from flask_babel import lazy_gettext, refresh

from helpdesk.errors import Invalid
from helpdesk.extensions import db, limiter
from helpdesk.public.frame import brand, ways
from helpdesk.services import channels, own_requests
from helpdesk.services import settings as desk_settings
from helpdesk.services.customers import read_address
from helpdesk.unit_of_work import unit_of_work

bp = Blueprint("help", __name__, url_prefix="/help")
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
# Without a cookie nobody's authority can be borrowed; what is asked for goes to the mailbox it is about.
CSRF_EXEMPT = True

# Kinds of channel with a page of their own: the endpoint that shows it, and what its link says.
PAGES = {"widget": ("widget.chat", lazy_gettext("Chat with us")), "form": ("form.form", lazy_gettext("Write to us"))}


@bp.get("", strict_slashes=False)
@limiter.limit("120/minute")
def centre() -> str:
    _speak()
    return _page()


@bp.post("/requests")
@limiter.limit("5/minute;20/hour")
def requests() -> Any:
    """The same answer for everybody, as fast: a worker looks whether somebody wrote from there."""
    _speak()
    typed = request.form.get("email", "").strip()[:320]
    try:
        address = read_address(db.session(), "email", typed, "email")
    except Invalid as error:
        return _page(typed, error.fields.get("email", error.message)), 422
    with unit_of_work() as work:
        own_requests.ask(work, address.value)
    return render_template("public/own_asked.html", address=address.value, **brand())


def _page(email: str = "", error: str = "") -> str:
    pages = [
        (url_for(PAGES[c.kind][0], key=c.key), PAGES[c.kind][1])
        for c in channels.every(db.session())
        if c.kind in PAGES
    ]
    return render_template("public/help.html", ways=[*pages, *ways()], email=email, error=error, **brand())


def _speak() -> None:
    asked, best = request.args.get("lang", ""), request.accept_languages.best_match(desk_settings.LOCALES)
    wanted = (asked, best or "", str(desk_settings.get(db.session, "locale.default")))
    g.locale = next(w for w in wanted if w in desk_settings.LOCALES)
    refresh()
