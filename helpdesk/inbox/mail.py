"""What only mail has: a mail attached to a mail, its sender blocked by one click, an address checked while it is typed."""

from __future__ import annotations

from datetime import date, datetime

from flask import g, make_response, redirect, render_template, request, url_for
from flask_babel import format_date, format_datetime
from werkzeug.wrappers import Response as BaseResponse

from connectors.email import children, typos
from helpdesk import access
from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.inbox.actions import done, on_ticket
from helpdesk.inbox.blueprint import bp
from helpdesk.services import blocking, files

MAX_BYTES = 40 * 1024 * 1024


@bp.post("/tickets/<int:number>/block")
def block_sender(number: int) -> BaseResponse:
    """What this customer writes goes to Spam from now on; so does this ticket. `block=0` takes it back."""
    deed = blocking.unblock if request.form.get("block") == "0" else blocking.block
    on_ticket(number, lambda work, t: deed(work, g.viewer, t))
    return done(number)


@bp.get("/files/<token>/mail")
def attached_mail(token: str) -> BaseResponse:
    """A mail that came as a file, read like any other: in the killable child, nothing in it executed or fetched.
    Any other file is what it is."""
    row = access.attachment_by_token(db.session, g.viewer, token)
    is_mail = row.content_type == "message/rfc822" or row.filename.lower().endswith(".eml")
    if not is_mail or not row.sha256 or row.size_bytes > MAX_BYTES:
        return redirect(url_for("inbox.file", token=token), 303)
    try:
        raw = files.storage().read(row.sha256)
    except FileNotFoundError:
        raise NotFound("This file is no longer there.") from None
    db.session.rollback()  # nothing is held open while the mail is parsed
    try:
        mail = children.shared.parse(raw, (), frozenset())
    except children.ParsingFailed:
        raise NotFound("This mail could not be read; download it instead.") from None
    return make_response(render_template("inbox/attached_mail.html", mail=mail, token=token))


@bp.get("/addresses/check")
def check_addresses() -> str:
    """Under a field with addresses: which are none, and which look mistyped."""
    found = [typos.look(one) for one in typos.split(request.args.get("cc", "")[:4000])[:50]]
    return render_template("inbox/_addresses.html", looked=[a for a in found if a.likely or not a.ok])


@bp.app_template_filter("invite_time")
def invite_time(value: str, begins: str = "") -> str:
    """The time of an invitation in the reader's zone; a day, or a time of unknown zone, as it stands. `begins`: where it
    is the end of something that begins on the same day, the time alone."""
    try:
        if len(value) == 10:
            return str(format_date(date.fromisoformat(value), "full"))
        moment = datetime.fromisoformat(value)
    except ValueError:
        return ""
    rebase = moment.tzinfo is not None
    day, time = format_datetime(moment, "d MMM y", rebase=rebase), format_datetime(moment, "HH:mm", rebase=rebase)
    return str(time) if begins and invite_time(begins).startswith(f"{day}, ") else f"{day}, {time}"
