"""The Graph API: calls with a token in a header, and its errors in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from connectors.contract import ChannelConfig, ConnectorError, OutcomeUnknown, PermanentFailure, TemporaryFailure
from connectors.web import ANSWER_S, Web

API_BASE = "https://graph.facebook.com"
VERSION = "v25.0"
UPLOAD_S = 120.0
RATE_S = 60.0
RATES = frozenset({4, 17, 32, 613, 80006, 80007, 130429, 131048, 131056, 133016})
PASSING = frozenset({1, 2, 1200, 131000, 131016, 131057, 135000})

Upload = tuple[str, tuple[str, bytes, str]]  # form field, (file name, content, content type)


class Graph:
    """One account's Graph API, as a context manager. `name` stands in the sentences of errors."""

    def __init__(self, name: str, config: ChannelConfig) -> None:
        self._name, self._token = name, str(config.get("access_token"))
        if not self._token:
            raise PermanentFailure("The access token is missing; enter it in the channel's settings.", account=True)
        self._version = str(config.get("api_version", VERSION)).strip("/")
        self._web = Web(name, str(config.get("api_base", API_BASE)), config.allow_private)

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}

    def get(self, path: str, **query: str) -> dict[str, Any]:
        asked = f"?{urlencode(query)}" if query else ""
        return self._call("GET", path + asked)

    def post(
        self, path: str, body: Mapping[str, Any], uploads: Sequence[Upload] = (), *, sends: bool = False,
        answer_s: float = ANSWER_S,
    ) -> dict[str, Any]:  # fmt: skip
        """JSON, or a form when something is uploaded. A call that `sends` raises OutcomeUnknown when the answer was lost."""
        if not uploads:
            return self._call("POST", path, sends=sends, answer_s=answer_s, json=dict(body))
        fields = {k: v if isinstance(v, str) else json.dumps(v) for k, v in body.items()}
        return self._call("POST", path, sends=sends, answer_s=UPLOAD_S, data=fields, files=list(uploads))

    def _call(self, verb: str, path: str, *, sends: bool = False, **request: Any) -> dict[str, Any]:
        place = f"{self._version}/{quote(path, safe='/?=&%,.:_-')}"
        status, content = self._web.request(verb, place, sends=sends, headers=self.bearer, **request) or (502, b"")
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if status == 200 and isinstance(answer, dict) and "error" not in answer:
            return answer
        if status == 200 and sends and not isinstance(answer, dict):
            raise OutcomeUnknown(f"{self._name}'s answer could not be read; the message may have arrived.")
        raise self._failure(status, answer.get("error") if isinstance(answer, dict) else None)

    def _failure(self, status: int, error: Any) -> ConnectorError:
        error = error if isinstance(error, dict) else {}
        code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
        if status == 429 or code in RATES:
            return TemporaryFailure(f"{self._name} asks to wait: too many messages.", retry_after=RATE_S)
        known = plain(code, subcode)
        if known is not None:
            return known
        if status >= 500 or code in PASSING or not error:
            return TemporaryFailure(f"{self._name} has a problem of its own (HTTP {status}).")
        said = str(error.get("message") or "")[:200]
        return PermanentFailure(f"{self._name} refused ({code}): {said}" if said else f"{self._name} refused ({code}).")


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


_ACCOUNT = {
    190: "The access token has expired or was taken back; connect the account again.",
    102: "The access token has expired or was taken back; connect the account again.",
    131005: "The access token may not send; give it the permission.",
    368: "Meta has restricted this account for breaking its rules.",
    131031: "Meta has locked this WhatsApp account.",
    131042: "WhatsApp cannot charge this account; check the way of payment at Meta.",
}
_MESSAGE = {
    131026: "WhatsApp cannot deliver to this number: not on WhatsApp, an old app, or its terms not accepted.",
    131047: "More than 24 hours have passed since the customer wrote. Send a template, or use another channel.",
    131051: "WhatsApp does not take this kind of message.",
    131052: "WhatsApp could not take the file.",
    131053: "WhatsApp could not take the file.",
    131030: "This number is not among those the test number may write to.",
    131049: "WhatsApp held the message back: the customer gets enough messages of this kind already.",
    131050: "The customer wants no advertising from this account.",
    131062: "WhatsApp needs the customer's phone number for this message.",
    132000: "The template has another number of places than were filled.",
    132001: "There is no such template in this language, or it is not approved.",
    132005: "The template with its values is too long.",
    132007: "The template's content breaks WhatsApp's rules.",
    132012: "A value does not fit its place in the template.",
    132015: "The template is paused because customers complained of it.",
    132016: "The template was switched off because customers complained of it.",
}


WINDOW_OVER = "The time in which this customer may be answered is over; use another channel."
PAGE_HELD = "Facebook does not let this page send for the time being."
UNWILLING = "This person does not take messages from the page now."
NOBODY = "There is no such person or comment any more."
NO_PERMISSION = "Meta has not given this permission; check the app and its access token."
SENTENCES = (*_ACCOUNT.values(), *_MESSAGE.values(), WINDOW_OVER, PAGE_HELD, UNWILLING, NOBODY, NO_PERMISSION)


def plain(code: int, subcode: int = 0) -> PermanentFailure | None:
    """The error for a code that means something definite; None for all others."""
    if code == 10 and subcode == 2018278:
        return PermanentFailure(WINDOW_OVER)
    if code == 10 and subcode == 1893063:
        return PermanentFailure(PAGE_HELD, account=True)
    if code == 551 or subcode == 1545041:
        return PermanentFailure(UNWILLING, blocked=True)
    if code == 100 and subcode in (2018001, 33):
        return PermanentFailure(NOBODY)
    if code in _MESSAGE:
        return PermanentFailure(_MESSAGE[code])
    if code in _ACCOUNT:
        return PermanentFailure(_ACCOUNT[code], account=True)
    if code == 10 or 200 <= code <= 299:
        return PermanentFailure(NO_PERMISSION, account=True)
    return None
