"""Everything the shop mails, as it arrives: a server that takes any mail, and the letters to read."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from helpdesk.demo import ports

NAME = re.compile(r"[0-9]{10,25}")
KEPT = 300


def folder(data: Path) -> Path:
    return ports.folder(data) / "mail"


@dataclass(frozen=True)
class Letter:
    """One mail that arrived. `html` is as it came: show it only sanitised and framed."""

    id: str
    to: tuple[str, ...]
    sender: str
    subject: str
    at: datetime
    text: str
    html: str
    message_id: str
    files: tuple[str, ...] = ()


def keep(data: Path, content: bytes) -> str:
    """Write one mail down whole; its id."""
    place = folder(data)
    place.mkdir(parents=True, exist_ok=True)
    id_ = str(time.time_ns())
    temporary = place / f".{id_}"
    temporary.write_bytes(content)
    os.replace(temporary, place / f"{id_}.eml")
    for old in sorted(place.glob("*.eml"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return id_


def letters(data: Path, to: str = "", limit: int = 60) -> Iterator[Letter]:
    """The newest first; only those to one address when it is given."""
    found = 0
    for path in sorted(folder(data).glob("*.eml"), reverse=True):
        letter = _read(path)
        if not to or to.lower() in letter.to:
            yield letter
            found += 1
        if found >= limit:
            return


def letter(data: Path, id_: str) -> Letter | None:
    path = folder(data) / f"{id_}.eml"
    return _read(path) if NAME.fullmatch(id_) and path.exists() else None


def _read(path: Path) -> Letter:
    mail: Any = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)  # noqa: S101 - what the policy makes
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    return Letter(
        id=path.stem,
        to=tuple(
            a.lower() for _n, a in getaddresses([str(v) for v in mail.get_all("to", []) + mail.get_all("cc", [])])
        ),
        sender=str(mail.get("from", "")),
        subject=str(mail.get("subject", "")),
        at=datetime.fromtimestamp(int(path.stem) / 1e9, UTC),
        text=str(plain.get_content()) if plain is not None else "",
        html=str(rich.get_content()) if rich is not None else "",
        message_id=str(mail.get("message-id", "")).strip(),
        files=tuple(part.get_filename() or "file" for part in mail.iter_attachments()),
    )


class Sink:
    """An SMTP server in a thread that takes everything and passes nothing on."""

    def __init__(self, data: Path, port: int) -> None:
        from aiosmtpd.controller import Controller

        self.data = data
        self._controller = Controller(self, hostname=ports.HOST, port=port, data_size_limit=40 * 1024 * 1024)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        keep(self.data, envelope.original_content or b"")
        return "250 2.0.0 Arrived"

    def __enter__(self) -> Sink:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
