"""One message out: text in parts, then pictures and files one by one; survey questions with buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from connectors.contract import (
    ConnectorError,
    Outbound,
    OutcomeUnknown,
    OutFile,
    PermanentFailure,
    Receipt,
    SurveyAsk,
    TemporaryFailure,
)
from connectors.parts import cut
from connectors.zalo.api import ZaloApi

MAX_TEXT = 2000
MAX_BUTTONS = 5
MAX_TITLE = 100
_MB = 1024 * 1024
# Upload address, types and the largest size Zalo takes there.
_UPLOADS = (
    ("image", frozenset({"image/jpeg", "image/png"}), _MB),
    ("gif", frozenset({"image/gif"}), 5 * _MB),
    ("file", frozenset({"application/pdf", "application/msword",
                        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}), 5 * _MB),
)  # fmt: skip

Step = Callable[[], dict[str, Any]]


def send(api: ZaloApi, outbound: Outbound, *, ask_contact: bool = False) -> Receipt:
    """Raises OutcomeUnknown also when an earlier part went out and a later one did not: a repeat would double it."""
    for file in outbound.files:
        _kind(file)  # before anything leaves
    sent: list[str] = []
    steps = list(_steps(api, outbound))
    for step in steps:
        try:
            made = step()
        except (TemporaryFailure, PermanentFailure) as error:
            if not sent:
                raise
            raise OutcomeUnknown(f"{len(sent)} of {len(steps)} parts arrived; then: {error}") from error
        sent.append(str(made.get("message_id") or ""))
    if not sent:
        raise PermanentFailure("There is nothing in this message that Zalo could carry.")
    if ask_contact:
        with suppress(ConnectorError):  # nice to have: the message itself is there
            sent.append(str(api.send(contact_form(outbound)).get("message_id") or ""))
    return Receipt(external_id=sent[0], external_ids=tuple(sent))


def _steps(api: ZaloApi, outbound: Outbound) -> Iterator[Step]:
    """As few messages as possible: Zalo counts them (8 without an answer in 48 hours)."""
    recipient = {"user_id": outbound.to[0].value}

    def message(content: dict[str, Any]) -> Step:
        return lambda: api.send({"recipient": recipient, "message": content})

    if outbound.survey:
        yield message(question(outbound.survey))
        return
    quote = {"quote_message_id": outbound.reply_to_external_id} if outbound.reply_to_external_id else {}
    parts, files = cut(outbound.text.strip(), MAX_TEXT), list(outbound.files)
    if files and len(parts) == 1 and _kind(files[0]) != "file":
        yield _file_step(api, recipient, files.pop(0), {"text": parts.pop(), **quote})
    for part in parts:
        yield message({"text": part, **quote})
        quote = {}
    for file in files:
        yield _file_step(api, recipient, file, {})


def contact_form(outbound: Outbound) -> dict[str, Any]:
    """Zalo's own form: what they enter comes back as an event, and is theirs to give."""
    vietnamese = outbound.locale.startswith("vi")
    title = "Thông tin liên hệ" if vietnamese else "How to reach you"
    subtitle = (
        "Để chúng tôi gọi lại hoặc báo tin khi cần. Bạn có thể bỏ qua."
        if vietnamese
        else "So that we can call back or tell you when it matters. You need not."
    )
    element = {"title": title, "subtitle": subtitle}
    payload = {"template_type": "request_user_info", "elements": [element]}
    message = {"attachment": {"type": "template", "payload": payload}}
    return {"recipient": {"user_id": outbound.to[0].value}, "message": message}


def question(ask: SurveyAsk) -> dict[str, Any]:
    """With buttons that send their payload as a message nobody sees; too many choices for buttons: the survey's page."""
    if len(ask.choices) > MAX_BUTTONS:
        return {"text": f"{ask.question}\n{ask.url}"}
    buttons = [
        {"title": label[:MAX_TITLE], "type": "oa.query.hide", "payload": f"csat:{ask.token}:{score}"}
        for score, label in ask.choices
    ]
    return {"text": ask.question, "attachment": {"type": "template", "payload": {"buttons": buttons}}}


def _kind(file: OutFile) -> str:
    for kind, types, most in _UPLOADS:
        if file.content_type in types:
            if file.size_bytes > most:
                raise PermanentFailure(f"{file.filename} is larger than {most // _MB} MB, the most Zalo takes.")
            return kind
    raise PermanentFailure(
        f"Zalo takes JPEG, PNG and GIF pictures, PDF and Word files; {file.filename} is none of them."
    )


def _file_step(api: ZaloApi, recipient: dict[str, str], file: OutFile, words: dict[str, Any]) -> Step:
    def step() -> dict[str, Any]:
        kind = _kind(file)
        found = api.upload(kind, file.filename, file.read(), file.content_type)
        if kind == "file":
            attachment: dict[str, Any] = {"type": "file", "payload": {"token": found.get("token")}}
        else:
            element = {"media_type": kind, "attachment_id": found.get("attachment_id")}
            attachment = {"type": "template", "payload": {"template_type": "media", "elements": [element]}}
        return api.send({"recipient": recipient, "message": {**words, "attachment": attachment}})

    return step
