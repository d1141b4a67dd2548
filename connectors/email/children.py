"""Parsing in a process that can be killed: one hostile mail costs at most ten seconds of one child.

Why not a process pool of `multiprocessing`: its spawned children import the parent's main module (the whole product)
and answer with pickles; here a child imports the parser alone, answers in msgpack, and has a time limit for every mail.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from connectors.email.child import LENGTH, Answer, Request
from connectors.email.parse import ParsedMail

TIMEOUT_S = 10.0
PORTION_BYTES = 1024 * 1024
START_S = 20.0  # a first start imports the parser, on a busy machine
_ROOT = Path(__file__).resolve().parents[2]
COMMAND: tuple[str, ...] = ("-m", "connectors.email.child")
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")


class ParsingFailed(Exception):
    """The child was killed or gave up; the message says why, in words for a person."""


class Child:
    """One parsing child, started when first needed, replaced when it dies. Safe to use from several threads."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._decoder = msgspec.msgpack.Decoder(Answer)
        self._owner = os.getpid()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def parse(self, raw: bytes, trusted_hosts: Iterable[str] = (), own: Collection[str] = ()) -> ParsedMail:
        """Read one mail; raises ParsingFailed when that takes too long, too much memory, or kills the child."""
        (found,) = self.parse_many([Request(raw, list(trusted_hosts), list(own))])
        if isinstance(found, ParsingFailed):
            raise found
        return found

    def parse_many(self, requests: Sequence[Request]) -> list[ParsedMail | ParsingFailed]:
        """Read several, each with its own limits: the child has the next at hand while what it made of one comes back."""
        found: list[ParsedMail | ParsingFailed] = []
        for portion in _portions(requests):
            with self._lock:
                while portion:
                    done = self._ask(portion)
                    found += done
                    portion = portion[len(done) :]
        return found

    def close(self) -> None:
        with self._lock:
            self._kill()

    def _ask(self, requests: Sequence[Request]) -> list[ParsedMail | ParsingFailed]:
        """What became of them, in order, up to the first that its child did not survive."""
        if self._owner != os.getpid():  # after a fork the pipes belong to the parent
            self._process, self._owner = None, os.getpid()
        found: list[ParsedMail | ParsingFailed] = []
        for attempt in (1, 2):
            fresh = self._process is None or self._process.poll() is not None
            try:
                for answer in self._exchange(requests, fresh):
                    found.append(answer.mail or ParsingFailed(answer.error or "it could not be read"))
                return found
            except ParsingFailed as error:
                return [*found, error]
            except (BrokenPipeError, EOFError):
                code = self._kill(ending=True)
                # An idle child leaves by itself; if it was just doing so, a new one gets the mails.
                if found or fresh or attempt == 2 or code != 0:
                    break
        return [*found, ParsingFailed("its parser was ended")]

    def _exchange(self, requests: Sequence[Request], fresh: bool) -> Iterator[Answer]:
        process = self._start() if fresh else self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ParsingFailed("no parser could be started")
        frame = msgspec.msgpack.encode(requests)
        limit_s = self.timeout_s + (START_S if fresh else 0)
        source = process.stdout.fileno()
        try:
            _write(process.stdin.fileno(), LENGTH.pack(len(frame)) + frame, time.monotonic() + limit_s)
            for _ in requests:
                deadline = time.monotonic() + limit_s
                size = LENGTH.unpack(_read(source, LENGTH.size, deadline))[0]
                yield self._decoder.decode(_read(source, size, deadline))
                limit_s = self.timeout_s
        except TimeoutError as error:
            self._kill()
            raise ParsingFailed(f"it takes longer than {self.timeout_s:g} s") from error
        except msgspec.MsgspecError as error:
            self._kill()
            raise ParsingFailed("its parser gave a wrong answer") from error

    def _start(self) -> subprocess.Popen[bytes]:
        self._kill()
        environment = {key: os.environ[key] for key in _KEPT_ENVIRONMENT if key in os.environ}
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no outside words
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env=environment,
            start_new_session=True,
            bufsize=0,
        )
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        return self._process

    def _kill(self, ending: bool = False) -> int | None:
        """End the child, if there is one; its exit code when it ended by itself (`ending`: it is about to)."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return None
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(1 if ending else 0)
        if code is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return code


def _portions(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    """A child holds at most so much at once; a large mail goes alone."""
    portion: list[Request] = []
    for request in requests:
        if portion and sum(len(r.raw) for r in portion) + len(request.raw) > PORTION_BYTES:
            yield portion
            portion = []
        portion.append(request)
    if portion:
        yield portion


def _write(handle: int, data: bytes, deadline: float) -> None:
    view = memoryview(data)
    while view:
        _wait(handle, select.POLLOUT, deadline)
        with contextlib.suppress(BlockingIOError):
            view = view[os.write(handle, view) :]


def _read(handle: int, size: int, deadline: float) -> bytes:
    out = bytearray()
    while len(out) < size:
        _wait(handle, select.POLLIN, deadline)
        try:
            piece = os.read(handle, min(size - len(out), 1 << 20))
        except BlockingIOError:
            continue
        if not piece:
            raise EOFError
        out += piece
    return bytes(out)


def _wait(handle: int, event: int, deadline: float) -> None:
    poll = select.poll()  # select() fails for handles above 1023
    poll.register(handle, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


# One child serves all mailboxes of this process: parsing is short, and an idle child costs some 30 MB.
shared = Child()
atexit.register(shared.close)
