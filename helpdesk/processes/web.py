"""The web process: gunicorn's threaded worker around the app, on a socket that somebody else opened.

The worker runs without gunicorn's own master: the supervisor is the master already, and one process less is needed.
With `server.mode = gevent` this process becomes gunicorn instead, since gevent must come before every other import.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
from threading import Thread
from typing import Any

from flask import Flask

from helpdesk.config import Settings
from helpdesk.errors import HelpdeskError
from helpdesk.extensions import socketio

GRACE_S = 4  # a request under way may take so long when the process is asked to stop
KEEPALIVE_S = 15
BACKLOG = 512
GEVENT_CONNECTIONS = 10_000  # open pages hold one each; gunicorn's own limit is 1,000


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket (port 0: any free one). Raises HelpdeskError with one sentence."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, proto)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Each connection inherits it: an answer's body does not wait 40 ms for the other side to acknowledge its head.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
    except OSError as error:
        why = "it is in use" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
        raise HelpdeskError(
            f"The address {host}:{port} cannot be opened: {why}. Choose another with --port."
        ) from error
    return opened


def address_of(opened: socket.socket) -> str:
    """How a browser on this machine reaches it."""
    host, port = opened.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: Flask, opened: socket.socket) -> None:
    """Answer requests until SIGTERM."""
    settings: Settings = app.extensions["settings"]
    if settings.server.mode == "gevent":
        _become_gunicorn(settings, opened)
    from helpdesk.app import serve_sockets
    from helpdesk.processes.heartbeat import Heartbeat

    serve_sockets()
    with Heartbeat(app, "web"):
        worker = _worker(settings, opened, app)
        worker.init_process()


def _config(settings: Settings) -> Any:
    from gunicorn.config import Config

    config = Config()
    config.set("threads", settings.server.threads)
    config.set("worker_connections", max(1000, settings.server.threads * 2))
    config.set("graceful_timeout", GRACE_S)
    config.set("keepalive", KEEPALIVE_S)
    config.set("forwarded_allow_ips", "")  # who is believed about addresses is decided by server.trusted_proxies
    config.set("limit_request_line", 8190)
    return config


def _worker(settings: Settings, opened: socket.socket, app: Any) -> Any:
    from gunicorn.glogging import Logger
    from gunicorn.workers.gthread import ThreadWorker

    class Worker(ThreadWorker):
        def load_wsgi(self) -> None:
            self.wsgi = app

        def handle_exit(self, sig: int, frame: Any) -> None:
            super().handle_exit(sig, frame)
            Thread(target=_close_sockets, name="close-sockets", daemon=True).start()

    class Quiet(Logger):
        def setup(self, cfg: Any) -> None:
            """Errors go where all our logs go; requests are counted by the app itself."""
            self.cfg = cfg
            self._access_log_enabled = False
            self.loglevel = logging.WARNING
            self.error_log.propagate = True
            self.error_log.setLevel(self.loglevel)

    config = _config(settings)
    listener = opened.dup()
    listener.setblocking(False)
    return Worker(0, os.getppid(), [listener], None, 0, config, Quiet(config))


def _close_sockets() -> None:
    """Let go of the open sockets, so that stopping need not wait for people to close their pages."""
    server = socketio.server
    for held in list(server.eio.sockets.values()) if server is not None else []:
        held.close(wait=False)


def _become_gunicorn(settings: Settings, opened: socket.socket) -> None:
    fd = os.dup(opened.fileno())
    os.set_inheritable(fd, True)
    environment = {
        **os.environ,
        "HELPDESK_DATA": str(settings.data.absolute()),
        "HELPDESK_REDIS_URL": settings.redis.url,
        "HELPDESK_DATABASE_URL": settings.database.url,
    }
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gevent", "--workers", "1", "--bind", f"fd://{fd}"]
    command += ["--no-control-socket", "--graceful-timeout", str(GRACE_S), "--log-level", "warning"]
    command += ["--worker-connections", str(GEVENT_CONNECTIONS)]
    os.execve(sys.executable, [*command, "helpdesk.processes.web:application()"], environment)  # noqa: S606


def application() -> Any:
    """The app for a WSGI server of one's own choice, from config.toml and the environment."""
    from helpdesk import logs
    from helpdesk.app import create_app
    from helpdesk.config import load
    from helpdesk.processes.folder import with_queue
    from helpdesk.processes.heartbeat import Heartbeat

    settings = with_queue(load())
    logs.configure(settings, "web")
    app = create_app(settings, serving=True)
    Heartbeat(app, "web").start()
    return app
