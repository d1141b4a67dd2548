"""What the chat in the iframe asks for and sends. A visitor is known by a token in a header, never by a cookie."""

from __future__ import annotations

import io

from flask import Blueprint, Response, jsonify, request, send_file
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException

from connectors.contract import File
from helpdesk.errors import HelpdeskError, Invalid, TooLarge
from helpdesk.extensions import db, limiter
from helpdesk.models import Channel, VisitorSession
from helpdesk.public import widget_queries as queries
from helpdesk.public import widget_request as ask
from helpdesk.public import widget_sockets
from helpdesk.public.problems import tell_error, tell_http_error
from helpdesk.public.widget import channel_of
from helpdesk.services import chats, files, surveys, visitors
from helpdesk.services.chats import Words
from helpdesk.services.visitors import Claim
from helpdesk.unit_of_work import unit_of_work

bp = Blueprint("widget_visitor", __name__, url_prefix="/widget")
bp.record_once(lambda state: widget_sockets.init_app(state.app))
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
CSRF_EXEMPT = True
bp.register_error_handler(HelpdeskError, tell_error)
bp.register_error_handler(HTTPException, tell_http_error)

MAX_FORM_BYTES = 64 * 1024  # around a file


# --- session -------------------------------------------------------------------------------------------------


@bp.post("/<key>/session")
@limiter.limit(ask.some, key_func=get_remote_address)
def session(key: str) -> Response:
    """{"about"?} -> {"token"?, "verified"}; a token that is still good goes on and none is given."""
    channel, connector = ask.channel_for(key)
    body = ask.body_of()
    known = visitors.find(db.session, channel.id, ask.token())
    if known is not None:
        return jsonify({"token": None, "verified": known.verified})
    with unit_of_work(actor="customer") as work:
        _visitor_row, token = visitors.begin(
            work, work.session.get_one(Channel, channel.id), connector, ask.about_of(body)
        )
    return jsonify({"token": token, "verified": False})


@bp.post("/<key>/identify")
@limiter.limit(ask.some, key_func=get_remote_address)
def identify(key: str) -> Response:
    """{"user": {"id"?, "email"?, "name"?, "hash"?}, "about"?} -> {"token"?, "verified"}."""
    channel, connector = ask.channel_for(key)
    body = ask.body_of()
    user = body.get("user")
    if not isinstance(user, dict):
        raise Invalid(fields={"user": _("Say who: an object with id or email, name and hash.")})
    claim = Claim(ask.text_of(user, "id", 300), ask.text_of(user, "email", 320), ask.text_of(user, "hash", 200))
    about = ask.about_of(
        {**body, "about": {"contact": claim.email, **(body.get("about") or {}), "name": user.get("name")}}
    )
    known = visitors.find(db.session, channel.id, ask.token())
    with unit_of_work(actor="customer") as work:
        mine = work.session.get(VisitorSession, known.id) if known is not None else None
        here = work.session.get_one(Channel, channel.id)
        visitor, token = visitors.identify(work, here, connector, mine, claim, about)
        verified = visitor.verified
    if token and known is not None:
        widget_sockets.drop(known.id)
    return jsonify({"token": token or None, "verified": verified})


@bp.post("/<key>/end")
@limiter.limit(ask.some, key_func=get_remote_address)
def end(key: str) -> tuple[str, int]:
    """Sign this browser out of the chat; its token stops working at once."""
    channel, _connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    with unit_of_work(actor="customer") as work:
        visitors.end(work, visitor.id)
    widget_sockets.drop(visitor.id)
    return "", 204


# --- messages ------------------------------------------------------------------------------------------------


@bp.post("/<key>/messages")
@limiter.limit(ask.few, key_func=ask.visitor_key)
@limiter.limit(ask.many, key_func=get_remote_address)
def say(key: str) -> tuple[Response, int]:
    """{"client_msg_id", "text", "attachments"?, "about"?} -> 201 the message; 200 when it was stored before."""
    channel, connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    body = ask.body_of()
    tokens = body.get("attachments") or []
    if not isinstance(tokens, list) or not all(isinstance(t, str) for t in tokens):
        raise Invalid(fields={"attachments": _("Give the tokens of uploaded files.")})
    text = body.get("text", "")
    if not isinstance(text, str):
        raise Invalid(fields={"text": _("The text of a message is text.")})
    words = Words(ask.text_of(body, "client_msg_id", 200), text, tuple(tokens))
    with unit_of_work(actor="customer") as work:
        here, mine = ask.here(work, channel, visitor)
        message, new = chats.say(work, here, connector, mine, words, ask.about_of(body))
        answer = {"id": str(message.id), "client_msg_id": words.client_msg_id}
        others = mine.identity_id
    if new and others is not None:
        widget_sockets.tell(others, message.id)
    return jsonify(answer), 201 if new else 200


@bp.get("/<key>/messages")
@limiter.limit(ask.many, key_func=ask.visitor_key)
def messages(key: str) -> Response:
    """?after=SEQ -> {"items", "cursor", "more", "seen"}; only public messages of the visitor's own conversations."""
    channel, _connector = channel_of(key)
    visitor = ask.visitor_of(channel)
    return jsonify(queries.messages(db.session, visitor, request.args.get("after", type=int)))


@bp.post("/<key>/read")
@limiter.limit(ask.many, key_func=ask.visitor_key)
def read(key: str) -> tuple[str, int]:
    """{"message"}: the visitor saw everything up to it."""
    channel, _connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    number = ask.text_of(ask.body_of(), "message", 20)
    if not number.isdecimal():
        raise Invalid(fields={"message": _("Say which message was read.")})
    widget_sockets.mark_read(visitor, int(number))
    return "", 204


@bp.post("/<key>/rating")
@limiter.limit(ask.few, key_func=ask.visitor_key)
def rate(key: str) -> Response:
    """{"message", "score", "reason"?, "comment"?}: the answer to the survey that message asks."""
    channel, _connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    body = ask.body_of()
    number, score = ask.text_of(body, "message", 20), body.get("score")
    if not number.isdecimal() or type(score) is not int or not 1 <= score <= 5:
        raise Invalid(fields={"score": _("Choose one of the five.")})
    with unit_of_work(actor="customer") as work:
        _here_channel, mine = ask.here(work, channel, visitor)
        invitation = chats.invitation_of(work, mine, int(number))
        surveys.record(
            work,
            invitation,
            score,
            reason=ask.text_of(body, "reason", 20) or None,
            comment=ask.text_of(body, "comment", 5000) or None,
            via="widget",
        )
    return jsonify({"state": "answered", "score": score})


# --- files ---------------------------------------------------------------------------------------------------


@bp.post("/<key>/files")
@limiter.limit(ask.few, key_func=ask.visitor_key)
def upload(key: str) -> tuple[Response, int]:
    """One file as multipart form data ("file") -> its token, for the next message."""
    channel, connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    limit = connector.limits.max_file_bytes or 0
    if (request.content_length or 0) > limit + MAX_FORM_BYTES:
        raise TooLarge(_("A file may have up to %(n)s MB.", n=limit // 1024 // 1024))
    given = request.files.get("file")
    if given is None:
        raise Invalid(fields={"file": _("There is no file in this request.")})
    data = given.read()
    given.close()
    file = File(given.filename or "file", given.mimetype or "application/octet-stream", len(data), data=data)
    files.keep((file,))
    with unit_of_work(actor="customer") as work:
        _here_channel, mine = ask.here(work, channel, visitor)
        row = chats.upload(work, connector, mine, file)
    return jsonify(queries.file_item(row)), 201


@bp.get("/<key>/files/<token>")
@limiter.limit(ask.many, key_func=ask.visitor_key)
def file(key: str, token: str) -> Response:
    """The bytes of a file of one's own conversation; fetched with the token in the header, so no link leaks it."""
    channel, _connector = channel_of(key)
    found = queries.attachment(db.session, ask.visitor_of(channel), token)
    response = send_file(
        io.BytesIO(files.storage().read(found.sha256)),
        mimetype=found.content_type if found.picture else "application/octet-stream",
        as_attachment=not found.picture,
        download_name=found.filename,
    )
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response
