"""Addresses that begin a conversation on a messenger."""

from __future__ import annotations

import re

_BOT_NAME = re.compile(r"[A-Za-z]\w{3,31}", re.ASCII)


def telegram(bot_name: str, token: str) -> str:
    """Where somebody begins to write to a bot, carrying a token; empty without a name. A whole address is a name, too."""
    name = bot_name.strip().rpartition("/")[2].lstrip("@")
    return f"https://t.me/{name}?start={token}" if _BOT_NAME.fullmatch(name) else ""
