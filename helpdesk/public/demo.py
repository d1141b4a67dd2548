"""Demo doors; only where the database is a demo, and only for this machine.

Everything here goes through the shop's real doors: mail by SMTP, Telegram by the Bot API, calls by the webhook.
"""

from __future__ import annotations

import ipaddress
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, g, redirect, render_template, request, session, url_for
from flask_babel import get_locale, refresh
from flask_babel import gettext as _
from sqlalchemy import select

from connectors.email.html import sanitise
from helpdesk.demo import customer, mailbox, ports, shop
from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.forms import Problems, attempt, typed
from helpdesk.inbox.rich import linked
from helpdesk.models import Channel
from helpdesk.public.colours import pair
from helpdesk.services import channels
from helpdesk.services import settings as desk_settings

bp = Blueprint("demo", __name__, url_prefix="/demo")
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]

LETTER_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
LETTER_STYLE = (
    "body{margin:0;padding:12px;font:15px/1.5 system-ui,sans-serif;color:#1b2325;background:#fff}"
    "body{overflow-wrap:anywhere}"
    "img{max-width:100%}"
)


@bp.before_request
def _only_a_demo() -> None:
    """A real desk has no such doors; nor does another machine."""
    here = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104 - compared, not bound
    if not here.is_loopback or desk_settings.get(db.session(), "instance.kind") != "demo":
        raise NotFound
    if request.args.get("lang") in desk_settings.LOCALES:
        session["demo_lang"] = request.args["lang"]
    g.locale = session.get("demo_lang")
    refresh()


@bp.context_processor
def _around() -> dict[str, Any]:
    found = desk_settings.many(db.session(), "brand.name", "brand.colour")
    chosen = ports.read(_data())
    return {
        "brand": found["brand.name"],
        "colour": pair(str(found["brand.colour"])),
        "shop_address": shop.ADDRESS,
        "smtp": f"{ports.HOST}:{chosen.mail_in}" if chosen else "",
        "personas": customer.PERSONAS,
        "hotline": shop.HOTLINE,
        "bot": shop.BOT_USERNAME,
        "linked": linked,
    }


def _data() -> Path:
    return Path(current_app.extensions["settings"].data)


def _channel(kind: str) -> Channel:
    """The shop's first channel of a kind that is switched on."""
    known = select(Channel).where(Channel.kind == kind, Channel.archived_at.is_(None), Channel.enabled)
    found = db.session.scalars(known.order_by(Channel.id)).first()
    if found is None:
        raise NotFound(_("The shop has switched this channel off."))
    return found


def _who() -> customer.Persona:
    return customer.persona(request.values.get("who", ""), str(get_locale()))


# --- the tour ----------------------------------------------------------------------------------------------------


@bp.get("", strict_slashes=False)
def index() -> str:
    return render_template("demo/index.html", logins=_logins(), arrived=len(list(mailbox.letters(_data()))))


def _logins() -> dict[str, dict[str, str]]:
    with suppress(OSError, ValueError):
        return dict(json.loads((_data() / "logins.json").read_text(encoding="utf-8")))
    return {}


@bp.get("/shop")
def shop_page() -> str:
    return render_template("demo/shop.html", items=shop.ITEMS[:8], key=_channel("widget").key)


# --- mail --------------------------------------------------------------------------------------------------------


@bp.route("/email", methods=["GET", "POST"])
def email() -> Any:
    who = _who()
    earlier = mailbox.letter(_data(), request.values.get("answers", ""))
    form = typed(_blank(who, earlier))
    problems: Problems = Problems()
    if request.method == "POST":
        _sent, problems = attempt(
            lambda: customer.write(
                _data(),
                who,
                form["address"],
                form["subject"],
                form["text"],
                photo=form["photo"],
                answers=form["answers"],
            ),
            form,
        )
        if not problems:
            return redirect(url_for("demo.email", who=who.key, sent=1))
    return render_template("demo/email.html", who=who, form=form, problems=problems, earlier=earlier)


def _blank(who: customer.Persona, earlier: mailbox.Letter | None) -> dict[str, Any]:
    """A new letter with something to send at once, or an answer to fill in."""
    if earlier is not None:
        subject = f"Re: {earlier.subject.removeprefix('Re: ')}"
        address = (earlier.to or (who.address,))[0]
        return {"address": address, "subject": subject, "text": "", "photo": False, "answers": earlier.id}
    text = _(
        "Hello,\n\nmy celadon teapot of order DG-20711 arrived today with a crack in the lid. It is a present for my "
        "mother. Can you help?\n\n%(name)s",
        name=who.name,
    )
    subject = _("My teapot arrived with a crack")
    return {"address": who.address, "subject": subject, "text": text, "photo": False, "answers": ""}


@bp.get("/mail")
def mail() -> str:
    return render_template("demo/mail.html", letters=list(mailbox.letters(_data(), request.args.get("to", ""))))


@bp.get("/mail/<id_>")
def letter(id_: str) -> str:
    return render_template("demo/letter.html", letter=_letter(id_))


@bp.get("/mail/<id_>/body")
def letter_body(id_: str) -> Response:
    """The HTML alone, sanitised, for the sandboxed frame."""
    body = sanitise(_letter(id_).html)
    page = f'<!doctype html><meta charset="utf-8"><base target="_blank"><style>{LETTER_STYLE}</style><body>{body}'
    response = Response(page, mimetype="text/html")
    response.headers["Content-Security-Policy"] = LETTER_CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _letter(id_: str) -> mailbox.Letter:
    found = mailbox.letter(_data(), id_)
    if found is None:
        raise NotFound
    return found


# --- Telegram ----------------------------------------------------------------------------------------------------


def _chat() -> customer.Chat:
    token = str(channels.secrets_of(_channel("telegram")).get("token", ""))
    return customer.Chat(_data(), token, _who())


@bp.route("/telegram", methods=["GET", "POST"])
def telegram() -> Any:
    chat, problems = _chat(), Problems()
    if request.method == "POST":
        text, photo = request.form.get("text", ""), "photo" in request.form
        _said, problems = attempt(lambda: chat.say(text, photo=photo), {"text": text})
        if not problems:
            return redirect(url_for("demo.telegram", who=chat.who.key))
    return render_template("demo/telegram.html", who=chat.who, problems=problems, **_window(chat))


@bp.get("/telegram/chat")
def telegram_chat() -> str:
    """The window alone; the page asks for it every two seconds."""
    chat = _chat()
    return render_template("demo/_chat.html", who=chat.who, **_window(chat))


def _window(chat: customer.Chat) -> dict[str, Any]:
    found = chat.window()
    typing = datetime.now(UTC).timestamp() - float(found.get("typing_at") or 0) < 6
    said = [m | {"at": datetime.fromtimestamp(m["date"], UTC)} for m in found["messages"]]
    return {"messages": said, "typing": typing and not (said and said[-1]["who"] == "bot")}


@bp.post("/telegram/tap")
def telegram_tap() -> Any:
    chat = _chat()
    number = request.form.get("message_id", "")
    if not number.isdigit():
        raise Invalid
    with suppress(Invalid):  # an old button
        chat.tap(int(number), request.form.get("data", ""))
    return redirect(url_for("demo.telegram", who=chat.who.key))


@bp.get("/telegram/files/<file_id>")
def telegram_file(file_id: str) -> Response:
    """What was sent in a chat: pictures to look at, anything else as a download."""
    data = _chat().file(file_id)
    if not data:
        raise NotFound
    picture = data.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF"))
    response = Response(data, mimetype="image/png" if picture else "application/octet-stream")
    response.headers["Content-Disposition"] = "inline" if picture else "attachment"
    return response


# --- phone -------------------------------------------------------------------------------------------------------


@bp.route("/phone", methods=["GET", "POST"])
def phone() -> Any:
    who, channel = _who(), _channel("phone")
    form = typed({"number": who.phone, "outcome": "missed"})
    problems: Problems = Problems()
    if request.method == "POST":
        secret = str(channels.secrets_of(channel).get("webhook_secret", ""))
        answered = form["outcome"] == "answered"
        seconds = 94 if answered else 0
        url = str(desk_settings.get(db.session(), "public_url"))
        key, number = channel.key, str(form["number"])
        db.session.rollback()  # the same process answers the webhook: nothing is held open meanwhile
        _sent, problems = attempt(
            lambda: customer.call(url, key, secret, number, answered=answered, duration_s=seconds), form
        )
        if not problems:
            return redirect(url_for("demo.phone", who=who.key, sent=form["outcome"]))
    return render_template("demo/phone.html", who=who, form=form, problems=problems)
