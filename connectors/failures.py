"""How a connector says that something did not go well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.inbound import InboundMessage


class ConnectorError(Exception):
    """Anything a connector says about itself; `str(error)` is one plain sentence without secrets."""


class TemporaryFailure(ConnectorError):
    """Worth trying again, after `retry_after` seconds when the far side named a time."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class PermanentFailure(ConnectorError):
    """Trying again cannot help. `address_dead` means: never write to this address again.

    `account`: our account with the provider is at fault (token, permission, money), whatever the message.
    """

    def __init__(
        self, reason: str, *, address_dead: bool = False, blocked: bool = False, account: bool = False
    ) -> None:
        super().__init__(reason)
        self.account = account
        self.address_dead = address_dead
        self.blocked = blocked


class OutcomeUnknown(ConnectorError):
    """The far side may or may not have taken it (the answer was lost)."""


class Refused(ConnectorError):
    """A webhook call that must not be stored: wrong signature (401), too large (413), malformed (400)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Unparseable(ConnectorError):
    """A stored raw that cannot be read; `partial` carries what could be found for the stub ticket."""

    def __init__(self, reason: str, partial: InboundMessage | None = None) -> None:
        super().__init__(reason)
        self.partial = partial
