"""A person lets the desk into an account at another company (OAuth2 with PKCE): asked with a button, ended by a press.

Nothing is stored while the person is away: what we must know when they come back stands sealed in `state`, which only
the one who began can use, and only for a while.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from connectors.contract import Connector, ConnectorError, SignsIn
from helpdesk.access import Viewer
from helpdesk.errors import ConfigError, Conflict
from helpdesk.events import ChannelChanged
from helpdesk.models import Channel, now
from helpdesk.services import channel_settings, channels, links
from helpdesk.signing import Keyring
from helpdesk.unit_of_work import UnitOfWork

LASTS = timedelta(minutes=20)
BACK = "/settings/channels/consent"


@dataclass(frozen=True)
class Begun:
    """What `state` holds."""

    channel_id: int
    agent_id: int
    verifier: str


def back_address(session: Session) -> str:
    """Where the other company sends the browser; it has to be told there beforehand."""
    return links.address(session, BACK)


def state_of(channel: Channel, session: Session) -> str:
    """unused, wanted, connected or lost; for a channel that needs no consent: unused."""
    connector = channels.connector_of(channel, session)
    try:
        return connector.sign_in_state() if isinstance(connector, SignsIn) else "unused"
    except ConnectorError:
        return "wanted"


def challenge(verifier: str) -> str:
    """What is shown of the verifier at the beginning (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def begin(session: Session, viewer: Viewer, channel_id: int) -> str:
    """The address to go to. Changes nothing. Raises Conflict with what is missing."""
    channel = channel_settings.one(session, viewer, channel_id)
    connector = channels.connector_of(channel, session)
    if not isinstance(connector, SignsIn):
        raise Conflict(_("This kind of channel needs no consent."))
    verifier = secrets.token_urlsafe(48)
    until = int((now() + LASTS).timestamp())
    told = json.dumps({"c": channel.id, "a": viewer.agent_id, "v": verifier, "u": until})
    try:
        return connector.consent_address(back_address(session), _keyring().seal("consent", told), challenge(verifier))
    except ConnectorError as error:
        raise Conflict(str(error)) from error


def came_back(viewer: Viewer, state: str) -> Begun:
    """Raises Conflict for a state that is not ours, not this agent's, or too old."""
    try:
        told = json.loads(_keyring().open("consent", state))
    except (ConfigError, ValueError):
        raise Conflict(_("This did not begin here. Press Connect once more.")) from None
    if told["a"] != viewer.agent_id:
        raise Conflict(_("Somebody else began this. Press Connect once more."))
    if told["u"] < now().timestamp():
        raise Conflict(_("That took too long. Press Connect once more."))
    return Begun(told["c"], told["a"], told["v"])


def connector_for(session: Session, viewer: Viewer, begun: Begun) -> Connector:
    """The channel's connector, for `finish`, which must be called with no transaction open."""
    return channels.connector_of(channel_settings.one(session, viewer, begun.channel_id), session)


def finish(connector: Connector, begun: Begun, code: str, back: str) -> None:
    """Asks the other company. Raises Conflict with its refusal in plain words."""
    if not isinstance(connector, SignsIn):
        raise Conflict(_("This kind of channel needs no consent."))
    try:
        connector.finish_sign_in(code, begun.verifier, back)
    except ConnectorError as error:
        raise Conflict(str(error)) from error


def connected(work: UnitOfWork, viewer: Viewer, channel_id: int) -> None:
    """The listener begins anew, with the access it has now."""
    channel = channel_settings.one(work.session, viewer, channel_id)
    channel.version += 1
    channel.last_error, channel.last_error_at = "", None
    work.record(ChannelChanged(channel_id=channel.id, what="connected"))


def _keyring() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring
