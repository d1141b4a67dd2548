"""Being a customer of the demo: mail, Telegram and calls that go through the shop's real doors."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

from helpdesk.demo import mailbox, pictures, ports, shop
from helpdesk.errors import Invalid, Unavailable

TIMEOUT_S = 10


@dataclass(frozen=True)
class Persona:
    """Somebody to play."""

    key: str
    name: str
    address: str
    telegram: str
    username: str
    phone: str
    language: str


PERSONAS = (
    Persona("alex", "Alex Rivers", "alex.rivers@mail.example", "6200002", "alexrivers", "+6581234567", "en"),
    Persona("han", "Châu Ngọc Hân", "ngochan.chau@hopthu.example", "6200001", "ngochan", "+84912000111", "vi"),
    Persona("lan-anh", "Nguyễn Lan Anh", "lan.anh@hoaban.example", "5201001", "lananh_ng", "+84912345678", "vi"),
)


def persona(key: str, language: str = "en") -> Persona:
    """The one asked for, else one who speaks the page's language."""
    found = next((p for p in PERSONAS if p.key == key), None)
    return found or next(p for p in PERSONAS if p.language == (language if language == "vi" else "en"))


# --- mail --------------------------------------------------------------------------------------------------------


def write(data: Path, who: Persona, address: str, subject: str, text: str, *, photo: bool, answers: str = "") -> str:
    """Send a mail to the shop by SMTP; its Message-ID. `answers`: id of the letter it replies to.

    Raises Invalid (an address or text that cannot be), Unavailable (nobody takes mail there)."""
    if not text.strip():
        raise Invalid(fields={"text": "Write something first."})
    mail = EmailMessage()
    try:
        mail["From"] = formataddr((who.name, address.strip()))
        mail["Subject"] = subject.strip() or "–"
    except ValueError as error:
        raise Invalid(fields={"address": f"This cannot be a mail: {error}."}) from None
    mail["To"] = f"{shop.BRAND} <{shop.ADDRESS}>"
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain=address.rpartition("@")[2].strip() or "mail.example")
    earlier = mailbox.letter(data, answers) if answers else None
    if earlier is not None:
        mail["In-Reply-To"] = mail["References"] = earlier.message_id
        quoted = "\n".join(f"> {line}" for line in earlier.text.strip().splitlines())
        text = f"{text.rstrip()}\n\nOn {earlier.at:%d %b %Y, %H:%M}, {earlier.sender} wrote:\n{quoted}\n"
    mail.set_content(text)
    if photo:
        mail.add_attachment(pictures.cracked(len(text)), maintype="image", subtype="png", filename="IMG_2041.png")
    _send(data, mail)
    return str(mail["Message-ID"])


def _send(data: Path, mail: EmailMessage) -> None:
    chosen = ports.read(data)
    try:
        with smtplib.SMTP(ports.HOST, chosen.mail_in if chosen else 0, timeout=TIMEOUT_S) as server:
            server.send_message(mail)
    except smtplib.SMTPException as error:
        raise Unavailable(f"The shop's mail door refused it: {error}") from error
    except OSError as error:
        raise Unavailable("The shop's mail door does not answer.") from error


# --- Telegram ----------------------------------------------------------------------------------------------------


class Chat:
    """One person's private chat with the shop's bot."""

    def __init__(self, data: Path, token: str, who: Persona) -> None:
        self.data, self.token, self.who = data, token, who

    def say(self, text: str, *, photo: bool = False) -> None:
        if not text.strip() and not photo:
            raise Invalid(fields={"text": "Write something first."})
        more = {"photo": pictures.cracked(len(text))} if photo else {}
        who = {"name": self.who.name, "username": self.who.username, "language": self.who.language}
        self._call("demo.say", {"chat": self.who.telegram, "text": text, **who}, more)

    def tap(self, message_id: int, data: str) -> None:
        """Press a button the bot had sent. Raises Invalid when it is not there any more."""
        self._call("demo.tap", {"chat": self.who.telegram, "message_id": message_id, "data": data})

    def window(self) -> dict[str, Any]:
        """{"name", "messages": [{"message_id", "date", "who", "text", "buttons", "file"}], "typing_at"}"""
        return dict(self._call("demo.chat", {"chat": self.who.telegram}))

    def file(self, file_id: str) -> bytes:
        path = ports.folder(self.data) / "files" / file_id
        return path.read_bytes() if file_id.isalnum() and path.exists() else b""

    def _call(self, method: str, params: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> Any:
        body, content_type = _body(params, files or {})
        chosen = ports.read(self.data)
        try:
            place = http.client.HTTPConnection(ports.HOST, chosen.bot if chosen else 0, timeout=TIMEOUT_S)
            place.request("POST", f"/bot{quote(self.token, safe=':')}/{method}", body, {"Content-Type": content_type})
            answer = json.loads(place.getresponse().read())
            place.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unavailable("The demo's Telegram does not answer.") from error
        if not answer.get("ok"):
            raise Invalid("This button is not there any more.")
        return answer["result"]


def _body(params: Mapping[str, Any], files: Mapping[str, bytes]) -> tuple[bytes, str]:
    if not files:
        return json.dumps(params).encode(), "application/json"
    edge = uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in params.items()
    ]
    for name, data in files.items():
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="IMG_2041.png"\r\n'
        parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


# --- phone -------------------------------------------------------------------------------------------------------


def call(url: str, key: str, secret: str, number: str, *, answered: bool, duration_s: int = 0) -> None:
    """What a phone system reports when a call has ended, signed, to the shop's own webhook."""
    event = {
        "event": "hangup",
        "from": number,
        "to": shop.HOTLINE,
        "direction": "in",
        "callId": uuid4().hex,
        "cause": "normalClearing" if answered else "noAnswer",
        "answeringNumber": "101" if answered else "",
        "duration": duration_s,
    }
    body = json.dumps(event).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature-256": signature}
    place = urlsplit(url)
    try:
        connection = http.client.HTTPConnection(place.hostname or ports.HOST, place.port, timeout=TIMEOUT_S)
        connection.request("POST", f"/hooks/{key}", body, headers)
        status = connection.getresponse().status
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable("The desk's webhook does not answer.") from error
    if status >= 300:
        raise Unavailable(f"The desk's webhook answered {status}.")
