"""*New message*: who, by which channel, what. The customer is found or made by address, name or number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as BaseResponse

from connectors import registry
from connectors.contract import Address, File, Sends
from connectors.email import typos
from helpdesk import access
from helpdesk.config import Settings
from helpdesk.customers.blueprint import bp, me
from helpdesk.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from helpdesk.extensions import db
from helpdesk.forms import LANGUAGES, Problems, typed
from helpdesk.models import Attachment, Customer, now
from helpdesk.services import channels, customers, files, held, preferred, replies, search, start_links, ways
from helpdesk.unit_of_work import unit_of_work

FIELDS: dict[str, Any] = {
    "who": "", "customer": "", "name": "", "locale": "vi", "way": "", "subject": "", "text": "", "client_msg_id": "",
    "attachment": [],
}  # fmt: skip


@dataclass
class Way:
    """One way to write to somebody who may not exist yet. `value` is what the form sends."""

    value: str
    kind: str
    icon: str
    title: str
    hint: str
    ok: bool
    preferred: bool = False


@dataclass
class Chosen:
    """Who the message goes to, as far as it is known while typing."""

    customer: Customer | None = None
    address: Address | None = None
    found: tuple[search.Person, ...] = ()
    other_team: bool = False

    @property
    def known(self) -> bool:
        return self.customer is not None or self.address is not None


@bp.route("/new/message", methods=["GET", "POST"])
def new_message() -> BaseResponse:
    form = typed(FIELDS)
    if request.method == "GET":
        form |= {"who": request.args.get("who", ""), "customer": request.args.get("customer", "")}
    chosen = _chosen(form)
    errors = Problems()
    if request.method == "POST":
        form["attachment"] += _uploads()
        try:
            return redirect(url_for("inbox.ticket", number=_send(form, chosen)), 303)
        except (Invalid, Conflict, Forbidden) as error:
            errors = _problems(error)
    page = render_template("customers/message.html", form=form, errors=errors, **_shown(form, chosen))
    return make_response(page, 422 if errors else 200)


@bp.get("/new/message/who")
def message_who() -> str:
    """What is under the field "Who" while somebody types: people, or a new customer; and the ways to write to them."""
    form = {**FIELDS, "who": request.args.get("who", ""), "customer": request.args.get("customer", "")}
    form["way"] = request.args.get("way", "")
    return render_template("customers/_who.html", form=form, errors=Problems(), **_shown(form, _chosen(form)))


def _problems(error: Invalid | Conflict | Forbidden) -> Problems:
    problems = Problems({"form": error.message}) if isinstance(error, Forbidden) else Problems.of(error, FIELDS)
    if "channel" in problems:
        problems["way"] = problems.pop("channel")
    if "value" in problems:
        problems["who"] = problems.pop("value")
    return problems


def _shown(form: dict[str, Any], chosen: Chosen) -> dict[str, Any]:
    options = _ways(chosen)
    value = form["way"] if any(w.value == form["way"] and w.ok for w in options) else ""
    kind = request.args.get("kind", "")
    wanted = [w for w in options if w.ok and (not kind or w.kind == kind)] or [w for w in options if w.ok]
    return {
        "chosen": chosen,
        "typo": _typo(chosen),
        "ways": options,
        "way": value or (wanted[0].value if wanted else ""),
        "kind": kind,
        "start_links": start_links.of_customer(db.session(), chosen.customer) if chosen.customer else [],
        "languages": LANGUAGES,
        "attached": _attached(form["attachment"]),
        "can_send": any(issubclass(registry.kind(c.kind), Sends) for c in channels.every(db.session)),
    }


def _typo(chosen: Chosen) -> typos.Look | None:
    """The address of somebody new, when it looks mistyped."""
    if chosen.address is None or chosen.customer is not None or "@" not in chosen.address.value:
        return None
    looked = typos.look(chosen.address.value)
    return looked if looked.likely else None


# --- who -----------------------------------------------------------------------------------------------------


def _chosen(form: dict[str, Any]) -> Chosen:
    """A customer picked from the list, else whoever has the address, else an address nobody has, else names."""
    picked = str(form["customer"])
    if picked.isascii() and picked.isdigit() and len(picked) < 16:
        try:
            return Chosen(access.customer_by_id(db.session, me(), int(picked)))
        except NotFound:
            form["customer"] = ""
    line = form["who"].strip()
    if not line:
        return Chosen()
    address = customers.guess_address(db.session, line)
    if address is None:
        return Chosen(found=search.customers(db.session, me(), line, limit=8))
    known = customers.owner(db.session, address)
    if known is None:
        return Chosen(address=address, found=search.customers(db.session, me(), line, limit=4))
    try:
        return Chosen(access.customer_by_id(db.session, me(), known.customer_id), address)
    except NotFound:
        return Chosen(address=address, other_team=True)


# --- by which way --------------------------------------------------------------------------------------------


def _ways(chosen: Chosen) -> list[Way]:
    if chosen.customer is not None:
        liked = preferred.of(db.session(), chosen.customer)
        found = [
            Way(
                f"{o.channel_id}:{o.identity_id}",
                o.kind,
                o.icon,
                f"{o.channel_name} · {o.identity_label}",
                str(o.reason),
                o.ok,
                liked is not None and o.channel_id == liked.channel_id,
            )
            for o in ways.of_customer(db.session, chosen.customer.id)
        ]
        return sorted(found, key=lambda w: (not w.ok, not w.preferred))
    return [_first_way(channel, chosen.address) for channel in _senders()]


def _senders() -> list[Any]:
    return [c for c in channels.every(db.session) if issubclass(registry.kind(c.kind), Sends)]


def _first_way(channel: Any, address: Address | None) -> Way:
    """To somebody we do not know yet: only where a conversation can be begun by us."""
    connector = registry.kind(channel.kind)
    closed = channels.may_send(db.session, channel)
    fits = address is not None and connector.identity_kind == address.kind
    title = f"{channel.name} · {address.value}" if fits and address else channel.name
    if closed:
        hint = closed
    elif not connector.starts:
        hint = _("They have to write here first.")
    elif not fits:
        hint = _("Enter such an address first.")
    else:
        hint = _("A new customer is made with this address.")
    ok = not closed and connector.starts and fits
    return Way(f"{channel.id}:", channel.kind, connector.icon, title, hint, ok)


# --- sending -------------------------------------------------------------------------------------------------


def _send(form: dict[str, Any], chosen: Chosen) -> int:
    if chosen.other_team:
        raise Invalid(fields={"who": _("This address belongs to a customer of another team. Ask an administrator.")})
    if not chosen.known:
        several = chosen.found and _("Choose one of these people, or enter an address or a number.")
        raise Invalid(fields={"who": several or _("Enter a name, an address or a number.")})
    channel_id, identity_id = _way(form["way"])
    if channel_id is None:
        raise Invalid(fields={"way": _("Choose a channel.")})
    written = replies.Written(
        text=form["text"],
        channel_id=channel_id,
        identity_id=identity_id,
        subject=form["subject"],
        attachments=tuple(form["attachment"]),
        client_msg_id=form["client_msg_id"][:100],
    )
    with unit_of_work(actor=me().actor) as work:
        if chosen.customer is not None:
            customer = access.customer_by_id(work.session, me(), chosen.customer.id, lock=True)
        else:
            locale = form["locale"] if form["locale"] in dict(LANGUAGES) else ""
            customer = customers.create(work, me(), name=form["name"], address=chosen.address, locale=locale)
        return held.begin(work, me(), customer, written).number


def _way(value: str) -> tuple[int | None, int | None]:
    channel, _colon, identity = value.partition(":")
    numbers = [int(p) if p.isascii() and p.isdigit() and len(p) < 16 else None for p in (channel, identity)]
    return numbers[0], numbers[1]


def _uploads() -> list[str]:
    """Files that came with the form, kept so that a form with a mistake does not lose them."""
    given = [f for f in request.files.getlist("file") if f.filename]
    if not given:
        return []
    access.require_write(me())
    kept = [_file(f) for f in given]
    files.keep(tuple(kept))
    with unit_of_work(actor=me().actor) as work:
        rows = [files.attach(work.session, None, f, now(), uploaded_by=me().actor) for f in kept]
        work.session.flush()
        return [row.token for row in rows]


def _file(given: FileStorage) -> File:
    settings: Settings = current_app.extensions["settings"]
    limit = settings.limits.max_upload_mb * 1024 * 1024
    data = given.stream.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(_("A file may have %(n)s MB at most.", n=settings.limits.max_upload_mb))
    return File(given.filename or "", given.mimetype or "application/octet-stream", len(data), data)


def _attached(tokens: list[str]) -> list[Attachment]:
    if not tokens:
        return []
    mine = select(Attachment).where(
        Attachment.token.in_(tokens[:50]), Attachment.uploaded_by == me().actor, Attachment.message_id.is_(None)
    )
    return list(db.session.scalars(mine.order_by(Attachment.id)))
