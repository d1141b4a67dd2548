"""Thousands of Socket.IO clients in one process: just enough of WebSocket and Engine.IO on asyncio streams."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

Heard = Callable[[str, dict[str, object], float], None]  # event, payload, moment (perf_counter)


class LightSocket:
    """One page: connects, answers pings, comes back by itself after 0.2 to 2 s. `opened` counts how often it got in."""

    def __init__(self, url: str, namespace: str, heard: Heard, *, auth: dict[str, str], cookie: str = "") -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.origin, self.namespace, self.heard = url, namespace, heard
        self.auth, self.cookie = auth, cookie
        self.opened = 0
        self.opened_at = 0.0
        self.inside = False

    async def live(self) -> None:
        """Until it is cancelled."""
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, ValueError):
                await self._once()
            self.inside = False
            await asyncio.sleep(random.uniform(0.2, 2.0))

    async def _once(self) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            lines = [
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", f"Host: {self.host}:{self.port}",
                "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                f"Origin: {self.origin}", *([f"Cookie: {self.cookie}"] if self.cookie else []), "", "",
            ]  # fmt: skip
            writer.write("\r\n".join(lines).encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in answer.split(b"\r\n", 1)[0]:
                raise ValueError(answer[:80])
            while True:
                self._take(await _frame(reader), writer)
        finally:
            writer.close()

    def _take(self, text: str, writer: asyncio.StreamWriter) -> None:
        if text.startswith("0"):
            _send(writer, f"40{self.namespace},{json.dumps(self.auth)}")
        elif text == "2":
            _send(writer, "3")
        elif text.startswith(f"40{self.namespace},"):
            self.opened, self.opened_at, self.inside = self.opened + 1, time.perf_counter(), True
        elif text.startswith(f"44{self.namespace},"):
            raise ValueError(text[:200])
        elif text.startswith(f"42{self.namespace},"):
            event, *given = json.loads(text.partition(",")[2])
            self.heard(event, given[0] if given and isinstance(given[0], dict) else {}, time.perf_counter())


async def _frame(reader: asyncio.StreamReader) -> str:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", await reader.readexactly(8))
    content = await reader.readexactly(size)
    if first & 0x0F == 8:
        raise ValueError("closed")
    return content.decode() if first & 0x0F == 1 else ""


def _send(writer: asyncio.StreamWriter, text: str) -> None:
    content, mask = text.encode(), os.urandom(4)
    head = bytes([0x81, 0x80 | len(content)]) if len(content) < 126 else struct.pack(">BBH", 0x81, 0xFE, len(content))
    writer.write(head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(content)))
