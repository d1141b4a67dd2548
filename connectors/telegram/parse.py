"""One stored update -> what happened. Pure; the library's types do the reading and are imported on first use.

Private chats are the person. A group is one identity of its own (its negative chat id): whoever writes there, the
answer goes back to the group, and each line begins with the writer's name.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.contract import (
    Address,
    Evidence,
    Inbound,
    InboundMessage,
    InboundMoved,
    InboundRating,
    InboundReach,
    Unparseable,
)
from connectors.telegram import content

if TYPE_CHECKING:
    from telegram import CallbackQuery, Chat, ChatMemberUpdated, Message, Update, User

KIND = "telegram"
_AWAY = ("kicked", "left")
_BROKEN = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, RecursionError)


def read(body: bytes, bot_id: str, groups: str = "all", single: Mapping[str, str] | None = None) -> tuple[Inbound, ...]:
    """What one update says; empty for updates that are nobody's message, and for what `groups` (all, addressed, off)
    leaves to the group. `single`: chat id -> the rule of one group, where it is another. Raises `Unparseable`."""
    payload = _payload(body)
    from telegram import Update
    from telegram.error import TelegramError

    try:
        update = Update.de_json(payload, None)
        moved = _moved(update, bot_id)
        return moved or (_read(update, bot_id) if _wanted(update, bot_id, groups, single or {}) else ())
    except (*_BROKEN, TelegramError) as error:
        reason = f"The Telegram update could not be read ({type(error).__name__})."
        raise Unparseable(reason, _partial(payload, bot_id)) from None


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = _clean(json.loads(body.decode("utf-8")))
    except (ValueError, RecursionError):
        raise Unparseable("The Telegram update is not valid JSON.") from None
    if not isinstance(payload, dict) or not isinstance(payload.get("update_id"), int):
        raise Unparseable("This is not a Telegram update.")
    return payload


def _clean(value: Any) -> Any:
    """Without NUL and lone surrogates, which no database stores. Lengths stay, so entity offsets stay right."""
    if isinstance(value, str):
        return value.replace("\x00", " ").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    return value


def _read(update: Update, bot_id: str) -> tuple[Inbound, ...]:
    if update.message:
        return _message(update.message, bot_id)
    if update.edited_message:
        return _edit(update.edited_message, bot_id)
    if update.callback_query:
        return _tap(update.callback_query, bot_id)
    if update.my_chat_member:
        return _reach(update.my_chat_member, bot_id, update.update_id)
    return ()


def _moved(update: Update, bot_id: str) -> tuple[Inbound, ...]:
    """A group became a supergroup and has another id; Telegram says so in the old one and in the new one."""
    message = update.message
    if message is None or not (message.migrate_to_chat_id or message.migrate_from_chat_id):
        return ()
    old, new = message.migrate_from_chat_id or message.chat.id, message.migrate_to_chat_id or message.chat.id
    name = _nfc(message.chat.title or "")
    before, after = Address(KIND, str(old), bot_id, name), Address(KIND, str(new), bot_id, name)
    return (InboundMoved(f"moved:{_external_id(message)}", before, after),)


def _wanted(update: Update, bot_id: str, groups: str, single: Mapping[str, str]) -> bool:
    """A private chat always; in a group, what its rule takes, or the channel's."""
    message = update.message or update.edited_message
    if message is None or message.chat.type == "private":
        return True
    rule = single.get(str(message.chat.id), groups)
    return rule == "all" or (rule == "addressed" and _addressed(message, bot_id))


def _addressed(message: Message, bot_id: str) -> bool:
    """Does it answer the bot, name a bot, or begin with a command? A bot's name always ends in "bot"."""
    replied = message.reply_to_message
    if replied is not None and replied.from_user is not None and str(replied.from_user.id) == bot_id:
        return True
    text, entities = message.text or message.caption or "", message.entities or message.caption_entities
    if any(e.type == "bot_command" and e.offset == 0 for e in entities):
        return True
    if any(e.type == "text_mention" and e.user is not None and str(e.user.id) == bot_id for e in entities):
        return True
    return any(e.type == "mention" for e in entities) and re.search(r"@\w+bot\b", text, re.IGNORECASE) is not None


def _message(message: Message, bot_id: str) -> tuple[Inbound, ...]:
    writer = message.from_user
    if writer is None or (writer.is_bot and message.sender_chat is None) or content.is_service(message):
        return ()
    sender = _address(message.chat, writer, bot_id)
    external_id = _external_id(message)
    command, token = _start(message)
    if command and not token:
        # The *Start* button: the customer can be reached from now on, but has said nothing yet.
        return (InboundReach(external_id, sender, "verified", "started the bot"),)
    said = content.said(message)
    # A deep link's token says where the chat belongs; it is signed and nobody's words, so it is not shown.
    text, html = ("/start", "") if command else (said.text, said.html)
    if message.chat.type != "private":
        text, html = f"{_name(writer)}: {text}", ""
    replied = message.reply_to_message
    found = InboundMessage(
        external_id=external_id,
        sender=sender,
        text=text,
        reply_text=text,
        html=html,
        quoted_text=content.quoted(message),
        sent_at=message.date,
        files=said.files,
        evidence=Evidence(token=token),
        message_id=external_id,
        sender_verified=True,
        kind="sticker" if message.sticker else "message",
        reply_to_external_id=_external_id(replied) if replied else "",
        language=writer.language_code or "",
        meta=_meta(message, command) | said.meta,
    )
    return (found,)


def _edit(message: Message, bot_id: str) -> tuple[Inbound, ...]:
    """An edit is the message again, with its own id and the one it replaces."""
    from dataclasses import replace

    when = int(message.edit_date.timestamp()) if message.edit_date else 0
    original = _external_id(message)
    return tuple(
        replace(found, external_id=f"{original}:edit:{when}", edits_external_id=original)
        for found in _message(message, bot_id)
        if isinstance(found, InboundMessage)
    )


def _tap(query: CallbackQuery, bot_id: str) -> tuple[Inbound, ...]:
    """A tap on a survey button: csat:<token>:<score>, or why:<token>:<code>."""
    kind, _, rest = str(query.data or "").partition(":")
    token, _, value = rest.rpartition(":")
    shown = query.message
    if not shown or not token or kind not in ("csat", "why") or (kind == "csat" and not value.isdecimal()):
        return ()
    rating = InboundRating(
        external_id=f"callback:{query.id}",
        sender=_address(shown.chat, query.from_user, bot_id),
        token=token,
        score=int(value[:4]) if kind == "csat" else None,
        reason=value if kind == "why" else "",
        callback_id=f"{query.id}:{shown.chat.id}:{shown.message_id}",
    )
    return (rating,)


def _reach(change: ChatMemberUpdated, bot_id: str, update_id: int) -> tuple[Inbound, ...]:
    away = change.new_chat_member.status in _AWAY
    sender = _address(change.chat, change.from_user, bot_id)
    private = change.chat.type == "private"
    if away:
        reason = "blocked the bot" if private else "removed the bot from the group"
    else:
        reason = "unblocked the bot" if private else "added the bot to the group"
    return (InboundReach(f"member:{update_id}", sender, "blocked" if away else "verified", reason),)


# --- small parts ---------------------------------------------------------------------------------------------


def _external_id(message: Any) -> str:
    return f"{message.chat.id}:{message.message_id}"


def _address(chat: Chat, person: User, bot_id: str) -> Address:
    if chat.type == "private":
        return Address(KIND, str(person.id), bot_id, _name(person), person.username or "")
    return Address(KIND, str(chat.id), bot_id, _nfc(chat.title or str(chat.id)), chat.username or "")


def _name(person: User) -> str:
    return _nfc(" ".join(part for part in (person.first_name, person.last_name) if part)) or str(person.id)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))[:200]


def _start(message: Message) -> tuple[bool, str]:
    """Is it /start, and with which payload of a deep link."""
    words = (message.text or "").split(maxsplit=1)
    if not words or words[0].split("@")[0] != "/start" or message.chat.type != "private":
        return False, ""
    return True, words[1].strip()[:64] if len(words) > 1 else ""


def _meta(message: Message, command: bool) -> dict[str, str]:
    found = {"command": "start"} if command else {}
    if message.media_group_id:
        found["album"] = message.media_group_id
    if message.forward_origin:
        found["forwarded"] = _origin(message.forward_origin)
    if message.chat.type != "private" and message.from_user:
        found["group"] = _nfc(message.chat.title or "")
        found["writer"] = _name(message.from_user)
        found["writer_id"] = str(message.from_user.id)
    return found


def _origin(origin: Any) -> str:
    """Who or what wrote first what they pass on, as far as that one lets it be known."""
    if user := getattr(origin, "sender_user", None):
        return _name(user)
    chat = getattr(origin, "sender_chat", None) or getattr(origin, "chat", None)
    return _nfc(getattr(origin, "sender_user_name", "") or getattr(chat, "title", "") or origin.type)


def _partial(payload: dict[str, Any], bot_id: str) -> InboundMessage | None:
    """Who wrote, and what text there is, of an update the library cannot read."""
    message = payload.get("message")
    writer = message.get("from") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(writer, dict) or not isinstance(writer.get("id"), int):
        return None
    text = message.get("text") or message.get("caption") or ""
    name = _nfc(f"{writer.get('first_name') or ''} {writer.get('last_name') or ''}")
    return InboundMessage(
        external_id=f"update:{payload['update_id']}",
        sender=Address(KIND, str(writer["id"]), bot_id, name),
        text=text if isinstance(text, str) else "",
        reply_text=text if isinstance(text, str) else "",
    )
