"""One stored event of the WhatsApp Cloud API -> what happened. Pure.

People are known by the id WhatsApp gives them for this business (`VN.1349…`); their number may be hidden. Where it is
shown, it says which customer it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from connectors.contract import (
    Address,
    File,
    Inbound,
    InboundMessage,
    InboundRating,
    InboundRemoval,
    InboundReport,
    Unparseable,
)
from connectors.meta.graph import plain
from connectors.meta.messages import TAP
from connectors.payloads import BROKEN, address, digest, filename, id_of, load, many, moment, nfc, pick, text_of

KIND = "whatsapp"
_STATES = {"sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed"}
_NAMES = {
    "image": "image.jpg",
    "video": "video.mp4",
    "audio": "audio.ogg",
    "document": "document",
    "sticker": "sticker.webp",
}
_NUMBER = re.compile(r"\d{6,15}")


def changes(call: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Field and value of each change in a call."""
    for entry in many(call, "entry"):
        for change in many(entry, "changes"):
            yield text_of(change.get("field")), pick(change, "value")


def read(body: bytes, number_id: str) -> tuple[Inbound, ...]:
    call = load(body, "WhatsApp")
    if not isinstance(call.get("entry"), list):
        raise Unparseable("This is not an event of WhatsApp.")
    try:
        return tuple(thing for field, value in changes(call) for thing in _change(field, value, number_id))
    except BROKEN as error:
        raise Unparseable(f"The WhatsApp event could not be read ({type(error).__name__}).") from None


def _change(field: str, value: dict[str, Any], number_id: str) -> Iterator[Inbound]:
    if id_of(pick(value, "metadata").get("phone_number_id")) != number_id:
        return
    for status in many(value, "statuses"):
        yield from _status(status)
    if field == "messages":
        for message in many(value, "messages"):
            yield from _message(message, _who(message, many(value, "contacts"), number_id))
    for message in many(value, "message_echoes"):
        yield from _echo(message, number_id)


def _who(message: dict[str, Any], contacts: list[Any], number_id: str) -> tuple[Address, tuple[Address, ...]]:
    """The writer by their id, and by their number where it is shown."""
    contact: dict[str, Any] = next((c for c in contacts if isinstance(c, dict)), {})
    number = id_of(contact.get("wa_id")) or id_of(message.get("from"))
    user = id_of(contact.get("user_id")) or id_of(message.get("from_user_id")) or number
    if not user:
        raise Unparseable("The WhatsApp message names nobody.")
    profile = pick(contact, "profile")
    who = Address(KIND, user, number_id, nfc(profile.get("name")), nfc(profile.get("username"), 100))
    return who, (Address("phone", f"+{number}", name=who.name),) if _NUMBER.fullmatch(number) else ()


def _status(status: dict[str, Any]) -> Iterator[Inbound]:
    sent, state = id_of(status.get("id")), _STATES.get(text_of(status.get("status")))
    if not sent or state is None:
        return
    error: dict[str, Any] = next((e for e in many(status, "errors") if isinstance(e, dict)), {})
    reason = ""
    if state == "failed":
        known = plain(error["code"]) if isinstance(error.get("code"), int) else None
        said = text_of(pick(error, "error_data").get("details")) or text_of(error.get("title"))
        reason = str(known) if known else said[:300]
    yield InboundReport(f"{state}:{sent}"[:200], sent, state, reason)  # type: ignore[arg-type]


def _message(message: dict[str, Any], who: tuple[Address, tuple[Address, ...]]) -> Iterator[Inbound]:
    sender, also = who
    wamid, kind = id_of(message.get("id")), text_of(message.get("type"))
    if not wamid:
        raise Unparseable("The WhatsApp message has no id.")
    tap = TAP.fullmatch(_tapped(message))
    if tap:
        yield InboundRating(external_id=wamid, sender=sender, token=tap[1], score=int(tap[2]), callback_id=wamid)
        return
    if kind in ("reaction", "system"):
        return
    if kind == "revoke":
        gone = id_of(pick(message, "revoke").get("original_message_id"))
        if gone:
            yield InboundRemoval(f"gone:{wamid}"[:200], gone)
        return
    edited = pick(message, "edit") if kind == "edit" else {}
    shown = {**pick(edited, "message"), "id": wamid} if edited else message
    text, files = _said(shown)
    yield InboundMessage(
        external_id=wamid,
        sender=sender,
        text=text,
        reply_text=text,
        sent_at=moment(message.get("timestamp"), per_second=1),
        files=files,
        message_id=wamid,
        sender_verified=True,
        kind="sticker" if kind == "sticker" else "message",
        edits_external_id=id_of(edited.get("original_message_id")),
        reply_to_external_id=id_of(pick(message, "context").get("id")),
        meta=_about(message),
        also=also,
    )


def _echo(message: dict[str, Any], number_id: str) -> Iterator[Inbound]:
    """What somebody answered in the WhatsApp Business app, for numbers used in both."""
    to = Address(KIND, id_of(message.get("to_user_id")) or id_of(message.get("to")), number_id)
    for found in _message(message, (to, ())):
        if isinstance(found, InboundMessage) and to.value:
            yield replace(found, sender=Address(KIND, number_id, number_id), to=(to,), kind="echo")


def _tapped(message: dict[str, Any]) -> str:
    answer = pick(message, "interactive")
    tapped = pick(answer, "button_reply") or pick(answer, "list_reply")
    return text_of(tapped.get("id")) or text_of(pick(message, "button").get("payload"))


def _about(message: dict[str, Any]) -> dict[str, str]:
    source = address(pick(message, "referral").get("source_url"))
    return {"page": source} if source else {}


def _said(message: dict[str, Any]) -> tuple[str, tuple[File, ...]]:
    """What can be read of it, and its file. What WhatsApp does not hand over is said to be missing."""
    kind = text_of(message.get("type"))
    content = pick(message, kind)
    if kind in _NAMES:
        ref = id_of(content.get("id"))
        file = File(
            filename=filename(content.get("filename"), _NAMES[kind]),
            content_type=text_of(content.get("mime_type")).partition(";")[0] or "application/octet-stream",
            ref=ref,
            problem="" if ref else "WhatsApp gave no address for this file.",
        )
        return text_of(content.get("caption")).strip(), (file,)
    if kind == "text":
        text = text_of(content.get("body"))
    elif kind == "location":
        place = [text_of(content.get("name")), text_of(content.get("address"))]
        text = "\n".join(p for p in (f"📍 {content.get('latitude')},{content.get('longitude')}", *place) if p)
    elif kind == "contacts":
        text = "\n".join(_card(c) for c in many(message, "contacts"))
    elif kind == "order":
        items = [
            f"{id_of(i.get('quantity'))} × {text_of(i.get('product_retailer_id'))}"
            for i in many(content, "product_items")
        ]
        text = "\n".join([text_of(content.get("text")), *items])
    else:
        answer = pick(message, "interactive")
        chosen = pick(answer, "button_reply") or pick(answer, "list_reply")
        text = text_of(chosen.get("title")) or text_of(pick(message, "button").get("text"))
    return text.strip() or "[?]", ()


def _card(contact: Any) -> str:
    phones = ", ".join(text_of(p.get("phone")) for p in many(contact, "phones"))
    return f"{text_of(pick(contact, 'name').get('formatted_name'))} {phones}".strip()


def raw_names(call: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each message and mark with a name of its own, and the call that holds nothing else."""
    for entry in many(call, "entry"):
        for change in many(entry, "changes"):
            value = pick(change, "value")
            for key in ("messages", "statuses", "message_echoes"):
                for item in many(value, key):
                    alone = {k: v for k, v in value.items() if k not in ("messages", "statuses", "message_echoes")}
                    one = {**change, "value": {**alone, key: [item]}}
                    yield (
                        _name(key, item),
                        {"object": call.get("object"), "entry": [{"id": entry.get("id"), "changes": [one]}]},
                    )


def _name(key: str, item: Any) -> str:
    wamid = id_of(item.get("id")) if isinstance(item, dict) else ""
    if not wamid:
        return f"{key}:{digest(repr(item).encode('utf-8', 'replace'))}"
    return f"{id_of(item.get('status'), 20)}:{wamid}" if key == "statuses" else wamid
