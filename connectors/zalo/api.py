"""Zalo's Open API for one Official Account: calls with a token that is renewed when it must be."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.contract import ChannelConfig, OutcomeUnknown, PermanentFailure, TemporaryFailure
from connectors.web import Web
from connectors.zalo.codes import EXPIRED, failure

API_BASE = "https://openapi.zalo.me"
OAUTH_BASE = "https://oauth.zaloapp.com"
UPLOAD_S = 120.0
RENEW_BEFORE_S = 900.0  # a token that ends so soon is renewed first
CONNECT_AGAIN = "Zalo no longer accepts the refresh token. Get a new one and enter it in the channel's settings."


class ZaloApi:
    """One Official Account's API, as a context manager."""

    def __init__(self, config: ChannelConfig) -> None:
        self._config = config
        self._web = Web("Zalo", str(config.get("api_base", API_BASE)), config.allow_private)

    def __enter__(self) -> ZaloApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def get(self, path: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
        query = f"?data={quote(json.dumps(dict(data), separators=(',', ':')))}" if data else ""
        return self._call("GET", path + query)

    def send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One consultation message; the answer's `data`. Raises OutcomeUnknown when the answer was lost."""
        return self._call("POST", "v3.0/oa/message/cs", sends=True, json=dict(body))

    def upload(self, kind: str, name: str, content: bytes, content_type: str) -> dict[str, Any]:
        """`kind`: image, gif or file; the answer holds `attachment_id` or `token`."""
        files = {"file": (name, content, content_type)}
        return self._call("POST", f"v2.0/oa/upload/{kind}", answer_s=UPLOAD_S, files=files)

    def _call(self, verb: str, path: str, **request: Any) -> dict[str, Any]:
        used = access_token(self._config)
        code, said, data = self._once(verb, path, used, **request)
        if code in EXPIRED:  # refused before anything was done, so once more is safe
            code, said, data = self._once(verb, path, access_token(self._config, not_this=used), **request)
        if code:
            raise failure(code, said)
        return data

    def _once(self, verb: str, path: str, token: str, **request: Any) -> tuple[int, str, dict[str, Any]]:
        answer = self._web.request(verb, path, headers={"access_token": token}, **request)
        status, content = answer or (502, b"")
        if status == 429:
            return -32, "", {}
        if status >= 500:
            raise TemporaryFailure(f"Zalo has a problem of its own (HTTP {status}).")
        return _read(content, sends=bool(request.get("sends")))


def _read(content: bytes, *, sends: bool) -> tuple[int, str, dict[str, Any]]:
    """Code, words and data: Zalo answers 200 whether it worked or not."""
    try:
        answer = json.loads(content)
        code, said = int(answer["error"]), str(answer.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        if sends:
            raise OutcomeUnknown("Zalo's answer could not be read; the message may have arrived.") from None
        raise TemporaryFailure("Zalo's answer could not be read.") from None
    data = answer.get("data")
    return code, said, data if isinstance(data, dict) else {}


# --- the token -----------------------------------------------------------------------------------------------


def access_token(config: ChannelConfig, not_this: str = "") -> str:
    """A token that works for a while. Renewal uses the refresh token, which is good for one use: one process at a time,
    and the new pair is kept before anything else happens. `not_this`: Zalo just refused that one."""
    seed, vault = str(config.get("refresh_token")), config.vault
    if not seed or vault is None:
        raise PermanentFailure("The refresh token is missing; enter it in the channel's settings.", account=True)
    kept = vault.read(seed)
    if _good(kept, not_this):
        return kept["access_token"]
    with vault.alone():
        kept = vault.read(seed)  # somebody else may have renewed it while we waited
        if not _good(kept, not_this):
            kept = _renewed(config, kept.get("refresh_token") or seed)
            vault.keep(seed, kept)
    return kept["access_token"]


def _good(kept: Mapping[str, str], not_this: str) -> bool:
    fresh = float(kept.get("expires_at", 0)) - RENEW_BEFORE_S > time.time()
    return bool(kept.get("access_token")) and fresh and kept["access_token"] != not_this


def _renewed(config: ChannelConfig, refresh_token: str) -> dict[str, str]:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "app_id": str(config.get("app_id")),
    }
    headers = {"secret_key": str(config.get("app_secret"))}
    with Web("Zalo", str(config.get("oauth_base", OAUTH_BASE)), config.allow_private) as web:
        answer = web.request("POST", "v4/oa/access_token", headers=headers, data=form)
    status, content = answer or (502, b"")
    if status >= 500 or status == 429:
        raise TemporaryFailure(f"Zalo does not renew the access right now (HTTP {status}).")
    try:
        found = json.loads(content)
        if not found.get("access_token"):
            raise PermanentFailure(CONNECT_AGAIN, account=True)
        lives_s = float(found.get("expires_in") or 3600)  # may be text
        return {
            "access_token": str(found["access_token"]),
            "refresh_token": str(found["refresh_token"]),
            "expires_at": str(time.time() + lives_s),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PermanentFailure(CONNECT_AGAIN, account=True) from None


__all__ = ["API_BASE", "OAUTH_BASE", "ZaloApi", "access_token"]
