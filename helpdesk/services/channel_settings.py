"""What the settings page does to a channel: save its form, test it, connect and disconnect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Accepts, Checks, Connector, ConnectorError, Sends, Setting, Tests, TestStep
from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import ChannelChanged
from helpdesk.folding import clean, one_line
from helpdesk.models import BusinessHours, Channel, Team
from helpdesk.services import channels
from helpdesk.services.teams import known
from helpdesk.unit_of_work import UnitOfWork

LONGEST = 5000


@dataclass
class Saved:
    """The channel, and the labels of secrets that must be entered anew because their server changed."""

    channel: Channel
    cleared: list[str] = field(default_factory=list)


def one(session: Session, viewer: Viewer, channel_id: int, *, change: bool = False) -> Channel:
    """Raises NotFound; with `change` Conflict for one that is declared in config.toml."""
    access.require(viewer, "channels")
    channel = session.get(Channel, channel_id)
    if channel is None or channel.archived_at is not None or channel.kind not in registry.kinds():
        raise NotFound
    if change:
        access.require_write(viewer)
        if channel.from_config:
            raise Conflict(_("This channel is declared in config.toml; change it there."))
    return channel


def declared(kind: type[Connector]) -> list[Setting]:
    """Settings of this kind alone: without those that every kind has."""
    return [s for s in kind.settings if s.name not in channels.COMMON]


def common(kind: type[Connector]) -> list[str]:
    """Which of the settings of every kind make sense: a kind that never sends answers nobody."""
    return list(channels.COMMON) if answers(kind) else ["receive_only"]


def answers(kind: type[Connector]) -> bool:
    return issubclass(kind, Sends) or bool(getattr(kind, "in_place", False))


def hooked(kind: type[Connector]) -> bool:
    return issubclass(kind, Accepts)


def tested(kind: type[Connector]) -> bool:
    return issubclass(kind, Tests)


def save(
    work: UnitOfWork, viewer: Viewer, kind: str, channel_id: int | None, name: str, values: Mapping[str, Any],
    places: Mapping[str, Any],
) -> Saved:  # fmt: skip
    """Create or change. `values`: declared and common settings; an absent or empty secret stays as it is.
    `places`: `team_id`, `business_hours_id`. Raises Invalid naming every wrong field."""
    channel = one(work.session, viewer, channel_id, change=True) if channel_id else None
    access.require(viewer, "channels")
    access.require_write(viewer)
    connector = registry.kind(kind)
    fields: dict[str, str] = {}
    name = one_line(name, 200)
    if not name:
        fields["name"] = _("Give the channel a name.")
    texts = {n: clean(v) if isinstance(v, str) else v for n, v in values.items()}
    for key, text in texts.items():
        if isinstance(text, str) and len(text) > LONGEST:
            fields[key] = _("Use at most %(count)s characters.", count=LONGEST)
    team = known(work.session, Team, places.get("team_id"), "team_id", fields)
    hours = known(work.session, BusinessHours, places.get("business_hours_id"), "business_hours_id", fields)
    fields |= wrong(work.session, kind, texts, channel)
    if fields:
        raise Invalid(fields=fields)
    saved = Saved(channel) if channel is not None else Saved(channels.create(work, kind, name, texts))
    if channel is not None:
        cleared = channels.update(work, channel, texts, name=name)
        saved.cleared = [s.label for s in connector.settings if s.name in cleared]
        if cleared:
            channel.plus_addressing = False
    saved.channel.team_id, saved.channel.business_hours_id = team, hours
    return saved


def wrong(session: Session, kind: str, values: Mapping[str, Any], channel: Channel | None = None) -> dict[str, str]:
    """Field -> what is wrong with it, of declared settings and secrets: nothing that cannot work is connected."""
    return _missing(registry.kind(kind), values, channel) | _unreadable(session, kind, values, channel)


def _missing(connector: type[Connector], values: Mapping[str, Any], channel: Channel | None) -> dict[str, str]:
    """Needed settings that stay empty; a needed secret may be stored already."""
    kept = channels.secrets_of(channel) if channel is not None else {}
    words = _("This is needed.")
    return {s.name: words for s in declared(connector) if s.required and not values.get(s.name) and s.name not in kept}


def _unreadable(session: Session, kind: str, values: Mapping[str, Any], channel: Channel | None) -> dict[str, str]:
    try:
        connector = channels.trial(session, kind, values, channel)
    except Invalid as error:
        return error.fields
    wrong = connector.check() if isinstance(connector, Checks) else {}
    return {setting: _(sentence) for setting, sentence in wrong.items()}


# --- testing -------------------------------------------------------------------------------------------------


def run_test(connector: Connector) -> Iterator[tuple[TestStep, float]]:
    """Each step with the seconds it took. Uses the network: call it with no transaction open."""
    if not isinstance(connector, Tests):
        yield TestStep(_("Settings"), True, _("Nothing else is needed for this kind of channel.")), 0.0
        return
    began = monotonic()
    try:
        for step in connector.test():
            yield step, monotonic() - began
            began = monotonic()
    except ConnectorError as error:
        yield TestStep(_("Settings"), False, str(error)), monotonic() - began


def record_test(work: UnitOfWork, channel_id: int, version: int, steps: list[TestStep]) -> None:
    """What a test of the stored settings showed; dropped when they were changed meanwhile."""
    channel = work.session.get(Channel, channel_id)
    if channel is None or channel.version != version or not steps:
        return
    bad = next((step for step in steps if not step.ok), None)
    if bad is None:
        channels.went_well(work, channel)
        plus = any(step.fact == "plus_addressing" for step in steps)
        if channel.plus_addressing != plus:
            channel.plus_addressing = plus
            work.record(ChannelChanged(channel_id=channel.id, what="tested"))
    else:
        channels.went_wrong(work, channel, f"{bad.name}: {bad.detail}")


# --- connecting ----------------------------------------------------------------------------------------------


def set_enabled(work: UnitOfWork, viewer: Viewer, channel_id: int, enabled: bool) -> None:
    channels.set_enabled(work, one(work.session, viewer, channel_id, change=True), enabled)


def disconnect(work: UnitOfWork, viewer: Viewer, channel_id: int) -> None:
    """Gone from the list, its secrets forgotten; its tickets and messages stay."""
    channel = one(work.session, viewer, channel_id, change=True)
    channels.set_enabled(work, channel, False)
    channel.archived_at = work.now
    channel.secrets_sealed = ""


def forget_secret(work: UnitOfWork, viewer: Viewer, channel_id: int, name: str) -> None:
    """Take one stored secret away."""
    channel = one(work.session, viewer, channel_id, change=True)
    channels.forget_secret(work, channel, name)
