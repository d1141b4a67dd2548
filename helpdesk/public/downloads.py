"""Files too large to go along with a mail, at their signed address: no signing in, and no list of them."""

from __future__ import annotations

from flask import Blueprint, send_file
from werkzeug.wrappers import Response

from helpdesk.errors import NotFound
from helpdesk.extensions import db, limiter
from helpdesk.models import now
from helpdesk.services import enclosures, files

bp = Blueprint("downloads", __name__)
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]


@bp.get("/get/<int:attachment_id>/<int:ends>/<signature>")
@limiter.limit("120/minute")
def linked_file(attachment_id: int, ends: int, signature: str) -> Response:
    """Always a download, never shown: what is in it is not ours to run. Ends with the time in its address."""
    row = enclosures.linked(db.session(), attachment_id, ends, signature)
    if row is None or ends < now().timestamp():
        raise NotFound("This link is not one of ours, or it has ended.")
    path = files.storage().path(row.sha256)
    if not row.sha256 or not path.exists():
        raise NotFound("This file is no longer there.")
    response = send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=row.filename)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
