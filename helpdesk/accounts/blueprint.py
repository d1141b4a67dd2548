"""The blueprint, and what its pages share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, current_app, make_response, redirect, request, session
from werkzeug.wrappers import Response

from helpdesk.config import Settings
from helpdesk.extensions import db
from helpdesk.services import sessions
from helpdesk.services import settings as desk_settings

bp = Blueprint("accounts", __name__)

View = TypeVar("View", bound=Callable[..., Any])


def opened(view: View) -> View:
    """This page is for people who have not signed in (app.py denies by default)."""
    view.open = True  # type: ignore[attr-defined]
    return view


def settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


def safe_next(value: str | None) -> str:
    """Where to go after signing in: a path of this desk, whatever was asked for."""
    value = value or ""
    if not value.startswith("/") or value.startswith("//") or "\\" in value or not value.isprintable():
        return "/"
    try:
        parts = urlsplit(value)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else value


def signed_in(token: str, where: str, *, remember: bool = True) -> Response:
    """Go there with the new session in its cookie. Everything the browser carried before is dropped."""
    session.clear()
    response = make_response(redirect(where, 303))
    response.set_cookie(
        sessions.COOKIE,
        token,
        max_age=int(sessions.LIFETIME.total_seconds()) if remember else None,
        httponly=True,
        secure=settings().server.secure_cookies,
        samesite="Lax",
    )
    return response


def browser() -> dict[str, str]:
    """Where a session comes from, for the list on the profile."""
    return {"address": request.remote_addr or "", "user_agent": request.user_agent.string}


def entry_brand() -> str:
    """The business's name on pages before signing in; "Helpdesk" before it has one."""
    return str(desk_settings.get(db.session, "brand.name"))


def other_language(code: str) -> str:
    """This page in another language."""
    return "?" + urlencode({**request.args, "lang": code})


bp.add_app_template_global(entry_brand, "entry_brand")
bp.add_app_template_global(other_language, "other_language")
