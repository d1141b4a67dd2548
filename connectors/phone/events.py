"""Calls reported by a phone system. Two spellings of the same story:

generic   {"event": "newCall" | "answer" | "hangup", "from", "to", "direction": "in" | "out", "callId", "cause",
          "answeringNumber", "duration"}, as JSON or form; signed by X-Signature-256 or carrying X-Webhook-Secret.
          Or the same names in the address of a GET, with a secret of its own as `token`
stringee  {"call_status": "ringing" | "answered" | "ended", "call_id", "from": {"number"}, "to": {"number"},
          "answerDuration", …}, signed by X-STRINGEE-SIGNATURE

Only the end of a call becomes a message; what came before shows the call while it goes on. A recording may come with
the end or after it (generic: {"event": "recording", "callId", "recordingUrl"}).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from connectors.contract import Address, InboundCall, InboundMessage, Raw, Refused, Unparseable, WebRequest
from connectors.phone.note import summary
from connectors.phone.numbers import e164, hidden

MAX_EVENT_BYTES = 64 * 1024
MAX_ADDRESS = 8 * 1024
TOKEN = "token"  # noqa: S105 - the parameter's name
_GENERIC: Mapping[str, Literal["ringing", "answered", "ended", ""]] = {
    "newCall": "ringing",
    "answer": "answered",
    "hangup": "ended",
    "recording": "ended",
}
_STRINGEE: Mapping[str, Literal["ringing", "answered", "ended", ""]] = {
    "created": "",
    "started": "ringing",
    "ringing": "ringing",
    "answered": "answered",
    "ended": "ended",
}
_MISSED = {"busy": "busy", "noanswer": "missed", "cancel": "abandoned", "notfound": "failed", "congestion": "failed"}


# --- the door ------------------------------------------------------------------------------------------------


def verify(provider: str, secret: str, request: WebRequest) -> None:
    """Raises `Refused` unless the call is signed with the channel's secret, over the bytes as they came."""
    if not secret:
        raise Refused(401, "This channel has no webhook secret yet.")
    if len(request.body) > MAX_EVENT_BYTES:
        raise Refused(413, "The call event is too large.")
    key, headers = secret.encode(), request.headers
    if provider == "stringee":
        expected = base64.b64encode(hmac.new(key, request.body, hashlib.sha1).digest())
        given = headers.get("x-stringee-signature", "")
    elif "x-signature-256" in headers:
        expected = b"sha256=" + hmac.new(key, request.body, hashlib.sha256).hexdigest().encode()
        given = headers["x-signature-256"]
    else:
        expected, given = key, headers.get("x-webhook-secret", "")
    if not hmac.compare_digest(expected, given.encode("utf-8", "replace")):
        raise Refused(401, "The signature is wrong or missing.")


def verify_address(secret: str, request: WebRequest) -> None:
    """The same for a GET, which some phone systems can only make. Raises `Refused`.

    An address is written down by proxies and seen by whoever sets it up, so its secret opens nothing but this, and no
    browser is let in with it: a link that somebody opens, or a page that embeds it, must not make a call.
    """
    if not secret:
        raise Refused(401, "This channel has no secret for addresses, so it takes no GET.")
    if any(name.startswith("sec-fetch-") for name in request.headers) or "purpose" in request.headers:
        raise Refused(403, "This address is for a phone system, not for a browser.")
    if not hmac.compare_digest(secret.encode(), request.query.get(TOKEN, "").encode("utf-8", "replace")):
        raise Refused(401, "The token in the address is wrong or missing.")
    if sum(len(k) + len(v) for k, v in request.query.items()) > MAX_ADDRESS:
        raise Refused(413, "The call event is too large.")


def raw(provider: str, request: WebRequest) -> Raw:
    """The event with an id that is the same when it is delivered again. Without the token of an address."""
    try:
        if request.method == "GET":
            event: dict[str, Any] = {k: v for k, v in request.query.items() if k != TOKEN}
        else:
            event = _fields(request.body, request.headers.get("content-type", ""))
        told = _told(provider, event)
    except Unparseable as error:
        raise Refused(400, str(error)) from None
    body = json.dumps(event, ensure_ascii=True, sort_keys=True).encode()
    return Raw(f"{told.call_id}:{told.event}"[:200], body, "application/json", meta={"provider": provider})


def _fields(body: bytes, content_type: str = "") -> dict[str, Any]:
    try:
        if content_type.startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(body.decode("utf-8"), max_num_fields=100))
        event = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unparseable("The call event is neither JSON nor a form.") from None
    if not isinstance(event, dict):
        raise Unparseable("The call event is not a JSON object.")
    return event


# --- reading -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """One event in our words."""

    call_id: str
    event: str
    ended: bool
    direction: str
    caller: str
    called: str
    outcome: str
    duration_s: int
    at: datetime | None = None
    recording_url: str = ""
    state: Literal["ringing", "answered", "ended", ""] = ""
    extension: str = ""


def read(stored: Raw, region: str) -> tuple[InboundCall | InboundMessage, ...]:
    """The call as it stands, and at its end the message it makes. Raises `Unparseable`."""
    event = _fields(stored.body)
    provider = "stringee" if "call_status" in event else "generic"
    told = _told(provider, event)
    if not told.state:
        return ()
    theirs = told.caller if told.direction == "in" else told.called
    who, external_id = _who(theirs, told, region), f"{provider}:{told.call_id}"
    live = InboundCall(
        external_id=external_id,
        sender=who,
        state=told.state,
        direction="out" if told.direction == "out" else "in",
        extension=told.extension,
        at=told.at,
        recording_url=told.recording_url,
    )
    return (_entry(told, theirs, who, external_id, provider), live) if told.ended else (live,)


def _entry(told: Told, theirs: str, who: Address, external_id: str, provider: str) -> InboundMessage:
    text = summary(told.direction, told.outcome)
    call = {
        "direction": told.direction,
        "number": theirs,
        "outcome": told.outcome,
        "duration_s": told.duration_s,
        "follow_up_at": "",
        "source": provider,
        "call_id": told.call_id,
        "extension": told.extension,
    }
    return InboundMessage(
        external_id=external_id,
        sender=who,
        text=text,
        reply_text=text,
        sent_at=told.at,
        kind="call",
        call=call,
        auto_reply_allowed=False,  # nobody is answered a call by a text they did not ask for
    )


def _who(number: str, told: Told, region: str) -> Address:
    """A withheld number is a stranger each time; a number that fits no plan is kept as its digits."""
    if hidden(number):
        return Address("phone", f"hidden:{told.call_id}", name="Hidden number")
    try:
        return Address("phone", e164(number, region))
    except ValueError:
        return Address("phone", number[:40])


def _told(provider: str, event: Mapping[str, Any]) -> Told:
    return _stringee(event) if provider == "stringee" else _generic(event)


def _generic(event: Mapping[str, Any]) -> Told:
    name, cause = _text(event, "event"), _text(event, "cause").lower()
    answered = bool(_text(event, "answeringNumber")) and cause in ("", "normalclearing", "forwarded")
    direction = "out" if _text(event, "direction").startswith("out") else "in"
    outcome = "answered" if answered else _MISSED.get(cause, "missed")
    if direction == "out" and outcome in ("missed", "abandoned"):
        outcome = "no_answer"
    return Told(
        call_id=_needed(event, "callId"),
        event=name or "event",
        ended=name == "hangup",
        direction=direction,
        caller=_text(event, "from"),
        called=_text(event, "to"),
        outcome=outcome,
        duration_s=_seconds(event.get("duration")),
        at=_when(event.get("timestamp")),
        recording_url=_link(event.get("recordingUrl")),
        state=_GENERIC.get(name, ""),
        extension=_text(event, "user") or _text(event, "answeringNumber"),
    )


def _stringee(event: Mapping[str, Any]) -> Told:
    status = _text(event, "call_status")
    duration_s = _seconds(event.get("answerDuration"))
    out = "_OUT" in _text(event, "callCreatedReason").upper()
    missed = "no_answer" if out else "missed"
    return Told(
        call_id=_needed(event, "call_id"),
        event=status or "event",
        ended=status == "ended",
        direction="out" if out else "in",
        caller=_party(event.get("from")),
        called=_party(event.get("to")),
        outcome="answered" if duration_s else missed,
        duration_s=duration_s,
        at=_when(event.get("timestamp_ms")),
        recording_url=_link(event.get("recordingUrl") or event.get("recording_url")),
        state=_STRINGEE.get(status, ""),
        extension=_internal(event),
    )


def _internal(event: Mapping[str, Any]) -> str:
    """Our side's user or number, where Stringee says which side is ours."""
    for side in ("to", "from"):
        party = event.get(side)
        if isinstance(party, dict) and party.get("type") == "internal":
            return _text(party, "alias") or _text(party, "number")
    return ""


def _party(value: Any) -> str:
    return _text(value, "number") if isinstance(value, dict) else ""


def _text(event: Mapping[str, Any], key: str) -> str:
    value = event.get(key)
    shown = str(value) if isinstance(value, (str, int)) else ""
    return shown.replace("\x00", "").encode("utf-8", "replace").decode().strip()[:200]


def _needed(event: Mapping[str, Any], key: str) -> str:
    value = _text(event, key)
    if not value:
        raise Unparseable(f"The call event has no {key}.")
    return value


def _seconds(value: Any) -> int:
    try:
        return max(0, min(int(value), 24 * 3600))
    except (TypeError, ValueError, OverflowError):
        return 0


def _when(value: Any) -> datetime | None:
    """Epoch seconds or milliseconds."""
    try:
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _link(value: Any) -> str:
    return value[:1000] if isinstance(value, str) and value.startswith(("https://", "http://")) else ""
