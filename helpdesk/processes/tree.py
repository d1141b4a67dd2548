"""`helpdesk up`: prepare the folder, import the app once, fork the parts, tell when everything answers."""

from __future__ import annotations

import http.client
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from helpdesk import logs
from helpdesk.config import Redis, Settings
from helpdesk.errors import ConfigError, HelpdeskError
from helpdesk.processes import folder, valkey, web
from helpdesk.processes.supervisor import Child, Supervisor, ended, freeze
from helpdesk.signing import make_secret

log = logging.getLogger(__name__)

SLOW_S = 30.0
# What the parts need, imported before the fork so that its pages are shared.
PRELOAD = (
    "helpdesk.app",
    "helpdesk.processes.worker",
    "helpdesk.processes.listen",
    "workers.jobs",
    "workers.clock",
    "gunicorn.workers.gthread",
    "gunicorn.glogging",
    "simple_websocket",
    "rq.worker",
    "sqlalchemy.dialects.sqlite",
)


@dataclass
class Prepared:
    """What was found out before the parts start."""

    logins: dict[str, dict[str, str]] = field(default_factory=dict)
    smtp: str = ""  # the demo's door for mail: host:port


@dataclass
class Tree:
    """One run of the whole product on one data folder. `before`: done in a child once the database is migrated."""

    settings: Settings
    before: Callable[[Settings], dict[str, Any]]
    ready_file: Path | None = None
    say: Callable[[str], None] = print
    greet: Callable[[str, Prepared], None] | None = None
    more: Callable[[Any], dict[str, Callable[[], object]]] | None = None  # parts that only this kind of run has
    app: Any = None

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises ConfigError or HelpdeskError when it cannot start."""
        started = time.monotonic()
        folder.prepare(self.settings.data)
        if self.ready_file is not None:
            self.ready_file.unlink(missing_ok=True)
        lock = folder.Lock(self.settings.data)
        opened = web.listen(self.settings.server.host, self.settings.server.port)
        self.settings = replace(self.settings, server=replace(self.settings.server, port=opened.getsockname()[1]))
        make_secret(self.settings.data)
        logs.configure(self.settings, "up")
        supervisor = Supervisor(forget=lock.forget)
        try:
            self._embed_queue(supervisor)
            found = self._prepare(supervisor)
            if not supervisor.stopping:
                freeze()
                self._start_parts(supervisor, opened)
            self._watch(supervisor, web.address_of(opened), found, started)
        finally:
            supervisor.stop()
            if self.ready_file is not None:
                self.ready_file.unlink(missing_ok=True)
            lock.release()

    # --- before -----------------------------------------------------------------------------------------------

    def _embed_queue(self, supervisor: Supervisor) -> None:
        if self.settings.redis.url:
            return
        data, path = self.settings.data, folder.socket_place(self.settings.data)
        valkey.command(data, path)  # tells now, in this process, when there is no binary for this machine
        supervisor.add(Child("queue", partial(valkey.execute, data, path), last=True))
        folder.remember_queue(data, path)
        self.settings = replace(self.settings, redis=Redis(url=valkey.url(path)))

    def _prepare(self, supervisor: Supervisor) -> Prepared:
        """Migrate in a child (Alembic and open connections stay out of this process), import the app meanwhile."""
        with _Answer() as answer:
            pid = supervisor.fork("prepare", partial(answer.give, partial(self.before, self.settings)))
            self.app = preload(self.settings)
            while ended(pid) is None:
                supervisor.tick(0.05)
                if supervisor.stopping:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
            return Prepared() if supervisor.stopping else Prepared(**answer.take())

    def _start_parts(self, supervisor: Supervisor, opened: Any) -> None:
        more = self.more(self.app) if self.more is not None else {}
        for name, run in (parts(self.app, opened) | more).items():
            supervisor.add(Child(name, run))

    # --- while it runs ----------------------------------------------------------------------------------------

    def _watch(self, supervisor: Supervisor, url: str, found: Prepared, started: float) -> None:
        forked, ready, warned = time.monotonic(), False, False
        while not supervisor.stopping:
            supervisor.tick(60.0 if ready else 0.1)
            if ready or supervisor.stopping:
                continue
            if answers(url):
                ready = True
                tell = partial(self._tell, url, found)
                tell(supervisor.pids)
                supervisor.changed = tell
                self._say_ready(url, found, time.monotonic() - started)
            elif not warned and time.monotonic() - forked > SLOW_S:
                warned = True
                log.warning("not everything answers yet; `helpdesk doctor` says more url=%s", url)

    def _say_ready(self, url: str, found: Prepared, took_s: float) -> None:
        if self.greet is not None:
            self.greet(url, found)
        self.say(f"Ready at {url} after {took_s:.1f} s. Ctrl+C stops it.")
        sys.stdout.flush()

    def _tell(self, url: str, found: Prepared, pids: dict[str, int]) -> None:
        if self.ready_file is None:
            return
        facts: dict[str, Any] = {"url": url, "pids": {"up": os.getpid(), **pids}}
        if found.logins:
            facts["logins"] = found.logins
        if found.smtp:
            facts["smtp"] = found.smtp
        write_private(self.ready_file, json.dumps(facts, indent=2) + "\n")


def preload(settings: Settings) -> Any:
    """The app and all that the parts need, made once, before they are forked; no connection, no thread is open."""
    for name in PRELOAD:
        import_module(name)
    import_module("connectors.registry").kinds()
    app = import_module("helpdesk.app").create_app(settings)
    import_module("sqlalchemy.orm").configure_mappers()
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(timeout=1)  # a library's one-shot timer
    return app


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, for this user only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def parts(app: Any, opened: Any) -> dict[str, Callable[[], object]]:
    """Name -> what a child does. Every worker serves one drain: RQ can lose a job of a worker with two queues."""
    found: dict[str, Callable[[], object]] = {"web": part(app, "web", "helpdesk.processes.web", opened)}
    for drain in import_module("helpdesk.wakeups").DRAINS:
        found[f"worker-{drain}"] = part(app, f"worker-{drain}", "helpdesk.processes.worker", drain)
    found["listen"] = part(app, "listen", "helpdesk.processes.listen")
    found["clock"] = part(app, "clock", "workers.clock")
    return found


def part(app: Any, process: str, module: str, *arguments: Any) -> Callable[[], object]:
    def run() -> None:
        logs.configure(app.extensions["settings"], process)
        import_module(module).serve(app, *arguments)

    return run


def answers(url: str) -> bool:
    """Do all parts show signs of life? A channel whose far side is away does not count: the product is up."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": place.netloc})
        parts = json.loads(connection.getresponse().read())["parts"]
        return all(parts[name]["state"] == "ok" for name in ("database", "queue", "workers", "clock")) and (
            parts["listeners"]["state"] != "down"
        )
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class _Answer:
    """A pipe on which a child hands back a JSON object, or the one sentence of why it failed."""

    def __enter__(self) -> _Answer:
        self._read, self._write = os.pipe()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._read)
        with suppress(OSError):
            os.close(self._write)

    def give(self, work: Callable[[], dict[str, Any]]) -> None:
        """In the child. Errors that are sentences are handed back; others end it with a traceback in the log."""
        try:
            told = {"ok": work()}
        except HelpdeskError as error:
            told = {"error": error.message}
        except ConfigError as error:
            told = {"wrong": str(error)}
        os.write(self._write, json.dumps(told).encode())

    def take(self) -> dict[str, Any]:
        """In the parent, after the child ended."""
        os.close(self._write)
        with os.fdopen(os.dup(self._read), "rb") as file:
            text = file.read()
        if not text:
            raise HelpdeskError("Preparing the database failed; the lines above say why.")
        told = json.loads(text)
        if "error" in told:
            raise HelpdeskError(told["error"])
        if "wrong" in told:
            raise ConfigError(told["wrong"])
        return dict(told["ok"])
