"""A fake Bot API at the wire: what Telegram answers, and how it fails when told to.

with FakeTelegram() as telegram:
    telegram.says("Xin chào")                       # a customer writes; the next getUpdates brings it
    telegram.fail("sendMessage", 429, "Too Many Requests", retry_after=3)
    telegram.sent()                                 # what the bot sent, in order
"""

from __future__ import annotations

import re
import time
from itertools import count
from typing import Any

from flask import Response, jsonify

from tests.servers.fake import Call, FakeService

BOT_ID = 7100000042
TOKEN = f"{BOT_ID}:test-token-AAE_canary"
# What Telegram needs of a call, and of what type; anything else is its 400.
_NEEDED: dict[str, dict[str, type | tuple[type, ...]]] = {
    "sendLocation": {"latitude": (int, float), "longitude": (int, float)},
    "sendVenue": {"latitude": (int, float), "longitude": (int, float), "title": str, "address": str},
    "sendContact": {"phone_number": str, "first_name": str},
    "sendSticker": {"sticker": str},
}
_SENDING = (
    "sendMessage", "sendPhoto", "sendDocument", "sendVideo", "sendAnimation", "sendVoice", "sendAudio", "sendMediaGroup",
    "editMessageText", "sendLocation", "sendVenue", "sendContact", "sendSticker",
)  # fmt: skip


class Method(Call):
    """One method the bot called."""

    @property
    def method(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def params(self) -> dict[str, Any]:
        return self.values

    @property
    def chat(self) -> str:
        return str(self.values.get("chat_id", ""))


class FakeTelegram(FakeService):
    call_class = Method

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.files: dict[str, bytes] = {}  # file_id -> content
        self.stickers: set[str] = set()  # ids of stickers the bot may send: those somebody sent to it
        self.webhook: dict[str, Any] = {}
        self.updates: list[dict[str, Any]] = []
        self._poll = 0  # number of the newest getUpdates; an older one that still waits gets 409
        self._message_ids, self._update_ids = count(1000), count(930000001)
        super().__init__()

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._poll += 1
            self._lock.notify_all()
        super().__exit__(*error)

    # --- what people do ---------------------------------------------------------------------------------------

    def push(self, **update: Any) -> dict[str, Any]:
        """Any update; `update_id` is added."""
        with self._lock:
            found = {"update_id": next(self._update_ids), **update}
            self.updates.append(found)
            self._lock.notify_all()
        return found

    def says(self, text: str = "", user: int = 5201001, name: str = "Lan", **more: Any) -> dict[str, Any]:
        """A customer writes to the bot in their private chat."""
        person = {"id": user, "is_bot": False, "first_name": name, "language_code": "vi"}
        message = self._message(user, **({"text": text} if text else {}), **more)
        return self.push(message={**message, "from": person})

    def sends_sticker(self, file_id: str, emoji: str = "👍", user: int = 5201001) -> dict[str, Any]:
        self.stickers.add(file_id)
        self.files.setdefault(file_id, b"RIFF")
        about = {"file_id": file_id, "file_unique_id": f"u-{file_id}", "file_size": 4, "width": 512, "height": 512}
        kind = {"type": "regular", "is_animated": False, "is_video": False}
        return self.says(user=user, sticker={**about, **kind, "emoji": emoji})

    def taps(self, data: str, user: int = 5201001, message_id: int = 1000) -> dict[str, Any]:
        """A customer taps an inline button."""
        person = {"id": user, "is_bot": False, "first_name": "Lan", "language_code": "vi"}
        message = {**self._message(user, text="?"), "message_id": message_id, "from": self.bot}
        query = {"id": str(next(self._message_ids)), "from": person, "message": message, "chat_instance": "-1"}
        return self.push(callback_query={**query, "data": data})

    # --- how it fails -----------------------------------------------------------------------------------------

    def fail(  # type: ignore[override]
        self, method: str, status: int, description: str = "", times: int = 1, **parameters: Any
    ) -> None:
        body = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
        super().fail(method, status, body, times)

    # --- what arrived -----------------------------------------------------------------------------------------

    def sent(self, user: int | None = None) -> list[Call]:
        """Everything a customer would see, in order."""
        return [c for c in self.calls if c.method in _SENDING and (user is None or c.chat == str(user))]

    # --- the server -------------------------------------------------------------------------------------------

    @property
    def bot(self) -> dict[str, Any]:
        return {
            "id": int(self.token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Sao Mai Shop",
            "username": "saomai_cskh_bot",
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def name_of(self, call: Call) -> str:
        return call.path.rpartition("/")[2] if call.path.startswith("/bot") else call.path

    def answer(self, call: Call) -> Any:
        area, _, rest = call.path.lstrip("/").partition("/")
        if area == "file":
            return self._file(*rest.removeprefix("bot").split("/", 1))
        if area != f"bot{self.token}":
            return jsonify(ok=False, error_code=401, description="Unauthorized"), 401
        if rest == "getUpdates":
            return self._get_updates(call.values)
        wrong = self._wrong(rest, call.values)
        if wrong:
            return jsonify(ok=False, error_code=400, description=f"Bad Request: {wrong}"), 400
        with self._lock:
            made = jsonify(ok=True, result=self._result(rest, call.values))
            self._lock.notify_all()
        return made

    def _wrong(self, method: str, params: dict[str, Any]) -> str:
        """What Telegram would say of a place, a contact or a sticker that is not one."""
        for name, type_ in _NEEDED.get(method, {}).items():
            if not isinstance(params.get(name), type_) or params[name] == "":
                return f"parameter {name} is required"
        if not -90 <= params.get("latitude", 0) <= 90 or not -180 <= params.get("longitude", 0) <= 180:
            return "wrong latitude or longitude specified"
        if method == "sendContact" and not re.fullmatch(r"\+?\d{5,15}", params["phone_number"]):
            return "phone number invalid"
        if method == "sendSticker" and params["sticker"] not in self.stickers:
            return "wrong file identifier/HTTP URL specified"
        return ""

    def _file(self, token: str, path: str) -> Response:
        file_id = path.partition("/")[2]
        if token != self.token or file_id not in self.files:
            return Response(status=404)
        return Response(self.files[file_id])

    def _get_updates(self, params: dict[str, Any]) -> Any:
        if self.webhook.get("url"):
            text = "Conflict: can't use getUpdates method while webhook is active"
            return jsonify(ok=False, error_code=409, description=text), 409
        offset = int(params.get("offset", 0))
        with self._lock:
            self._poll += 1
            mine = self._poll
            self._lock.notify_all()
            self.updates = [u for u in self.updates if u["update_id"] >= offset]
            wait_s = min(float(params.get("timeout", 0)), 50)
            self._lock.wait_for(lambda: self.updates or self._poll != mine, timeout=wait_s)
            if self._poll != mine:
                text = "Conflict: terminated by other getUpdates request"
                return jsonify(ok=False, error_code=409, description=text), 409
            return jsonify(ok=True, result=self.updates[: int(params.get("limit", 100))])

    def _result(self, method: str, params: dict[str, Any]) -> Any:
        if method == "getMe":
            return self.bot
        if method in ("setWebhook", "deleteWebhook"):
            self.webhook = params if method == "setWebhook" else {}
            return True
        if method == "getWebhookInfo":
            waiting = len(self.updates)
            return {
                "url": self.webhook.get("url", ""),
                "has_custom_certificate": False,
                "pending_update_count": waiting,
            }
        if method == "getFile":
            file_id = str(params["file_id"])
            size = len(self.files.get(file_id, b""))
            return {"file_id": file_id, "file_unique_id": "u", "file_size": size, "file_path": f"documents/{file_id}"}
        if method == "sendMediaGroup":
            return [{**self._message(params["chat_id"]), "from": self.bot} for _ in params["media"]]
        if method in _SENDING:
            text = {"text": params["text"]} if "text" in params else {}
            return {**self._message(params.get("chat_id", 1), **text), "from": self.bot}
        return True

    def _message(self, chat: Any, **more: Any) -> dict[str, Any]:
        kind = "private" if int(chat) > 0 else "supergroup"
        where = {"id": int(chat), "type": kind, "first_name": "Lan"}
        return {"message_id": next(self._message_ids), "date": int(time.time()), "chat": where, **more}
