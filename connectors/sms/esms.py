"""eSMS.vn (ViHAT): brand-name SMS out. Nobody can answer one; what became of it is reported by an unsigned GET, so the
address it is reported to holds a secret. Facts: docs/channels/sms.md."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from connectors.contract import (
    Accepted,
    ChannelConfig,
    ConnectorError,
    Inbound,
    InboundReport,
    OutcomeUnknown,
    PermanentFailure,
    Raw,
    Receipt,
    Refused,
    TemporaryFailure,
    WebRequest,
)
from connectors.sms.segments import is_gsm
from connectors.web import Web

API = "https://rest.esms.vn"
SEND = "MainService.svc/json/SendMultipleMessage_V4_post_json/"
BALANCE = "MainService.svc/json/GetBalance_json"
WORDS = {
    99: "eSMS could not say why it failed.",
    101: "eSMS does not know this API key and secret key.",
    102: "The eSMS account is locked.",
    103: "The eSMS account has no money left.",
    104: "eSMS does not know this brand name.",
    108: "This is not a number eSMS can send to.",
    118: "eSMS does not allow this type of SMS.",
    140: "eSMS does not admit this server's address; add it to the list in your account.",
    143: "The eSMS account is locked.",
    146: "The text fits no template that is registered for this brand name.",
    177: "This brand name is not registered with the customer's network.",
    201: "The text holds a word the networks forbid.",
}


def accept(config: ChannelConfig, request: WebRequest) -> Accepted:
    secret = str(config.get("callback_secret"))
    given = request.query.get("s", "").encode("utf-8", "replace")
    if not secret or not hmac.compare_digest(_sign(secret).encode(), given):
        raise Refused(401, "The address of this report is wrong.")
    told = {key: value[:200] for key, value in request.query.items() if key != "s"}
    sms_id = told.get("SMSID", "")
    if not sms_id:
        raise Refused(400, "The report names no SMS.")
    state = ":".join(told.get(key, "") for key in ("SendStatus", "SendSuccess", "SendFailed"))
    return Accepted((Raw(f"{sms_id}:{state}"[:200], json.dumps(told, sort_keys=True).encode(), "application/json"),))


def _sign(secret: str) -> str:
    """Stands in an address, so it is not the secret itself."""
    return hmac.new(secret.encode(), b"esms-callback", hashlib.sha256).hexdigest()[:40]


def read(told: Mapping[str, str]) -> tuple[Inbound, ...]:
    """What became of an SMS; empty while it waits."""
    sms_id, status = told.get("SMSID", ""), told.get("SendStatus", "")
    if not sms_id:
        return ()
    if status == "5" and _count(told, "SendSuccess"):
        return (InboundReport(f"{sms_id}:delivered", sms_id, "delivered"),)
    if status == "4" or (status == "5" and _count(told, "SendFailed")):
        reason = "eSMS rejected it." if status == "4" else "The customer's network did not deliver it."
        return (InboundReport(f"{sms_id}:failed", sms_id, "failed", reason),)
    return ()


def _count(told: Mapping[str, str], key: str) -> bool:
    return told.get(key, "0").strip("0 ") != ""


def send(config: ChannelConfig, number: str, text: str, delivery_id: int) -> Receipt:
    brand = str(config.get("brandname")).strip()
    if not brand:
        raise PermanentFailure("The brand name is missing.")
    body: dict[str, Any] = _keys(config) | {
        "Content": text,
        "Phone": local(number),
        "Brandname": brand,
        "SmsType": "2",
        "IsUnicode": "0" if is_gsm(text) else "1",
        "Sandbox": "1" if config.get("sandbox", False) else "0",
        "RequestId": f"hd-{config.key}-{delivery_id}"[:50],
    }
    secret = str(config.get("callback_secret"))
    if secret and config.public_url.startswith("https://"):
        address = f"{config.public_url.rstrip('/')}/hooks/{config.key}"
        body["CallbackUrl"] = f"{address}?{urlencode({'s': _sign(secret)})}"
    code, told = _call(config, SEND, body, sends=True)
    if code == 100 and told.get("SMSID"):
        return Receipt(external_id=str(told["SMSID"])[:200])
    if code == 124:  # the same request again: it was taken before
        return Receipt(external_id=str(told.get("SMSID") or "")[:200])
    if code is None or code == 100:
        raise OutcomeUnknown("eSMS's answer could not be read; the SMS may have gone out.")
    raise _failure(code, told)


def local(number: str) -> str:
    """As Vietnamese networks write it: +84901234567 -> 0901234567."""
    return f"0{number[3:]}" if number.startswith("+84") else number.lstrip("+")


def ask(config: ChannelConfig) -> str:
    """Asks for the balance, which costs nothing. Raises ConnectorError."""
    code, told = _call(config, BALANCE, _keys(config), sends=False)
    if code != 100:
        raise _failure(code or 99, told)
    return f"Balance: {told.get('Balance', '?')}"


def _keys(config: ChannelConfig) -> dict[str, str]:
    key, secret = str(config.get("esms_key")).strip(), str(config.get("esms_secret"))
    if not key or not secret:
        raise PermanentFailure("The API key or secret key of eSMS is missing.")
    return {"ApiKey": key, "SecretKey": secret}


def _call(
    config: ChannelConfig, path: str, body: Mapping[str, Any], *, sends: bool
) -> tuple[int | None, dict[str, Any]]:
    """eSMS's own code and what it said; no code when the answer made no sense."""
    with Web("eSMS", str(config.get("api_base")) or API, config.allow_private) as web:
        answer = web.request("POST", path, sends=sends, json=body)
    status, content = answer or (200, b"")
    if status == 429 or status >= 500:
        raise TemporaryFailure(f"eSMS has a problem of its own (HTTP {status}).")
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return None, {}
    code = str(told.get("CodeResult") or told.get("CodeResponse") or "")
    return (int(code) if code.isdecimal() and len(code) < 6 else None), told


def _failure(code: int, told: Mapping[str, Any]) -> ConnectorError:
    said = WORDS.get(code) or f"eSMS refused: {str(told.get('ErrorMessage') or '')[:200]} ({code})"
    return PermanentFailure(said, address_dead=code == 108)
