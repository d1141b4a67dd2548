"""How many SMS a text is. Texts of the GSM alphabet have 160 characters to one and 153 to each of several; a single
character outside it (any Vietnamese letter with a tone) makes it 70 and 67."""

from __future__ import annotations

import unicodedata

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWICE = frozenset("^{}\\[~]|€\f")  # each takes two places
MAX_SEGMENTS = 10


def is_gsm(text: str) -> bool:
    return all(char in _BASIC or char in _TWICE for char in text)


def units(text: str) -> int:
    """Places it takes: of 7 bits in the GSM alphabet, of 16 outside it."""
    if is_gsm(text):
        return sum(2 if char in _TWICE else 1 for char in text)
    return sum(2 if ord(char) > 0xFFFF else 1 for char in text)


def segments(text: str) -> int:
    """How many SMS it is sent and charged as; 0 for an empty one."""
    whole, part = (160, 153) if is_gsm(text) else (70, 67)
    count = units(text)
    if count <= whole:
        return 1 if count else 0
    return -(-count // part)


def plain(text: str) -> str:
    """Without diacritics: "Đơn hàng" -> "Don hang". Cheaper, and what every phone shows."""
    swapped = text.replace("đ", "d").replace("Đ", "D").replace("’", "'").replace("“", '"').replace("”", '"')
    swapped = swapped.replace("–", "-").replace("—", "-").replace("…", "...").replace("\u00a0", " ")
    apart = unicodedata.normalize("NFD", swapped)
    return unicodedata.normalize("NFC", "".join(char for char in apart if not unicodedata.combining(char)))
