"""Finding the folders of a mailbox that have a purpose, and putting mail away into one."""

from __future__ import annotations

import imaplib
import unicodedata
from collections.abc import Sequence

from imapclient import exceptions

from connectors.contract import PermanentFailure, TemporaryFailure
from connectors.email.pinned import ImapSession

SENT, ARCHIVE = rb"\Sent", rb"\Archive"
# Servers that do not say what their folders are for call them so, in the language of whoever set them up.
NAMES = {
    SENT: ("sent", "sent items", "sent mail", "sent messages", "sent-mail", "thư đã gửi", "đã gửi", "mục đã gửi"),
    ARCHIVE: ("archive", "archives", "lưu trữ", "thư lưu trữ"),
}


def find(session: ImapSession, purpose: bytes) -> str | None:
    """The folder the server marks (SPECIAL-USE), else one with a usual name; None when there is none."""
    listed = session.list_folders()
    for flags, _, name in listed:
        if any(flag.lower() == purpose.lower() for flag in flags):
            return str(name)
    for wanted in NAMES[purpose]:
        for flags, delimiter, name in listed:
            if rb"\Noselect" not in flags and _last(str(name), delimiter) == wanted:
                return str(name)
    return None


def nearest(session: ImapSession, wanted: str) -> str | None:
    """A folder whose name differs from `wanted` only in case, accents' spelling or what it lies in; else INBOX."""
    names = [(str(name), delimiter) for flags, delimiter, name in session.list_folders() if rb"\Noselect" not in flags]
    for name, delimiter in names:
        if _last(name, delimiter) == _folded(wanted):
            return name
    return next((name for name, _ in names if name.upper() == "INBOX"), None)


def _last(name: str, delimiter: bytes | str | None) -> str:
    separator = delimiter.decode("ascii", "replace") if isinstance(delimiter, bytes) else delimiter
    return _folded(name.rpartition(separator)[2] if separator else name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip()


def ensure(session: ImapSession, folder: str) -> None:
    """Make a folder that is not there. Raises PermanentFailure."""
    if session.folder_exists(folder):
        return
    try:
        session.create_folder(folder)
        session.subscribe_folder(folder)
    except (imaplib.IMAP4.error, exceptions.IMAPClientError) as error:
        if isinstance(error, imaplib.IMAP4.abort):
            raise
        raise PermanentFailure(f"The folder “{folder}” does not exist and could not be made.") from error


def check_archive(session: ImapSession, archive: str, folder: str) -> None:
    """Can mail of `folder` go there? Makes the folder where it is missing. Raises PermanentFailure."""
    if archive == folder:
        raise PermanentFailure(f"Mail cannot be moved from “{folder}” to itself; choose another folder.")
    ensure(session, archive)


def put_away(session: ImapSession, uids: Sequence[int], folder: str) -> None:
    """Move mails of the selected folder. Those that are gone already are no failure. Raises TemporaryFailure.

    Without MOVE they are copied and marked deleted; only they are expunged, and where the server cannot do that
    (no UIDPLUS) they stay marked: an EXPUNGE of ours would also remove what others marked.
    """
    try:
        if session.has_capability("MOVE"):
            session.move(uids, folder)
            return
        session.copy(uids, folder)
        session.delete_messages(uids, silent=True)
        if session.has_capability("UIDPLUS"):
            session.uid_expunge(uids)
    except (imaplib.IMAP4.error, exceptions.IMAPClientError) as error:
        if isinstance(error, imaplib.IMAP4.abort):
            raise
        raise TemporaryFailure(f"Mail that was taken in could not be moved to the folder “{folder}”.") from error
