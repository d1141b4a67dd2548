"""Files of messages: down, up, the sandboxed original of a mail, its remote pictures on request, its source."""

from __future__ import annotations

import html as html_escapes
import re
from itertools import count

from flask import Response, abort, current_app, g, jsonify, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from connectors.contract import ConnectorError, File
from helpdesk import access
from helpdesk.config import Settings
from helpdesk.errors import Invalid, NotFound, TooLarge
from helpdesk.extensions import db
from helpdesk.inbox.blueprint import bp
from helpdesk.models import Inbound, Message, now
from helpdesk.services import files
from helpdesk.unit_of_work import unit_of_work

SANDBOX = "sandbox; default-src 'none'"
FRAME_CSP = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
MAX_PICTURE_BYTES = 5 * 1024 * 1024
_REMOTE = re.compile(r' data-src="(https?://[^"]+)"')
_CID = re.compile(r' src="cid:([^"]+)"', re.IGNORECASE)


@bp.get("/files/<token>")
def file(token: str) -> Response:
    """One attachment. Only pictures we decoded show inline; anything else is a download (sound and film also for a player
    on our own pages), sandboxed either way."""
    row = access.attachment_by_token(db.session, g.viewer, token)
    path = files.storage().path(row.sha256)
    if not row.sha256 or not path.exists():
        raise NotFound("This file is no longer there.")
    inline = row.picture and not request.args.get("download")
    shown = inline or row.content_type in files.PLAYED
    response = send_file(
        path,
        mimetype=row.content_type if shown else "application/octet-stream",
        as_attachment=not inline,
        download_name=row.filename,
        etag=row.sha256,
        conditional=True,
        max_age=0,
    )
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


@bp.post("/uploads")
def upload() -> BaseResponse:
    """One file for a message to be sent; its token is named when sending."""
    access.require_write(g.viewer)
    given = request.files.get("file")
    if given is None or not given.filename:
        raise Invalid(fields={"file": "Choose a file."})
    settings: Settings = current_app.extensions["settings"]
    limit = settings.limits.max_upload_mb * 1024 * 1024
    data = given.stream.read(limit + 1)
    given.close()
    if len(data) > limit:
        raise TooLarge(f"A file may have {settings.limits.max_upload_mb} MB at most.")
    one = File(given.filename, given.mimetype or "application/octet-stream", len(data), data)
    files.keep((one,))
    with unit_of_work(actor=g.viewer.actor) as work:
        row = files.attach(work.session, None, one, now(), uploaded_by=g.viewer.actor)
        work.session.flush()
        told = {"token": row.token, "filename": row.filename, "size_bytes": row.size_bytes, "picture": row.picture}
    return jsonify(told)


@bp.post("/uploads/<token>/delete")
def forget_upload(token: str) -> BaseResponse:
    """Take back what was attached but not sent."""
    with unit_of_work(actor=g.viewer.actor) as work:
        files.forget_upload(work.session, token, g.viewer.actor)
    return jsonify(ok=True)


# --- the original of a message -------------------------------------------------------------------------------


@bp.get("/messages/<int:message_id>/html")
def original(message_id: int) -> Response:
    """The sanitised HTML alone at its own address, for the sandboxed frame. Remote pictures only when asked."""
    message = access.message_by_id(db.session, g.viewer, message_id)
    if not message.html:
        raise NotFound()
    response = Response(_framed(message, bool(request.args.get("images"))), mimetype="text/html")
    response.headers["Content-Security-Policy"] = FRAME_CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Remote-Pictures"] = str(len(_REMOTE.findall(message.html)))
    return response


STYLE = (
    "body{margin:0;padding:8px;font:15px/1.5 system-ui,sans-serif;color:#1b2325;background:#fff;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}table{max-width:100%}"
    "blockquote{margin:0 0 0 8px;padding-left:8px;border-left:2px solid #cbd3d6}"
)
PAGE = '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><style>{}</style><body>{}'


def _framed(message: Message, images: bool) -> str:
    by_cid = {a.content_id: a.token for a in message.attachments if a.content_id and a.picture}
    body = _CID.sub(lambda m: f' src="{_own(by_cid.get(html_escapes.unescape(m[1])))}"', message.html)
    if images:
        numbers = count()
        body = _REMOTE.sub(lambda _: f' src="{_passed_on(message.id, next(numbers))}"', body)
    return PAGE.format(STYLE, body)


def _passed_on(message_id: int, n: int) -> str:
    return url_for("inbox.remote_picture", message_id=message_id, n=n)


def _own(token: str | None) -> str:
    return url_for("inbox.file", token=token) if token else ""


@bp.get("/messages/<int:message_id>/pictures/<int:n>")
def remote_picture(message_id: int, n: int) -> Response:
    """The n-th remote picture of a message, fetched by us when an agent asked: the sender does not see who looks.

    Only addresses that stand in the message, public ones, raster pictures, 5 MB at most.
    """
    message = access.message_by_id(db.session, g.viewer, message_id)
    found = _REMOTE.findall(message.html)
    if n >= len(found):
        abort(404)
    data = _fetch(html_escapes.unescape(found[n]))
    kind = files.picture_type(data) if data else ""
    if not kind:
        abort(404)
    response = Response(data, mimetype=kind)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


def _fetch(url: str) -> bytes:
    from urllib.parse import urlsplit

    from connectors.web import Web

    settings: Settings = current_app.extensions["settings"]
    db.session.rollback()  # no transaction stays open while we wait for somebody else's server
    try:
        parts = urlsplit(url)
        with Web("The picture", f"{parts.scheme}://{parts.netloc}", settings.private_networks) as web:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            answer = web.request("GET", path, answer_s=8.0, limit_bytes=MAX_PICTURE_BYTES)
    except (ConnectorError, ValueError):
        return b""
    return answer[1] if answer is not None and answer[0] == 200 else b""


@bp.get("/messages/<int:message_id>/source")
def source(message_id: int) -> Response:
    """The raw message as it came, as a download."""
    message = access.message_by_id(db.session, g.viewer, message_id)
    raw = db.session.get(Inbound, message.inbound_id) if message.inbound_id else None
    if raw is None:
        raise NotFound("This message has no source.")
    try:
        body = raw.body if raw.body is not None else files.storage().read(raw.sha256)
    except FileNotFoundError:
        raise NotFound("The source is no longer there.") from None
    suffix = (
        "eml"
        if "rfc822" in raw.content_type or not raw.content_type
        else "json"
        if "json" in raw.content_type
        else "txt"
    )
    response = Response(body, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="message-{message.id}.{suffix}"'
    response.headers["Content-Security-Policy"] = SANDBOX
    return response


@bp.get("/messages/<int:message_id>/text")
def whole_text(message_id: int) -> Response:
    """All of a very long message, as plain text."""
    message = access.message_by_id(db.session, g.viewer, message_id)
    response = Response(message.text, mimetype="text/plain")
    response.headers["Content-Security-Policy"] = SANDBOX
    return response


@bp.get("/m/<int:message_id>")
def message_link(message_id: int) -> BaseResponse:
    """From a message to its place."""
    message = access.message_by_id(db.session, g.viewer, message_id)
    ticket = access.ticket_by_id(db.session, g.viewer, message.ticket_id)
    return redirect(f"/tickets/{ticket.number}#m-{message.id}")
