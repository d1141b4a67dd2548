"""Channels: create, change, and build the connector of one."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from flask import current_app
from flask_babel import gettext
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, object_session

from connectors import registry
from connectors.contract import ChannelConfig, Connector, Setting
from helpdesk.config import Settings
from helpdesk.database import keeps, kept, rows
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import ChannelChanged
from helpdesk.models import Channel
from helpdesk.services import settings as desk_settings
from helpdesk.services.vaults import ChannelVault
from helpdesk.signing import Keyring
from helpdesk.unit_of_work import UnitOfWork

# Settings every kind takes, kept in columns.
COMMON = {"receive_only": bool, "acknowledge": bool, "away_message": str, "acknowledge_message": str, "signature": str}


def create(work: UnitOfWork, kind: str, name: str, values: Mapping[str, Any] | None = None) -> Channel:
    """A new channel from declared settings (secrets among them). Raises Invalid naming the field."""
    try:
        connector = registry.kind(kind)
    except KeyError:
        raise Invalid(fields={"kind": f"There is no kind of channel called {kind}."}) from None
    if not name.strip():
        raise Invalid(fields={"name": "Give the channel a name."})
    key = base64.b32encode(os.urandom(10)).decode().lower()
    channel = Channel(key=key, kind=kind, name=name.strip(), created_at=work.now)
    _apply(channel, connector, dict(values or {}), first=True)
    work.session.add(channel)
    work.session.flush()
    _alone(work.session, channel)
    work.record(ChannelChanged(channel_id=channel.id, what="created"))
    return channel


def update(work: UnitOfWork, channel: Channel, values: Mapping[str, Any], *, name: str | None = None) -> list[str]:
    """Change declared settings; absent keys stay. Returns the secrets that were cleared because a guard changed."""
    if channel.from_config:
        raise Invalid("This channel is declared in config.toml; change it there.")
    if name is not None:
        if not name.strip():
            raise Invalid(fields={"name": "Give the channel a name."})
        channel.name = name.strip()
    cleared = _apply(channel, registry.kind(channel.kind), dict(values), first=False)
    _alone(work.session, channel)
    channel.version += 1
    work.record(ChannelChanged(channel_id=channel.id))
    return cleared


def set_enabled(work: UnitOfWork, channel: Channel, enabled: bool) -> None:
    channel.enabled = enabled
    if enabled:
        _alone(work.session, channel)
    channel.version += 1
    work.record(ChannelChanged(channel_id=channel.id, what="enabled" if enabled else "disabled"))


def _alone(session: Session, channel: Channel) -> None:
    """A bot, a page or a number is read by one channel: two would take each other's messages. Raises Invalid."""
    scope = connector_of(channel, session).identity_scope if channel.enabled else ""
    alike = (Channel.kind == channel.kind, Channel.id != channel.id, Channel.enabled, Channel.archived_at.is_(None))
    for other in session.scalars(select(Channel).where(*alike)) if scope else ():
        if connector_of(other, session).identity_scope == scope:
            raise Invalid(gettext("The channel %(name)s is connected to this account already.", name=other.name))


def _apply(channel: Channel, connector: type[Connector], values: dict[str, Any], *, first: bool) -> list[str]:
    for name in [n for n in values if n in COMMON]:
        setattr(
            channel, name, _typed(Setting(name, name, "bool" if COMMON[name] is bool else "text"), values.pop(name))
        )
    declared = {s.name: s for s in connector.settings}
    unknown = set(values) - set(declared)
    if unknown:
        raise Invalid(fields={n: f"{connector.label} has no setting called {n}." for n in sorted(unknown)})
    given = {n: _typed(declared[n], v) for n, v in values.items()}
    kept = secrets_of(channel)
    plain = dict(channel.settings or {})
    guards_changed = not first and any(
        declared[n].guards_secrets and given[n] != plain.get(n, declared[n].default) for n in given
    )
    cleared = [n for n in kept if n not in given] if guards_changed else []
    if guards_changed:
        kept = {}
    for name, value in given.items():
        if not declared[name].secret:
            plain[name] = value
        elif value:
            kept[name] = value
    _require(declared, plain, kept)
    channel.settings = plain
    channel.secrets_sealed = _keyring().seal("channel-secrets", json.dumps(kept)) if kept else ""
    return cleared


def _require(declared: Mapping[str, Setting], plain: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    missing = {
        s.name: f"{s.label} is needed."
        for s in declared.values()
        if s.required and not s.secret and plain.get(s.name, s.default) in ("", None)
    }
    if missing:
        raise Invalid(fields=missing)


def _typed(setting: Setting, value: Any) -> Any:
    if setting.type == "bool":
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes", "on")
    text = str(value if value is not None else "").strip()
    if setting.type == "int":
        if text == "":
            return ""
        try:
            return int(text)
        except ValueError:
            raise Invalid(fields={setting.name: gettext("This must be a whole number.")}) from None
    if setting.choices and text not in dict(setting.choices):
        offered = ", ".join(dict(setting.choices))
        raise Invalid(fields={setting.name: gettext("This must be one of %(choices)s.", choices=offered)})
    return text


# --- building connectors -------------------------------------------------------------------------------------


def _keyring() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring


def secrets_of(channel: Channel) -> dict[str, Any]:
    """The opened secrets; never shown, never logged."""
    if not channel.secrets_sealed:
        return {}
    return dict(json.loads(_keyring().open("channel-secrets", channel.secrets_sealed)))


def forget_secret(work: UnitOfWork, channel: Channel, name: str) -> None:
    kept = {n: v for n, v in secrets_of(channel).items() if n != name}
    channel.secrets_sealed = _keyring().seal("channel-secrets", json.dumps(kept)) if kept else ""
    channel.version += 1
    work.record(ChannelChanged(channel_id=channel.id))


def config_of(channel: Channel, session: Session | None = None) -> ChannelConfig:
    settings: Settings = current_app.extensions["settings"]
    session = session or object_session(channel)
    connector = registry.kind(channel.kind)
    values = {s.name: s.default for s in connector.settings} | (channel.settings or {}) | secrets_of(channel)
    values["receive_only"] = bool(channel.receive_only)  # a column, the same for every kind
    return ChannelConfig(
        id=channel.id or 0,
        key=channel.key,
        name=channel.name,
        settings=values,
        public_url=str(desk_settings.get(session, "public_url")) if session is not None else "",
        allow_private=settings.private_networks,
        trusted_hosts=settings.email.trusted_hosts,
        own_addresses=own_addresses(session) if session is not None else frozenset(),
        max_message_bytes=settings.email.max_message_mb * 1024 * 1024,
        certificate=(settings.email.smtp_certificate, settings.email.smtp_key) if settings.email.smtp_key else None,
        vault=ChannelVault(channel.id) if channel.id else None,
    )


def connector_of(channel: Channel, session: Session | None = None) -> Connector:
    """A connector for the channel as it is configured now; made once a transaction."""
    session = session or object_session(channel)
    if session is None or object_session(channel) is None:
        return registry.build(channel.kind, config_of(channel, session))
    return kept(session, (Channel, channel.id), lambda: registry.build(channel.kind, config_of(channel, session)))


def trial(session: Session, kind: str, values: Mapping[str, Any], channel: Channel | None = None) -> Connector:
    """A connector as it would be with `values`, for *Test connection*; nothing is stored. Stored secrets are used only
    while no setting that guards them differs. Raises Invalid."""
    copy = Channel(key="test", kind=kind, name="test", settings={}, secrets_sealed="")
    if channel is not None:
        copy.id, copy.key, copy.name, copy.receive_only = channel.id, channel.key, channel.name, channel.receive_only
        copy.settings, copy.secrets_sealed = dict(channel.settings or {}), channel.secrets_sealed
    _apply(copy, registry.kind(kind), dict(values), first=channel is None)
    return registry.build(kind, config_of(copy, session))


def own_addresses(session: Session) -> frozenset[str]:
    """Addresses the desk itself writes from, lower case."""

    def ask() -> frozenset[str]:
        found = rows(session, _SETTINGS).scalars()
        return frozenset(str(s["address"]).strip().lower() for s in found if s.get("address"))

    return kept(session, own_addresses, ask)


keeps(Channel)
_SETTINGS = select(Channel.settings).where(Channel.archived_at.is_(None))
_BY_KEY = select(Channel).where(Channel.key == bindparam("key"), Channel.archived_at.is_(None))


def by_key(session: Session, key: str) -> Channel:
    channel = session.scalar(_BY_KEY, {"key": key})
    if channel is None:
        raise NotFound()
    return channel


def every(session: Session, *, enabled: bool = True) -> list[Channel]:
    statement = select(Channel).where(Channel.archived_at.is_(None)).order_by(Channel.id)
    return list(session.scalars(statement.where(Channel.enabled) if enabled else statement))


def may_send(session: Session, channel: Channel) -> str:
    """Empty, or why nothing leaves by this channel."""
    if not channel.enabled or channel.archived_at is not None:
        return "The channel is switched off."
    if channel.receive_only:
        return "This channel only receives."
    if desk_settings.get(session, "shadow_mode"):
        return "The whole desk only receives (shadow mode)."
    return ""


def went_well(work: UnitOfWork, channel: Channel) -> None:
    channel.last_success_at = work.now


def went_wrong(work: UnitOfWork, channel: Channel, error: str) -> None:
    channel.last_error, channel.last_error_at = error[:1000], work.now


def contact_details(session: Session) -> dict[str, str]:
    """The mail address ("email") and the phone number ("phone") of the desk itself, where channels have them."""
    found: dict[str, str] = {}
    on = select(Channel).where(Channel.archived_at.is_(None), Channel.enabled.is_(True)).order_by(Channel.id)
    for channel in session.scalars(on):
        address, number = (str((channel.settings or {}).get(n, "")).strip() for n in ("address", "number"))
        if "@" in address:
            found.setdefault("email", address)
        elif number:
            found.setdefault("phone", number)
    return found
