"""Getting updates: long poll that confirms only what the caller stored, or a webhook that is kept set."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from connectors.contract import Batch, ChannelConfig, ConnectorError, Raw, TemporaryFailure
from connectors.telegram.bot_api import BotApi

POLL_S = 10
STOP_CHECK_S = 0.2
LIFE_SIGN_S = 30.0
WEBHOOK_CHECK_S = 600.0
# After a quiet week Telegram may go on with lower update ids; an old offset would then skip them.
OFFSET_GOOD_FOR_S = 6 * 86400.0
ALLOWED = ["message", "edited_message", "callback_query", "my_chat_member"]


def webhook_url(config: ChannelConfig) -> str:
    """Where Telegram is told to call."""
    return f"{config.public_url.rstrip('/')}/hooks/{config.key}"


def poll(config: ChannelConfig, cursor: Mapping[str, Any], stop: Event) -> Iterator[Batch]:
    """One batch an answer. Asking for the next offset is what confirms, and happens only after resumption."""
    poller = _Poller(BotApi(config))
    try:
        poller.ask("deleteWebhook", {"drop_pending_updates": False}, stop)
        while not stop.is_set():
            params: dict[str, Any] = {"timeout": POLL_S, "limit": 100, "allowed_updates": ALLOWED}
            offset = _offset(cursor)
            if offset is not None:
                params["offset"] = offset
            updates = poller.ask("getUpdates", params, stop)
            if updates is None:
                return
            raws, cursor = _batch(updates, cursor)
            yield Batch(raws, cursor)
    finally:
        poller.end()


def keep_webhook(config: ChannelConfig, cursor: Mapping[str, Any], stop: Event) -> Iterator[Batch]:
    """Nothing to read here: sees to it that Telegram calls our address, again whenever somebody changed it."""
    checked_at = 0.0
    while not stop.is_set():
        if not checked_at or time.monotonic() - checked_at > WEBHOOK_CHECK_S:
            with BotApi(config) as api:
                ensure_webhook(api, config)
            checked_at = time.monotonic()
        yield Batch((), cursor)
        stop.wait(LIFE_SIGN_S)


def ensure_webhook(api: BotApi, config: ChannelConfig) -> None:
    """Set on every start, since Telegram does not tell which secret it holds."""
    api.call(
        "setWebhook",
        {
            "url": webhook_url(config),
            "secret_token": str(config.get("webhook_secret")),
            "allowed_updates": ALLOWED,
            "max_connections": 10,
        },
    )


def _offset(cursor: Mapping[str, Any]) -> int | None:
    offset, at = cursor.get("offset"), cursor.get("at", 0)
    if not isinstance(offset, int) or time.time() - float(at) > OFFSET_GOOD_FOR_S:
        return None
    return offset


def _batch(updates: Any, cursor: Mapping[str, Any]) -> tuple[tuple[Raw, ...], Mapping[str, Any]]:
    found = [u for u in updates if isinstance(u, dict) and isinstance(u.get("update_id"), int)]
    if not found:
        return (), cursor
    raws = tuple(Raw(str(u["update_id"]), json.dumps(u).encode(), "application/json") for u in found)
    return raws, {"offset": max(u["update_id"] for u in found) + 1, "at": int(time.time())}


class _Poller:
    """Asks on a thread of its own, so that `stop` is heeded while Telegram keeps a question open.

    The thread owns the connection and closes it; a question left unanswered confirms nothing.
    """

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._questions: SimpleQueue[tuple[str, dict[str, Any]] | None] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._thread = Thread(target=self._work, name="telegram-poll", daemon=True)
        self._thread.start()

    def ask(self, method: str, params: dict[str, Any], stop: Event) -> Any:
        """The answer, or None when `stop` came first. Raises what the call raised."""
        self._questions.put((method, params))
        while not stop.is_set():
            try:
                answer = self._answers.get(timeout=STOP_CHECK_S)
            except Empty:
                if not self._thread.is_alive():
                    raise TemporaryFailure("Listening to Telegram broke off.") from None
                continue
            if isinstance(answer, ConnectorError):
                raise answer
            return answer
        return None

    def end(self) -> None:
        self._questions.put(None)

    def _work(self) -> None:
        with self._api:
            while (question := self._questions.get()) is not None:
                method, params = question
                try:
                    self._answers.put(self._api.call(method, params, answer_s=POLL_S + 10.0))
                except ConnectorError as error:
                    self._answers.put(error)
