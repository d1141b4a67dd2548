"""Webhooks of messengers and phone systems: verified, stored, committed, and only then acknowledged.

Nothing is read here: what a call says is read by the arrivals drain, so that a provider never waits for us.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from flask import Blueprint, Response, current_app, request
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from connectors.contract import Accepts, ConnectorError, Raw, Refused, TemporaryFailure, WebRequest
from helpdesk.errors import HelpdeskError, NotFound
from helpdesk.extensions import db, limiter
from helpdesk.models import Channel, now
from helpdesk.public.problems import tell_error, tell_http_error, tell_problem
from helpdesk.services import channels, listening
from helpdesk.unit_of_work import unit_of_work

log = logging.getLogger(__name__)

bp = Blueprint("hooks", __name__, url_prefix="/hooks")
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
CSRF_EXEMPT = True
bp.register_error_handler(HelpdeskError, tell_error)
bp.register_error_handler(HTTPException, tell_http_error)

MAX_BODY_BYTES = 2 * 1024 * 1024
SHOWN_EVERY = timedelta(minutes=1)
TITLES = {400: "Malformed", 401: "Not verified", 403: "Not verified", 404: "Not found", 413: "Too large"}


def _a_minute() -> str:
    """Providers send from few addresses and in bursts; what is refused here they send again."""
    return f"{current_app.extensions['settings'].limits.api_per_minute * 5}/minute"


@bp.route("/<key>", methods=["GET", "POST"])
@limiter.limit(_a_minute, key_func=get_remote_address)
def receive(key: str) -> Response:
    """2xx once what came is stored. Unknown key 404, wrong signature 401, too large 413, malformed 400."""
    channel = channels.by_key(db.session, key)
    connector = channels.connector_of(channel) if channel.enabled else None
    if not isinstance(connector, Accepts):
        raise NotFound()
    try:
        accepted = connector.accept(_web_request())
    except Refused as refused:
        log.warning("webhook refused channel=%s status=%s", channel.id, refused.status)
        _show(channel, refused)
        return tell_problem(refused.status, TITLES.get(refused.status, "Refused"), str(refused))
    except TemporaryFailure as failure:
        return tell_problem(503, "Not available right now", str(failure))
    except ConnectorError as failure:
        return tell_problem(400, "Malformed", str(failure))
    if accepted.raws:
        _store(channel, accepted.raws)
    return Response(accepted.body, 200, mimetype=accepted.content_type)


def _show(channel: Channel, refused: Refused) -> None:
    """On the channel's page, where somebody may be setting it up; anybody can send nonsense, so once a minute at most."""
    lately = channel.last_error_at is not None and now() - channel.last_error_at < SHOWN_EVERY
    if request.method == "POST" and refused.status == 401 and not lately:
        with unit_of_work(actor=f"channel:{channel.id}") as work:
            told = work.session.get_one(Channel, channel.id)
            channels.went_wrong(work, told, f"A call was refused: {refused}")


def _store(channel: Channel, raws: tuple[Raw, ...]) -> None:
    listening.keep(raws)
    with unit_of_work(actor=f"channel:{channel.id}") as work:
        listening.store(work, channel.id, raws)


def _web_request() -> WebRequest:
    """The call without Flask around it. Raises RequestEntityTooLarge, whatever length the caller claims."""
    request.max_content_length = MAX_BODY_BYTES
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    body = request.get_data(cache=False)
    if len(body) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    return WebRequest(
        method=request.method,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        query=request.args.to_dict(),
        remote_addr=request.remote_addr or "",
    )
