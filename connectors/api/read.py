"""What a company's app tells us, as JSON:

{"id", "user": {"id", "name", "email", "phone"}, "text", "html", "subject", "sent_at", "locale", "reply_to",
 "files": [{"filename", "content_type", "data" (base64) or "url"}]}            somebody wrote
{"type": "status", "message": id, "state": "delivered" | "read" | "failed", "reason"}    what became of an answer
{"type": "user", "user": {"id"}, "state": "blocked" | "verified"}                        can they be reached
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from connectors.contract import Address, File, Inbound, InboundMessage, InboundReach, InboundReport, Unparseable
from connectors.payloads import field, load

KIND = "app"
MAX_ID = 150
MAX_TEXT = 100_000
MAX_FILES = 20
_REPORTED: dict[str, Literal["delivered", "read", "failed"]] = {
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}
_REACHED: dict[str, Literal["blocked", "verified"]] = {"blocked": "blocked", "verified": "verified"}


def external_id(body: bytes) -> str:
    """The call's own id, the same when it is made again. Raises `Unparseable`."""
    call = load(body, "an app")
    kind = field(call, "type", 20) or "message"
    if kind == "status":
        return f"status:{_needed(call, 'message')}:{_needed(call, 'state')}"[:200]
    if kind == "user":
        return f"user:{_user_id(call)}:{_needed(call, 'state')}:{field(call, 'id', 40)}"[:200]
    _user_id(call)
    return _needed(call, "id")


def read(body: bytes, scope: str) -> tuple[Inbound, ...]:
    """What a call says; empty for a type that is not ours. Raises `Unparseable`."""
    call = load(body, "an app")
    kind = field(call, "type", 20) or "message"
    if kind == "status":
        return _status(call)
    if kind == "user":
        state = _REACHED.get(field(call, "state", 20))
        return (
            (InboundReach(external_id(body), _user(call, scope), state, field(call, "reason", 300)),) if state else ()
        )
    return (_message(call, scope),) if kind == "message" else ()


def _message(call: Mapping[str, Any], scope: str) -> InboundMessage:
    text, html = field(call, "text", MAX_TEXT), _html(call)
    files = _files(call)
    if not (text or html or files):
        raise Unparseable("The message says nothing: give text, html or files.")
    id_ = _needed(call, "id")
    user = call.get("user")
    known = user if isinstance(user, dict) else {}
    said = {f"user_{key}": value for key in ("email", "phone") if (value := field(known, key, 320))}
    return InboundMessage(
        external_id=id_,
        sender=_user(call, scope),
        text=text,
        reply_text=text,
        html=html,
        subject=" ".join(field(call, "subject", 300).split()),
        sent_at=_when(call.get("sent_at")),
        files=files,
        message_id="",
        sender_verified=True,  # the app's server holds the token; it knows who is signed in
        reply_to_external_id=field(call, "reply_to", MAX_ID),
        language=field(call, "locale", 5),
        meta=said,
    )


def _status(call: Mapping[str, Any]) -> tuple[Inbound, ...]:
    state = _REPORTED.get(field(call, "state", 20))
    if state is None:
        return ()
    told, sent = field(call, "reason", 300), _needed(call, "message")
    return (InboundReport(f"status:{sent}:{state}"[:200], sent, state, told),)


def _user(call: Mapping[str, Any], scope: str) -> Address:
    user = call.get("user")
    name = " ".join(field(user, "name", 200).split()) if isinstance(user, dict) else ""
    return Address(KIND, _user_id(call), scope, name)


def _user_id(call: Mapping[str, Any]) -> str:
    user = call.get("user")
    if not isinstance(user, dict):
        raise Unparseable("The call has no user.")
    value = user.get("id")
    id_ = " ".join(str(value).split()) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    id_ = unicodedata.normalize("NFC", id_.replace("\x00", "").encode("utf-8", "replace").decode())
    if not id_ or len(id_) > MAX_ID:
        raise Unparseable("The user has no id.")
    return id_


def _html(call: Mapping[str, Any]) -> str:
    import nh3

    written = field(call, "html", MAX_TEXT)
    return nh3.clean(written, tags={"p", "br", "b", "strong", "i", "em", "u", "s", "a", "ul", "ol", "li", "blockquote",
                                    "code", "pre"}, attributes={"a": {"href"}}) if written else ""  # fmt: skip


def _files(call: Mapping[str, Any]) -> tuple[File, ...]:
    given = call.get("files")
    return tuple(_file(f, n) for n, f in enumerate(given[:MAX_FILES], 1)) if isinstance(given, list) else ()


def _file(given: Any, number: int) -> File:
    known = given if isinstance(given, dict) else {}
    name = field(known, "filename", 200).replace("\\", "/").rpartition("/")[2] or f"file-{number}"
    kind = field(known, "content_type", 100) or "application/octet-stream"
    url, data = field(known, "url", 2000), known.get("data")
    if isinstance(data, str):
        try:
            found = base64.b64decode(data, validate=True)
            return File(name, kind, len(found), found)
        except (ValueError, binascii.Error):
            return File(name, kind, problem="The file's content is not base64.")
    if url.startswith(("https://", "http://")):
        return File(name, kind, ref=url)
    return File(name, kind, problem="The file has neither content nor an address.")


# --- small parts ---------------------------------------------------------------------------------------------


def _needed(call: Mapping[str, Any], key: str) -> str:
    value = field(call, key, MAX_ID + 1)
    if not value or len(value) > MAX_ID:
        raise Unparseable(f"The call needs `{key}`, a text of at most {MAX_ID} characters.")
    return value


def _when(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None
