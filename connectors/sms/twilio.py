"""Twilio: signed form posts in, its REST API out. Facts: docs/channels/sms.md."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from connectors.contract import (
    Accepted,
    Address,
    ChannelConfig,
    ConnectorError,
    File,
    Inbound,
    InboundMessage,
    InboundReach,
    InboundReport,
    OutcomeUnknown,
    PermanentFailure,
    Raw,
    Receipt,
    Refused,
    TemporaryFailure,
    Unparseable,
    WebRequest,
)
from connectors.phone.numbers import e164
from connectors.web import Web

API = "https://api.twilio.com"
MAX_CALL_BYTES = 64 * 1024
ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
STATES = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
# What Twilio's numbers mean, for people; those after which the number must not be written to again come second.
WORDS = {
    21211: "This is not a number an SMS can be sent to.",
    21408: "Twilio does not send to this country; switch it on under Geo permissions.",
    21606: "The sender's number cannot send SMS.",
    21610: "This person answered STOP and wants no SMS.",
    21614: "This is not a mobile number.",
    21617: "The text is too long.",
    30003: "The phone could not be reached: switched off, or no network.",
    30004: "The phone or its network blocks this message.",
    30005: "This number does not exist.",
    30006: "A landline takes no SMS.",
    30007: "The network took this for spam and held it back.",
    30008: "The network did not say why it failed.",
    20003: "Twilio does not know this account and auth token.",
    30002: "The Twilio account is suspended.",
}
DEAD = {21211, 21614, 30005, 30006}
STOPPED = {21610}


# --- in ------------------------------------------------------------------------------------------------------


def accept(config: ChannelConfig, request: WebRequest) -> Accepted:
    """One call, verified over the address and every parameter it has. Raises `Refused`."""
    key, digest = _signed_with(config, request)
    if not key:
        raise Refused(
            401, "This channel has no auth token yet." if digest == "sha1" else "It has no signing secret yet."
        )
    if len(request.body) > MAX_CALL_BYTES:
        raise Refused(413, "The call is too large.")
    pairs = _pairs(request.body)
    given = request.headers.get("x-twilio-signature", "").encode("utf-8", "replace")
    if not any(
        hmac.compare_digest(signature(key, url, pairs, digest).encode(), given) for url in _urls(config, request)
    ):
        raise Refused(401, "The signature is wrong or missing.")
    told = dict(pairs)
    sid = told.get("MessageSid") or told.get("SmsSid") or ""
    if not sid or len(sid) > 100:
        raise Refused(400, "The call names no message.")
    status = told.get("MessageStatus", "") if "Body" not in told else ""
    body = json.dumps(told, ensure_ascii=True, sort_keys=True).encode()
    return Accepted((Raw(f"{sid}:{status}".rstrip(":")[:200], body, "application/json"),), ANSWER, "text/xml")


def signature(token: str, url: str, pairs: Sequence[tuple[str, str]], digest: str = "sha1") -> str:
    """base64(HMAC(token, url + every name and value, sorted)); a value given twice counts once."""
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), digest).digest()).decode()


def _signed_with(config: ChannelConfig, request: WebRequest) -> tuple[str, str]:
    """Key and digest. Twilio says in a header when an account signs with a shared key and SHA-256; whoever adds that header
    without the key gains nothing."""
    if "algorithm=HMAC_SHA256" in request.headers.get("x-twilio-webhooks-signature-settings", ""):
        return str(config.get("signing_secret")), "sha256"
    return str(config.get("auth_token")), "sha1"


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise Refused(400, "The call is not a form.") from None


def _urls(config: ChannelConfig, request: WebRequest) -> Iterator[str]:
    """Our address as Twilio was told it, and with the port written out, which it sometimes adds."""
    base = config.public_url.rstrip("/")
    path = f"/hooks/{config.key}" + (f"?{urlencode(request.query)}" if request.query else "")
    yield base + path
    parts = urlsplit(base)
    if parts.hostname and parts.port is None:
        yield f"{parts.scheme}://{parts.hostname}:{443 if parts.scheme == 'https' else 80}{parts.path}{path}"


def fields(body: bytes) -> dict[str, str]:
    """A stored call. Raises `Unparseable`."""
    try:
        told = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unparseable("The call is not valid JSON.") from None
    if not isinstance(told, dict):
        raise Unparseable("The call is not a JSON object.")
    return {str(k): v.replace("\x00", " ").encode("utf-8", "replace").decode() for k, v in told.items()
            if isinstance(v, str)}  # fmt: skip


def read(told: Mapping[str, str], region: str) -> tuple[Inbound, ...]:
    """A message, a STOP or START beside it, or what became of one of ours. Raises `Unparseable`."""
    sid = told.get("MessageSid") or told.get("SmsSid") or ""
    if not sid:
        raise Unparseable("The call names no message.")
    if "Body" not in told and "MessageStatus" in told:
        return _report(sid, told)
    if "Body" not in told and not told.get("From"):
        return ()  # an event of a kind nobody knows yet
    sender = Address("phone", _number(told.get("From", ""), region))
    # The wish comes after the message: hearing from somebody lifts a block.
    return (_message(sid, told, sender), *_reach(sid, told, sender))


def _message(sid: str, told: Mapping[str, str], sender: Address) -> InboundMessage:
    import unicodedata

    text = unicodedata.normalize("NFC", told.get("Body", "")).strip()
    count = told.get("NumMedia", "0")
    files = tuple(_media(told, n) for n in range(min(int(count), 10))) if count.isdecimal() and len(count) < 4 else ()
    if not text and not files:
        text = "[SMS]"
    return InboundMessage(
        external_id=sid,
        sender=sender,
        text=text,
        reply_text=text,
        files=files,
        auto_reply_allowed="OptOutType" not in told,
    )


def _media(told: Mapping[str, str], number: int) -> File:
    kind = told.get(f"MediaContentType{number}", "") or "application/octet-stream"
    ending = kind.partition("/")[2].partition(";")[0].strip()
    name = f"file-{number + 1}.{ending if ending.isalnum() and len(ending) < 6 else 'bin'}"
    url = told.get(f"MediaUrl{number}", "")
    return File(name, kind[:100], ref=url) if url else File(name, kind[:100], problem="Twilio gave no address for it.")


def _reach(sid: str, told: Mapping[str, str], sender: Address) -> tuple[Inbound, ...]:
    """STOP and START, as Twilio understood them."""
    wish = told.get("OptOutType", "").upper()
    if wish == "STOP":
        return (InboundReach(f"{sid}:stop", sender, "blocked", "They answered STOP and want no SMS."),)
    if wish == "START":
        return (InboundReach(f"{sid}:start", sender, "unverified", "They answered START."),)
    return ()


def _report(sid: str, told: Mapping[str, str]) -> tuple[Inbound, ...]:
    state: Any = STATES.get(told["MessageStatus"])
    if state is None:  # queued, sending: we know that
        return ()
    code = told.get("ErrorCode", "")
    reason = words(int(code), told.get("ErrorMessage", "")) if code.isdecimal() and len(code) < 9 else ""
    if state == "failed" and not reason:
        reason = "Twilio reports that it failed."
    return (InboundReport(f"{sid}:{told['MessageStatus']}", sid, state, reason),)


def _number(written: str, region: str) -> str:
    try:
        return e164(written, region)
    except ValueError:
        return written.strip()[:40] or "unknown"  # a short code or a name: kept as it is


def fetch(config: ChannelConfig, file: File) -> File:
    """Pictures lie at Twilio, behind the account's password."""
    parts = urlsplit(file.ref)
    base = str(config.get("api_base")) or API
    if (parts.scheme, parts.netloc) != urlsplit(base)[:2]:
        raise PermanentFailure("The file does not lie at Twilio.")
    limit = config.max_message_bytes
    if file.size_bytes > limit:
        raise PermanentFailure(f"The file is larger than {limit // 2**20} MB.")
    with _web(config) as web:
        answer = web.request("GET", parts.path.lstrip("/"), headers=_auth(config), limit_bytes=limit)
        if answer is not None and answer[0] in (301, 302, 307):
            raise PermanentFailure("Twilio keeps the file elsewhere; it stays in the Twilio console.")
    if answer is None:
        raise PermanentFailure(f"The file is larger than {limit // 2**20} MB.")
    status, data = answer
    if status != 200:
        raise PermanentFailure(f"Twilio answered {status} for the file.")
    return replace(file, data=data, size_bytes=len(data))


# --- out -----------------------------------------------------------------------------------------------------


def send(config: ChannelConfig, number: str, text: str) -> Receipt:
    sender = str(config.get("sender")).replace(" ", "")
    if not sender:
        raise PermanentFailure("The number or messaging service to send from is missing.")
    form = {"To": number, "Body": text, ("MessagingServiceSid" if sender.startswith("MG") else "From"): sender}
    if config.public_url.startswith("https://"):
        form["StatusCallback"] = f"{config.public_url.rstrip('/')}/hooks/{config.key}"
    with _web(config) as web:
        answer = web.request("POST", f"{_account(config)}/Messages.json", sends=True, headers=_auth(config), data=form)
    status, told = _told(answer)
    if status in (200, 201) and isinstance(told.get("sid"), str):
        return Receipt(external_id=str(told["sid"]))
    if status in (200, 201):
        raise OutcomeUnknown("Twilio's answer could not be read; the SMS may have gone out.")
    raise failure(status, told)


def ask(config: ChannelConfig) -> str:
    """Asks for the account; its name. Raises ConnectorError."""
    with _web(config) as web:
        status, told = _told(web.request("GET", f"{_account(config)}.json", headers=_auth(config)))
    if status != 200:
        raise failure(status, told)
    return str(told.get("friendly_name") or "Twilio knows this account.")[:100]


def failure(status: int, told: Mapping[str, Any]) -> ConnectorError:
    code = told.get("code")
    number = code if isinstance(code, int) else 0
    if status == 429 or number == 20429:
        return TemporaryFailure("Twilio asks to wait: too many messages.", 10)
    if status >= 500:
        return TemporaryFailure(f"Twilio has a problem of its own (HTTP {status}).")
    if status in (401, 403) and number not in WORDS:
        number = 20003
    said = words(number, str(told.get("message") or f"HTTP {status}"))
    return PermanentFailure(said, address_dead=number in DEAD, blocked=number in STOPPED)


def words(code: int, message: str) -> str:
    return WORDS.get(code) or f"Twilio refused: {message[:200]} ({code})"


def _web(config: ChannelConfig) -> Web:
    return Web("Twilio", str(config.get("api_base")) or API, config.allow_private)


def _account(config: ChannelConfig) -> str:
    sid = str(config.get("account_sid")).strip()
    if not sid or not config.get("auth_token"):
        raise PermanentFailure("The Twilio account or its auth token is missing.")
    return f"2010-04-01/Accounts/{quote(sid, safe='')}"


def _auth(config: ChannelConfig) -> dict[str, str]:
    pair = f"{str(config.get('account_sid')).strip()}:{config.get('auth_token')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _told(answer: tuple[int, bytes] | None) -> tuple[int, dict[str, Any]]:
    if answer is None:
        return 200, {}
    try:
        told = json.loads(answer[1])
    except (ValueError, RecursionError):
        told = {}
    return answer[0], told if isinstance(told, dict) else {}
