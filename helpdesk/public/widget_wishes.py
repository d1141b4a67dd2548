"""What the chat offers besides writing: a call back, going on by mail or Telegram, the transcript, the end."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException

from helpdesk.errors import Conflict, HelpdeskError, Invalid, NotFound
from helpdesk.extensions import db, limiter
from helpdesk.models import VisitorSession
from helpdesk.public import widget_queries as queries
from helpdesk.public import widget_request as ask
from helpdesk.public import widget_sockets
from helpdesk.public.problems import tell_error, tell_http_error
from helpdesk.public.widget import channel_of
from helpdesk.services import chat_wishes, continuations, customers, mailer
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work

bp = Blueprint("widget_wishes", __name__, url_prefix="/widget")
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
CSRF_EXEMPT = True
bp.register_error_handler(HelpdeskError, tell_error)
bp.register_error_handler(HTTPException, tell_http_error)

# Letters go to an address that is only claimed: few of them.
LETTERS = "5/hour"
LETTERS_AN_ADDRESS = "20/hour"


def _taken(response: Response) -> bool:
    """Only a letter that goes out counts."""
    return response.status_code < 400


@bp.post("/<key>/callback")
@limiter.limit(ask.few, key_func=ask.visitor_key)
def callback(key: str) -> tuple[Response, int]:
    """{"client_msg_id", "phone", "when"?, "about"?} -> 201 the message that asks for the call."""
    channel, connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    body = ask.body_of()
    wish = (ask.text_of(body, "client_msg_id", 200), ask.text_of(body, "phone", 100), ask.text_of(body, "when"))
    with unit_of_work(actor="customer") as work:
        here, mine = ask.here(work, channel, visitor)
        message = chat_wishes.call_back(work, here, connector, mine, wish, ask.about_of(body))
        identity_id, answer = mine.identity_id, {"id": str(message.id)}
        message_id = message.id
    if identity_id is not None:
        widget_sockets.tell(identity_id, message_id)
    return jsonify(answer), 201


@bp.post("/<key>/elsewhere")
@limiter.limit(ask.few, key_func=ask.visitor_key)
def elsewhere(key: str) -> Response:
    """{"by": "email", "email", "about"?} -> {"email"}: answers are mailed; {"by": "telegram"} -> {"url"}: a link."""
    channel, connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    body = ask.body_of()
    by = ask.text_of(body, "by", 20)
    with unit_of_work(actor="customer") as work:
        _here, mine = ask.here(work, channel, visitor)
        if by == "telegram":
            return jsonify({"url": chat_wishes.bot_link(work, connector, mine)})
        if by != "email":
            raise Invalid(fields={"by": _("Choose one of the list.")})
        if mailer.mailbox(work.session) is None:
            raise Invalid(fields={"by": _("No mail can be sent from here.")})
        email = continuations.ask_for_mail(work, mine, ask.text_of(body, "email", 320), ask.about_of(body))
    return jsonify({"email": email})


@bp.get("/<key>/transcript")
@limiter.limit(ask.few, key_func=ask.visitor_key)
def transcript(key: str) -> Response:
    """The visitor's own conversation as a text file."""
    channel, _connector = channel_of(key)
    text = queries.transcript(db.session, ask.visitor_of(channel))
    if not text:
        raise NotFound()
    response = Response(text, mimetype="text/plain")
    response.headers["Content-Disposition"] = 'attachment; filename="chat.txt"'
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/<key>/transcript")
@limiter.limit(LETTERS, key_func=ask.visitor_key, deduct_when=_taken)
@limiter.limit(LETTERS_AN_ADDRESS, key_func=get_remote_address, deduct_when=_taken)
def mail_transcript(key: str) -> tuple[Response, int]:
    """{"email"?} -> 202 {"email"}: mailed there, else to the address they left. Only of a conversation that somebody of
    the desk answered: a form that mails any text to anybody would be a gift to spammers."""
    channel, _connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    to = customers.read_address(
        db.session, "email", ask.text_of(ask.body_of(), "email", 320) or visitor.contact, "email"
    )
    if not queries.was_answered(db.session, visitor):
        raise Conflict(_("Nobody has answered here yet."))
    if not _send(visitor, to.value, queries.transcript(db.session, visitor)):
        raise Conflict(_("No mail can be sent from here."))
    return jsonify({"email": to.value}), 202


def _send(visitor: VisitorSession, to: str, text: str) -> bool:
    brand = str(desk_settings.get(db.session, "brand.name"))
    with unit_of_work(actor="customer") as work:
        words = {"transcript": text, "brand": brand}
        return mailer.send(work, to, "transcript", words, name=visitor.name, locale=str(get_locale()))


@bp.post("/<key>/finish")
@limiter.limit(ask.few, key_func=ask.visitor_key)
def finish(key: str) -> Response:
    """The visitor ends the chat -> {"solved"}: what was answered is; the browser keeps its token and may write again."""
    channel, _connector = ask.channel_for(key)
    visitor = ask.visitor_of(channel)
    with unit_of_work(actor="customer") as work:
        _here, mine = ask.here(work, channel, visitor)
        solved = chat_wishes.end(work, mine)
    return jsonify({"solved": solved})


__all__ = ["bp"]
