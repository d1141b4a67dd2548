"""The mailbox watched: the cursor moves only after the caller has stored the mails, and only then are they moved.

Two connections: one waits in the folder customers write to, the other one in the folder of sent mail. The cursor is the
first folder's, with the second's under "sent" and the UIDs that are stored but not yet moved away under "away".
"""

from __future__ import annotations

import contextlib
import imaplib
import logging
import time
from collections.abc import Iterator, Mapping
from threading import Event
from typing import Any

from imapclient.exceptions import IMAPClientError

from connectors.contract import Batch, ChannelConfig, ConnectorError, PermanentFailure, TemporaryFailure
from connectors.email import folders
from connectors.email.folder import Folder
from connectors.email.pinned import ImapSession, close_imap, imap_place, network_errors, open_imap

log = logging.getLogger(__name__)

# At least this often the mailbox is searched anew, although IDLE should have told: it is the sign of life, too.
SEARCH_EVERY_S = 50.0
POLL_EVERY_S = 20.0  # for servers without IDLE
TICK_S = 0.9
MEANWHILE_S = 0.01


def listen(config: ChannelConfig, cursor: Mapping[str, Any], stop: Event) -> Iterator[Batch]:
    """Batches until `stop`; see contract.Listens. Without an IMAP server there is nothing to listen to: it ends."""
    if stop.is_set() or not str(config.get("imap_host")).strip():
        return
    host, port, _ = imap_place(config)
    with contextlib.ExitStack() as stack:
        session = open_imap(config)
        stack.callback(close_imap, session)
        with network_errors(f"{host}:{port}"):
            yield from _Watch(session, config, cursor, stop, stack).batches()


class _Watch:
    """The folders of one channel, watched until `stop`."""

    def __init__(
        self,
        session: ImapSession,
        config: ChannelConfig,
        cursor: Mapping[str, Any],
        stop: Event,
        stack: contextlib.ExitStack,
    ) -> None:
        self.session, self.config, self.stop = session, config, stop
        self.archive = str(config.get("archive_folder")).strip()
        name = str(config.get("imap_folder", "INBOX"))
        if not session.folder_exists(name):
            raise PermanentFailure(f"The folder “{name}” does not exist in the mailbox.")
        if self.archive:
            folders.check_archive(session, self.archive, name)
        wanted = str(config.get("import_from", "now"))
        self.inbox = Folder(session, config, name, cursor, import_from=wanted, writable=bool(self.archive))
        same = cursor.get("uidvalidity") == self.inbox.place.uidvalidity
        self.away: list[int] = list(cursor.get("away", ())) if same else []
        self._sent_before = (cursor.get("sent") or {}) if config.get("watch_sent", True) else {}
        self.sent = self._open_sent(self._sent_before, stack)

    def _open_sent(self, cursor: Mapping[str, Any], stack: contextlib.ExitStack) -> Folder | None:
        """The folder of sent mail on a connection of its own; only what is sent from now on counts."""
        name = sent_folder(self.session, self.config)
        if name is None or name == self.inbox.name:
            return None
        try:
            session = open_imap(self.config)
            stack.callback(close_imap, session)
            return Folder(session, self.config, name, cursor, import_from="now", meta={"sent": "1"})
        except (ConnectorError, IMAPClientError, imaplib.IMAP4.error) as error:
            # A limit of connections, or a folder that may not be opened: mail comes in all the same.
            log.warning("the folder of sent mail cannot be watched now error=%s", error)
            return None

    def cursor(self) -> dict[str, Any]:
        place = self.sent.place.cursor() if self.sent else self._sent_before
        sent = {"sent": place} if place else {}
        away = {"away": list(self.away)} if self.away else {}
        return {**self.inbox.place.cursor(), **sent, **away}

    # --- reading ---------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[Batch]:
        yield Batch((), self.cursor())
        while not self.stop.is_set():
            yield from self._read_inbox()
            yield from self._read_sent()
            if self.stop.is_set():
                return
            self._wait()
            yield Batch((), self.cursor())

    def _read_inbox(self) -> Iterator[Batch]:
        """New mail; what the last batch stored is moved before the next is fetched."""
        for raws in self.inbox.new_mail(self.stop):
            if self.archive:
                self.away += [int(raw.meta["uid"]) for raw in raws if "too_large" not in raw.meta]
            yield Batch(tuple(raws), self.cursor())
            self._put_away()  # the caller came back: it has committed
            if self.stop.is_set():
                return
        self._put_away()

    def _put_away(self) -> None:
        if self.away and self.archive:
            folders.put_away(self.session, self.away, self.archive)
        self.away = []

    def _read_sent(self) -> Iterator[Batch]:
        if self.sent is None or self.stop.is_set():
            return
        for raws in self.sent.new_mail(self.stop):
            yield Batch(tuple(raws), self.cursor())
            if self.stop.is_set():
                return

    # --- waiting ---------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Until a server tells of something, or it is time to look anyway."""
        sessions = [self.session] + ([self.sent.session] if self.sent else [])
        if not self.session.has_capability("IDLE"):
            self.stop.wait(POLL_EVERY_S)
        else:
            _idle(sessions, self.stop)
        for session in sessions:
            session.noop()


def sent_folder(session: ImapSession, config: ChannelConfig) -> str | None:
    """The folder to watch for what colleagues send from other programs: named, or found; None: none is watched."""
    if not config.get("watch_sent", True):
        return None
    named = str(config.get("sent_folder")).strip()
    if not named:
        return folders.find(session, folders.SENT)
    if not session.folder_exists(named):
        raise PermanentFailure(f"The folder “{named}” for sent mail does not exist in the mailbox.")
    return named


def _idle(sessions: list[ImapSession], stop: Event) -> None:
    """Wait on all connections at once; the first is looked at for longest."""
    for session in sessions:
        session.idle()
    told = any(_tells(session.told_already()) for session in sessions)
    until = time.monotonic() + SEARCH_EVERY_S
    while not told and not stop.is_set() and time.monotonic() < until:
        told = any(_ticked(session, TICK_S if n == 0 else MEANWHILE_S) for n, session in enumerate(sessions))
    for session in sessions:
        session.idle_done()


def _ticked(session: ImapSession, timeout_s: float) -> bool:
    """Is there a reason to look? A closed connection is one: `idle_done` will say so."""
    began = time.monotonic()
    answers = session.idle_check(timeout=timeout_s)
    return _tells(answers) or (not answers and time.monotonic() - began < timeout_s / 2)


def _tells(answers: list[Any]) -> bool:
    if any(isinstance(answer, tuple) and answer[:1] == (b"BYE",) for answer in answers):
        raise TemporaryFailure("The mail server closed the connection.")
    return any(len(answer) > 1 and answer[1] in (b"EXISTS", b"RECENT") for answer in answers)


__all__ = ["listen", "sent_folder"]
