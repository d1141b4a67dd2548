"""One message out: text in parts, files as an album or one by one, survey buttons, thanks after a rating."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from connectors.contract import (
    Contact,
    InboundRating,
    Outbound,
    OutcomeUnknown,
    OutFile,
    PermanentFailure,
    Place,
    Receipt,
    Shared,
    TemporaryFailure,
)
from connectors.telegram.bot_api import BadRequest, BotApi, Migrated, Upload
from connectors.telegram.compose import (
    MAX_CAPTION,
    Formatted,
    formatted,
    reason_keyboard,
    split,
    survey_keyboard,
    units,
)

MAX_UPLOAD_BYTES = 50 * 1024 * 1024
MAX_PHOTO_BYTES = 10 * 1024 * 1024
ALBUM = 10
# What Telegram plays or shows in place, in the order it is sent; anything else, or larger, is a document.
_SHOWN = {
    "image/jpeg": "photo", "image/png": "photo", "image/webp": "photo", "video/mp4": "video", "image/gif": "animation",
    "audio/ogg": "voice", "audio/mpeg": "audio", "audio/mp4": "audio", "audio/x-m4a": "audio",
}  # fmt: skip
_MOST = {"photo": MAX_PHOTO_BYTES, "voice": 1024 * 1024}
_ORDER = ("photo", "video", "animation", "voice", "audio", "document")
_IN_ALBUMS = frozenset({"photo", "video", "audio", "document"})

Call = Callable[[int], list[Any]]  # chat id -> the messages Telegram made of it


def send(api: BotApi, outbound: Outbound) -> Receipt:
    """Raises OutcomeUnknown also when an earlier part went out and a later one did not: a repeat would double it."""
    first = chat_id = _chat_id(outbound)
    for file in outbound.files:
        if file.size_bytes > MAX_UPLOAD_BYTES:
            raise PermanentFailure(f"{file.filename} is larger than 50 MB, the most Telegram takes.")
    calls = list(_calls(api, outbound))
    if not calls:
        raise PermanentFailure("There is nothing in this message that Telegram could carry.")
    sent: list[str] = []
    for number, call in enumerate(calls):
        try:
            chat_id, made = _following(call, chat_id)
        except (TemporaryFailure, BadRequest) as error:
            if not sent:
                raise
            raise OutcomeUnknown(f"{number} of {len(calls)} parts arrived; then: {error}") from error
        sent += [f"{chat_id}:{message['message_id']}" for message in made]
    moved = None if chat_id == first else replace(outbound.to[0], value=str(chat_id))
    return Receipt(external_id=sent[0], external_ids=tuple(sent), moved_to=moved)


def settle(api: BotApi, rating: InboundRating, thanks: str, ask_why: Sequence[tuple[str, str]]) -> None:
    """Takes the waiting sign off the button, and puts thanks and reasons where the question stood."""
    query_id, _, place = rating.callback_id.partition(":")
    chat_id, _, message_id = place.partition(":")
    _unless_stale(lambda: api.call("answerCallbackQuery", {"callback_query_id": query_id, "text": thanks[:200]}))
    if chat_id and message_id:
        changed = {
            "chat_id": int(chat_id),
            "message_id": int(message_id),
            "text": thanks,
            "reply_markup": reason_keyboard(rating.token, ask_why),
        }
        _unless_stale(lambda: api.call("editMessageText", changed))


def _unless_stale(call: Callable[[], Any]) -> None:
    try:
        call()
    except BadRequest:
        # A tap older than some minutes, or thanks that stand there already: both are fine.
        return


def _chat_id(outbound: Outbound) -> int:
    try:
        return int(outbound.to[0].value)
    except (IndexError, ValueError):
        raise PermanentFailure("This is not a Telegram chat.", address_dead=True) from None


def _following(call: Call, chat_id: int) -> tuple[int, list[Any]]:
    """Makes one call, once more at the new address when the group has moved."""
    try:
        return chat_id, _messages(call(chat_id))
    except Migrated as moved:
        return moved.chat_id, _messages(call(moved.chat_id))


def _messages(made: Any) -> list[Any]:
    good = isinstance(made, list) and made and all(isinstance(m, dict) and "message_id" in m for m in made)
    if not good:
        raise OutcomeUnknown("Telegram's answer could not be read; the message may have arrived.")
    return list(made)


def _calls(api: BotApi, outbound: Outbound) -> Iterator[Call]:
    """As few calls as possible: each one more is a place where half a message can get stuck."""
    common = {"reply_parameters": _reply_to(outbound)}
    if outbound.survey:
        keyboard = survey_keyboard(outbound.survey)
        yield _text_call(api, Formatted(outbound.survey.question), common | {"reply_markup": keyboard})
        return
    yield from _said(api, outbound, common)
    if outbound.shared:
        alone = not outbound.text and not outbound.files
        yield _shared_call(api, outbound.shared, common if alone else {})


def _said(api: BotApi, outbound: Outbound, common: dict[str, Any]) -> Iterator[Call]:
    message = formatted(outbound.text, outbound.html)
    if outbound.files and units(message.text) <= MAX_CAPTION:
        yield from _file_calls(api, outbound.files, message, common)
        return
    for part in split(message):
        yield _text_call(api, part, common)
        common = {}
    yield from _file_calls(api, outbound.files, Formatted(""), {})


def _shared_call(api: BotApi, shared: Shared, common: dict[str, Any]) -> Call:
    method, params = _drawn(shared)
    return lambda chat_id: [api.call(method, common | params | {"chat_id": chat_id}, sends=True)]


def _drawn(shared: Shared) -> tuple[str, dict[str, Any]]:
    if isinstance(shared, Place):
        spot = {"latitude": shared.latitude, "longitude": shared.longitude}
        if not shared.title:
            return "sendLocation", spot
        # Telegram shows a name only together with an address.
        return "sendVenue", spot | {"title": shared.title, "address": shared.address or shared.title}
    if isinstance(shared, Contact):
        return "sendContact", {"phone_number": shared.phone, "first_name": shared.name}
    return "sendSticker", {"sticker": shared.ref}


def _reply_to(outbound: Outbound) -> dict[str, Any] | None:
    chat, _, message_id = outbound.reply_to_external_id.rpartition(":")
    if not message_id.isdecimal() or not outbound.to or chat != outbound.to[0].value:
        return None
    return {"message_id": int(message_id), "allow_sending_without_reply": True}


def _text_call(api: BotApi, part: Formatted, common: dict[str, Any]) -> Call:
    params = common | {"text": part.text, "link_preview_options": {"is_disabled": True}}
    entities = part.entities()

    def call(chat_id: int) -> list[Any]:
        request = params | {"chat_id": chat_id}
        try:
            return [api.call("sendMessage", request | ({"entities": entities} if entities else {}), sends=True)]
        except BadRequest as error:
            if not entities or "entit" not in str(error).lower():
                raise
            return [api.call("sendMessage", request, sends=True)]

    return call


# --- files ---------------------------------------------------------------------------------------------------


def _file_calls(api: BotApi, files: Sequence[OutFile], caption: Formatted, common: dict[str, Any]) -> Iterator[Call]:
    """An album holds files of one kind; the caption stands on the first file."""
    for group in _groups(files):
        yield _album_call(api, group, caption, common) if len(group) > 1 else _one_call(api, group[0], caption, common)
        caption, common = Formatted(""), {}


def _groups(files: Sequence[OutFile]) -> Iterator[list[OutFile]]:
    for kind in _ORDER:
        alike, together = [file for file in files if _kind(file) == kind], ALBUM if kind in _IN_ALBUMS else 1
        for start in range(0, len(alike), together):
            yield alike[start : start + together]


def _kind(file: OutFile) -> str:
    kind = _SHOWN.get(file.content_type.partition(";")[0].strip().lower(), "document")
    return kind if file.size_bytes <= _MOST.get(kind, MAX_UPLOAD_BYTES) else "document"


def _upload(field: str, file: OutFile) -> Upload:
    return field, (file.filename, file.read(), file.content_type)


def _caption(caption: Formatted) -> dict[str, Any]:
    if not caption.text:
        return {}
    return {"caption": caption.text, "caption_entities": caption.entities()}


def _one_call(api: BotApi, file: OutFile, caption: Formatted, common: dict[str, Any]) -> Call:
    def send_as(kind: str, chat_id: int) -> list[Any]:
        params = common | _caption(caption) | {"chat_id": chat_id}
        return [api.call(f"send{kind.capitalize()}", params, [_upload(kind, file)], sends=True)]

    def call(chat_id: int) -> list[Any]:
        kind = _kind(file)
        try:
            return send_as(kind, chat_id)
        except BadRequest:
            # Odd pictures (very long or wide) and films of another make are refused as such and taken as documents.
            if kind == "document":
                raise
            return send_as("document", chat_id)

    return call


def _album_call(api: BotApi, files: Sequence[OutFile], caption: Formatted, common: dict[str, Any]) -> Call:
    kind = _kind(files[0])

    def call(chat_id: int) -> list[Any]:
        media: list[dict[str, Any]] = [{"type": kind, "media": f"attach://f{n}"} for n in range(len(files))]
        media[0] |= _caption(caption)
        uploads = [_upload(f"f{n}", file) for n, file in enumerate(files)]
        made: list[Any] = api.call("sendMediaGroup", common | {"chat_id": chat_id, "media": media}, uploads, sends=True)
        return made

    return call
