"""Settings pages, one noun a module."""

from __future__ import annotations

from werkzeug.wrappers import Response

from helpdesk.settings import (
    brand,
    channel_trying,
    channels,
    consent,
    fields,
    general,
    health,
    hours,
    macros,
    people,
    reasons,
    sla,
    surveys,
    tags,
    teams,
    tokens,
    webhooks,
)
from helpdesk.settings.blueprint import bp, go, me


@bp.get("/")
def index() -> Response:
    """The first page this role has something to do on."""
    if me().may("settings"):
        return go("settings.general")
    return go("settings.teams" if me().may("sla") else "accounts.profile")


__all__ = [
    "bp", "brand", "channel_trying", "channels", "consent", "fields", "general", "health", "hours", "macros", "people",
    "reasons", "sla", "surveys", "tags", "teams", "tokens", "webhooks",
]  # fmt: skip
