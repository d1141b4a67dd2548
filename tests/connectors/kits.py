"""What the conformance suite has to know of each kind: a configuration that would work, and how calls are signed.

A new connector adds one `Kit` here, and examples in its own folder; the suite does the rest.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import ipaddress
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import connectors
from connectors.contract import Address, ChannelConfig, Vault, WebRequest

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
CANARY = "canary"  # stands in every secret below; must never stand in an error


@dataclass(frozen=True)
class Kit:
    """`server`: settings that lead to a server at (host, port), with every secret set.

    `webhook`: settings that switch webhook calls on. `sign`: headers of a good call over a body.
    `body`: one good webhook body. `rewrite`: the same content in other bytes, or None where the sender does not sign
    the bytes (a shared secret in a header). `form`: what an agent fills in, for connectors that log.
    `unknown`: a webhook body of a kind nobody knows yet. `accepted`: the far side's answer to a message it took;
    `refusals`: status and answer when it does not, by what is wrong: rate, expired, blocked, window.
    """

    recipient: Address | None = None
    server: Callable[[str, int], Mapping[str, Any]] = lambda host, port: {}
    webhook: Mapping[str, Any] = field(default_factory=dict)
    sign: Callable[[bytes], Mapping[str, str]] | None = None
    body: bytes = b""
    rewrite: bytes | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    vault: Vault | None = None
    unknown: bytes = b""
    accepted: bytes = b""
    refusals: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)

    def config(self, host: str = "127.0.0.1", port: int = 9, *, private: bool = True, **more: Any) -> ChannelConfig:
        return ChannelConfig(
            id=1,
            key="conform-1",
            name="Conformance",
            settings={**self.server(host, port), **more},
            public_url="https://desk.example",
            allow_private=LOOPBACK if private else (),
            vault=self.vault,
        )

    def call(self, body: bytes, headers: Mapping[str, str] | None = None) -> WebRequest:
        signed = self.sign(body) if headers is None and self.sign else headers or {}
        return WebRequest("POST", {"content-type": "application/json", **signed}, body)


# --- telegram ------------------------------------------------------------------------------------------------

TELEGRAM_TOKEN = "7100000042:test-token-AAE_canary"


def telegram_config(base: str, **more: Any) -> ChannelConfig:
    """A channel of the bot the fake knows, at `base`."""
    settings = {"token": TELEGRAM_TOKEN, "api_base": base, "mode": "poll", "webhook_secret": "hook-canary-1", **more}
    return ChannelConfig(1, "tg-1", "Bot", settings, public_url="https://desk.example", allow_private=LOOPBACK)


def _telegram_server(host: str, port: int) -> Mapping[str, Any]:
    return {"token": TELEGRAM_TOKEN, "api_base": f"http://{host}:{port}", "webhook_secret": "hook-canary-1"}


# --- phone ---------------------------------------------------------------------------------------------------

PHONE_SECRET = "phone-canary-1"
_HANGUP = {"event": "hangup", "callId": "c-1", "from": "0912345678", "to": "02473082686", "cause": "noAnswer"}


def phone_signature(body: bytes, secret: str = PHONE_SECRET) -> Mapping[str, str]:
    return {"x-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def stringee_signature(body: bytes, secret: str = PHONE_SECRET) -> Mapping[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha1).digest()
    return {"x-stringee-signature": base64.b64encode(digest).decode()}


# --- zalo ----------------------------------------------------------------------------------------------------

ZALO_SECRET = "oa-canary-secret-1"
_ZALO_TEXT = {
    "app_id": "1234567890123456789", "event_name": "user_send_text", "sender": {"id": "246845883529197922"},
    "recipient": {"id": "388613280878808645"}, "timestamp": "1781000000123",
    "message": {"text": "Đơn 20931 chưa giao", "msg_id": "96d3cdf3af150460909"},
}  # fmt: skip


class KeptInMemory:
    """A vault whose token is good for an hour to come."""

    def __init__(self, **values: str) -> None:
        self.values = values or {"access_token": "access-canary-1", "expires_at": str(time.time() + 7200)}

    def read(self, seed: str) -> Mapping[str, str]:
        return self.values

    def alone(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def keep(self, seed: str, values: Mapping[str, str]) -> None:
        self.values = dict(values)


def _zalo_server(host: str, port: int) -> Mapping[str, Any]:
    here = f"http://{host}:{port}"
    return {
        "oa_id": "388613280878808645", "app_id": "1234567890123456789", "app_secret": "app-canary-1",
        "refresh_token": "refresh-canary-0", "oa_secret": ZALO_SECRET, "api_base": here, "oauth_base": here,
    }  # fmt: skip


def zalo_signature(body: bytes, secret: str = ZALO_SECRET) -> Mapping[str, str]:
    """Plain SHA-256 over app id, body, timestamp and the account's secret."""
    try:
        event = json.loads(body)
        app_id, at = str(event["app_id"]), str(event["timestamp"])
    except (ValueError, KeyError, TypeError, RecursionError):
        app_id = at = ""
    return {
        "x-zevent-signature": "mac="
        + hashlib.sha256(f"{app_id}".encode() + body + f"{at}{secret}".encode()).hexdigest()
    }


# --- sms -----------------------------------------------------------------------------------------------------

_TWILIO = b"MessageSid=SM1&AccountSid=AC1&From=%2B84901234567&To=%2B18005550123&Body=Xin+ch%C3%A0o&NumMedia=0"


def twilio_signature(
    body: bytes,
    token: str = "sms-canary-1",  # noqa: S107
    url: str = "https://desk.example/hooks/conform-1",
) -> Mapping[str, str]:
    fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8")
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    signed = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signed}


# --- meta ----------------------------------------------------------------------------------------------------


def meta_signature(body: bytes, secret: str = "app-canary-secret-1") -> Mapping[str, str]:  # noqa: S107
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def _graph_error(code: int, subcode: int = 0, *, status: int = 400) -> tuple[int, bytes]:
    error = {"message": "refused", "type": "OAuthException", "code": code, "error_subcode": subcode}
    return status, json.dumps({"error": error}).encode()


def _meta_kit(kind: str, recipient: Address, **account: str) -> Kit:
    """The three share door, signature and API; each has its own example of a call."""
    body = (Path(connectors.__file__).parent / kind / "examples" / "text.json").read_bytes()
    secrets = {
        "access_token": "graph-canary-token-1", "app_secret": "app-canary-secret-1", "verify_token": "verify-canary-1",
    }  # fmt: skip
    whatsapp = kind == "whatsapp"
    event = {"changes": [{"field": "brand_new", "value": {"x": 1}}]}
    call = {"object": json.loads(body)["object"], "entry": [{"id": next(iter(account.values())), **event}]}
    return Kit(
        unknown=json.dumps(call).encode(),
        accepted=b'{"messages": [{"id": "wamid.1"}]}' if whatsapp else b'{"message_id": "m_1", "recipient_id": "1"}',
        refusals={
            "rate": _graph_error(130429 if whatsapp else 613),
            "expired": _graph_error(190, status=401),
            "window": _graph_error(131047) if whatsapp else _graph_error(10, 2018278),
            **({} if whatsapp else {"blocked": _graph_error(551, 1545041)}),
        },
        recipient=recipient,
        server=lambda host, port: {"api_base": f"http://{host}:{port}", **secrets, **account},
        sign=meta_signature,
        body=body,
        rewrite=json.dumps(json.loads(body)).encode(),
    )


def _email_server(host: str, port: int) -> Mapping[str, Any]:
    account = {"host": host, "port": port, "security": "none", "user": "desk@shop.example"}
    return {
        "address": "desk@shop.example",
        **{f"imap_{key}": value for key, value in account.items()},
        **{f"smtp_{key}": value for key, value in account.items()},
        "imap_password": "imap-canary-1",
        "smtp_password": "smtp-canary-1",
    }


KITS: dict[str, Kit] = {
    "email": Kit(recipient=Address("email", "lan@khach.example"), server=_email_server),
    "telegram": Kit(
        recipient=Address("telegram", "5201001", "7100000042"),
        server=_telegram_server,
        webhook={"mode": "webhook"},
        sign=lambda body: {"x-telegram-bot-api-secret-token": "hook-canary-1"},
        body=b'{"update_id": 930000001}',
        unknown=b'{"update_id": 930000002, "brand_new": {"x": 1}}',
        accepted=b'{"ok": true, "result": {"message_id": 7}}',
        refusals={
            "rate": (429, b'{"ok": false, "description": "Too Many Requests", "parameters": {"retry_after": 3}}'),
            "expired": (401, b'{"ok": false, "description": "Unauthorized"}'),
            "blocked": (403, b'{"ok": false, "description": "Forbidden: bot was blocked by the user"}'),
        },
    ),
    "phone": Kit(
        server=lambda host, port: {"number": "+842473082686", "webhook_secret": "phone-canary-1"},
        webhook={"provider": "generic"},
        sign=phone_signature,
        body=json.dumps(_HANGUP).encode(),
        rewrite=json.dumps(_HANGUP, indent=2).encode(),
        form={"number": "0912 345 678", "notes": "Hỏi đơn 20931", "duration_s": "3:25"},
    ),
    "zalo": Kit(
        recipient=Address("zalo", "246845883529197922", "388613280878808645"),
        server=_zalo_server,
        sign=zalo_signature,
        body=json.dumps(_ZALO_TEXT, ensure_ascii=False).encode(),
        rewrite=json.dumps(_ZALO_TEXT, ensure_ascii=True).encode(),
        vault=KeptInMemory(),
        unknown=json.dumps({**_ZALO_TEXT, "event_name": "brand_new_event"}).encode(),
        accepted=b'{"error": 0, "message": "Success", "data": {"message_id": "out-1"}}',
        refusals={
            "rate": (200, b'{"error": -32, "message": "too many"}'),
            "expired": (200, b'{"error": -216, "message": "Access token is invalid"}'),
            "blocked": (200, b'{"error": -227, "message": "banned"}'),
            "window": (200, b'{"error": -230, "message": "no interaction"}'),
        },
    ),
    "messenger": _meta_kit(
        "messenger", Address("messenger", "6700000000000001", "1097000000001"), page_id="1097000000001"
    ),
    "instagram": _meta_kit(
        "instagram", Address("instagram", "1000000000000001", "17841400000000001"), account_id="17841400000000001"
    ),
    "whatsapp": _meta_kit(
        "whatsapp", Address("whatsapp", "84901234567", "106540352242922"), phone_number_id="106540352242922"
    ),
    "widget": Kit(server=lambda host, port: {"identity_secret": "widget-canary-1"}),
    "api": Kit(
        recipient=Address("app", "u-7788", "conform-1"),
        server=lambda host, port: {
            "token": "api-canary-1",
            "webhook_url": f"http://{host}:{port}/desk",
            "webhook_secret": "sign-canary-1",
        },
        sign=lambda body: {"authorization": "Bearer api-canary-1"},
        body=json.dumps({"id": "app-1", "user": {"id": "u-1"}, "text": "Xin chào"}).encode(),
        refusals={"rate": (429, b"")},
    ),
    "sms": Kit(
        recipient=Address("phone", "+84912345678"),
        server=lambda host, port: {
            "api_base": f"http://{host}:{port}",
            "account_sid": "AC1",
            "sender": "+18005550123",
            "auth_token": "sms-canary-1",
            "esms_secret": "esms-canary-1",
            "callback_secret": "back-canary-1",
        },
        sign=twilio_signature,
        body=_TWILIO,
        rewrite=_TWILIO + b"&Extra=1",
        unknown=b"EventType=brand.new&AccountSid=AC1&MessageSid=SM2",
        accepted=b'{"sid": "SM00000000000000000000000000000009", "status": "queued"}',
        refusals={
            "rate": (429, b'{"code": 20429, "message": "Too Many Requests"}'),
            "expired": (401, b'{"code": 20003, "message": "Authenticate"}'),
            "blocked": (400, b'{"code": 21610, "message": "Attempt to send to unsubscribed recipient"}'),
        },
    ),
    "form": Kit(recipient=Address("email", "lan@khach.example")),
}
