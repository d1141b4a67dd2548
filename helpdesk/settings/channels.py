"""Channels: the list, and a form drawn from what the connector declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import flash, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from connectors import registry
from connectors.contract import Connector, Detects, Setting, SignsIn, TestStep
from helpdesk.errors import Conflict, NotFound
from helpdesk.extensions import db
from helpdesk.forms import attempt
from helpdesk.models import Channel, Team
from helpdesk.services import calendars, consents, links
from helpdesk.services import channel_settings as service
from helpdesk.services import channels as store
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

PREFIX = "s."  # declared settings have their own names, which must not meet ours
BEGIN_WITH = ("email", "widget", "telegram", "phone")
FIRST = "first"  # in the address: the first channel of a new desk, the last step of the first run


@dataclass
class Group:
    """A fieldset: rows of settings that stand side by side. `folded`: most leave it alone; closed until one is set."""

    title: str
    rows: list[list[Setting]] = field(default_factory=list)
    folded: bool = False

    def untouched(self, form: dict[str, Any], errors: dict[str, str]) -> bool:
        every = [s for row in self.rows for s in row]
        return all(s.name not in errors and (s.secret or form[s.name] in (s.default, "")) for s in every)


@bp.get("/channels")
@needs("channels")
def channels() -> Response:
    rows = store.every(db.session, enabled=False)
    teams = dict(db.session.execute(select(Team.id, Team.name)).all())
    return page("channels.html", rows=rows, kinds=offered(), teams=teams)


@bp.route("/channels/new/<kind>", methods=["GET", "POST"])
@needs("channels")
def new_channel(kind: str) -> Response:
    return form_page(kind_of(kind), None)


@bp.route("/channels/<int:channel_id>", methods=["GET", "POST"])
@needs("channels")
def channel(channel_id: int) -> Response:
    found = service.one(db.session, me(), channel_id)
    return form_page(kind_of(found.kind), found)


@bp.get("/channels/<int:channel_id>/live")
@needs("channels")
def channel_live(channel_id: int) -> str:
    """How it goes right now: the last message, success and error."""
    return render_template("settings/_how_it_goes.html", channel=service.one(db.session, me(), channel_id))


def offered() -> dict[str, type[Connector]]:
    """Kinds one can connect: those most desks begin with, then the others by what people call them."""
    first = {name: n for n, name in enumerate(BEGIN_WITH)}
    found = registry.kinds()
    return dict(sorted(found.items(), key=lambda k: (first.get(k[0], len(first)), str(_(k[1].label)).casefold())))


def kind_of(name: str) -> type[Connector]:
    try:
        return registry.kind(name)
    except KeyError:
        raise NotFound from None


def form_page(
    kind: type[Connector], found: Channel | None, steps: list[tuple[TestStep, float]] | None = None
) -> Response:
    form = typed(kind, found)
    channel_id = found.id if found else None
    errors: dict[str, str] = {}
    if posted() and steps is None:
        saved, errors = attempt(lambda: _save(kind, channel_id, form), form)
        if saved:
            return go("settings.channel", channel_id=saved.channel.id, **frame())
    if channel_id:
        found = service.one(db.session, me(), channel_id)
    return show(kind, found, form, errors, steps)


def show(kind: type[Connector], found: Channel | None, form: dict[str, Any], errors: dict[str, str],
          steps: list[tuple[TestStep, float]] | None = None) -> Response:  # fmt: skip
    at = {"channel_id": found.id, **frame()} if found else {"kind": kind.channel, **frame()}
    return page(
        "channel.html",
        errors,
        kind=kind,
        channel=found,
        first=bool(frame()),
        kinds=offered() if frame() else {},
        save_url=url_for("settings.channel" if found else "settings.new_channel", **at),
        form=form,
        prefix=PREFIX,
        groups=_groups(kind),
        common=service.common(kind),
        saved_secrets=sorted(store.secrets_of(found)) if found else [],
        teams=[
            ("", _("No team")),
            *db.session.execute(select(Team.id, Team.name).where(Team.archived_at.is_(None)).order_by(Team.name)),
        ],
        hours=[("", _("The desk's own")), *((h.id, h.name) for h in calendars.every(db.session))],
        test_url=url_for("settings.test_channel" if found else "settings.test_new_channel", **at),
        tested=service.tested(kind),
        finds=issubclass(kind, Detects),
        find_url=url_for("settings.find_channel" if found else "settings.find_new_channel", **at),
        paste=_paste(kind, found) if found else {},
        steps=steps,
        locked=bool(found and found.from_config),
        consent=consents.state_of(found, db.session()) if found else "unused",
        consent_back=consents.back_address(db.session()) if issubclass(kind, SignsIn) else "",
    )


def frame() -> dict[str, str]:
    """What an address of this page carries on: in the first run it is drawn as that run's last step."""
    return {FIRST: "1"} if request.args.get(FIRST) == "1" else {}


def _groups(kind: type[Connector]) -> list[Group]:
    """Fieldsets in the order of the declaration. A text, a number and a choice in a row belong side by side
    (server, port, security), and so do a text and a secret (user, password)."""
    groups: list[Group] = []
    for setting in service.declared(kind):
        title = _(setting.group) if setting.group else _("Account")
        if not groups or groups[-1].title != title:
            groups.append(Group(title, folded=setting.group in getattr(kind, "folded", ())))
        rows = groups[-1].rows
        shape = [s.type for s in rows[-1]] if rows else []
        if [*shape, setting.type] in (["text", "int"], ["text", "int", "choice"], ["text", "secret"]):
            rows[-1].append(setting)
        else:
            rows.append([setting])
    return groups


def typed(kind: type[Connector], found: Channel | None) -> dict[str, Any]:
    """What stands in the form: as stored, or as just sent. Secrets are never among it."""
    stored = (found.settings or {}) if found else {}
    form: dict[str, Any] = {s.name: stored.get(s.name, s.default) for s in service.declared(kind) if not s.secret}
    ours = {"name": found.name if found else _(kind.label), "team_id": "", "business_hours_id": ""}
    ours |= {n: (t() if not found else getattr(found, n)) for n, t in store.COMMON.items()}
    if found:
        ours |= {"team_id": found.team_id or "", "business_hours_id": found.business_hours_id or ""}
    if request.method == "POST":
        form = {n: _sent(PREFIX + n, v) for n, v in form.items()}
        ours = {n: _sent(n, v) for n, v in ours.items()}
    return {**form, **ours}


def _sent(name: str, default: Any) -> Any:
    return name in request.form if isinstance(default, bool) else request.form.get(name, default)


def values_of(kind: type[Connector], form: dict[str, Any]) -> dict[str, Any]:
    """Declared and common settings of this kind, and nothing else that was sent; secrets only where typed."""
    values = {s.name: form[s.name] for s in service.declared(kind) if not s.secret}
    secrets = {s.name: request.form.get(PREFIX + s.name, "").strip() for s in service.declared(kind) if s.secret}
    ours = {n: form[n] for n in service.common(kind)}
    return {**values, **{n: v for n, v in secrets.items() if v}, **ours}


def _save(kind: type[Connector], channel_id: int | None, form: dict[str, Any]) -> service.Saved:
    with unit_of_work(actor=me().actor) as work:
        saved = service.save(work, me(), kind.channel, channel_id, form["name"], values_of(kind, form), form)
    flash(_("Saved."))
    if saved.cleared:
        names = ", ".join(_(label) for label in saved.cleared)
        flash(
            _("The server changed, so what was stored for it is forgotten. Enter again: %(names)s.", names=names),
            "warn",
        )
    return saved


def _paste(kind: type[Connector], found: Channel) -> dict[str, str]:
    """Addresses and tags to put elsewhere."""
    paste = {}
    if service.hooked(kind):
        paste["hook"] = links.address(db.session, f"/hooks/{found.key}")
    if getattr(kind, "page_path", ""):
        paste["page"] = links.address(db.session, str(getattr(kind, "page_path", "")).format(key=found.key))
        paste["form"] = f'<script async src="{paste["page"]}.js"></script>'
    if getattr(kind, "in_place", False):
        paste["script"] = f'<script async src="{links.address(db.session, f"/widget/{found.key}.js")}"></script>'
        paste["chat"] = links.address(db.session, f"/widget/{found.key}/chat")
        paste["qr"] = f"/widget/{found.key}/qr.svg"
    return paste


@bp.post("/channels/<int:channel_id>/<any(enable, disable, disconnect):what>")
@needs("channels")
def channel_do(channel_id: int, what: str) -> Response:
    db.session.rollback()
    try:
        with unit_of_work(actor=me().actor) as work:
            if what == "disconnect":
                service.disconnect(work, me(), channel_id)
            else:
                service.set_enabled(work, me(), channel_id, what == "enable")
    except Conflict as error:
        flash(error.message, "bad")
        return go("settings.channel", channel_id=channel_id)
    flash(_("Done."))
    return go("settings.channels") if what == "disconnect" else go("settings.channel", channel_id=channel_id)


@bp.post("/channels/<int:channel_id>/forget/<name>")
@needs("channels")
def forget_secret(channel_id: int, name: str) -> Response:
    db.session.rollback()
    with unit_of_work(actor=me().actor) as work:
        service.forget_secret(work, me(), channel_id, name)
    flash(_("Done."))
    return go("settings.channel", channel_id=channel_id)
