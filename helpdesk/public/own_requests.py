"""A customer's own requests at /p/<token>: read and answered without an account, by the signed link in a mail of ours.

No cookie is read: the token is all the authority there is. A GET records nothing; what is written goes the way a mail goes.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, refresh
from werkzeug.wrappers import Response

from helpdesk.errors import Expired, NotFound
from helpdesk.extensions import db, limiter
from helpdesk.models import Message, Ticket, now
from helpdesk.public.frame import brand, ended
from helpdesk.services import chat_letters, enclosures, own_links, own_requests
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work

bp = Blueprint("own_requests", __name__, url_prefix="/p")
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
# No CSRF token: without a cookie nobody's authority can be borrowed; who posts must know the signed token anyway.
CSRF_EXEMPT = True

LONGEST = 20_000
FILE_LINKS_LAST = timedelta(hours=1)
_NONCE = re.compile(r"^[0-9a-f]{20}$")

# What a status means to who asked.
STANDING = {
    "new": lazy_gettext("We have it"),
    "open": lazy_gettext("We are on it"),
    "on_hold": lazy_gettext("We are on it"),
    "pending": lazy_gettext("Waiting for your answer"),
    "solved": lazy_gettext("Solved"),
    "closed": lazy_gettext("Closed"),
}


@bp.get("/<token>")
@limiter.limit("120/minute")
def every(token: str) -> Any:
    admitted = _admitted(token)
    if admitted.only is not None:
        return _request(admitted, admitted.only)
    tickets = own_requests.listed(db.session(), admitted)
    return _page("public/own_requests.html", admitted, tickets=tickets, standing=STANDING)


@bp.get("/<token>/<int:number>")
@limiter.limit("120/minute")
def one(token: str, number: int) -> Any:
    admitted = _admitted(token)
    return _request(admitted, own_requests.one(db.session(), admitted, number), sent=request.args.get("sent") == "1")


@bp.post("/<token>/<int:number>")
@limiter.limit("20/minute")
def answer(token: str, number: int) -> Any:
    admitted = _admitted(token)
    ticket = own_requests.one(db.session(), admitted, number)
    text, nonce = request.form.get("text", "").strip(), request.form.get("nonce", "")
    wrong = ""
    if not text:
        wrong = _("Write something first.")
    elif len(text) > LONGEST:
        wrong = _("Use at most %(count)s characters.", count=LONGEST)
    if wrong or not _NONCE.match(nonce):
        return _request(admitted, ticket, text=text, error=wrong or _("Please send it once more."), status=422)
    with unit_of_work(actor=f"customer:{admitted.identity.customer_id}") as work:
        same = own_links.opened(work.session, token)
        outcome = own_requests.answer(work, same, own_requests.one(work.session, same, number), text, nonce)
        became = work.session.get_one(Ticket, outcome.ticket_id)
        # A closed request goes on as a new one, which a link to the old one does not show.
        if same.only is not None and became.id != same.only.id:
            token = own_links.path(same.identity.id, became.id, work.now).rpartition("/")[2]
        number = became.number
    return redirect(url_for("own_requests.one", token=token, number=number, sent=1), 303)


@bp.post("/<token>/all")
@limiter.limit("5/minute;20/hour")
def ask(token: str) -> Any:
    """The link in a mail shows one request; the link to all of them is mailed to the same address."""
    admitted = _admitted(token)
    with unit_of_work(actor=f"customer:{admitted.identity.customer_id}") as work:
        own_requests.ask(work, admitted.identity.value)
    return _page("public/own_asked.html", admitted, address=admitted.identity.value)


# --- what is shown -------------------------------------------------------------------------------------------


@bp.errorhandler(NotFound)
def _unknown(_error: NotFound) -> Any:
    return ended(_("This link is not one of ours."), 404)


@bp.errorhandler(Expired)
def _over(_error: Expired) -> Any:
    return ended(_("This link has ended."), 410)


@bp.after_request
def _keep_private(response: Response) -> Response:
    """The address opens what it shows: it is told to nobody and kept nowhere."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _admitted(token: str) -> own_links.Pass:
    """Also speaks the customer's language, unless the address asks for another."""
    admitted = own_links.opened(db.session(), token)
    asked = request.args.get("lang", "")
    own = admitted.identity.customer.locale or str(desk_settings.get(db.session, "locale.default"))
    g.locale = asked if asked in desk_settings.LOCALES else own
    refresh()
    return admitted


def _request(
    admitted: own_links.Pass, ticket: Ticket, *, text: str = "", error: str = "", sent: bool = False, status: int = 200
) -> Any:
    messages = own_requests.said(db.session(), admitted, ticket)
    names = chat_letters.authors(db.session(), messages)
    return _page(
        "public/own_request.html",
        admitted,
        status,
        ticket=ticket,
        standing=STANDING[ticket.status],
        entries=[(m, _who(m, names), _files(m)) for m in messages],
        text=text,
        error=error,
        sent=sent,
        nonce_field=secrets.token_hex(10),
        longest=LONGEST,
    )


def _who(message: Message, names: dict[int, str]) -> str:
    if message.direction == "in":
        return _("You")
    return names.get(message.agent_id or 0) or str(desk_settings.get(db.session, "brand.name"))


def _files(message: Message) -> list[tuple[str, str]]:
    """Name and address; what they sent us is theirs already and is only named."""
    until = now() + FILE_LINKS_LAST
    ours = message.direction == "out"
    return [(a.filename, enclosures.path(a.id, until) if ours and a.sha256 else "") for a in message.attachments]


def _page(template: str, admitted: own_links.Pass, status: int = 200, **words: Any) -> Response:
    return make_response(
        render_template(template, token=admitted.token, only=admitted.only, **words, **brand()), status
    )
