"""Helpers of the email tests: a channel's configuration and mails written as simply as they can be."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from connectors.contract import Batch, ChannelConfig, Raw
from connectors.email.connector import Email
from tests.servers.machine import PATIENCE_S

LOCAL = (ipaddress.ip_network("127.0.0.0/8"),)
ADDRESS = "support@example.com"


def config(**settings: Any) -> ChannelConfig:
    maximum = settings.pop("max_message_bytes", 40 * 1024 * 1024)
    private = settings.pop("allow_private", LOCAL)
    values = {"address": ADDRESS, "imap_security": "none", "smtp_security": "none", **settings}
    return ChannelConfig(1, "key", "Support", values, allow_private=private, max_message_bytes=maximum)


def mailbox(port: int, **settings: Any) -> Email:
    """A channel on a local IMAP server."""
    settings.setdefault("import_from", "all")
    return Email(config(imap_host="127.0.0.1", imap_port=port, imap_user=ADDRESS, imap_password="secret", **settings))


def mail(number: int | str, body: str = "Xin chào", message_id: str | None = "", extra: str = "") -> bytes:
    """A small mail; `message_id` None: without one."""
    identity = f"Message-ID: <{message_id or f'm{number}@customer.example'}>\r\n" if message_id is not None else ""
    return (
        f"{extra}From: Lan <lan@customer.example>\r\nTo: {ADDRESS}\r\nSubject: Question {number}\r\n"
        f"Date: Sat, 21 Nov 2026 08:10:00 +0700\r\n{identity}MIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    ).encode()


class Listener:
    """Runs `listen` in a thread as the listen process does: what was stored, and the cursor kept with it."""

    def __init__(self, email: Email, cursor: Mapping[str, Any] | None = None) -> None:
        self.email = email
        self.cursor: Mapping[str, Any] = cursor or {}
        self.raws: list[Raw] = []
        self.error: Exception | None = None
        self.signs = 0
        self.stop = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            for batch in self.email.listen(self.cursor, self.stop):
                self._store(batch)
        except Exception as error:  # noqa: BLE001 - shown by the test
            self.error = error
        with self._changed:
            self._changed.notify_all()

    def _store(self, batch: Batch) -> None:
        with self._changed:
            self.raws.extend(batch.raws)
            self.cursor = batch.cursor
            self.signs += 1
            self._changed.notify_all()

    def wait(self, count: int, timeout_s: float = PATIENCE_S) -> list[Raw]:
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.raws) >= count or self.error is not None, timeout_s)
        if self.error is not None:
            raise self.error
        assert done, f"{len(self.raws)} mails of {count}"
        return list(self.raws)

    def settled(self) -> None:
        """Wait until the folder was opened: the first sign of life."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.signs > 0 or self.error is not None, PATIENCE_S)
        if self.error is not None:
            raise self.error

    def looked(self) -> None:
        """Wait until it has looked for new mail once more: between two signs of life from now on."""
        with self._changed:
            wanted = self.signs + 2
            assert self._changed.wait_for(lambda: self.signs >= wanted, PATIENCE_S)

    def unique(self) -> set[str]:
        return {raw.external_id for raw in self.raws}


@contextmanager
def listening(email: Email, cursor: Mapping[str, Any] | None = None) -> Iterator[Listener]:
    listener = Listener(email, cursor)
    listener._thread.start()
    try:
        yield listener
    finally:
        listener.stop.set()
        began = time.monotonic()
        listener._thread.join(PATIENCE_S)
        assert not listener._thread.is_alive(), f"still listening {time.monotonic() - began:.0f} s after the stop"
