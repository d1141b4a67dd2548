"""Try a channel's settings before they are saved, and find what fits: both with what stands in the form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response as FlaskResponse
from flask import flash, render_template, request, stream_with_context
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from connectors.contract import Connector, ConnectorError, Detects, TestStep
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.forms import Problems
from helpdesk.models import Channel
from helpdesk.services import channel_settings as service
from helpdesk.services import channels as store
from helpdesk.settings.blueprint import bp, me, needs
from helpdesk.settings.channels import form_page, kind_of, show, typed, values_of
from helpdesk.unit_of_work import unit_of_work

# --- Test connection -----------------------------------------------------------------------------------------


@bp.post("/channels/new/<kind>/test")
@needs("channels")
def test_new_channel(kind: str) -> Response:
    return _test(kind_of(kind), None)


@bp.post("/channels/<int:channel_id>/test")
@needs("channels")
def test_channel(channel_id: int) -> Response:
    found = service.one(db.session, me(), channel_id)
    return _test(kind_of(found.kind), found)


def _test(kind: type[Connector], found: Channel | None) -> Response:
    """With what stands in the form, saved or not. The page gets the steps one by one as they are done (`X-Live`);
    a browser without scripts gets the whole page after the last. `fix`: settings a step before proposed."""
    live = request.headers.get("X-Live") == "1"
    locked = bool(found and found.from_config)
    form = typed(kind, found)
    if not locked:
        form |= _fitting(kind, _fix())
    values = {} if locked else values_of(kind, form)
    try:
        connector = store.trial(db.session, kind.channel, values, found)
    except Invalid as error:
        errors = Problems.of(error, form)
        if live:
            said = [(TestStep(_("Settings"), False, " ".join(errors.values())), 0.0)]
            return FlaskResponse(render_template("settings/_steps.html", steps=said))
        return show(kind, found, form, errors)
    about = (found.id, found.version) if found and not _differs(kind, found, values) else None
    db.session.rollback()  # nothing is held while the network is asked
    steps = _run(connector, about)
    if not live:
        done = list(steps)
        found = service.one(db.session, me(), found.id) if found else None
        return show(kind, found, form, {}, done)
    chunks = (render_template("settings/_steps.html", steps=[step], locked=locked) for step in steps)
    return FlaskResponse(stream_with_context(chunks), headers={"X-Accel-Buffering": "no"})


def _fix() -> Mapping[str, Any]:
    try:
        given = json.loads(request.form.get("fix", "{}")[:2000])
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _fitting(kind: type[Connector], values: Mapping[str, Any]) -> dict[str, Any]:
    """Only settings of this kind, and never a secret."""
    known = {s.name for s in service.declared(kind) if not s.secret and s.type != "bool"}
    return {name: str(value)[:300] for name, value in values.items() if name in known}


def _differs(kind: type[Connector], found: Channel, values: dict[str, Any]) -> bool:
    """Is anything in the form that is not stored? Then the result is not the stored channel's."""
    secret = {s.name for s in kind.settings if s.secret}
    stored = {s.name: s.default for s in kind.settings} | (found.settings or {})
    return any(n in secret or str(stored.get(n, "")) != str(v) for n, v in values.items() if n not in store.COMMON)


def _run(connector: Connector, about: tuple[int, int] | None) -> Iterator[tuple[TestStep, float]]:
    done = []
    for step, seconds in service.run_test(connector):
        done.append(step)
        yield step, seconds
    if about is not None:
        with unit_of_work(actor=me().actor) as work:
            service.record_test(work, *about, done)


# --- Find servers --------------------------------------------------------------------------------------------


@bp.post("/channels/new/<kind>/find")
@needs("channels")
def find_new_channel(kind: str) -> Response:
    return _find(kind_of(kind), None)


@bp.post("/channels/<int:channel_id>/find")
@needs("channels")
def find_channel(channel_id: int) -> Response:
    found = service.one(db.session, me(), channel_id, change=True)
    return _find(kind_of(found.kind), found)


def _find(kind: type[Connector], found: Channel | None) -> Response:
    """The page again, with the fields filled that could be found; nothing is saved."""
    form = typed(kind, found)
    try:
        connector = store.trial(db.session, kind.channel, values_of(kind, form), found)
    except Invalid as error:
        return show(kind, found, form, Problems.of(error, form))
    if not isinstance(connector, Detects):
        return form_page(kind, found, [])
    db.session.rollback()  # nothing is held while the network is asked
    try:
        detected = connector.detect()
    except ConnectorError as error:
        return show(kind, _again(found), form, {"address": str(error)})
    form |= _fitting(kind, detected.settings)
    if detected.settings:
        flash(_("Found by %(source)s. Enter the password and press Test connection.", source=_(detected.source)))
    else:
        flash(_("Nothing was found for this address. Your mail provider's help names the servers."), "warn")
    return show(kind, _again(found), form, {})


def _again(found: Channel | None) -> Channel | None:
    return service.one(db.session, me(), found.id) if found else None
