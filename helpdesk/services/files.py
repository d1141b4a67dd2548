"""Attachments: keep bytes, tell pictures from what only claims to be one, clean names."""

from __future__ import annotations

import secrets
from datetime import datetime

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import File
from helpdesk.errors import Invalid, NotFound
from helpdesk.folding import one_line
from helpdesk.models import Attachment
from helpdesk.storage import Storage

PICTURES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
# What a page may play; nothing of it can hold a script.
PLAYED = frozenset({"audio/mpeg", "audio/ogg", "audio/mp4", "audio/wav", "audio/webm", "video/mp4", "video/webm"})
MAX_PIXELS = 40_000_000


def storage() -> Storage:
    found: Storage = current_app.extensions["storage"]
    return found


def keep(files: tuple[File, ...]) -> None:
    """Write the bytes to storage; do it before a transaction that refers to them."""
    for file in files:
        if file.data is not None:
            storage().put(file.data)


def attach(session: Session, message_id: int | None, file: File, at: datetime, *, uploaded_by: str = "") -> Attachment:
    """A row for one file; a file without bytes keeps the reason why it is missing."""
    sha256, kind = "", file.content_type or "application/octet-stream"
    picture = ""
    if file.data is not None:
        sha256 = storage().put(file.data)
        picture = picture_type(file.data) if kind.startswith("image/") else ""
    row = Attachment(
        token=secrets.token_urlsafe(24),
        message_id=message_id,
        uploaded_by=uploaded_by,
        filename=clean_name(file.filename),
        content_type=(picture or kind)[:120],
        size_bytes=len(file.data) if file.data is not None else file.size_bytes,
        sha256=sha256,
        inline=file.inline,
        content_id=file.content_id[:300],
        picture=bool(picture),
        problem="" if sha256 else (file.problem or "The file could not be fetched.")[:500],
        created_at=at,
    )
    session.add(row)
    return row


def picture_type(data: bytes) -> str:
    """The content type of a raster picture that really is one and is not absurdly large; else empty."""
    import io
    import warnings

    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=list(PICTURES)) as image:
                width, height = image.size
                return PICTURES.get(image.format or "", "") if width * height <= MAX_PIXELS else ""
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""


def clean_name(name: str) -> str:
    """A name to show and download: no path, no control or direction characters, 200 characters at most."""
    name = one_line(name.replace("\\", "/").rsplit("/", 1)[-1], 1000).strip(". ")
    if len(name) > 200:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem[: 199 - len(suffix)]}.{suffix}" if dot and len(suffix) <= 10 else name[:200]
    return name or "file"


def claim_uploads(session: Session, tokens: tuple[str, ...], owner: str, message_id: int) -> list[Attachment]:
    """Bind what somebody uploaded to their message. Raises Invalid when one is not theirs or was used already."""
    rows = []
    for token in dict.fromkeys(tokens):
        row = session.scalar(select(Attachment).where(Attachment.token == token).with_for_update())
        if row is None or row.uploaded_by != owner or row.message_id is not None:
            raise Invalid(fields={"attachments": "One of the files is no longer there; attach it again."})
        row.message_id = message_id
        rows.append(row)
    return rows


def forget_upload(session: Session, token: str, owner: str) -> None:
    """Take back what was attached but not sent. Raises NotFound when it is not theirs, or in a message already."""
    row = session.scalar(select(Attachment).where(Attachment.token == token))
    if row is None or row.uploaded_by != owner or row.message_id is not None:
        raise NotFound()
    session.delete(row)
