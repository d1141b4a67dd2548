"""Who asks at the widget's doors, how often they may, and what they sent: for every door of a visitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app, request
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from sqlalchemy import bindparam, select
from werkzeug.exceptions import BadRequest

from connectors.widget.connector import Widget
from helpdesk.errors import Forbidden, Invalid, TooLarge, Unauthenticated
from helpdesk.extensions import db
from helpdesk.models import Channel, VisitorSession
from helpdesk.public.widget import channel_of, own_origins
from helpdesk.services import visitors
from helpdesk.services.visitors import About
from helpdesk.signing import hash_token
from helpdesk.unit_of_work import UnitOfWork

MAX_JSON_BYTES = 160 * 1024


def token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def visitor_key() -> str:
    """One bucket a visitor; requests without a token share their address's."""
    given = token()
    return f"visitor:{hash_token(given)}" if given else f"address:{get_remote_address()}"


def _a_minute(times: int = 1) -> str:
    return f"{current_app.extensions['settings'].limits.widget_messages_per_minute * times}/minute"


def few() -> str:
    return _a_minute()


def some() -> str:
    return _a_minute(3)


def many() -> str:
    return _a_minute(30)


def channel_for(key: str) -> tuple[Channel, Widget]:
    """The channel, after checking where the request comes from. Raises NotFound, Forbidden."""
    channel, connector = channel_of(key)
    origin = request.headers.get("Origin")
    # Programs send no Origin; browsers send one with every POST. "null" is a page that hides where it comes from.
    allowed = origin is None or (
        origin != "null" and any(connector.origin_allowed(origin, own) for own in own_origins())
    )
    if not allowed:
        raise Forbidden(_("This site may not use this chat."))
    return channel, connector


def visitor_of(channel: Channel) -> VisitorSession:
    found = visitors.find(db.session, channel.id, token())
    if found is None:
        raise Unauthenticated(_("This chat's session ended; start again."))
    return found


def body_of(max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    if (request.content_length or 0) > max_bytes:
        raise TooLarge(_("This message is too large."))
    request.max_content_length = max_bytes
    try:
        found = request.get_json(force=True)
    except BadRequest:
        raise Invalid(_("The request is not a JSON object.")) from None
    if not isinstance(found, dict):
        raise Invalid(_("The request is not a JSON object."))
    return found


def text_of(source: Mapping[str, Any], name: str, limit: int = 500) -> str:
    value = source.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    return value[:limit] if isinstance(value, str) else ""


def about_of(body: Mapping[str, Any]) -> About:
    given = body.get("about")
    about: Mapping[str, Any] = given if isinstance(given, dict) else {}
    attributes = about.get("attributes")
    return About(
        name=text_of(about, "name"),
        contact=text_of(about, "contact"),
        consent=text_of(about, "consent"),
        locale=text_of(about, "locale", 10)[:2],
        page=text_of(about, "page", 2000),
        referrer=text_of(about, "referrer", 2000),
        attributes=attributes if isinstance(attributes, dict) else {},
    )


def here(work: UnitOfWork, channel: Channel, visitor: VisitorSession) -> tuple[Channel, VisitorSession]:
    """The same two rows in the writing session."""
    there, found = work.session.execute(_BOTH, {"channel": channel.id, "visitor": visitor.id}).one()
    if found.ended_at is not None:
        raise Unauthenticated(_("This chat's session ended; start again."))
    return there, found


_BOTH = (
    select(Channel, VisitorSession)
    .join(VisitorSession, VisitorSession.channel_id == Channel.id)
    .where(Channel.id == bindparam("channel"), VisitorSession.id == bindparam("visitor"))
)
