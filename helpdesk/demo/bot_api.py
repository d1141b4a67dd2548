"""A pretended Telegram: a Bot API server on this machine whose only users are visitors of the demo.

The helpdesk's own long poll and sending talk to it as they would to Telegram. `demo.*` methods are the other end:
what a person's Telegram would do. The bot's token guards both.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from helpdesk.demo import ports, shop

MAX_BODY_BYTES = 25 * 1024 * 1024
LONGEST_POLL_S = 50.0
KEPT = 200  # messages of one chat


class _Quiet(WSGIRequestHandler):
    """Without an access log: its lines would hold the token."""

    def log(self, *_: object) -> None:
        pass


class Telegram:
    """Chats and waiting updates, kept in one JSON file from start to start."""

    def __init__(self, token: str, place: Path) -> None:
        self.token, self.place = token, place
        self._changed = threading.Condition()
        self._updates: list[dict[str, Any]] = []
        self._poll = 0
        # Always above those of an earlier run, as the helpdesk remembers them.
        self._update_ids, self._message_ids = count(int(time.time() * 10)), count(int(time.time()) - 1_600_000_000)
        self._chats: dict[str, dict[str, Any]] = self._load()

    # --- kept -------------------------------------------------------------------------------------------------

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            return dict(json.loads((self.place / "chats.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def _keep(self) -> None:
        temporary = self.place / "chats.json.new"
        temporary.write_text(json.dumps(self._chats, ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, self.place / "chats.json")

    def _chat(self, chat_id: Any) -> dict[str, Any]:
        chat: dict[str, Any] = self._chats.setdefault(str(int(chat_id)), {"name": "", "username": "", "messages": []})
        return chat

    def _show(self, chat_id: Any, **message: Any) -> dict[str, Any]:
        """Put a message into a chat's window."""
        shown = {"message_id": next(self._message_ids), "date": int(time.time()), **message}
        chat = self._chat(chat_id)
        chat["messages"] = [*chat["messages"], shown][-KEPT:]
        self._keep()
        self._changed.notify_all()
        return shown

    def _push(self, **update: Any) -> None:
        self._updates.append({"update_id": next(self._update_ids), **update})
        self._changed.notify_all()

    # --- the web ----------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        request.max_content_length = MAX_BODY_BYTES
        try:
            response = self._answer(request)
        except HTTPException as error:
            body = {"ok": False, "error_code": error.code, "description": error.description}
            response = Response(json.dumps(body), error.code, mimetype="application/json")
        except (KeyError, ValueError, TypeError) as error:
            body = {"ok": False, "error_code": 400, "description": f"Bad Request: {type(error).__name__}"}
            response = Response(json.dumps(body), 400, mimetype="application/json")
        return response(environ, start)

    def _answer(self, request: Request) -> Response:
        parts = unquote(request.path).lstrip("/").split("/")
        if parts[0] == "file":
            return self._file(parts[1:])
        if parts[0] != f"bot{self.token}" or len(parts) != 2:
            raise Unauthorized("Unauthorized")
        params, files = _read(request)
        if parts[1] == "getUpdates":
            return _ok(self._get_updates(params))
        with self._changed:
            return _ok(self._method(parts[1])(params, files))

    def _method(self, name: str) -> Callable[[dict[str, Any], dict[str, tuple[str, bytes]]], Any]:
        found = getattr(self, "do_" + name.replace(".", "_"), None)
        if found is None:
            raise NotFound("Not Found: method not found")
        method: Callable[[dict[str, Any], dict[str, tuple[str, bytes]]], Any] = found
        return method

    def _file(self, parts: list[str]) -> Response:
        if len(parts) != 3 or parts[0] != f"bot{self.token}" or not parts[2].isalnum():
            raise NotFound("Not Found")
        path = self.place / "files" / parts[2]
        if not path.exists():
            raise NotFound("Not Found")
        return Response(path.read_bytes(), mimetype="application/octet-stream")

    def _get_updates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        offset, wait_s = int(params.get("offset", 0)), min(float(params.get("timeout", 0)), LONGEST_POLL_S)
        with self._changed:
            self._poll += 1
            mine = self._poll
            self._changed.notify_all()
            self._updates = [u for u in self._updates if u["update_id"] >= offset]
            self._changed.wait_for(lambda: self._updates or self._poll != mine, timeout=wait_s)
            return self._updates[: int(params.get("limit", 100))] if self._poll == mine else []

    # --- what the bot may do ----------------------------------------------------------------------------------

    def do_getMe(self, params: Any, files: Any) -> Any:
        return {
            "id": int(self.token.partition(":")[0]),
            "is_bot": True,
            "first_name": shop.BOT_NAME,
            "username": shop.BOT_USERNAME,
            "can_join_groups": False,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def do_getWebhookInfo(self, params: Any, files: Any) -> Any:
        return {"url": "", "has_custom_certificate": False, "pending_update_count": len(self._updates)}

    def do_sendChatAction(self, params: Any, files: Any) -> Any:
        self._chat(params["chat_id"])["typing_at"] = time.time()
        return True

    def do_sendMessage(self, params: Any, files: Any) -> Any:
        shown = self._show(
            params["chat_id"],
            who="bot",
            text=str(params["text"]),
            entities=params.get("entities") or [],
            buttons=_buttons(params),
        )
        return self._as_message(params["chat_id"], shown)

    def do_editMessageText(self, params: Any, files: Any) -> Any:
        for shown in self._chat(params["chat_id"])["messages"]:
            if shown["message_id"] == int(params["message_id"]):
                shown.update(text=str(params["text"]), entities=params.get("entities") or [], buttons=_buttons(params))
                self._keep()
                return self._as_message(params["chat_id"], shown)
        raise ValueError("message to edit not found")

    def do_sendPhoto(self, params: Any, files: Any) -> Any:
        return self._send_file(params, files, "photo")

    def do_sendDocument(self, params: Any, files: Any) -> Any:
        return self._send_file(params, files, "document")

    def do_sendMediaGroup(self, params: Any, files: Any) -> Any:
        made = []
        for item in params["media"]:
            name = str(item["media"]).removeprefix("attach://")
            one = {"chat_id": params["chat_id"], "caption": item.get("caption", ""), item["type"]: f"attach://{name}"}
            made.append(self._send_file(one, {item["type"]: files[name]}, item["type"]))
        return made

    def do_answerCallbackQuery(self, params: Any, files: Any) -> Any:
        return True

    do_setWebhook = do_deleteWebhook = do_answerCallbackQuery

    def do_getFile(self, params: Any, files: Any) -> Any:
        file_id = str(params["file_id"])
        path = self.place / "files" / file_id
        if not file_id.isalnum() or not path.exists():
            raise ValueError("wrong file_id")
        size = path.stat().st_size
        return {"file_id": file_id, "file_unique_id": file_id, "file_size": size, "file_path": f"documents/{file_id}"}

    def _send_file(self, params: Any, files: Any, kind: str) -> Any:
        filename, data = files[kind]
        file = {"kind": kind, "name": filename, "id": self._put(data), "size": len(data)}
        shown = self._show(params["chat_id"], who="bot", text=str(params.get("caption", "")), entities=[], file=file)
        return self._as_message(params["chat_id"], shown)

    def _put(self, data: bytes) -> str:
        file_id = f"f{next(self._message_ids)}"
        folder = self.place / "files"
        folder.mkdir(exist_ok=True)
        (folder / file_id).write_bytes(data)
        return file_id

    def _as_message(self, chat_id: Any, shown: dict[str, Any]) -> dict[str, Any]:
        chat = self._chat(chat_id)
        where = {"id": int(chat_id), "type": "private", "first_name": chat["name"] or "?"}
        found = {"message_id": shown["message_id"], "date": shown["date"], "chat": where, "from": self.do_getMe({}, {})}
        return found | ({"text": shown["text"]} if shown.get("text") else {})

    # --- what a person does -----------------------------------------------------------------------------------

    def do_demo_say(self, params: Any, files: Any) -> Any:
        """A customer writes to the bot: `chat`, `name`, `text`, and perhaps a picture as the upload `photo`."""
        chat_id, chat, text = int(params["chat"]), self._chat(params["chat"]), str(params.get("text", ""))[:4000]
        chat["name"], chat["username"] = str(params.get("name", "")), str(params.get("username", ""))
        file: dict[str, Any] = {}
        if "photo" in files:
            filename, data = files["photo"]
            file = {"kind": "photo", "name": filename, "id": self._put(data), "size": len(data)}
        shown = self._show(chat_id, who="customer", text=text, entities=[], **({"file": file} if file else {}))
        found = self._as_message(chat_id, {k: v for k, v in shown.items() if k != "text"})
        found["from"] = self._writer(chat_id, str(params.get("language", "vi")))
        if file:
            size = {"file_id": file["id"], "file_unique_id": file["id"], "width": 640, "height": 480}
            found |= {"photo": [size | {"file_size": file["size"]}]} | ({"caption": text} if text else {})
        else:
            found["text"] = text
        self._push(message=found)
        return shown

    def do_demo_tap(self, params: Any, files: Any) -> Any:
        """A customer taps a button the bot had sent."""
        chat_id, data = int(params["chat"]), str(params["data"])
        for shown in self._chat(chat_id)["messages"]:
            if shown["message_id"] == int(params["message_id"]) and any(
                b["data"] == data for row in shown.get("buttons") or [] for b in row
            ):
                query = {"id": str(next(self._update_ids)), "from": self._writer(chat_id, "vi"), "data": data}
                self._push(callback_query={**query, "chat_instance": "1", "message": self._as_message(chat_id, shown)})
                return True
        raise ValueError("no such button")

    def do_demo_chat(self, params: Any, files: Any) -> Any:
        """What the customer's window shows."""
        return self._chat(params["chat"])

    def _writer(self, chat_id: int, language: str) -> dict[str, Any]:
        chat = self._chat(chat_id)
        first, _space, last = str(chat["name"] or "?").partition(" ")
        person = {"id": chat_id, "is_bot": False, "first_name": first, "language_code": language}
        person |= {"last_name": last} if last else {}
        return person | ({"username": chat["username"]} if chat["username"] else {})


def _buttons(params: dict[str, Any]) -> list[list[dict[str, str]]]:
    rows = (params.get("reply_markup") or {}).get("inline_keyboard") or []
    return [
        [
            {"text": str(b.get("text", "")), "data": str(b.get("callback_data", "")), "url": str(b.get("url", ""))}
            for b in row
        ]
        for row in rows
    ]


def _read(request: Request) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    """Parameters (JSON body, or form fields that may hold JSON) and uploads."""
    if request.mimetype == "application/json":
        return dict(request.get_json()), {}
    values = {**request.args, **request.form}
    files = {}
    for name, upload in request.files.items():
        files[name] = upload.filename or "file", upload.read()
        upload.close()
    return {key: _value(value) for key, value in values.items()}, files


def _value(value: str) -> Any:
    if value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _ok(result: Any) -> Response:
    return Response(json.dumps({"ok": True, "result": result}), mimetype="application/json")


class Server:
    """The server in a thread. Raises OSError when the port is taken."""

    def __init__(self, token: str, place: Path, port: int) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.telegram = Telegram(token, place)
        self._server = make_server(ports.HOST, port, self.telegram, threaded=True, request_handler=_Quiet)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(3)
