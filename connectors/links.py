"""Addresses that begin a conversation on a messenger, and the tokens they bring back."""

from __future__ import annotations

import re
from urllib.parse import quote

_BOT_NAME = re.compile(r"[A-Za-z]\w{3,31}", re.ASCII)
# What this desk puts into links: a ticket's or a customer's token, an agent's code.
_OURS = re.compile(r"[cp]\d{1,12}-\d{1,8}-[a-z2-7]{20,40}|hd-[a-z2-7]{4}-[a-z2-7]{4}")


def ours(token: str) -> bool:
    """Was it made here? Advertisements use the same links with words of their own."""
    return _OURS.fullmatch(token) is not None


def telegram(bot_name: str, token: str) -> str:
    """Where somebody begins to write to a bot, carrying a token; empty without a name. A whole address is a name, too."""
    name = bot_name.strip().rpartition("/")[2].lstrip("@")
    return f"https://t.me/{name}?start={token}" if _BOT_NAME.fullmatch(name) else ""


def messenger(page_id: str, token: str) -> str:
    return f"https://m.me/{page_id}?ref={quote(token)}" if page_id.isascii() and page_id.isdecimal() else ""


def whatsapp(number: str, words: str) -> str:
    """The words stand in the chat and are sent by a tap."""
    digits = re.sub(r"\D", "", number)
    return f"https://wa.me/{digits}?text={quote(words)}" if 7 <= len(digits) <= 15 else ""


def zalo(oa_id: str) -> str:
    """It carries no words; they are typed there."""
    return f"https://zalo.me/{oa_id}" if oa_id.isascii() and oa_id.isdecimal() else ""
