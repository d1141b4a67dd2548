"""The web form: a page of its own at /f/<key>, the same in an iframe, and the script that puts it into a site.

Against spam, without asking anybody to find traffic lights: a field people do not see, a ticket-of-entry signed and
dated by us (too quick is a machine, a day old is shown again), each entry good for one message, and a limit per address.
What looks like a machine's lands in Spam, where a person can still find it.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, g, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import refresh
from flask_limiter.util import get_remote_address
from werkzeug.datastructures import FileStorage

from connectors.contract import File
from connectors.form.connector import MAX_FILE_BYTES, MAX_FILES, MAX_MESSAGE, Form, contact
from helpdesk.errors import NotFound
from helpdesk.extensions import db, limiter
from helpdesk.models import Channel, now
from helpdesk.paths import STATIC
from helpdesk.public import colours
from helpdesk.services import channels, form_entries
from helpdesk.services import settings as desk_settings
from helpdesk.signing import Keyring

bp = Blueprint("form", __name__, url_prefix="/f")
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
# Without a cookie nobody's authority can be borrowed; the signed entry says that the form was ours.
CSRF_EXEMPT = True

FIELDS = ("name", "contact", "subject", "message", "consent", "page")
TRAP = "website"  # people never see it
QUICKEST_S, OLDEST_S = 3, 86_400
LOADER_SECONDS = 300


@bp.get("/<key>")
@limiter.limit("120/minute", key_func=get_remote_address)
def form(key: str) -> Response:
    _channel, connector = _known(key)
    given = {"page": request.args.get("page", "")[:1000], "subject": request.args.get("subject", "")[:200]}
    return _page(connector, given)


@bp.post("/<key>")
@limiter.limit("10/minute;60/hour", key_func=get_remote_address)
def send(key: str) -> Response:
    channel, connector = _known(key)
    given = {name: request.form.get(name, "").strip() for name in FIELDS}
    entry = _entry(connector, request.form.get("entry", ""))
    if entry is None:
        words = _("This page was open too long. Please send it once more.")
        return _page(connector, given, {"form": words}, 422)
    uploads, wrong = _files(connector)
    wrong |= _wrong(connector, given)
    if wrong:
        return _page(connector, given, wrong, 422)
    nonce, age_s = entry
    suspect = _suspicion(age_s)
    said = {"id": nonce, "locale": str(g.locale), "at": now().isoformat(), **given}
    number = form_entries.take(channel.id, json.dumps(said).encode(), uploads, suspect)
    shown = render_template("public/form_done.html", number=number, thanks=connector.config.get("thanks"), **_frame())
    return _answer(connector, shown)


@bp.get("/<key>.js")
def loader(key: str) -> Response:
    """One script tag: puts the form where it stands, as tall as it is."""
    _known(key)
    source = _source("form-loader.js")
    response = make_response(f"self.__helpdeskForm={json.dumps({'key': key})};\n{source}")
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = f"public, max-age={LOADER_SECONDS}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _source(name: str) -> str:
    asset = current_app.jinja_env.globals["asset"]
    return (STATIC / "dist" / Path(str(asset(name))).name).read_text(encoding="utf-8")  # type: ignore[operator]


# --- what came -----------------------------------------------------------------------------------------------


def _known(key: str) -> tuple[Channel, Form]:
    channel = channels.by_key(db.session(), key)
    connector = channels.connector_of(channel) if channel.enabled else None
    if not isinstance(connector, Form):
        raise NotFound()
    _speak(connector)
    return channel, connector


def _speak(connector: Form) -> None:
    asked, fixed = request.values.get("lang", "")[:2], str(connector.config.get("locale", "auto"))
    best = request.accept_languages.best_match(desk_settings.LOCALES)
    wanted = (asked, fixed, best or "", str(desk_settings.get(db.session(), "locale.default")))
    g.locale = next(w for w in wanted if w in desk_settings.LOCALES)
    refresh()


def _wrong(connector: Form, given: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        contact(given["contact"], email_only=_email_only(connector))
    except ValueError as error:
        found["contact"] = _(str(error.args[-1]))
    if not given["message"]:
        found["message"] = _("Write what we can do for you.")
    elif len(given["message"]) > MAX_MESSAGE:
        found["message"] = _("Use at most %(count)s characters.", count=MAX_MESSAGE)
    if connector.topics and given["subject"] and given["subject"] not in connector.topics:
        found["subject"] = _("Choose one of the list.")
    if connector.config.get("consent") and not given["consent"]:
        found["consent"] = _("Please tick this; without it we may not take your message.")
    return found


def _email_only(connector: Form) -> bool:
    return bool(connector.config.get("contact", "either") == "email")


def _files(connector: Form) -> tuple[tuple[File, ...], dict[str, str]]:
    if not connector.config.get("take_files", True):
        return (), {}
    sent = [f for f in request.files.getlist("file") if f.filename]
    if len(sent) > MAX_FILES:
        return (), {"file": _("At most %(count)s files.", count=MAX_FILES)}
    read = [_read(upload) for upload in sent]
    if any(file.size_bytes > MAX_FILE_BYTES for file in read):
        return (), {"file": _("A file may have %(n)s MB at most.", n=MAX_FILE_BYTES // 2**20)}
    return tuple(read), {}


def _read(upload: FileStorage) -> File:
    data = upload.stream.read(MAX_FILE_BYTES + 1)
    return File(upload.filename or "file", upload.mimetype or "application/octet-stream", len(data), data)


# --- is it a person? -----------------------------------------------------------------------------------------


def _keyring() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring


def new_entry(connector: Form) -> str:
    """When the form was shown, and a nonce that makes the same form sent twice one message."""
    payload = f"{connector.config.key}.{secrets.token_hex(10)}.{int(now().timestamp())}"
    return f"{payload}.{_keyring().sign('form-entry', payload)}"


def _entry(connector: Form, text: str) -> tuple[str, float] | None:
    """The nonce and how long the form was open; None for one that is not ours, of another form, or a day old."""
    payload, _dot, signature = text[:300].rpartition(".")
    parts = payload.split(".")
    if len(parts) != 3 or parts[0] != connector.config.key or not _keyring().verify("form-entry", payload, signature):
        return None
    age_s = now().timestamp() - int(parts[2])
    return (parts[1], age_s) if age_s < OLDEST_S else None


def _suspicion(age_s: float) -> str:
    """Why a machine may have sent this; empty for a person."""
    if request.form.get(TRAP):
        return "A field that people do not see was filled in."
    if age_s < QUICKEST_S:
        return "The form was sent faster than anybody types."
    return ""


# --- pages ---------------------------------------------------------------------------------------------------


def _page(connector: Form, given: dict[str, str], errors: dict[str, str] | None = None, status: int = 200) -> Response:
    settings = connector.config
    shown = render_template(
        "public/form.html",
        given=given,
        errors=errors or {},
        entry=new_entry(connector),
        title=settings.get("title") or _("Write to us"),
        intro=settings.get("intro"),
        topics=[("", "–"), *((t, t) for t in connector.topics)] if connector.topics else [],
        email_only=_email_only(connector),
        take_files=settings.get("take_files", True),
        consent=settings.get("consent"),
        trap=TRAP,
        action=url_for("form.send", key=settings.key, lang=request.args.get("lang"), embed=request.args.get("embed")),
        longest=MAX_MESSAGE,
        **_frame(),
    )
    return _answer(connector, shown, status)


def _answer(connector: Form, shown: str, status: int = 200) -> Response:
    response = make_response(shown, status)
    if _embedded():
        script = "script-src 'self'; "
        ancestors = " ".join(connector.frame_ancestors())
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    else:
        script, ancestors = "", "'none'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; {script}style-src 'self' 'nonce-{g.nonce}'; font-src 'self'; img-src 'self' data:; "
        f"base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _embedded() -> bool:
    return request.args.get("embed") == "1"


def _frame() -> dict[str, Any]:
    found = desk_settings.many(db.session(), "brand.name", "brand.colour", "brand.logo")
    return {
        "brand": found["brand.name"],
        "logo": found["brand.logo"],
        "colour": colours.pair(str(found["brand.colour"])),
        "embedded": _embedded(),
    }
