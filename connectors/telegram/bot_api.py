"""The Bot API's methods and refusals; the token stands in no error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connectors.contract import (
    ChannelConfig,
    ConnectorError,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from connectors.web import ANSWER_S, Web

PUBLIC_BASE = "https://api.telegram.org"
UPLOAD_S = 120.0
RETRY_AFTER_S = 30.0

Upload = tuple[str, tuple[str, bytes, str]]  # form field, (file name, content, content type)


class Migrated(PermanentFailure):
    """The group became a supergroup; `chat_id` is where it lives now."""

    def __init__(self, chat_id: int) -> None:
        super().__init__("The group moved to another chat id.")
        self.chat_id = chat_id


class BadRequest(PermanentFailure):
    """Telegram understood and refused: the request itself is wrong."""


class BotApi:
    """One bot's API, as a context manager."""

    def __init__(self, config: ChannelConfig) -> None:
        self._token = str(config.get("token"))
        if not self._token:
            raise PermanentFailure("The bot token is missing.")
        base = str(config.get("api_base", PUBLIC_BASE))
        self._web = Web("Telegram", base, config.allow_private, str(config.get("proxy")))

    def __enter__(self) -> BotApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        uploads: Sequence[Upload] = (),
        *,
        sends: bool = False,
        answer_s: float = ANSWER_S,
    ) -> Any:
        """The `result` of one method.

        Raises TemporaryFailure, PermanentFailure, and for a method that `sends` OutcomeUnknown when the answer was
        lost after the request had left.
        """
        values = {key: value for key, value in (params or {}).items() if value is not None}
        body: dict[str, Any] = {"json": values}
        if uploads:
            fields = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
            body = {"data": fields, "files": list(uploads)}
        path, wait_s = f"bot{quote(self._token, safe=':')}/{method}", UPLOAD_S if uploads else answer_s
        answer = self._web.request("POST", path, sends=sends, answer_s=wait_s, **body)
        return _result(*(answer or (200, b"")), sends=sends)

    def download(self, file_path: str, limit_bytes: int) -> bytes | None:
        """A file's bytes, or None when it is larger than the limit."""
        if file_path.startswith("/") or ".." in file_path.split("/"):
            raise PermanentFailure("Telegram gave a file address that this helpdesk does not follow.")
        path = f"file/bot{quote(self._token)}/{quote(file_path)}"
        answer = self._web.request("GET", path, answer_s=UPLOAD_S, limit_bytes=limit_bytes)
        if answer is None:
            return None
        status, content = answer
        if status == 404:
            raise PermanentFailure("Telegram has no such file any more.")
        if status != 200:
            raise _failure(status, {})
        return content


def _result(status: int, content: bytes, *, sends: bool) -> Any:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if status == 200 and isinstance(answer, dict) and answer.get("ok") is True:
        return answer.get("result")
    if status == 200 and sends:
        raise OutcomeUnknown("Telegram's answer could not be read; the message may have arrived.")
    raise _failure(status, answer if isinstance(answer, dict) else {})


def _failure(status: int, answer: Mapping[str, Any]) -> ConnectorError:
    """The error for one refused call; `answer` is Telegram's JSON or empty."""
    said = str(answer.get("description") or "")[:200]
    parameters = answer.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    if status == 429:
        wait = parameters.get("retry_after")
        seconds = float(wait) if isinstance(wait, (int, float)) and wait >= 0 else RETRY_AFTER_S
        return TemporaryFailure("Telegram asks to wait: too many messages.", retry_after=seconds)
    if status == 409:
        return TemporaryFailure("Another program reads this bot's messages, or a webhook is set.", RETRY_AFTER_S)
    if status in (401, 404):
        return PermanentFailure("Telegram does not know this bot token.")
    if status == 403:
        return _forbidden(said)
    if status == 400:
        return _bad_request(said, parameters)
    if status == 413:
        return PermanentFailure("The file is too large for Telegram.")
    return TemporaryFailure(f"Telegram has a problem of its own (HTTP {status}).")


def _forbidden(said: str) -> PermanentFailure:
    lower = said.lower()
    if "deactivated" in lower:
        return PermanentFailure("This Telegram account was deleted.", address_dead=True, blocked=True)
    if "initiate" in lower:
        return PermanentFailure("The customer has to write to the bot first.", blocked=True)
    if "kicked" in lower or "not a member" in lower:
        return PermanentFailure("The bot was removed from this group.", blocked=True)
    return PermanentFailure("The customer blocked the bot.", blocked=True)


def _bad_request(said: str, parameters: Mapping[str, Any]) -> PermanentFailure:
    moved = parameters.get("migrate_to_chat_id")
    if isinstance(moved, int):
        return Migrated(moved)
    lower = said.lower()
    if "chat not found" in lower or "peer_id_invalid" in lower or "user not found" in lower:
        return PermanentFailure("This Telegram chat does not exist.", address_dead=True)
    if "too big" in lower or "too large" in lower:
        return BadRequest("The file is too large for Telegram.")
    if "wrong file identifier" in lower or "wrong remote file" in lower:
        return BadRequest("Telegram does not know this sticker or file any more.")
    return BadRequest(f"Telegram refused: {said}" if said else "Telegram refused the message.")
