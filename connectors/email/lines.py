"""Open SMTP connections kept for a moment: a burst of mails greets and logs in once.

One is handed to one sender at a time. What was idle too long, carried many mails, or answers RSET with anything but
"yes" is closed; a mail is never lost or doubled by it, because a fresh connection is made before anything was said.
"""

from __future__ import annotations

import hashlib
import os
import smtplib
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Timer

from connectors.contract import ChannelConfig
from connectors.email.pinned import SmtpSession, close_smtp, open_smtp

IDLE_S = 10.0
MAILS = 50  # by one connection; many servers count
_SETTINGS = (
    "address",
    "smtp_host",
    "smtp_port",
    "smtp_security",
    "smtp_user",
    "smtp_password",
    "sign_in",
    "oauth_client_id",
)


@dataclass
class _Kept:
    session: SmtpSession
    mails: int
    until: float  # time.monotonic()


class Lines:
    """Idle connections by what they were opened with. Safe to use from several threads; empty after a fork."""

    def __init__(self, opened: Callable[[ChannelConfig], SmtpSession] = open_smtp, idle_s: float = IDLE_S) -> None:
        self._open, self._idle_s = opened, idle_s
        self._kept: dict[str, list[_Kept]] = {}
        self._lock = Lock()
        self._pid = os.getpid()
        self._timer: Timer | None = None

    def take(self, config: ChannelConfig) -> tuple[SmtpSession, int]:
        """A connection ready for MAIL, and how many mails it has carried. Raises as open_smtp does."""
        key = _key(config)
        while (kept := self._pop(key)) is not None:
            if self._works(kept.session):
                return kept.session, kept.mails
            close_smtp(kept.session)
        return self._open(config), 0

    def give_back(self, config: ChannelConfig, session: SmtpSession, mails: int) -> None:
        """After a mail that went well; `mails` counts it."""
        if mails >= MAILS:
            close_smtp(session)
            return
        with self._lock:
            kept = _Kept(session, mails, time.monotonic() + self._idle_s)
            self._kept.setdefault(_key(config), []).append(kept)
            if self._timer is None:
                self._start_timer()

    def close(self) -> None:
        """End every idle connection."""
        with self._lock:
            kept = [one for line in self._kept.values() for one in line]
            self._kept.clear()
        for one in kept:
            close_smtp(one.session)

    def _pop(self, key: str) -> _Kept | None:
        with self._lock:
            if self._pid != os.getpid():  # the parent's connections are the parent's
                self._kept, self._pid, self._timer = {}, os.getpid(), None
            line = self._kept.get(key, [])
            return line.pop() if line else None

    def _works(self, session: SmtpSession) -> bool:
        try:
            if session.sock is not None:
                session.sock.settimeout(5.0)
            code, _ = session.rset()
            if session.sock is not None:
                session.sock.settimeout(session.timeout)
        except (OSError, smtplib.SMTPException):
            return False
        return code == 250

    def _start_timer(self) -> None:
        self._timer = Timer(self._idle_s, self._sweep)
        self._timer.daemon = True
        self._timer.start()

    def _sweep(self) -> None:
        at = time.monotonic()
        with self._lock:
            old = [one for line in self._kept.values() for one in line if one.until <= at]
            for key, line in list(self._kept.items()):
                self._kept[key] = [one for one in line if one.until > at]
                if not self._kept[key]:
                    del self._kept[key]
            self._timer = None
            if self._kept:
                self._start_timer()
        for one in old:
            close_smtp(one.session)


def _key(config: ChannelConfig) -> str:
    text = "\0".join([str(config.id), *(str(config.get(name)) for name in _SETTINGS)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


shared = Lines()
