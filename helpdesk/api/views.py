"""REST API: bearer tokens, the same services and access policy as the pages."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from flask import Response, current_app, g, render_template, request
from sqlalchemy import update
from werkzeug.exceptions import HTTPException

from helpdesk.api import desk, facts, hooks, openapi, people, render, talking, tickets
from helpdesk.api.routing import bp
from helpdesk.config import Settings
from helpdesk.errors import HelpdeskError, Invalid, NewerMessages, Unauthenticated
from helpdesk.extensions import db, limiter
from helpdesk.models import ApiToken, Message, now
from helpdesk.services import sessions
from helpdesk.services import settings as desk_settings
from helpdesk.signing import hash_token
from helpdesk.unit_of_work import unit_of_work

bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
CSRF_EXEMPT = True
OPEN = ("api.document", "api.docs")  # they hold no data
USED_EVERY = timedelta(minutes=5)


def _limit() -> str:
    settings: Settings = current_app.extensions["settings"]
    return f"{settings.limits.api_per_minute}/minute"


def _whose() -> str:
    given = request.headers.get("Authorization", "")
    return f"api:{hash_token(given)}" if given else f"api:{request.remote_addr}"


limiter.limit(_limit, key_func=_whose)(bp)


# --- who asks ----------------------------------------------------------------------------------------------------


@bp.before_request
def _authenticate() -> None:
    """Default deny: every endpoint but the document needs a working token."""
    if request.endpoint in OPEN:
        return
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Send the header Authorization: Bearer, with an API token.")
    found = sessions.find_api(db.session(), token.strip())
    if found is None:
        raise Unauthenticated("This token is unknown, was revoked, or its agent no longer works here.")
    g.viewer, row = found
    g.token_id = row.id
    _mark_used(row)


def _mark_used(row: ApiToken) -> None:
    """At most every few minutes, so that reading does not write."""
    if row.last_used_at is not None and now() - row.last_used_at < USED_EVERY:
        return
    token_id = row.id
    db.session.rollback()
    with unit_of_work() as work:
        work.session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=work.now))


# --- problems ----------------------------------------------------------------------------------------------------


@bp.errorhandler(HelpdeskError)
def _tell(error: HelpdeskError) -> Response:
    told: dict[str, Any] = {"title": error.title, "status": error.status, "detail": error.message}
    if isinstance(error, Invalid) and error.fields:
        told["errors"] = {field: str(sentence) for field, sentence in error.fields.items()}
    if isinstance(error, NewerMessages):
        told |= {"seq": error.seq, "messages": _new(error)}
    response = _problem(told)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="helpdesk"'
    return response


@bp.errorhandler(HTTPException)
def _tell_http(error: HTTPException) -> Response:
    response = _problem({"title": error.name, "status": error.code or 500, "detail": str(error.description or "")})
    if error.code == 429:
        response.headers["Retry-After"] = "60"
    return response


def _problem(told: dict[str, Any]) -> Response:
    body = json.dumps({"type": "about:blank", **told}, default=str)
    return Response(body, told["status"], mimetype="application/problem+json")


def _new(error: NewerMessages) -> Any:
    """What the caller has not seen, so that they need not ask again."""
    import msgspec

    db.session.rollback()
    rows = [m for m in (db.session.get(Message, i) for i in error.message_ids[-20:]) if m is not None]
    return msgspec.to_builtins(render.messages(db.session(), rows))


# --- what there is -----------------------------------------------------------------------------------------------


@bp.get("/v1/openapi.json")
def document() -> Response:
    return Response(json.dumps(openapi.document(_base())), mimetype="application/json")


@bp.get("/docs")
def docs() -> str:
    brand = str(desk_settings.get(db.session(), "brand.name"))
    return render_template("api/docs.html", api=openapi.page(), base=_base(), brand=brand)


def _base() -> str:
    return str(desk_settings.get(db.session(), "public_url")) or request.host_url.rstrip("/")


__all__ = ["bp", "desk", "facts", "hooks", "people", "talking", "tickets"]
