"""Mail is moved away only after it was stored, wherever the line or the process breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from imapclient import imap_utf7

from connectors.contract import PermanentFailure
from connectors.email import folders, pinned
from tests.connectors.email.mailbox import listening, mail, mailbox
from tests.servers.dovecot import Dovecot

pytestmark = [pytest.mark.dovecot, pytest.mark.processes]
FOLDER = "Đã nhận"
ENCODED = imap_utf7.encode(FOLDER).decode()


def until(found: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_was_stored_is_moved_and_the_folder_is_made(dovecot: Dovecot):
    for number in range(3):
        dovecot.deliver(mail(number))
    dovecot.deliver(mail("large", "x" * 80_000))
    with listening(mailbox(dovecot.port, archive_folder=FOLDER, max_message_bytes=50_000)) as found:
        found.wait(4)
        until(lambda: len(dovecot.mails()) == 1)
        dovecot.deliver(mail("live"))
        found.wait(5)
        until(lambda: len(dovecot.mails(ENCODED)) == 4)
    left = list(dovecot.mails().values())
    assert len(left) == 1 and b"Question large" in left[0], "what was not read whole stays"
    assert len(found.unique()) == 5


def test_nothing_moves_before_the_caller_has_stored_it_and_a_kill_between_loses_nothing(dovecot: Dovecot):
    for number in range(3):
        dovecot.deliver(mail(number))
    email = mailbox(dovecot.port, archive_folder=FOLDER)
    batches = email.listen({}, threading.Event())
    batch = next(batch for batch in batches if batch.raws)
    assert len(batch.raws) == 3 and len(dovecot.mails()) == 3
    batches.close()  # fetched, never stored
    assert len(dovecot.mails()) == 3
    batches = email.listen({}, threading.Event())
    stored = next(batch for batch in batches if batch.raws)
    batches.close()  # stored with its cursor, killed before the move
    assert {raw.external_id for raw in stored.raws} == {raw.external_id for raw in batch.raws}
    with listening(email, stored.cursor) as again:
        until(lambda: len(dovecot.mails(ENCODED)) == 3 and not dovecot.mails())
    assert again.raws == [], "the next life only moves them"


def test_a_server_without_move_gets_copies_and_an_expunge_of_them_alone(dovecot: Dovecot, monkeypatch):
    real = pinned.ImapSession.has_capability
    monkeypatch.setattr(pinned.ImapSession, "has_capability", lambda self, name: name != "MOVE" and real(self, name))
    other = dovecot.deliver(mail("somebody else's"))
    with listening(mailbox(dovecot.port, import_from="now", archive_folder=FOLDER)) as found:
        found.settled()
        with dovecot.session() as imap:
            imap.select("INBOX")
            imap.uid("STORE", str(other), "+FLAGS", r"(\Deleted)")
        dovecot.deliver(mail(1))
        found.wait(1)
        until(lambda: len(dovecot.mails(ENCODED)) == 1 and len(dovecot.mails()) == 1)
    assert "\\Deleted" in dovecot.flags(other), "what others marked is theirs to expunge"


def test_mail_that_is_gone_before_it_is_moved_is_no_failure(dovecot: Dovecot):
    session = pinned.open_imap(mailbox(dovecot.port).config)
    try:
        session.create_folder("Archive")
        session.select_folder("INBOX")
        folders.put_away(session, [7, 8], "Archive")
        assert session.folder_status("Archive", ["MESSAGES"])[b"MESSAGES"] == 0
    finally:
        pinned.close_imap(session)


def test_the_folder_itself_is_refused(dovecot: Dovecot):
    with pytest.raises(PermanentFailure, match="itself"):
        next(mailbox(dovecot.port, archive_folder="INBOX").listen({}, threading.Event()))
