"""What this machine has: programs, users, ports."""

import glob
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# How long tests wait for anything that comes by itself. Who waits for a state goes on the moment it is there, so this
# only has to be longer than the worst moment of two busy cores.
PATIENCE_S = 60.0

_CLAIMS: list[socket.socket] = []  # ports given to this process

DEBIAN = {"chromium": "chromium", "dovecot": "dovecot-imapd", "postgresql": "postgresql"}


class Missing(Exception):
    """A program the test needs is not installed; the text says how to get it."""

    def __init__(self, tool: str, how: str) -> None:
        super().__init__(f"{tool} is missing: {how}")
        self.tool = tool


def available() -> dict[str, str | None]:
    """Where each outside program is, or None: chromium, dovecot, postgresql (the folder of its programs)."""
    return {"chromium": _chromium(), "dovecot": _dovecot(), "postgresql": _postgresql()}


def require(tool: str) -> str:
    """The path of `tool`. Raises Missing."""
    found = available()[tool]
    if found is None:
        raise Missing(tool, f"on Debian or Ubuntu, apt install {DEBIAN[tool]}")
    return found


def _chromium() -> str | None:
    # Debian's headless shell is the same engine without a desktop's windows around it: half the work.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def _dovecot() -> str | None:
    return shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")


def _postgresql() -> str | None:
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]), reverse=True)
    on_path = shutil.which("initdb")
    folders += [str(Path(on_path).resolve().parent)] if on_path else []
    return next((folder for folder in folders if os.access(f"{folder}/postgres", os.X_OK)), None)


def free_port() -> int:
    """A port nobody listens on, for a server that is told its port and may be ended and started again on it.

    It is none of those the kernel gives to whoever connects or asks for any, and no other worker of the suite gets it
    while this one lives: between asking and listening, and while the server is down, nobody else comes to sit on it.
    """
    for port in random.sample(_own_ports(), 500):
        claim, probe = socket.socket(socket.AF_UNIX), socket.socket()
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if sys.platform == "linux":  # a name without a file, gone with this process
                claim.bind(f"\0helpdesk-test-port-{port}")
            probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        finally:
            probe.close()
        _CLAIMS.append(claim)
        return port
    raise RuntimeError("no free port found")


def _own_ports() -> range:
    """Ports below those of outgoing connections, or what is left where an administrator widened those."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        first = 32768
    return range(12000, first) if first > 14000 else range(12000, 60000)


def wait_until(ready: Callable[[], bool], what: str, *, timeout_s: float = PATIENCE_S) -> None:
    """Ask `ready` every 20 ms. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not ready after {timeout_s} s")
        time.sleep(0.02)


def listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def ordinary_user(preferred: str = "nobody") -> pwd.struct_passwd:
    """Who a server is to run as: ourselves, or an unprivileged user when we are root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known = {user.pw_name for user in pwd.getpwall()}
    return pwd.getpwnam(preferred if preferred in known else "nobody")


def memory_folder(*, room_bytes: int = 2 << 30) -> str | None:
    """A file system in memory with so much room, or None: what tests write does not wait for a disk there."""
    place = "/dev/shm"  # noqa: S108  # folders made in it are private
    if not os.access(place, os.W_OK | os.X_OK):
        return None
    facts = os.statvfs(place)
    return None if facts.f_flag & os.ST_NOEXEC or facts.f_bavail * facts.f_frsize < room_bytes else place


@contextmanager
def folder_of(user: pwd.struct_passwd, *, in_memory: bool = False) -> Iterator[Path]:
    """An own temporary folder with a short path (Unix sockets allow about 100 bytes), removed at the end."""
    parent = memory_folder() if in_memory else None
    parent = parent or ("/tmp" if os.access("/tmp", os.W_OK) else None)  # noqa: S108  # mkdtemp makes it private
    folder = Path(tempfile.mkdtemp(prefix="hd-", dir=parent))
    try:
        if os.geteuid() == 0:
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start(
    command: list[str], user: pwd.struct_passwd | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a server in its own session, as `user` when we are root; what it says goes to `log`."""
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user and os.geteuid() == 0 else {}
    with log.open("ab") if log else open(os.devnull, "wb") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/", **identity
        )


def stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, *, timeout_s: float = 10) -> None:
    """End a server and wait; by force when it does not listen."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a server and its children (`start` gave it a session of its own) at once: nothing of it is needed any more."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
