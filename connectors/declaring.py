"""What a connector declares of itself, and the configuration it gets."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

SettingType = Literal["text", "secret", "int", "bool", "choice", "lines", "colour", "longtext"]
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Setting:
    """One declared setting; the settings form, `helpdesk channel add` and validation are drawn from it."""

    name: str
    label: str
    type: SettingType = "text"
    default: str | int | bool = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""
    # Changing this one clears the channel's secrets (a password must not be sent to a new host).
    guards_secrets: bool = False
    group: str = ""

    @property
    def secret(self) -> bool:
        return self.type == "secret"


@dataclass(frozen=True)
class Window:
    """For so many hours after the customer's last message `terms` hold, a short sentence; empty: anything goes."""

    hours: int
    terms: str = ""
    automatic: bool = True  # may something no person wrote be sent in it (an acknowledgement, a survey)?


@dataclass(frozen=True)
class Template:
    """A message the provider approved beforehand: `body` with places in double braces, as `{{customer}}`."""

    name: str
    language: str
    body: str


@dataclass(frozen=True)
class Limits:
    """What one message may be. Lengths in characters, sizes in bytes; None: no limit known."""

    max_length: int | None = None
    max_file_bytes: int | None = None
    max_files: int | None = None
    formats: frozenset[str] = frozenset({"text"})  # text, html, files
    reply_window_hours: int | None = None  # after that nothing but a template may be sent
    windows: tuple[Window, ...] = ()  # what holds inside it, the shortest first; empty: the same all the time
    after_window: str = ""  # what is still possible then, a short sentence
    automatic: bool = True  # may something no person wrote be sent there at all? Not below a public post.
    # Seconds a reply can be called back before it leaves.
    undo_s: int = 0


class Vault(Protocol):
    """Where a connector keeps tokens it renews by itself: sealed, one set a channel, for all processes."""

    def read(self, seed: str) -> Mapping[str, str]:
        """What was kept, or nothing when it grew from another `seed` (the token in the settings)."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else renews meanwhile, in any process. Raises TemporaryFailure when it takes too long."""
        ...

    def keep(self, seed: str, values: Mapping[str, str]) -> None:
        """Kept for good when this returns."""
        ...


@dataclass(frozen=True)
class ChannelConfig:
    """One configured account, decrypted, as a connector instance gets it."""

    id: int
    key: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)  # declared settings, secrets included, typed
    public_url: str = ""
    allow_private: tuple[IPNetwork, ...] = ()  # private networks this install may talk to
    trusted_hosts: tuple[str, ...] = ()
    own_addresses: frozenset[str] = frozenset()  # every address of the desk itself, lower case
    max_message_bytes: int = 40 * 1024 * 1024
    vault: Vault | None = None
    certificate: tuple[str, str] | None = None  # PEM files of this desk: chain and key, for doors of its own

    def get(self, name: str, default: Any = "") -> Any:
        value = self.settings.get(name)
        return default if value in (None, "") else value
