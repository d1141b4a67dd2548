"""Forks children, restarts those that die, stops all of them in time. One thread, no handles of its own."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

log = logging.getLogger(__name__)

STOP_S = 7.0  # for children to end by themselves; together with LAST_STOP_S below the promised 10 s
LAST_STOP_S = 1.5
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0
STEADY_S = 60.0  # who lived so long starts again without waiting
PR_SET_PDEATHSIG = 1
M_ARENA_MAX = -8


@dataclass
class Child:
    """One process of the tree. `run` is called in the fork; returning means exit 0. `last`: stopped after others."""

    name: str
    run: Callable[[], object]
    last: bool = False
    pid: int = 0
    started: float = 0.0
    wait_s: float = 0.0
    restart_at: float | None = None


@dataclass
class Supervisor:
    """`forget` is called in every fork first: it lets go of what belongs to the parent alone."""

    children: list[Child] = field(default_factory=list)
    forget: Callable[[], None] = lambda: None
    changed: Callable[[dict[str, int]], None] = lambda pids: None
    stopping: bool = False

    def __post_init__(self) -> None:
        self._read, self._write = os.pipe()
        for fd in (self._read, self._write):
            os.set_blocking(fd, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_asked)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def _stop_asked(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    @property
    def pids(self) -> dict[str, int]:
        return {child.name: child.pid for child in self.children if child.pid}

    # --- starting ---------------------------------------------------------------------------------------------

    def add(self, child: Child) -> None:
        """Start it now and keep it running."""
        self.children.append(child)
        self._start(child)

    def _start(self, child: Child) -> None:
        child.restart_at = None
        child.started = time.monotonic()
        child.pid = self.fork(child.name, child.run)

    def fork(self, name: str, run: Callable[[], object]) -> int:
        """Fork; the child runs `run` and never comes back. Signals that come in between are not lost."""
        sys.stdout.flush()
        sys.stderr.flush()
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        parent = os.getpid()
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            return pid
        code = 1
        try:
            self._become_child(parent)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            run()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except KeyboardInterrupt:
            code = 130
        except BaseException:  # the boundary: a child tells why it ends and takes nobody with it
            log.exception("process failed process=%s", name)
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _become_child(self, parent: int) -> None:
        os.setpgid(0, 0)  # Ctrl+C in a terminal reaches the parent alone, which stops the others in order
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._read)
        os.close(self._write)
        die_with_parent(parent)
        random.seed()
        self.forget()

    # --- running ----------------------------------------------------------------------------------------------

    def tick(self, timeout_s: float) -> None:
        """Wait for a signal or so long; collect the dead, start again who is due."""
        due = [c.restart_at for c in self.children if c.restart_at is not None]
        if due:
            timeout_s = max(0.0, min(timeout_s, min(due) - time.monotonic()))
        with suppress(InterruptedError):
            select.select([self._read], [], [], timeout_s)
        with suppress(BlockingIOError):
            os.read(self._read, 4096)
        self._collect()
        if not self.stopping:
            self._restart_due()

    def _collect(self) -> None:
        for child in self.children:
            if not child.pid:
                continue
            status = ended(child.pid)
            if status is None:
                continue
            pid, child.pid = child.pid, 0
            if self.stopping:
                continue
            if time.monotonic() - child.started > STEADY_S:
                child.wait_s = 0.0
            child.wait_s = min(LONGEST_WAIT_S, child.wait_s * 2 or FIRST_WAIT_S)
            child.restart_at = time.monotonic() + child.wait_s
            log.warning(
                "process ended, starting again process=%s pid=%s %s in_s=%.1f",
                child.name,
                pid,
                how(status),
                child.wait_s,
            )

    def _restart_due(self) -> None:
        now = time.monotonic()
        due = [c for c in self.children if c.restart_at is not None and c.restart_at <= now]
        for child in due:
            self._start(child)
        if due:
            self.changed(self.pids)

    # --- stopping ---------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End everybody: first those who work, then what they work with. Nobody outlives the deadline."""
        self.stopping = True
        self._end([c for c in self.children if not c.last], STOP_S)
        self._end([c for c in self.children if c.last], LAST_STOP_S)

    def _end(self, children: list[Child], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        self._signal(children, signal.SIGTERM)
        while any(c.pid for c in children) and time.monotonic() < deadline:
            self.tick(min(0.2, max(0.0, deadline - time.monotonic())))
        late = [c.name for c in children if c.pid]
        if late:
            log.warning("did not stop in time, killed processes=%s", ",".join(late))
            self._signal(children, signal.SIGKILL)
            while any(c.pid for c in children):
                self.tick(0.2)

    def _signal(self, children: list[Child], number: signal.Signals) -> None:
        for child in children:
            if child.pid:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, number)


def ended(pid: int) -> int | None:
    """Wait status of a child that ended; None while it runs."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return status if found else None


def how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal={signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit={os.waitstatus_to_exitcode(status)}"


def die_with_parent(parent: int) -> None:
    """On Linux the kernel ends this process when the supervisor is killed; elsewhere heartbeats notice it."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def freeze() -> None:
    """Before forking: what is imported is never looked at by the collector again, so its pages stay shared."""
    if sys.platform.startswith("linux"):
        with suppress(AttributeError):  # not glibc
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)  # threads share two heaps instead of having one each
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # a page makes some ten thousand objects and keeps none
