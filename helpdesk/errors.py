"""Errors named by cause. One handler in app.py turns them into a page or an RFC 9457 problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class HelpdeskError(Exception):
    """Base; `message` is one sentence for a person, `status` the HTTP status it becomes."""

    status = 400
    title = "Something is not right"

    def __init__(self, message: str = "", **extra: Any) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.extra = extra


class NotFound(HelpdeskError):
    """It does not exist, or the viewer may not know that it does."""

    status = 404
    title = "Not found"


class Forbidden(HelpdeskError):
    """The viewer sees the thing but may not do this with it."""

    status = 403
    title = "Not allowed"


class Unauthenticated(HelpdeskError):
    status = 401
    title = "Sign in first"


class Invalid(HelpdeskError):
    """Bad input. `fields` maps a field's name to one sentence."""

    status = 422
    title = "Some fields need another look"

    def __init__(self, message: str = "", fields: Mapping[str, str] | None = None, **extra: Any) -> None:
        self.fields = dict(fields or {})
        super().__init__(message or next(iter(self.fields.values()), ""), **extra)


class Conflict(HelpdeskError):
    """The world moved on since the caller looked."""

    status = 409
    title = "Something changed meanwhile"


class NewerMessages(Conflict):
    """Somebody wrote since the agent last saw the ticket. `message_ids` are what they have not seen; `seq` the newest."""

    def __init__(self, message_ids: list[int], seq: int) -> None:
        super().__init__("Something arrived since you last looked.", seq=seq)
        self.message_ids = message_ids
        self.seq = seq


class Expired(HelpdeskError):
    """A link or token that is used up, too old, or not ours."""

    status = 410
    title = "This link no longer works"


class TooLarge(HelpdeskError):
    status = 413
    title = "Too large"


class TooMany(HelpdeskError):
    status = 429
    title = "Too many requests"


class Unavailable(HelpdeskError):
    """The database or queue cannot be reached right now; trying again helps."""

    status = 503
    title = "Not available right now"


class ConfigError(Exception):
    """A configuration that cannot work. One sentence naming the key and the file; commands exit with 2."""
