"""A fake of Meta's Graph API as Messenger, Instagram and WhatsApp use it.

with FakeGraph() as graph:
    channel = make.channel("messenger", config=graph.messenger())
    graph.refuse(10, 2018278)          # the next message is refused so
    graph.sent()                       # bodies of what was sent, in order
"""

from __future__ import annotations

import hashlib
import hmac
import json
from itertools import count
from typing import Any

from tests.servers.fake import Call, FakeService

PAGE, PERSON = "1097000000001", "6700000000000001"
INSTAGRAM, IG_PERSON = "17841400000000001", "1000000000000001"
NUMBER, BUSINESS = "106540352242922", "102290129340398"
TOKEN, APP_SECRET, VERIFY = "graph-canary-token-1", "app-canary-secret-1", "verify-canary-1"
POSTS = {
    f"{PAGE}_5550001": {"message": "Ấm đất Bát Tràng đã về", "permalink_url": "https://www.facebook.com/5550001"},
    "17950000000000001": {"caption": "Ấm mới", "permalink": "https://www.instagram.com/p/abc/"},
}


class FakeGraph(FakeService):
    def __init__(self) -> None:
        super().__init__()
        self.token = TOKEN
        self.refusals: list[tuple[int, dict[str, Any]]] = []
        self.names = {
            PERSON: {"first_name": "Lan", "last_name": "Trần"},
            IG_PERSON: {"name": "Lan", "username": "lan.tran"},
        }
        self.hidden: dict[str, bool] = {}
        self._ids = count(1)

    def _common(self, **more: Any) -> dict[str, Any]:
        return {"access_token": TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY, "api_base": self.url, **more}

    def messenger(self, **more: Any) -> dict[str, Any]:
        return self._common(page_id=PAGE, **more)

    def instagram(self, **more: Any) -> dict[str, Any]:
        return self._common(account_id=INSTAGRAM, **more)

    def whatsapp(self, **more: Any) -> dict[str, Any]:
        return self._common(phone_number_id=NUMBER, business_id=BUSINESS, **more)

    def refuse(self, code: int, subcode: int = 0, status: int = 400) -> None:
        error = {"message": f"(#{code}) refused", "type": "OAuthException", "code": code, "error_subcode": subcode}
        self.refusals.append((status, {"error": error}))

    def sent(self) -> list[dict[str, Any]]:
        return [
            c.values for c in self.calls if c.verb == "POST" and c.path.endswith(("/messages", "/comments", "/replies"))
        ]

    # --- answers ----------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> Any:
        if call.headers.get("authorization") != f"Bearer {self.token}":
            return {"error": {"message": "Invalid OAuth access token", "type": "OAuthException", "code": 190}}, 401
        _, _version, *place = call.path.split("/")
        if call.verb == "GET":
            return self._known(place[0])
        if self.refusals and place[-1] in ("messages", "comments", "replies"):
            status, body = self.refusals.pop(0)
            return body, status
        return self._made(place, call.values)

    def _known(self, id_: str) -> Any:
        if id_ in POSTS:
            return {"id": id_, **POSTS[id_]}
        if id_ in self.names:
            return {"id": id_, **self.names[id_]}
        if id_ == NUMBER:
            return {"id": id_, "display_phone_number": "+84 28 7300 0111", "verified_name": "Sao Mai"}
        if f"/media/{id_}" in self.media:
            url = f"{self.url}/media/{id_}"
            return {"id": id_, "url": url, "mime_type": "image/jpeg", "file_size": len(self.media[f"/media/{id_}"])}
        if id_ in (PAGE, INSTAGRAM):
            return {"id": id_, "name": "Sao Mai"}
        return {
            "error": {"message": "no such object", "type": "GraphMethodException", "code": 100, "error_subcode": 33}
        }, 400

    def _made(self, place: list[str], values: dict[str, Any]) -> Any:
        number = next(self._ids)
        if place[-1] in ("comments", "replies"):
            return {"id": f"5550001_{9000 + number}"}
        if place[-1] == "media":
            return {"id": f"media-{number}"}
        if place[-1] == "message_attachments":
            return {"attachment_id": f"att-{number}"}
        if place[-1] == "subscribed_apps":
            return {"success": True}
        if place[-1] == "messages" and place[0] == NUMBER:
            return {"messaging_product": "whatsapp", "messages": [{"id": f"wamid.OUT{number}"}]}
        if place[-1] == "messages":
            recipient = values.get("recipient", {})
            return {"recipient_id": recipient.get("id") or PERSON, "message_id": f"m_out{number}"}
        if len(place) == 1:
            self.hidden[place[0]] = bool(values.get("is_hidden", values.get("hide")))
            return {"success": True}
        return {"error": {"message": "unknown path", "code": 2500}}, 400


def signed(call: dict[str, Any], secret: str = APP_SECRET) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a webhook call as Meta makes it: non-ASCII is escaped."""
    body = json.dumps(call, ensure_ascii=True, separators=(",", ":")).encode()
    return body, signature(body, secret)


def signature(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
