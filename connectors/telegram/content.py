"""What one Telegram message says: text, HTML, files and the kinds of content that are neither."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import nh3

from connectors.contract import File

if TYPE_CHECKING:
    from telegram import Message

_TAGS = {"b", "i", "u", "s", "code", "pre", "a", "blockquote", "br"}
# Keys of a message that say something about the chat, not to us.
_SERVICE = frozenset(
    [
        "new_chat_members",
        "left_chat_member",
        "new_chat_title",
        "new_chat_photo",
        "delete_chat_photo",
        "group_chat_created",
        "supergroup_chat_created",
        "channel_chat_created",
        "message_auto_delete_timer_changed",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
        "pinned_message",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_closed",
        "forum_topic_reopened",
        "general_forum_topic_hidden",
        "general_forum_topic_unhidden",
        "video_chat_scheduled",
        "video_chat_started",
        "video_chat_ended",
        "video_chat_participants_invited",
        "write_access_allowed",
        "proximity_alert_triggered",
        "boost_added",
        "chat_background_set",
        "connected_website",
    ]  # noqa: SIM905 - a page of quotes otherwise
)
_OTHER = ("story", "invoice", "successful_payment", "giveaway", "paid_media")


@dataclass(frozen=True)
class Said:
    text: str
    html: str = ""
    files: tuple[File, ...] = ()
    meta: dict[str, str] = field(default_factory=dict)


def is_service(message: Message) -> bool:
    return any(getattr(message, key, None) for key in _SERVICE)


def said(message: Message) -> Said:
    """Everything readable in one message; never empty, so that nothing a customer sends disappears."""
    files = _files(message)
    text = message.text or message.caption or ""
    html = _html(message)
    if text or files:
        emoji = message.sticker.emoji if message.sticker else ""
        return Said(_nfc(text or emoji or ""), html, files, _sticker_meta(message))
    if message.venue:
        venue = message.venue
        where = Place(venue.location.latitude, venue.location.longitude, f"{venue.title}, {venue.address}")
        return where.said()
    if message.location:
        return Place(message.location.latitude, message.location.longitude).said()
    if message.contact:
        return _contact(message)
    if message.poll:
        return Said(_listed("📊", message.poll.question, (option.text for option in message.poll.options)))
    if message.checklist:
        return Said(_listed("☑", message.checklist.title, (task.text for task in message.checklist.tasks)))
    if message.game:
        return Said(_nfc(f"🎮 {message.game.title}"))
    if message.dice:
        return Said(f"{message.dice.emoji} {message.dice.value}")
    kind = next((key for key in _OTHER if getattr(message, key, None)), "unknown")
    return Said(f"[Telegram: {kind}]", meta={"unsupported": kind})


def quoted(message: Message) -> str:
    """What the customer answers to: the passage they marked, or the message."""
    if message.quote:
        return _nfc(message.quote.text)
    replied = message.reply_to_message
    if replied is None:
        return ""
    found = said(replied)
    return found.text or next((file.filename for file in found.files), "")


def _listed(mark: str, title: str, lines: Iterable[str]) -> str:
    return _nfc("\n".join((f"{mark} {title}", *(f"• {line}" for line in lines))))


@dataclass(frozen=True)
class Place:
    latitude: float
    longitude: float
    title: str = ""

    def said(self) -> Said:
        spot = f"{float(self.latitude):.6f}, {float(self.longitude):.6f}"
        link = f"https://www.openstreetmap.org/?mlat={float(self.latitude):.6f}&mlon={float(self.longitude):.6f}"
        shown = f"📍 {self.title} ({spot})" if self.title else f"📍 {spot}"
        html = f'📍 {escape(self.title)} <a href="{escape(link)}">{spot}</a>'
        meta = {"latitude": f"{float(self.latitude):.6f}", "longitude": f"{float(self.longitude):.6f}"}
        return Said(_nfc(f"{shown}\n{link}"), nh3.clean(_nfc(html), tags=_TAGS), meta=meta)


def _contact(message: Message) -> Said:
    contact = message.contact
    if contact is None:
        return Said("")
    number = contact.phone_number if contact.phone_number.startswith("+") else f"+{contact.phone_number}"
    name = " ".join(part for part in (contact.first_name, contact.last_name) if part)
    # Only the person's own card proves the number; anybody can forward somebody else's.
    own = message.from_user is not None and contact.user_id == message.from_user.id
    return Said(_nfc(f"👤 {name} {number}"), meta={"own_phone": number} if own else {})


def _html(message: Message) -> str:
    """Sanitised HTML, only where the customer formatted something."""
    entities = message.entities or message.caption_entities
    plain = {"bot_command", "mention", "hashtag", "cashtag", "phone_number", "email", "url", "custom_emoji"}
    if not any(entity.type not in plain for entity in entities):
        return ""
    rich = message.text_html if message.text else message.caption_html
    blocks = rich.split("</pre>")
    broken = []
    for block in blocks:
        before, mark, code = block.partition("<pre")
        broken.append(before.replace("\n", "<br>") + mark + code)
    return _nfc(nh3.clean("</pre>".join(broken), tags=_TAGS, attributes={"a": {"href"}}))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


# --- files ---------------------------------------------------------------------------------------------------

_EXTENSIONS = {"audio/ogg": "ogg", "audio/mpeg": "mp3", "video/mp4": "mp4", "video/webm": "webm", "image/webp": "webp"}


def _files(message: Message) -> tuple[File, ...]:
    if message.photo:
        return (_file("photo", message.photo[-1], "image/jpeg", "jpg"),)
    for key, default in (
        ("animation", "video/mp4"),  # an animation also comes as a document: this one first
        ("video", "video/mp4"),
        ("video_note", "video/mp4"),
        ("voice", "audio/ogg"),
        ("audio", "audio/mpeg"),
        ("document", "application/octet-stream"),
    ):
        media = getattr(message, key, None)
        if media:
            kind = getattr(media, "mime_type", None) or default
            return (_file(key, media, kind, _EXTENSIONS.get(kind, "bin")),)
    if message.sticker:
        return (_sticker(message.sticker),)
    return ()


def _sticker(sticker: Any) -> File:
    if sticker.is_animated:
        return _file("sticker", sticker, "application/x-tgsticker", "tgs")
    if sticker.is_video:
        return _file("sticker", sticker, "video/webm", "webm")
    return _file("sticker", sticker, "image/webp", "webp")


def _sticker_meta(message: Message) -> dict[str, str]:
    """Its id, with which it can be sent back."""
    return {"sticker_id": message.sticker.file_id} if message.sticker else {}


def _file(word: str, media: Any, content_type: str, extension: str) -> File:
    given = getattr(media, "file_name", None)
    return File(
        filename=_nfc(given)[:200] if given else f"{word}-{media.file_unique_id}.{extension}",
        content_type=content_type,
        size_bytes=int(media.file_size or 0),
        ref=media.file_id,
        inline=word in ("photo", "sticker", "animation"),
    )
