"""Parts that are files: their names, their bytes, and why one was not imported."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import dataclass

from connectors.email import charsets, limits, mime
from connectors.email.headers import decode_words, text
from connectors.email.params import parse_params

_BAD_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]')
_EXTENSIONS = {
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/rfc822-headers": ".txt",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "message/feedback-report": ".txt",
    "text/x-amp-html": ".html",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "audio/ogg": ".ogg",
    "application/octet-stream": ".bin",
    "application/pkcs7-signature": ".p7s",
    "application/pgp-signature": ".asc",
    "application/pgp-encrypted": ".asc",
}
_NAMES = {
    "text/calendar": "invite",
    "message/delivery-status": "delivery-status",
    "text/rfc822-headers": "original-headers",
    "application/pkcs7-signature": "smime",
    "application/pgp-signature": "signature",
}


@dataclass
class MailFile:
    """One file of a mail. `data` is empty when `problem` says why the file was not imported."""

    filename: str
    content_type: str
    size_bytes: int = 0
    data: bytes = b""
    sha256: str = ""
    inline: bool = False
    content_id: str = ""
    problem: str = ""


def disposition(part: mime.Part) -> tuple[str, dict[str, str]]:
    value = part.get("content-disposition")
    return parse_params(value) if value else ("", {})


def given_name(part: mime.Part) -> str:
    """The name the mail gives this part, safe to show; empty when it gives none."""
    name = disposition(part)[1].get("filename") or part.params.get("name") or ""
    return safe_name(decode_words(name)) if name else ""


def safe_name(name: str) -> str:
    """Only metadata, never a path: no separators, controls or direction overrides, at most 150 characters."""
    name = charsets.one_line(name)
    if "%" in name and re.search(r"%[0-9A-Fa-f]{2}", name) and name.isascii() and "''" in name[:20]:
        name = charsets.one_line(_percent(name))
    name = _BAD_NAME.sub("_", name).strip(" .") if _BAD_NAME.search(name) else name.strip(" .")
    if len(name) > 150:
        stem, dot, extension = name.rpartition(".")
        name = f"{stem[: 149 - len(extension)]}.{extension}" if dot and len(extension) <= 10 else name[:150]
    return name


def _percent(name: str) -> str:
    """`utf-8''a%20b` where the star was forgotten."""
    from urllib.parse import unquote_to_bytes

    charset, _, content = name.split("'", 2)
    return charsets.decode(unquote_to_bytes(content), charset)[0]


class Files:
    """Collects the files of one mail within its limits; a file beyond them stays as a name with a problem."""

    def __init__(self, defects: list[str]) -> None:
        self.found: list[MailFile] = []
        self.defects = defects
        self._total = 0

    def add_part(self, part: mime.Part, inline: bool = False) -> None:
        kind, _ = disposition(part)
        if kind == "attachment":
            inline = False
        content_id = text(part.get("content-id")).strip("<> ")[:200]
        data = part.payload() if part.raw else b""
        name = given_name(part) or self._invent(part, data)
        self.add(name, part.content_type, data, inline or (kind == "inline" and bool(content_id)), content_id)

    def add(self, name: str, content_type: str, data: bytes, inline: bool = False, content_id: str = "") -> None:
        file = MailFile(name, content_type[:100], len(data), inline=inline, content_id=content_id)
        file.problem = self._problem(len(data))
        if file.problem:
            self.defects.append(f"file {name} not imported: {file.problem}")
        else:
            file.data = data
            file.sha256 = hashlib.sha256(data).hexdigest()
            self._total += len(data)
        if len(self.found) < limits.MAX_FILES + 10:
            self.found.append(file)

    def _problem(self, size: int) -> str:
        if len(self.found) >= limits.MAX_FILES:
            return f"more than {limits.MAX_FILES} files in one message"
        if size > limits.MAX_FILE_BYTES:
            return f"larger than {limits.MAX_FILE_BYTES // 1_048_576} MB"
        if self._total + size > limits.MAX_FILES_BYTES:
            return f"all files together are larger than {limits.MAX_FILES_BYTES // 1_048_576} MB"
        return ""

    def _invent(self, part: mime.Part, data: bytes) -> str:
        content_type = part.content_type
        if content_type == "message/rfc822":
            headers, _ = mime.read_headers(data, 0, min(len(data), limits.MAX_HEADER_BYTES), [])
            subject = next((text(value) for name, value in headers if name == "subject"), "")
            return (safe_name(subject)[:100] or "message") + ".eml"
        stem = _NAMES.get(content_type) or content_type.partition("/")[0] or "file"
        if stem in ("application", "text", "multipart"):
            stem = "file"
        number = sum(one.filename.startswith(stem) for one in self.found) + 1
        extension = _EXTENSIONS.get(content_type) or mimetypes.guess_extension(content_type) or ".bin"
        return f"{stem}{extension}" if number == 1 else f"{stem}-{number}{extension}"
