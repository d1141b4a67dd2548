"""Approved templates (ZNS): Zalo's own service for them, which takes a phone number and needs no reply window."""

from __future__ import annotations

import json
from typing import Any

from connectors import templates
from connectors.contract import (
    ChannelConfig,
    ConnectorError,
    Outbound,
    OutcomeUnknown,
    PermanentFailure,
    Receipt,
    TemplateUse,
    TemporaryFailure,
)
from connectors.web import Web
from connectors.zalo.api import access_token

BASE = "https://business.openapi.zalo.me"
NO_PHONE = "Zalo sends an approved template to a phone number; this customer has none here."
_CODES = {
    -108: "Zalo does not take this phone number.",
    -109: "Zalo does not know this template.",
    -110: "The customer's Zalo is too old for this message.",
    -111: "Zalo says that the template's places are not filled.",
    -112: "Zalo says that the template's places are filled wrongly.",
    -114: "The customer has no active Zalo, or does not want such messages.",
    -115: "The Official Account has used up its templates, or has no money left for them.",
}
_ACCOUNT = {
    -101: "Zalo does not accept the app.",
    -102: "Zalo does not know the app.",
    -103: "The app is not activated for templates.",
    -105: "The app is not linked to the Official Account.",
}
_EXPIRED = frozenset({-124, -216, -220})
SENTENCES = (NO_PHONE, *_CODES.values(), *_ACCOUNT.values())


def send(config: ChannelConfig, outbound: Outbound, use: TemplateUse) -> Receipt:
    """Raises as `Sends.send` does. `tracking_id` names the delivery, so that Zalo's report of it is ours to find."""
    phone = next((p.lstrip("+") for p in outbound.phones), "")
    if not phone:
        raise PermanentFailure(NO_PHONE)
    body = next((t.body for t in templates.described(str(config.get("templates"))) if t.name == use.name), "")
    asked = {
        "phone": phone,
        "template_id": use.name,
        "template_data": dict(zip(templates.places(body), use.values, strict=False)),
        "tracking_id": f"d{outbound.delivery_id}",
    }
    used = access_token(config)
    code, said, data = _once(config, used, asked)
    if code in _EXPIRED:  # refused before anything was done
        code, said, data = _once(config, access_token(config, not_this=used), asked)
    if code:
        raise _failure(code, said)
    return Receipt(external_id=str(data.get("msg_id") or ""))


def _once(config: ChannelConfig, token: str, asked: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
    headers = {"access_token": token}
    with Web("Zalo", str(config.get("templates_base", BASE)), config.allow_private) as web:
        status, content = web.request("POST", "message/template", headers=headers, sends=True, json=asked) or (502, b"")
    if status == 429 or status >= 500:
        raise TemporaryFailure(f"Zalo has a problem of its own (HTTP {status}).")
    try:
        answer = json.loads(content)
        data = answer.get("data")
        return int(answer["error"]), str(answer.get("message") or ""), data if isinstance(data, dict) else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise OutcomeUnknown("Zalo's answer could not be read; the message may have arrived.") from None


def _failure(code: int, said: str) -> ConnectorError:
    if code in _ACCOUNT:
        return PermanentFailure(_ACCOUNT[code], account=True)
    if code in _CODES:
        return PermanentFailure(_CODES[code])
    return PermanentFailure(f"Zalo refused ({code}): {said[:200]}" if said else f"Zalo refused ({code}).")
