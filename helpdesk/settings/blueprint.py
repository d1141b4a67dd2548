"""The blueprint, who may open which page, and what the pages share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, current_app, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from werkzeug.wrappers import Response

from helpdesk.access import Viewer
from helpdesk.errors import NotFound
from helpdesk.extensions import db

bp = Blueprint("settings", __name__, url_prefix="/settings")

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """One line of the navigation. `deed`: what a role must be allowed to do to see it; empty: everybody."""

    endpoint: str
    words: Any
    icon: str
    deed: str = ""
    also: tuple[str, ...] = ()  # endpoints that belong to it

    @property
    def current(self) -> bool:
        return request.endpoint in (self.endpoint, *self.also)


_NAVIGATION: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    (
        lazy_gettext("You"),
        (
            Entry("accounts.profile", lazy_gettext("Profile"), icon="user"),
            Entry("accounts.security", lazy_gettext("Security"), icon="key",
                  also=("accounts.change_password", "accounts.turn_on_two_factor", "accounts.turn_off_two_factor")),
            Entry("accounts.notices", lazy_gettext("Notices"), icon="bell"),
            Entry("accounts.my_sessions", lazy_gettext("Signed-in devices"), icon="devices"),
        ),
    ),
    (
        lazy_gettext("Workspace"),
        (
            Entry("settings.general", lazy_gettext("General"), icon="building", deed="settings"),
            Entry("settings.brand", lazy_gettext("Brand"), icon="palette", deed="settings"),
            Entry("settings.people", lazy_gettext("People"), icon="users", deed="people",
                  also=("settings.person", "settings.new_person")),
            Entry("settings.teams", lazy_gettext("Teams"), icon="users-group", deed="sla",
                  also=("settings.team", "settings.new_team")),
            Entry("settings.channels", lazy_gettext("Channels"), icon="plug-connected", deed="channels",
                  also=("settings.channel", "settings.new_channel", "settings.test_channel")),
            Entry("settings.hours", lazy_gettext("Business hours"), icon="clock", deed="settings",
                  also=("settings.one_hours", "settings.new_hours")),
        ),
    ),
    (
        lazy_gettext("Work"),
        (
            Entry("settings.sla", lazy_gettext("SLA policies"), icon="alarm", deed="sla",
                  also=("settings.policy", "settings.new_policy")),
            Entry("settings.macros", lazy_gettext("Macros"), icon="bolt",
                  also=("settings.macro", "settings.new_macro")),
            Entry("settings.surveys", lazy_gettext("Surveys"), icon="mood-smile", deed="surveys"),
            Entry("settings.reasons", lazy_gettext("Contact reasons"), icon="list-details", deed="settings",
                  also=("settings.reason",)),
            Entry("settings.fields", lazy_gettext("Ticket fields"), icon="forms", deed="settings",
                  also=("settings.one_field",)),
            Entry("settings.tags", lazy_gettext("Tags"), icon="tags", deed="settings"),
        ),
    ),
    (
        lazy_gettext("System"),
        (
            Entry("settings.health", lazy_gettext("Health"), icon="heartbeat", deed="health"),
            Entry("settings.tokens", lazy_gettext("API tokens"), icon="api", deed="api"),
            Entry("settings.webhooks", lazy_gettext("Webhooks"), icon="webhook", deed="api"),
        ),
    ),
)  # fmt: skip


def navigation() -> list[tuple[Any, list[Entry]]]:
    """What this viewer may open, by heading."""
    shown = [(h, [e for e in entries if not e.deed or g.viewer.may(e.deed)]) for h, entries in _NAVIGATION]
    return [(heading, entries) for heading, entries in shown if entries]


bp.add_app_template_global(navigation, "settings_navigation")


def tr(text: str) -> str:
    """A text that a connector declares, in the reader's language. Connectors know no translations of their own."""
    return gettext(text) if text else ""


def tr_choices(choices: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(value, tr(label)) for value, label in choices]


_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def device(user_agent: str) -> str:
    """ "Firefox, Linux": enough to know one's own devices."""
    found = [next((w for sign, w in names if sign in user_agent), "") for names in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, found)) or user_agent[:40] or gettext("Unknown device")


bp.add_app_template_global(tr, "tr")
bp.add_app_template_global(tr_choices, "tr_choices")
bp.add_app_template_filter(device)


def needs(deed: str) -> Callable[[View], View]:
    """Only for roles that may do `deed`; for the others the page does not exist."""

    def wrap(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not g.viewer.may(deed):
                raise NotFound
            return view(*args, **kwargs)

        checked.deed = deed  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return wrap


def me() -> Viewer:
    viewer: Viewer = g.viewer
    return viewer


def posted() -> bool:
    """Sent, and the reader's transaction ended, so that nothing is held while we write."""
    if request.method == "POST":
        db.session.rollback()
        return True
    return False


def page(template: str, errors: dict[str, str] | None = None, **words: Any) -> Response:
    """A settings page; 422 when it tells what was wrong with what was typed."""
    found = errors or {}
    return make_response(render_template(f"settings/{template}", errors=found, **words), 422 if found else 200)


def go(endpoint: str, **values: Any) -> Response:
    return redirect(url_for(endpoint, **values), 303)


def config() -> Any:
    return current_app.extensions["settings"]
