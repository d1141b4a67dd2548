"""A fake of Zalo's Open API: tokens that are good for one renewal, 200 for everything, errors inside.

with FakeZalo() as zalo:
    channel = make.channel("zalo", config=zalo.settings())
    zalo.expire()                      # the access token in use is refused from now on
    zalo.errors.append(-230)           # the next message is refused so
    zalo.sent()                        # what customers would see
"""

from __future__ import annotations

import hashlib
import json
from itertools import count
from typing import Any

from tests.servers.fake import Call, FakeService

OA_ID = "388613280878808645"
APP_ID = "1234567890123456789"
USER = "246845883529197922"
OA_SECRET = "oa-canary-secret-1"


class FakeZalo(FakeService):
    def __init__(self) -> None:
        super().__init__()
        self.refresh_token = "refresh-canary-0"
        self.access_token = "access-canary-0"
        self.errors: list[int] = []
        self.renewals = 0
        self.names = {USER: "Lan Trần"}
        self._ids = count(1)

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "oa_id": OA_ID,
            "app_id": APP_ID,
            "app_secret": "app-canary-1",
            "refresh_token": "refresh-canary-0",
            "oa_secret": OA_SECRET,
            "api_base": self.url,
            "oauth_base": self.url,
            "templates_base": self.url,
            **more,
        }

    def expire(self) -> None:
        self.access_token = f"expired-canary-{next(self._ids)}"

    def sent(self) -> list[dict[str, Any]]:
        return [dict(c.values["message"]) for c in self.called("/v3.0/oa/message/cs")]

    def answer(self, call: Call) -> Any:
        if call.path == "/v4/oa/access_token":
            return self._renew(call)
        if call.headers.get("access_token") != self.access_token:
            return {"error": -216, "message": "Access token is invalid"}
        if call.path == "/v3.0/oa/user/detail":
            user = str(call.values["data"]["user_id"])
            return {
                "error": 0,
                "message": "Success",
                "data": {"user_id": user, "display_name": self.names.get(user, "")},
            }
        if call.path == "/v2.0/oa/getoa":
            return {"error": 0, "message": "Success", "data": {"oa_id": OA_ID, "name": "Sao Mai"}}
        if call.path.startswith("/v2.0/oa/upload/"):
            key = "token" if call.path.endswith("/file") else "attachment_id"
            return {"error": 0, "message": "Success", "data": {key: f"up-{next(self._ids)}"}}
        if call.path == "/v3.0/oa/message/cs":
            if self.errors:
                return {"error": self.errors.pop(0), "message": "refused"}
            data = {"message_id": f"out-{next(self._ids)}", "user_id": call.values["recipient"]["user_id"]}
            return {"error": 0, "message": "Success", "data": data}
        if call.path == "/message/template":
            if self.errors:
                return {"error": self.errors.pop(0), "message": "refused"}
            return {"error": 0, "message": "Success", "data": {"msg_id": f"zns-{next(self._ids)}", "sent_time": "1"}}
        return {"error": -201, "message": "unknown"}, 404

    def _renew(self, call: Call) -> Any:
        """A second use of the same refresh token fails, as it does at Zalo."""
        with self._lock:
            if call.values.get("refresh_token") != self.refresh_token or "secret_key" not in call.headers:
                return {"error": -14014, "error_name": "Invalid refresh token.", "error_description": "used"}
            self.renewals += 1
            self.refresh_token = f"refresh-canary-{self.renewals}"
            self.access_token = f"access-canary-{self.renewals}"
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_in": "90000",
        }


def signed(event: dict[str, Any], secret: str = OA_SECRET) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a webhook call as Zalo makes it."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    return body, signature(body, secret)


def signature(body: bytes, secret: str = OA_SECRET) -> dict[str, str]:
    try:
        event = json.loads(body)
        app_id, at = str(event["app_id"]), str(event["timestamp"])
    except (ValueError, KeyError, TypeError, RecursionError):
        app_id = at = ""
    mac = hashlib.sha256(app_id.encode() + body + at.encode() + secret.encode()).hexdigest()
    return {"x-zevent-signature": f"mac={mac}"}


def event(name: str, msg_id: str = "m-1", text: str = "", at_ms: int = 1781000000123, **more: Any) -> dict[str, Any]:
    """An event of the customer, or for oa_… names of the account."""
    people = [{"id": USER}, {"id": OA_ID}]
    sender, recipient = reversed(people) if name.startswith("oa_") else people
    message: dict[str, Any] = {"msg_id": msg_id} | ({"text": text} if text else {}) | more.pop("message", {})
    return {"app_id": APP_ID, "event_name": name, "sender": sender, "recipient": recipient, "message": message,
            "timestamp": str(at_ms), **more}  # fmt: skip
