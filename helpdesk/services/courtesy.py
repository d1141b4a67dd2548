"""Is it only thanks? Is it only a greeting? Pure; Vietnamese and English, with and without marks."""

from __future__ import annotations

import re
import unicodedata

from helpdesk.folding import fold

_WORDS = {
    # yes, okay
    "da", "vang", "uh", "u", "uk", "ok", "oke", "okay", "okie", "oki", "okela", "duoc", "roi", "yes", "yep", "sure", "alright",
    "great", "perfect", "nice", "cool", "good", "tot", "tuyet", "voi", "hay", "qua", "lam", "nhieu", "rat", "very", "much", "so",
    "got", "it", "noted", "understood", "hieu", "biet", "nhan", "received", "xong", "done",
    # thanks
    "cam", "on", "camon", "cảm", "ơn", "thanks", "thank", "you", "thankyou", "thx", "ty", "tks", "tk", "tanks", "cheers", "many",
    "appreciate", "appreciated", "a", "lot", "again", "for", "your", "the", "help", "all", "that", "that's", "thats", "is", "and", "will",
    # whom
    "shop", "ad", "admin", "em", "anh", "chi", "ban", "minh", "co", "chu", "bac", "e", "ac", "b", "s", "sop", "shop's", "nhe", "nha",
    "nhé", "nghe", "ne", "ah", "ạ", "team", "everyone", "guys", "sir", "madam", "ca", "moi", "nguoi", "vi", "su", "giup",
    "do", "ho", "tro", "have", "day", "best", "regards", "kind", "hi", "hihi", "haha", "hehe", "bye", "tam",
}  # fmt: skip
_THANKS = re.compile(
    r"\b(cam\s?on|thank|thanks|thx|tks|ty|cheers|ok\w*|okie|duoc roi|vang|da|noted|got it|great|perfect|tot|tuyet)\b"
)
_GREETING = re.compile(
    r"^(hi|hello|hey|dear|good (morning|afternoon|evening)|xin chao|chao|alo|a lo|shop|ad|admin|em|anh|chi|ban|da|oi|a|ah|e|ơi|"
    r"there|team|sir|madam|all|everyone|moi nguoi|cho (hoi|minh hoi|em hoi)|minh|hoi|co|ai|khong|vay)$"
)

LONGEST_GREETING = 200


def is_courtesy(text: str, *, kind: str = "message", files: int = 0) -> bool:
    """A mere "Dạ ok, cảm ơn shop ạ", "thanks!", a sticker or 👍: it asks for nothing."""
    if kind == "sticker":
        return True
    if files:
        return False
    text = text.strip()
    if not text or len(text) > 120 or "?" in text:
        return not files and bool(text) and _only_symbols(text)
    if _only_symbols(text):
        return True
    folded = fold(text)
    words = re.findall(r"[a-z']+|\d+", folded)
    return bool(words) and all(w in _WORDS for w in words) and _THANKS.search(folded) is not None


def _only_symbols(text: str) -> bool:
    """Emoji and punctuation, with at least one emoji or heart."""
    if any(unicodedata.category(c)[0] in "LN" for c in text):
        return False
    return any(unicodedata.category(c) in ("So", "Sk") or c in "♥❤" for c in text)


def is_greeting(line: str) -> bool:
    """ "Shop ơi", "Hello team": no line to name a ticket by."""
    words = re.findall(r"[a-z']+", fold(line[:LONGEST_GREETING]))
    if not words:
        return True
    return (
        len(line) <= LONGEST_GREETING
        and len(words) <= 6
        and (all(_GREETING.match(w) for w in words) or bool(_GREETING.match(" ".join(words))))
    )


def meaningful_line(text: str, limit: int = 90) -> str:
    """The first line that says something, shortened at a word; empty when there is none."""
    for line in text.splitlines():
        line = " ".join(line.split())
        if len(line) < 3 or is_greeting(line) or _only_symbols(line):
            continue
        return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0] + "…"
    return ""


_VIETNAMESE = re.compile(r"[ăâđêôơưĂÂĐÊÔƠƯạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")


def language_of(text: str) -> str:
    """ "vi" when Vietnamese letters stand in it, "en" for plain longer Latin text, "" when one cannot tell."""
    if len(_VIETNAMESE.findall(text)) >= 1:
        return "vi"
    return "en" if len(text) >= 20 and text.isascii() else ""
