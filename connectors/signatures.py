"""Signing what we post to other programs (Standard Webhooks 1.0.0), so that they know it is from us and is no repeat."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time


def signed(secret: str, id_: str, body: bytes, at_s: int | None = None) -> dict[str, str]:
    """Headers for one attempt. `id_` stays the same over all attempts; the time is that of this one."""
    stamp = str(int(time.time()) if at_s is None else at_s)
    digest = hmac.new(key(secret), f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def key(secret: str) -> bytes:
    """`whsec_` and base64, or any other text as it is."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (ValueError, binascii.Error):
            pass
    return secret.encode()
