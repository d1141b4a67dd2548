"""An answer on its way to the company's server: one signed POST; a repeat carries the same webhook-id."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import (
    ChannelConfig,
    Outbound,
    OutFile,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
)
from connectors.signatures import signed
from connectors.web import Web

ANSWER_S = 20.0
MAX_FILES_BYTES = 10 * 1024 * 1024
_WRONG = {
    400: "Your server did not understand the message.",
    409: "Your server refused the message.",
    410: "Your server says that this user is gone.",
    413: "The message is too large for your server.",
    422: "Your server refused the message.",
}


def send(config: ChannelConfig, outbound: Outbound) -> Receipt:
    """The receipt's id is what a status call names. Raises TemporaryFailure, PermanentFailure or OutcomeUnknown."""
    if not outbound.to:
        raise PermanentFailure("There is nobody to send this to.")
    if sum(file.size_bytes for file in outbound.files) > MAX_FILES_BYTES:
        raise PermanentFailure("The files are larger than 10 MB together.")
    data: dict[str, Any] = {
        "id": str(outbound.delivery_id),
        "user": {"id": outbound.to[0].value, "name": outbound.to[0].name},
        "ticket": outbound.ticket_number,
        "author": outbound.sender_name,
        "automatic": outbound.automatic,
        "subject": outbound.subject,
        "text": outbound.text,
        "html": outbound.html,
        "locale": outbound.locale,
        "reply_to": outbound.reply_to_external_id or None,
        "files": [_file(file) for file in outbound.files],
    }
    _post(config, f"msg_{config.key}_{outbound.delivery_id}", "message.created", data, sends=True)
    return Receipt(external_id=str(outbound.delivery_id))


def test(config: ChannelConfig) -> None:
    """Posts {"type": "test"}; raises like `send`."""
    _post(config, f"test_{int(datetime.now(UTC).timestamp())}", "test", {}, sends=False)


def _file(file: OutFile) -> Mapping[str, Any]:
    return {
        "filename": file.filename,
        "content_type": file.content_type,
        "size_bytes": file.size_bytes,
        "data": base64.b64encode(file.read()).decode(),
    }


def _post(config: ChannelConfig, id_: str, kind: str, data: Mapping[str, Any], *, sends: bool) -> None:
    url, secret = str(config.get("webhook_url")).strip(), str(config.get("webhook_secret"))
    if not url or not secret:
        raise PermanentFailure("The address to post answers to, or its signing secret, is missing.")
    body = json.dumps({"type": kind, "timestamp": datetime.now(UTC).isoformat(), "data": data}).encode()
    parts = urlsplit(url)
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    with Web("your server", f"{parts.scheme}://{parts.netloc}", config.allow_private) as web:
        answer = web.request(
            "POST", path, sends=sends, answer_s=ANSWER_S, headers=signed(secret, id_, body), content=body
        )
    status = answer[0] if answer is not None else 200
    if 200 <= status < 300:
        return
    if status in _WRONG:
        raise PermanentFailure(_WRONG[status], address_dead=status == 410)
    if status == 429:
        raise TemporaryFailure("Your server asks to wait: too many messages.", retry_after=30)
    if 300 <= status < 400:
        raise TemporaryFailure("Your server sends us on to another address; give the final one in the settings.")
    raise TemporaryFailure(f"Your server answered {status}.")
