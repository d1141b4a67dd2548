"""The only place that knows everybody; decides nothing."""

from __future__ import annotations

import json
import logging
import secrets
import time
from datetime import timedelta
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from flask import Flask, Response, g, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_wtf.csrf import CSRFError
from markupsafe import Markup
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import logs, problem_words, templating, unit_of_work, wakeups
from helpdesk.broadcast import Broadcast
from helpdesk.config import Settings
from helpdesk.database import engine_options, prepare_reader, refusal
from helpdesk.errors import HelpdeskError, Invalid, NotFound, Unavailable
from helpdesk.extensions import babel, csrf, db, limiter, socketio
from helpdesk.listeners import LISTENERS
from helpdesk.paths import STATIC, resource
from helpdesk.services import sessions
from helpdesk.services import settings as desk_settings
from helpdesk.signing import Keyring, read_secrets
from helpdesk.static_files import Application
from helpdesk.storage import Storage
from helpdesk.wakeups import Breaker

log = logging.getLogger(__name__)
COOKIE = sessions.COOKIE
LARGEST_ID = 2**31 - 1  # of PostgreSQL; a larger number in an address names nothing
MANIFEST = STATIC / "dist" / "manifest.json"

# Every blueprint: module, in the order they are registered.
BLUEPRINTS = (
    "helpdesk.inbox.views",
    "helpdesk.customers.views",
    "helpdesk.reports.views",
    "helpdesk.settings.views",
    "helpdesk.accounts.views",
    "helpdesk.public.views",
    "helpdesk.public.own_requests",
    "helpdesk.public.help",
    "helpdesk.public.hooks",
    "helpdesk.public.downloads",
    "helpdesk.public.form",
    "helpdesk.public.widget",
    "helpdesk.public.widget_visitor",
    "helpdesk.public.widget_wishes",
    "helpdesk.public.health",
    "helpdesk.public.installable",
    "helpdesk.public.demo",
    "helpdesk.api.views",
)
SOCKETS = ("helpdesk.inbox.sockets", "helpdesk.public.widget_sockets")


def create_app(settings: Settings, *, serving: bool = False) -> Flask:
    """The application. `serving`: this process answers HTTP and sockets; others only emit through Redis."""
    app = Application("helpdesk", template_folder=str(resource("templates")), static_folder=str(STATIC))
    keyring = Keyring(read_secrets(settings.data, settings.secret_key))
    app.config.update(
        SECRET_KEY=keyring.derive("flask"),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings),
        MAX_CONTENT_LENGTH=(settings.limits.max_upload_mb + 5) * 1024 * 1024,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.server.secure_cookies,
        SESSION_COOKIE_NAME="helpdesk_csrf",
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        WTF_CSRF_TIME_LIMIT=None,
        SEND_FILE_MAX_AGE_DEFAULT=31536000,
        BABEL_TRANSLATION_DIRECTORIES=str(resource("translations")),
        RATELIMIT_STORAGE_URI=_limiter_storage(settings),
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_SWALLOW_ERRORS=True,
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_STORAGE_OPTIONS={"socket_timeout": 0.25, "socket_connect_timeout": 0.25}
        if settings.redis.url
        else {},
    )
    app.extensions["settings"] = settings
    app.extensions["keyring"] = keyring
    app.extensions["storage"] = Storage(settings.data / "files")
    app.extensions["realtime_breaker"] = Breaker()
    logs.init_app(app, settings)
    _bind_extensions(app, settings, serving)
    wakeups.init_app(app, settings.redis.url)
    unit_of_work.init_app(app, settings, LISTENERS)
    _templates(app)
    _requests(app)
    _errors(app)
    for name in BLUEPRINTS:
        module = import_module(name)
        app.register_blueprint(module.bp)
        if getattr(module, "CSRF_EXEMPT", False):
            csrf.exempt(module.bp)
    if settings.server.trusted_proxies:
        n = settings.server.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n, x_port=n)  # type: ignore[method-assign]
    return app


def _limiter_storage(settings: Settings) -> str:
    url = settings.redis.url
    return url.replace("unix://", "redis+unix://", 1) if url else "memory://"


def _bind_extensions(app: Flask, settings: Settings, serving: bool) -> None:
    db.init_app(app)
    with app.app_context():
        prepare_reader(db.engine)
    babel.init_app(app, locale_selector=_locale, timezone_selector=_timezone)
    csrf.init_app(app)
    limiter.init_app(app)
    manager = None
    if settings.redis.url:
        manager = Broadcast(settings.redis.url)
    for name in SOCKETS:  # before init_app, so that a second app of this process gets the handlers too
        import_module(name)
    socketio.init_app(
        app,
        async_mode=settings.server.mode,
        client_manager=manager,
        transports=["websocket"] if settings.server.mode == "threading" else ["websocket", "polling"],
        ping_interval=20,
        ping_timeout=20,
        max_http_buffer_size=64 * 1024,
        manage_session=False,
    )
    if serving:
        serve_sockets()


def serve_sockets() -> None:
    """This process answers sockets: hear what the others emit. For an app made before the fork, call it after."""
    manager = getattr(socketio.server, "manager", None)
    if isinstance(manager, Broadcast):
        manager.hear()


# --- requests ------------------------------------------------------------------------------------------------


def _requests(app: Flask) -> None:
    app.before_request(_who)
    app.after_request(_headers)


def _who() -> BaseResponse | None:
    """Find who is signed in. Default deny: an endpoint is open only when its blueprint or view says so."""
    g.nonce = secrets.token_urlsafe(16)
    g.viewer = g.signed_in = None
    endpoint = request.endpoint or ""
    if endpoint == "static":
        return None
    blueprint = app_blueprint(endpoint)
    if getattr(blueprint, "cookieless", False):
        return None
    signed_in = sessions.find(db.session, request.cookies.get(COOKIE, ""))
    if signed_in is not None and signed_in.complete:
        g.signed_in, g.viewer = signed_in, signed_in.viewer
    g.half_signed_in = signed_in
    if g.viewer is not None or not endpoint or is_open(endpoint):  # what does not exist says so, to anybody
        return None
    if request.headers.get("HX-Request") or request.accept_mimetypes.best == "application/json":
        return Response("", 401, {"HX-Redirect": url_for("accounts.login")})
    if not desk_settings.get(db.session, "setup.done"):
        return redirect(url_for("accounts.setup"))
    asked = request.full_path.rstrip("?")
    return redirect(url_for("accounts.login", next=asked if request.method == "GET" and asked != "/" else None))


def app_blueprint(endpoint: str) -> Any:
    from flask import current_app

    return current_app.blueprints.get(endpoint.rsplit(".", 1)[0]) if "." in endpoint else None


def is_open(endpoint: str) -> bool:
    """A view is open without signing in when its blueprint has `open = True` or the view function has."""
    from flask import current_app

    view = current_app.view_functions.get(endpoint)
    return bool(getattr(app_blueprint(endpoint), "open", False) or getattr(view, "open", False))


def _headers(response: Response) -> Response:
    settings: Settings = _ext("settings")
    if response.status_code == 308 and response.location:  # the router's own: a slash is missing
        _stay_here(response)
    nonce = getattr(g, "nonce", "")
    response.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; "
        f"script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; frame-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if settings.server.secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint != "static" and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


def _stay_here(response: Response) -> None:
    """The router redirects to the scheme and host that the request claims; a path leads to where the browser is."""
    where = response.location or ""
    if where.startswith(request.host_url):
        response.location = "/" + where.removeprefix(request.host_url).lstrip("/")
        response.set_data(b"")


def _locale() -> str:
    viewer = getattr(g, "viewer", None)
    if viewer is not None:
        return str(viewer.locale)
    chosen = getattr(g, "locale", None) or request.args.get("lang") if request else None
    if chosen in desk_settings.LOCALES:
        return str(chosen)
    if request:
        best = request.accept_languages.best_match(desk_settings.LOCALES)
        if best:
            return str(best)
    return str(desk_settings.get(db.session, "locale.default"))


def _timezone() -> str:
    viewer = getattr(g, "viewer", None)
    return str(viewer.timezone) if viewer is not None else str(desk_settings.get(db.session, "timezone.default"))


# --- templates -----------------------------------------------------------------------------------------------


def _templates(app: Flask) -> None:
    templating.init_app(app)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(asset=asset, icon=icon, get_locale=get_locale)
    app.context_processor(lambda: {"nonce": getattr(g, "nonce", ""), "viewer": getattr(g, "viewer", None)})


@cache
def _manifest(stamp: float) -> dict[str, str]:
    return dict(json.loads(MANIFEST.read_text()))


@lru_cache(maxsize=2)
def _stamp(second: int) -> float:
    """When the front end was built; looked at once a second, because a page asks a hundred times."""
    return MANIFEST.stat().st_mtime if MANIFEST.exists() else 0.0


def asset(name: str) -> str:
    """Address of a built front-end file, by its source name ("app.js", "icons.svg")."""
    stamp = _stamp(int(time.monotonic()))
    return f"/static/dist/{_manifest(stamp)[name] if stamp else name}"


def icon(name: str, size: int = 18, label: str = "") -> Markup:
    """An icon of the sprite; decorative unless it has a label."""
    return _drawn(name, size, str(label), asset("icons.svg"))


@lru_cache(maxsize=2000)
def _drawn(name: str, size: int, label: str, sprite: str) -> Markup:
    what = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    css = "ic" if size == 18 else f"ic ic-{size}"
    return Markup('<svg class="{}" {}><use href="{}#{}"/></svg>').format(css, what, sprite, name)


# --- errors --------------------------------------------------------------------------------------------------


def _errors(app: Flask) -> None:
    app.register_error_handler(HelpdeskError, _tell_error)
    app.register_error_handler(HTTPException, _tell_http_error)
    app.register_error_handler(CSRFError, _tell_expired)
    app.register_error_handler(OperationalError, _tell_away)
    # The last net under strange input: a number longer than any id, a text the database cannot hold (NUL).
    app.register_error_handler(OverflowError, lambda e: _tell_error(NotFound()))
    app.register_error_handler(DataError, _tell_data_error)


def _tell_http_error(error: HTTPException) -> BaseResponse | HTTPException:
    if error.response is not None:
        return error
    answer = _answer(error.code or 500, error.name, error.description or "")
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _tell_expired(error: CSRFError) -> BaseResponse:
    """Checked before anybody is looked up: the page that says so is still in its reader's language, with their frame."""
    if "nonce" not in g:
        _who()
    return _answer(400, "This page was open too long", str(error.description) if wants_json() else "")


def _tell_away(error: OperationalError) -> BaseResponse:
    """A full disk, a lock held too long, a server that is away: who runs the desk reads which, the caller waits."""
    log.error("the database refused: %s", refusal(error))
    answer = _tell_error(Unavailable())
    answer.headers["Retry-After"] = "10"
    return answer


def _tell_data_error(_error: DataError) -> BaseResponse:
    db.session.rollback()  # PostgreSQL reads nothing more in a transaction that failed, and the page needs its frame
    numbers = [v for v in (request.view_args or {}).values() if isinstance(v, int)]
    if any(n > LARGEST_ID for n in numbers):
        return _tell_error(NotFound())
    return _tell_error(Invalid("This cannot be stored or looked for."))


def _tell_error(error: HelpdeskError) -> BaseResponse:
    fields = error.fields if isinstance(error, Invalid) else {}
    return _answer(error.status, error.title, error.message, fields=fields, extra=error.extra)


def wants_json() -> bool:
    return request.path.startswith(("/api/", "/hooks/", "/widget/")) or (
        request.accept_mimetypes["application/json"] > request.accept_mimetypes["text/html"]
    )


def _answer(status: int, title: str, detail: str, *, fields: Any = None, extra: Any = None) -> BaseResponse:
    if wants_json():
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, **(extra or {})}
        if fields:
            problem["errors"] = fields
        return Response(json.dumps(problem), status, mimetype="application/problem+json")
    title, detail = problem_words.told(status, title, detail)
    if request.headers.get("HX-Request"):
        return Response(render_template("errors/_toast.html", title=title, detail=detail), status)
    return Response(render_template("errors/error.html", status=status, title=title, detail=detail), status)


def _ext(name: str) -> Any:
    from flask import current_app

    return current_app.extensions[name]
