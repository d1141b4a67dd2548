"""The webhook door: the challenge that proves the address is ours, the signature, and one raw for each event."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

from connectors.contract import Accepted, ChannelConfig, Raw, Refused, WebRequest
from connectors.payloads import digest, id_of, many, pick

MAX_CALL_BYTES = 2 * 1024 * 1024

Named = Callable[[dict[str, Any]], str]


def challenge(request: WebRequest, config: ChannelConfig) -> Accepted:
    """Meta asks once whether the address is ours; the answer changes nothing here."""
    token, given = str(config.get("verify_token")), request.query.get("hub.verify_token", "")
    right = bool(token) and hmac.compare_digest(token.encode(), given.encode("utf-8", "replace"))
    answer = request.query.get("hub.challenge", "")
    if request.query.get("hub.mode") != "subscribe" or not right or not answer.isalnum() or len(answer) > 200:
        raise Refused(403, "The verify token is wrong.")
    return Accepted(body=answer)


def verified(request: WebRequest, config: ChannelConfig, what: str) -> dict[str, Any]:
    """The call's content, once the signature over the bytes as they came is right. `what`: its "object"."""
    secret = str(config.get("app_secret"))
    if not secret:
        raise Refused(401, "This channel has no app secret yet.")
    if len(request.body) > MAX_CALL_BYTES:
        raise Refused(413, "The call is too large.")
    given = request.headers.get("x-hub-signature-256", "").encode("utf-8", "replace")
    if not hmac.compare_digest(signature(request.body, secret).encode(), given):
        raise Refused(401, "The signature is wrong or missing.")
    try:
        call = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not valid JSON.") from None
    if not isinstance(call, dict) or not isinstance(call.get("entry"), list):
        raise Refused(400, "The body is not a call of Meta.")
    return call if call.get("object") == what else {"entry": []}


def signature(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def messaging_raws(call: dict[str, Any], account: str) -> Iterator[Raw]:
    """Calls are batches, and a repeated call may be cut differently: each event is stored by its own name."""
    for entry in call["entry"]:
        if not isinstance(entry, dict) or id_of(entry.get("id")) != account:
            continue  # an app's calls tell of all its pages
        for event in [*many(entry, "messaging"), *many(entry, "standby")]:
            yield _raw("messaging", call, entry, event, message_name(event))
        for change in many(entry, "changes"):
            yield _raw("changes", call, entry, change, "")


def _raw(key: str, call: dict[str, Any], entry: dict[str, Any], event: Any, name: str) -> Raw:
    about = {k: entry[k] for k in ("id", "time") if k in entry}
    body = json.dumps({"object": call.get("object"), "entry": [{**about, key: [event]}]}, ensure_ascii=True).encode()
    content = json.dumps(event, sort_keys=True).encode()
    return Raw(name or f"{key}:{digest(content)}", body, "application/json")


def message_name(event: Any) -> str:
    """A message is named by its id; what else happens has no id of its own."""
    message = pick(event, "message")
    mid = id_of(message.get("mid"))
    return f"mid:{mid}" if mid and not message.get("is_deleted") else ""
