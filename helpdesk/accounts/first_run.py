"""The first run."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from connectors.contract import Connector
from connectors.registry import kinds
from helpdesk.accounts.blueprint import bp, browser, opened, signed_in
from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.forms import LANGUAGES, attempt, typed, zones
from helpdesk.models import Channel
from helpdesk.services import channels, first_run, passwords, sessions
from helpdesk.services import settings as desk_settings
from helpdesk.settings.channels import offered
from helpdesk.unit_of_work import unit_of_work


@bp.route("/setup", methods=["GET", "POST"])
@opened
def setup() -> BaseResponse:
    if desk_settings.get(db.session, "setup.done"):
        if request.method == "POST":
            raise NotFound
        return redirect(url_for("accounts.login"))
    form = typed(
        {
            "name": "",
            "email": "",
            "password": "",
            "brand": "",
            "locale": str(get_locale()),
            "timezone": str(desk_settings.get(db.session, "timezone.default")),
            "public_url": request.url_root.rstrip("/"),
            "channel": "",
        }
    )
    if request.method != "POST":
        return make_response(_page(form, {}))
    db.session.rollback()
    done, errors = attempt(lambda: _run(form), form)
    if errors:
        return make_response(_page(form, errors), 422)
    token, where = done
    return signed_in(token, where)


def _run(form: dict[str, str]) -> tuple[str, str]:
    """The first administrator's session token, and where to go on."""
    with unit_of_work() as work:
        agent = first_run.run(work, form)
        channel = _channel(work, form["channel"])
        token = sessions.start(work, agent, **browser())
    if channel is not None:
        return token, url_for("settings.channel", channel_id=channel.id, first=1)
    if form["channel"] in kinds():
        return token, url_for("settings.new_channel", kind=form["channel"], first=1)
    return token, "/"


def _channel(work, kind: str) -> Channel | None:  # type: ignore[no-untyped-def]
    """A kind that needs nothing to be typed is connected at once; another gets its form next."""
    connector = kinds().get(kind)
    if connector is None or _asks(connector):
        return None
    return channels.create(work, kind, str(_label(connector)), {})


def _asks(connector: type[Connector]) -> bool:
    return any(setting.required for setting in connector.settings)


def _label(connector: type[Connector]) -> str:
    return _(connector.label)


def _page(form: dict[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "accounts/setup.html",
        form=form,
        errors=errors,
        kinds=offered(),
        languages=LANGUAGES,
        zones=zones(),
        shortest=passwords.SHORTEST,
    )
