"""The chat widget's pages: the loader script, the page in the iframe, the chat as a page of its own.

Nothing here reads or sets a cookie. Who may embed the iframe is said by frame-ancestors, per channel.
"""

from __future__ import annotations

import io
import json
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, current_app, g, jsonify, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from connectors.contract import Connector
from connectors.widget.connector import Widget
from helpdesk.errors import HelpdeskError, NotFound
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.paths import STATIC
from helpdesk.public import widget_face as face
from helpdesk.public.problems import tell_error, tell_http_error
from helpdesk.services import channels, links
from helpdesk.services import settings as desk_settings

bp = Blueprint("widget", __name__, url_prefix="/widget")
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
CSRF_EXEMPT = True
bp.register_error_handler(HelpdeskError, tell_error)
bp.register_error_handler(HTTPException, tell_http_error)

LOADER_SECONDS = 300
MAX_CONNECTORS = 200
_connectors: dict[str, tuple[tuple[object, ...], Connector]] = {}


def channel_of(key: str) -> tuple[Channel, Widget]:
    """The widget with this key, switched on; raises NotFound."""
    channel = channels.by_key(db.session, key)
    connector = _connector(channel) if channel.enabled else None
    if not isinstance(connector, Widget):
        raise NotFound()
    return channel, connector


def _connector(channel: Channel) -> Connector:
    """Built once for as long as the channel is set up like this: every request of every visitor needs it."""
    set_up = (channel.kind, channel.version, channel.secrets_sealed, dict(channel.settings or {}))
    known = _connectors.get(channel.key)
    if known is None or known[0] != set_up:
        if len(_connectors) >= MAX_CONNECTORS:
            _connectors.clear()
        known = _connectors[channel.key] = (set_up, channels.connector_of(channel))
    return known[1]


# --- pages ---------------------------------------------------------------------------------------------------


@bp.get("/<key>.js")
def loader(key: str) -> Response:
    """One script tag on the shop's page; small, and nothing else is fetched before the chat is opened."""
    channel, connector = channel_of(key)
    known = face.config(db.session, channel, connector)
    told = {k: known[k] for k in ("key", "name", "locale", "default_locale", "colours", "button")}
    # \u003c: the text of a script never contains "</script".
    text = json.dumps(told).replace("<", "\\u003c")
    response = make_response(f"self.__helpdeskWidget={text};\n{_loader_source()}")
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = f"public, max-age={LOADER_SECONDS}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"  # public text; lets a page use integrity and crossorigin
    response.add_etag()
    return response.make_conditional(request)


def _loader_source() -> str:
    asset = current_app.jinja_env.globals["asset"]
    path = STATIC / "dist" / Path(str(asset("widget-loader.js"))).name  # type: ignore[operator]
    return _read(path, path.stat().st_mtime)


@lru_cache(maxsize=2)
def _read(path: Path, stamp: float) -> str:
    return path.read_text(encoding="utf-8")


@bp.get("/<key>/frame")
def frame(key: str) -> Response:
    return _page(key, standalone=False)


@bp.get("/<key>/chat")
def chat(key: str) -> Response:
    """The same chat as a page of its own: for a shop without a site, a QR code, or a company's own app."""
    return _page(key, standalone=True)


def _page(key: str, *, standalone: bool) -> Response:
    channel, connector = channel_of(key)
    g.locale = _locale(connector)
    told = face.config(db.session, channel, connector) | {
        "standalone": standalone,
        "hours": face.hours(db.session, channel),
        "base": url_for("widget.frame", key=key).rsplit("/", 1)[0],
    }
    response = make_response(render_template("widget/frame.html", told=told, lang=g.locale))
    response.headers["Content-Security-Policy"] = _policy(connector, standalone)
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _policy(connector: Widget, standalone: bool) -> str:
    ancestors = "'none'" if standalone else " ".join(connector.frame_ancestors())
    sockets = ("wss://" if request.is_secure else "ws://") + request.host
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob:; "
        f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )


def _locale(connector: Widget) -> str:
    """The page's or visitor's language, unless the channel has one."""
    asked = request.args.get("lang", "")[:2]
    if asked in desk_settings.LOCALES:
        return asked
    fixed = str(connector.config.get("locale", "auto"))
    if fixed in desk_settings.LOCALES:
        return fixed
    best = request.accept_languages.best_match(desk_settings.LOCALES)
    return best or str(desk_settings.get(db.session, "locale.default"))


@bp.get("/<key>/qr.svg")
def qr(key: str) -> Response:
    """The chat's address as a QR code, to print."""
    import segno

    channel, _ = channel_of(key)
    picture = io.BytesIO()
    address = links.address(db.session, url_for("widget.chat", key=channel.key))
    segno.make(address, error="m").save(picture, kind="svg", scale=8, border=4, dark="#000", light="#fff")
    return Response(picture.getvalue(), mimetype="image/svg+xml")


@bp.get("/<key>/config")
def config(key: str) -> Response:
    channel, connector = channel_of(key)
    return jsonify(face.config(db.session, channel, connector) | {"hours": face.hours(db.session, channel)})


def own_origins() -> tuple[str, ...]:
    """Origins our own iframe may have: the address it was asked by, and the desk's public one."""
    public = str(desk_settings.get(db.session, "public_url"))
    return tuple(o for o in (request.host_url.rstrip("/"), public) if o)
