"""The data folder: made once, used by one tree at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from helpdesk.config import Redis, Settings
from helpdesk.errors import ConfigError, HelpdeskError
from helpdesk.processes import valkey

MAX_SOCKET_BYTES = 100  # unix socket paths end at about 107 bytes


def prepare(data: Path) -> Path:
    """Make DATA and DATA/run (0700 when new). Raises ConfigError when that cannot be done."""
    run = data / "run"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        run.mkdir(exist_ok=True, mode=0o700)
        probe = run / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"The data folder {data} cannot be used: {error.strerror}.") from error
    return run


class Lock:
    """Held by the supervisor for as long as it lives; the kernel lets go of it whatever kills the process."""

    def __init__(self, data: Path) -> None:
        self.path = data / "run" / "up.lock"
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(self.fd, 20).decode("ascii", "replace").strip()
            os.close(self.fd)
            raise HelpdeskError(
                f"A helpdesk is already running on {data.absolute()} (process {pid or 'unknown'}); stop it first."
            ) from None
        os.ftruncate(self.fd, 0)
        os.write(self.fd, f"{os.getpid()}\n".encode())

    def forget(self) -> None:
        """In a child: the lock is the parent's alone."""
        os.close(self.fd)

    def release(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.fd)


def running(data: Path) -> int | None:
    """Process id of the tree that runs on this folder, if one does."""
    path = data / "run" / "up.lock"
    with suppress(OSError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read(20).strip() or 0) or None
    return None


def socket_place(data: Path) -> Path:
    """Where the embedded queue's unix socket goes: DATA/run, or a private temporary folder when that is too long."""
    path = (data / "run" / "valkey.sock").absolute()
    if len(os.fsencode(path)) <= MAX_SOCKET_BYTES:
        return path
    return Path(tempfile.mkdtemp(prefix="helpdesk-")) / "valkey.sock"


def remember_queue(data: Path, socket: Path) -> None:
    (data / "run" / "valkey.path").write_text(f"{socket}\n")


def with_queue(settings: Settings) -> Settings:
    """The settings as they are, or with the address of the embedded queue a running tree has on this folder."""
    if settings.redis.url:
        return settings
    with suppress(OSError):
        socket = Path((settings.data / "run" / "valkey.path").read_text().strip())
        if valkey.ping(socket):
            return replace(settings, redis=Redis(url=valkey.url(socket)))
    return settings
