"""One stored event -> what happened. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from connectors.contract import (
    Address,
    File,
    Inbound,
    InboundMessage,
    InboundRating,
    InboundReach,
    InboundReport,
    Unparseable,
)
from connectors.payloads import BROKEN, address, digest, filename, id_of, load, many, moment, nfc, pick, text_of

KIND = "zalo"
TAP = re.compile(r"csat:([A-Za-z0-9_.~-]{1,80}):(\d{1,2})")
_FILES = {"image": ("image.jpg", "image/jpeg"), "gif": ("image.gif", "image/gif"), "video": ("video.mp4", "video/mp4"),
          "audio": ("audio.m4a", "audio/mp4"), "voice": ("audio.m4a", "audio/mp4"),
          "sticker": ("sticker.png", "image/png"), "file": ("file", "application/octet-stream")}  # fmt: skip
_TYPES = {"pdf": "application/pdf", "doc": "application/msword",
          "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}  # fmt: skip


def read(body: bytes, oa_id: str) -> tuple[Inbound, ...]:
    """What one event says; empty for events that are nobody's message. Raises `Unparseable`."""
    event = load(body, "Zalo")
    name = text_of(event.get("event_name"))
    if not name:
        raise Unparseable("This is not an event of Zalo.")
    try:
        return _read(event, name, oa_id, digest(body))
    except BROKEN as error:
        raise Unparseable(f"The Zalo event could not be read ({type(error).__name__}).") from None


def _read(event: dict[str, Any], name: str, oa_id: str, mark: str) -> tuple[Inbound, ...]:
    if name.startswith(("user_send_", "anonymous_send_")):
        return _message(event, oa_id)
    if name.startswith("oa_send_"):
        return _echo(event, oa_id)
    if name in ("user_received_message", "user_seen_message"):
        return _marks(event, "read" if name == "user_seen_message" else "delivered", mark)
    if name == "user_submit_info":
        return _contact(event, oa_id, mark)
    if name in ("follow", "unfollow"):
        follower = Address(KIND, id_of(pick(event, "follower").get("id")), oa_id)
        words = "follows the Official Account" if name == "follow" else "no longer follows the Official Account"
        return (InboundReach(f"{name}:{mark}", follower, "unverified", words),) if follower.value else ()
    return ()


def _message(event: dict[str, Any], oa_id: str) -> tuple[Inbound, ...]:
    message, sender = pick(event, "message"), id_of(pick(event, "sender").get("id"))
    msg_id = id_of(message.get("msg_id"))
    if not sender or not msg_id:
        raise Unparseable("The Zalo message has no sender or no id.")
    who = Address(KIND, sender, oa_id)
    tap = TAP.fullmatch(text_of(message.get("text")).strip())
    if tap:
        return (InboundRating(external_id=msg_id, sender=who, token=tap[1], score=int(tap[2]), callback_id=msg_id),)
    text, files = _said(message)
    if not text and not files:
        text = "[?]"
    found = InboundMessage(
        external_id=msg_id,
        sender=who,
        text=text,
        reply_text=text,
        sent_at=moment(event.get("timestamp")),
        files=files,
        message_id=msg_id,
        sender_verified=True,
        kind="sticker" if event["event_name"].endswith("_sticker") else "message",
        reply_to_external_id=id_of(message.get("quote_msg_id")),
    )
    return (found,)


def _echo(event: dict[str, Any], oa_id: str) -> tuple[Inbound, ...]:
    """What somebody answered in the Official Account's own app (or we did ourselves)."""
    customer = id_of(pick(event, "recipient").get("id"))
    turned = {**event, "sender": {"id": customer}}
    return tuple(
        replace(found, sender=Address(KIND, oa_id, oa_id), to=(Address(KIND, customer, oa_id),), kind="echo")
        for found in _message(turned, oa_id)
        if isinstance(found, InboundMessage)
    )


def _said(message: dict[str, Any]) -> tuple[str, tuple[File, ...]]:
    """Words and files; places and cards become words."""
    words, files = [text_of(message.get("text")).strip()], []
    for number, attachment in enumerate(many(message, "attachments"), 1):
        payload, kind = pick(attachment, "payload"), text_of(attachment.get("type"))
        if kind == "location":
            words.append(_place(payload))
        elif kind == "link" or (kind not in _FILES and address(payload.get("url"))):
            words += [text_of(payload.get("description")), address(payload.get("url"))]
        elif kind in _FILES:
            files.append(_file(kind, payload, number))
    return "\n".join(word for word in words if word), tuple(files)


def _place(payload: dict[str, Any]) -> str:
    at = pick(payload, "coordinates")
    latitude, longitude = id_of(at.get("latitude")), id_of(at.get("longitude"))
    return f"📍 {latitude},{longitude} https://maps.google.com/?q={latitude},{longitude}" if latitude else ""


def _file(kind: str, payload: dict[str, Any], number: int) -> File:
    name, content_type = _FILES[kind]
    given = filename(payload.get("name"), f"{number}-{name}")
    ref = address(payload.get("url"))
    size = id_of(payload.get("size"))
    return File(
        filename=given,
        content_type=_TYPES.get(text_of(payload.get("type")).lower(), content_type),
        size_bytes=int(size) if size.isdecimal() and len(size) < 12 else 0,
        ref=ref,
        problem="" if ref else "Zalo gave no address for this file.",
    )


def _marks(event: dict[str, Any], state: Any, mark: str) -> tuple[Inbound, ...]:
    message = pick(event, "message") or event  # a template's mark has its fields at the top
    ids = [id_of(i) for i in many(message, "msg_ids")] or [id_of(message.get("msg_id"))]
    return tuple(InboundReport(f"{state}:{i}:{mark}"[:200], i, state) for i in ids if i)


def _contact(event: dict[str, Any], oa_id: str, mark: str) -> tuple[Inbound, ...]:
    """They filled in the form that asks for name and phone: their own words, not proven."""
    info, sender = pick(event, "info"), id_of(pick(event, "sender").get("id"))
    lines = [nfc(info.get(key)) for key in ("name", "phone", "address", "ward", "district", "city")]
    text = "\n".join(line for line in lines if line)
    if not sender or not text:
        return ()
    name, phone = nfc(info.get("name")), nfc(info.get("phone"), 30)
    return (
        InboundMessage(
            external_id=f"info:{mark}",
            sender=Address(KIND, sender, oa_id, name),
            text=text,
            reply_text=text,
            sent_at=moment(event.get("timestamp")),
            sender_verified=True,
            meta={"contact": phone} if phone else {},
        ),
    )
