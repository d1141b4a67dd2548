"""Where a signature begins: the delimiter, what phones add, and a closing formula followed by a few short lines."""

from __future__ import annotations

import re

MAX_LINES = 25
MAX_CHARS = 2_000

_DELIMITER = re.compile(r"^\s{0,2}(?:--|—|––)\s?$")
_MOBILE = re.compile(
    r"^[\s>*_]{0,3}(?:(?:Sent|Posted|Enviado|Envoyé|Inviato|Verzonden|Gesendet|Skickat|Sendt)"
    r"\s+(?:from|à partir de|desde|de|depuis|da|do|vanaf|von|från|fra|via|with|using)\s+\S.{0,60}"
    r"|(?:Đã )?(?:được )?gửi từ\s+(?:iPhone|iPad|điện thoại|máy|thiết bị|Yahoo|Samsung|Galaxy|Outlook|Zalo|Xiaomi|OPPO"
    r"|Mail|my)\b.{0,50}"
    r"|Von meinem \S.{0,30}gesendet|Lähetetty\s\S.{0,30}stä"
    r"|Get Outlook for (?:iOS|Android|Mac).{0,80}|Tải Outlook (?:cho|dành cho) (?:iOS|Android).{0,80}"
    r"|Download Outlook for .{0,40}|Yahoo Mail: .{0,60}|Отправлено (?:с|из) .{0,40}|发自我的.{0,20}|iPhoneから送信)"
    r"\s*[.*_]*$",
    re.I,
)
# "Sent from my desk, is much easier" is somebody talking.
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|it|but|so|than|then|because|not|which|hope|please|là|thì|nên|nhưng|mà)\b", re.I
)
_CLOSING = re.compile(
    r"^\s*(?:(?:with\s+)?(?:(?:best|kind|kindest|warm|warmest|many)\s+)?(?:regards|rgds)|best wishes"
    r"|(?:yours\s+)?(?:sincerely|faithfully|truly)(?:\s+yours)?|cheers and regards"
    r"|thanks\s*(?:&|and|\+)\s*(?:best\s+|kind\s+)?regards|thank you and best regards"
    r"|trân trọng(?:\s+(?:cảm ơn|kính chào))?|thân(?:\s+(?:mến|ái|chào))?|kính thư|trân trọng kính chào|best regards"
    r"|mit freundlichen grüßen|viele grüße|cordialement|bien cordialement|saludos cordiales|atentamente"
    r"|met vriendelijke groet)"
    r"\s*[,.!;\-–:/]*\s*(?:trân trọng)?[,.!]*\s*$",
    re.I,
)
_UNDERLINES = re.compile(r"^\s*_{2,}\s*$")
_LIST = re.compile(r"mailing list|mailman|listinfo|unsubscribe|google ?groups|hủy đăng ký|huỷ đăng ký", re.I)


def cut(lines: list[str]) -> int:
    """The line where the signature of a reply begins; len(lines) when there is none or when nothing would be left."""
    end = _list_footer(lines, _trim(lines, len(lines)))
    end = _mobile(lines, end)
    delimiter = _delimited(lines, end)
    end = delimiter if delimiter < end else _closing(lines, end)
    end = _mobile(lines, end)
    return end if any(line.strip() for line in lines[:end]) else len(lines)


def _trim(lines: list[str], end: int) -> int:
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def _small(lines: list[str]) -> bool:
    return len(lines) <= MAX_LINES and sum(map(len, lines)) <= MAX_CHARS


def _list_footer(lines: list[str], end: int) -> int:
    for index in range(end - 1, max(-1, end - 12), -1):
        if _UNDERLINES.match(lines[index]) and any(_LIST.search(line) for line in lines[index:end]):
            return _trim(lines, index)
    return end


def _mobile(lines: list[str], end: int) -> int:
    """Up to two lines that a phone adds, at the very end."""
    for _ in range(2):
        line = lines[end - 1] if end else ""
        if len(line) <= 120 and _MOBILE.match(line) and not _SENTENCE.search(line):
            end = _trim(lines, end - 1)
    return end


def _delimited(lines: list[str], end: int) -> int:
    """The first "-- " below which no more stands than a signature holds."""
    for index in range(max(0, end - MAX_LINES - 1), end):
        if _DELIMITER.match(lines[index]) and _small(lines[index:end]):
            return _trim(lines, index)
    return end


def _closing(lines: list[str], end: int) -> int:
    """A closing formula ("Best regards,") alone on its line, and after it only a few short lines that ask nothing."""
    seen = 0
    for index in range(end - 1, max(-1, end - 16), -1):
        line = lines[index].strip()
        if _CLOSING.match(line):
            rest = [text.strip() for text in lines[index + 1 : end] if text.strip()]
            fits = all(len(text) <= 100 and not text.endswith("?") and text[:1] != ">" for text in rest)
            return _trim(lines, index) if fits else end
        seen += bool(line)
        if seen > 9:
            break
    return end
