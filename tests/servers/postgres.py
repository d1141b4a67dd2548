"""A private PostgreSQL in a temporary folder."""

import itertools
import os
import signal
import subprocess
from contextlib import ExitStack
from typing import Self

import psycopg
from psycopg import sql

from tests.servers.machine import folder_of, free_port, ordinary_user, require, start, stop, wait_until

# Nothing here has to survive a power cut.
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "wal_level=minimal")
SMALL = (
    "dynamic_shared_memory_type=mmap",
    "max_wal_senders=0",
    "shared_buffers=48MB",
    "max_connections=120",
    "log_min_messages=warning",
)


class Postgres:
    """`with Postgres() as server: url = server.create_database()`"""

    def __enter__(self) -> Self:
        programs = require("postgresql")
        with ExitStack() as stack:
            user = ordinary_user("postgres")
            self.folder = stack.enter_context(folder_of(user, in_memory=True))
            self._initialise(programs, user.pw_uid, user.pw_gid)
            self.port = free_port()
            command = [f"{programs}/postgres", "-D", f"{self.folder}/data", "-p", str(self.port)]
            settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", *CARELESS, *SMALL)
            for setting in settings:
                command += ["-c", setting]
            self._process = start(command, user, self.folder / "log")
            stack.callback(stop, self._process, signal.SIGQUIT)  # at once: the data is thrown away
            wait_until(self._answers, f"PostgreSQL ({self.folder}/log)")
            self._names = itertools.count(1)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def url(self, name: str = "postgres") -> str:
        """SQLAlchemy's address of the database `name`."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str | None = None, *, template: str = "template1") -> str:
        """Make a database (with a new name unless one is given) as a copy of `template`, which must not be in use."""
        name = name or f"test_{next(self._names)}"
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove it, whoever is still connected."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True, connect_timeout=60
        )

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text()[-2000:])
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self, programs: str, uid: int, gid: int) -> None:
        command = [f"{programs}/initdb", "-D", f"{self.folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        identity = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [*command, "--locale=C.UTF-8", "--no-sync"], cwd=self.folder, capture_output=True, text=True, **identity
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
