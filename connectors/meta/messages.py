"""One stored event of Messenger or Instagram -> what happened. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from connectors import links
from connectors.contract import (
    Address,
    Evidence,
    File,
    Inbound,
    InboundMessage,
    InboundRating,
    InboundRemoval,
    InboundReport,
    Unparseable,
)
from connectors.meta import comments
from connectors.payloads import BROKEN, address, digest, filename, id_of, load, many, moment, pick, text_of

TAP = re.compile(r"csat:([A-Za-z0-9_.~-]{1,80}):(\d{1,2})")
MARK = re.compile(r"hd-([a-z0-9-]{1,60})-(\d{1,18})")
# The page's own "test" button in Meta's dashboard.
TEST_IDS = frozenset({"random_mid"})
_FILES = {"image": ("image.jpg", "image/jpeg"), "sticker": ("sticker.png", "image/png"),
          "video": ("video.mp4", "video/mp4"), "reel": ("video.mp4", "video/mp4"), "ig_reel": ("video.mp4", "video/mp4"),
          "audio": ("audio.m4a", "audio/mp4"), "file": ("file", "application/octet-stream"),
          "story_mention": ("story.jpg", "image/jpeg")}  # fmt: skip


def read(body: bytes, kind: str, account: str, key: str) -> tuple[Inbound, ...]:
    """`account`: the page or Instagram account; `key`: the channel's, which our own messages carry back to us."""
    call = load(body, "Meta")
    if not isinstance(call.get("entry"), list):
        raise Unparseable("This is not an event of Meta.")
    found: list[Inbound] = []
    try:
        for entry in call["entry"]:
            for event in [*many(entry, "messaging"), *many(entry, "standby")]:
                found += _event(event, kind, account, key)
            for change in many(entry, "changes"):
                found += comments.read(change, kind, account, entry)
    except BROKEN as error:
        raise Unparseable(f"The event of Meta could not be read ({type(error).__name__}).") from None
    return tuple(found)


def _event(event: dict[str, Any], kind: str, account: str, key: str) -> Iterator[Inbound]:
    echo = bool(pick(event, "message").get("is_echo"))
    person = id_of(pick(event, "recipient" if echo else "sender").get("id"))
    if not person:
        raise Unparseable("The event of Meta names nobody.")
    who = Address(kind, person, account)
    if isinstance(event.get("message"), dict):
        yield from _message(event, who, key)
    elif isinstance(event.get("postback"), dict):
        yield from _postback(event, who)
    elif isinstance(event.get("message_edit"), dict):
        yield from _edit(event, who)
    elif isinstance(event.get("delivery"), dict):
        yield from _marks(event["delivery"], "delivered", who)
    elif isinstance(event.get("read"), dict):
        yield from _marks(event["read"], "read", who)
    elif isinstance(event.get("referral"), dict):
        yield from _opened(event, who)


def _message(event: dict[str, Any], who: Address, key: str) -> Iterator[Inbound]:
    message = event["message"]
    mid, echo = id_of(message.get("mid")), bool(message.get("is_echo"))
    if not mid:
        raise Unparseable("The message of Meta has no id.")
    if mid in TEST_IDS:
        return
    if message.get("is_deleted"):
        yield InboundRemoval(f"gone:{mid}"[:200], mid)
        return
    tap = TAP.fullmatch(text_of(pick(message, "quick_reply").get("payload")))
    if tap and not echo:
        yield InboundRating(external_id=mid, sender=who, token=tap[1], score=int(tap[2]), callback_id=mid)
        return
    text, files = _said(message)
    if not text and not files:
        text = "[?]" if message.get("is_unsupported") or not echo else ""
    if not text and not files:
        return
    replied = pick(message, "reply_to")
    yield InboundMessage(
        external_id=mid,
        sender=Address(who.kind, who.scope, who.scope) if echo else who,
        to=(who,) if echo else (),
        kind="echo" if echo else "message",
        text=text,
        reply_text=text,
        quoted_text=address(pick(replied, "story").get("url")),
        sent_at=moment(event.get("timestamp")),
        files=files,
        message_id=mid,
        sender_verified=True,
        reply_to_external_id=id_of(replied.get("mid")),
        evidence=Evidence(token="" if echo else _token(event, message)),
        meta=_ours(message, key) if echo else {},
    )


def _ours(message: dict[str, Any], key: str) -> dict[str, str]:
    """The mark we put on what we send comes back in its echo."""
    mark = MARK.fullmatch(text_of(message.get("metadata")))
    return {"delivery_id": mark[2]} if mark and mark[1] == key else {}


def _token(event: dict[str, Any], message: dict[str, Any]) -> str:
    """What a link m.me/page?ref=… carried."""
    return id_of((pick(message, "referral") or pick(event, "referral")).get("ref"), 100)


def _opened(event: dict[str, Any], who: Address) -> Iterator[Inbound]:
    """Somebody who has written before followed a link m.me/page?ref=…: news only where the link is one of ours."""
    token = _token(event, {})
    if links.ours(token):
        mid = f"opened:{digest(repr(sorted(event.items(), key=str)).encode())}"
        yield InboundMessage(
            external_id=mid, sender=who, text="/start", reply_text="/start", sent_at=moment(event.get("timestamp")),
            sender_verified=True, evidence=Evidence(token=token), meta={"command": "start"},
        )  # fmt: skip


def _said(message: dict[str, Any]) -> tuple[str, tuple[File, ...]]:
    words, files = [text_of(message.get("text")).strip()], []
    for number, attachment in enumerate(many(message, "attachments"), 1):
        payload, kind = pick(attachment, "payload"), text_of(attachment.get("type"))
        if kind in _FILES:
            files.append(_file(kind, payload, number))
        elif kind == "location":
            at = pick(payload, "coordinates")
            words.append(f"📍 {id_of(str(at.get('lat')))},{id_of(str(at.get('long')))}")
        else:  # a shared post, a link, a product: what can be read of it
            words += [text_of(attachment.get("title")) or text_of(payload.get("title")), address(payload.get("url"))]
    return "\n".join(word for word in words if word), tuple(files)


def _file(kind: str, payload: dict[str, Any], number: int) -> File:
    name, content_type = _FILES[kind]
    ref = address(payload.get("url"))
    given = ref.partition("?")[0].rsplit("/", 1)[-1] if kind == "file" else ""
    return File(
        filename=filename(given, f"{number}-{name}"),
        content_type=content_type,
        ref=ref,
        problem="" if ref else "Meta gave no address for this file.",
    )


def _postback(event: dict[str, Any], who: Address) -> Iterator[Inbound]:
    postback = event["postback"]
    mid = id_of(postback.get("mid")) or f"postback:{digest(repr(sorted(event.items(), key=str)).encode())}"
    tap = TAP.fullmatch(text_of(postback.get("payload")))
    if tap:
        yield InboundRating(external_id=mid, sender=who, token=tap[1], score=int(tap[2]), callback_id=mid)
        return
    text = text_of(postback.get("title")).strip()
    if text:
        yield InboundMessage(
            external_id=mid, sender=who, text=text, reply_text=text, sent_at=moment(event.get("timestamp")),
            sender_verified=True, evidence=Evidence(token=id_of(pick(postback, "referral").get("ref"), 100)),
        )  # fmt: skip


def _edit(event: dict[str, Any], who: Address) -> Iterator[Inbound]:
    edit = event["message_edit"]
    mid, text = id_of(edit.get("mid")), text_of(edit.get("text")).strip()
    if mid and text:
        yield InboundMessage(
            external_id=f"{mid}:edit:{id_of(edit.get('num_edit'))}"[:200], sender=who, text=text, reply_text=text,
            sent_at=moment(event.get("timestamp")), sender_verified=True, edits_external_id=mid,
        )  # fmt: skip


def _marks(mark: dict[str, Any], state: Any, who: Address) -> Iterator[Inbound]:
    """By id where there are ids (they may be missing), and everything before the watermark."""
    for mid in [*(id_of(m) for m in many(mark, "mids")), id_of(mark.get("mid"))]:
        if mid:
            yield InboundReport(f"{state}:{mid}"[:200], mid, state, sender=who)
    up_to = moment(mark["watermark"]) if mark.get("watermark") else None
    if up_to is not None:
        external_id = f"{state}:{who.value}:{mark['watermark']}"[:200]
        yield InboundReport(external_id, "", state, sender=who, up_to=up_to)
