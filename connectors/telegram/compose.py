"""Our text and HTML -> what a Telegram message can carry: text with spans, cut at the length limit, and buttons.

Spans are sent as entities beside the text, so nothing has to be escaped and a cut cannot break a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from connectors.contract import SurveyAsk

MAX_TEXT = 4096  # UTF-16 code units, after entities
MAX_CAPTION = 1024
MAX_CALLBACK_BYTES = 64

_SPANS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "del": "strikethrough", "strike": "strikethrough", "code": "code", "pre": "pre",
    "blockquote": "blockquote", "a": "text_link",
    "h1": "bold", "h2": "bold", "h3": "bold", "h4": "bold", "h5": "bold", "h6": "bold",
}  # fmt: skip
_GAPS = {  # how many line breaks stand before and after
    "p": 2, "h1": 2, "h2": 2, "h3": 2, "h4": 2, "h5": 2, "h6": 2, "blockquote": 2, "pre": 2, "ul": 1, "ol": 1,
    "div": 1, "li": 1, "tr": 1, "table": 2, "figure": 1,
}  # fmt: skip
_SILENT = {"script", "style", "head", "title"}


@dataclass(frozen=True)
class Span:
    """`kind` over text[start:end], in code points."""

    kind: str
    start: int
    end: int
    url: str = ""


@dataclass(frozen=True)
class Formatted:
    text: str
    spans: tuple[Span, ...] = ()

    def entities(self) -> list[dict[str, Any]]:
        """Telegram's MessageEntity objects: offsets in UTF-16 code units."""
        found = []
        for span in self.spans:
            entity: dict[str, Any] = {
                "type": span.kind,
                "offset": units(self.text[: span.start]),
                "length": units(self.text[span.start : span.end]),
            }
            if span.url:
                entity["url"] = span.url
            found.append(entity)
        return found

    def part(self, start: int, end: int) -> Formatted:
        cut = (
            Span(s.kind, max(s.start, start) - start, min(s.end, end) - start, s.url)
            for s in self.spans
            if s.start < end and s.end > start
        )
        return Formatted(self.text[start:end], tuple(cut))


def units(text: str) -> int:
    """Length as Telegram counts it."""
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def formatted(text: str, html: str) -> Formatted:
    """The message to send: the HTML where it says something, else the plain text."""
    if html:
        reader = _Reader()
        reader.feed(html)
        reader.close()
        found = reader.result()
        if found.text:
            return found
    return Formatted(text.strip())


def split(message: Formatted, limit: int = MAX_TEXT) -> Iterator[Formatted]:
    """Parts of at most `limit` UTF-16 units, cut between paragraphs, lines or words where there are any."""
    start, end = 0, len(message.text)
    while start < end:
        stop = _fits(message.text, start, limit)
        if stop < end:
            stop = _good_cut(message.text, start, stop)
        part = message.part(start, start + len(message.text[start:stop].rstrip()))
        if part.text:
            yield part
        start = stop
        while start < end and message.text[start].isspace():
            start += 1


def _fits(text: str, start: int, limit: int) -> int:
    stop = min(len(text), start + limit)
    while units(text[start:stop]) > limit:
        stop -= (units(text[start:stop]) - limit + 1) // 2
    return stop


def _good_cut(text: str, start: int, stop: int) -> int:
    for mark in ("\n\n", "\n", " "):
        found = text.rfind(mark, start + (stop - start) // 2, stop)
        if found > start:
            return found
    # Not between a letter and the marks, joiners or selectors that belong to it.
    while stop > start + 1 and re.match(r"[\u0300-\u036f\u200d\ufe0f\U0001f3fb-\U0001f3ff]", text[stop]):
        stop -= 1
    return stop


class _Reader(HTMLParser):
    """Sanitised HTML -> text and spans. Unknown tags vanish, their text stays."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._text = ""
        self._open: list[tuple[str, int, str]] = []  # tag, start, url
        self._spans: list[Span] = []
        self._lists: list[int | None] = []
        self._silent = 0

    def result(self) -> Formatted:
        for tag, start, url in reversed(self._open):
            self._close_span(tag, start, url)
        text = self._text.rstrip()
        spans = (Span(s.kind, s.start, min(s.end, len(text)), s.url) for s in self._spans if s.start < len(text))
        return Formatted(text, tuple(sorted(spans, key=lambda s: (s.start, -s.end))))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        if tag == "br":
            self._text = self._text.rstrip(" ") + "\n" if self._text else ""
            return
        self._gap(_GAPS.get(tag, 0))
        if tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._bullet()
        elif tag == "td" and self._text and not self._text[-1].isspace():
            self._text += " "
        if tag in _SPANS:
            url = dict(attrs).get("href") or ""
            self._open.append((tag, len(self._text), url if url.startswith(("http://", "https://")) else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0] == tag:
                self._close_span(*self._open.pop(index))
                break
        self._gap(_GAPS.get(tag, 0))

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if any(tag == "pre" for tag, _, _ in self._open):
            self._text += data
            return
        data = re.sub(r"[ \t\r\n\f]+", " ", data)
        if not self._text or self._text[-1].isspace():
            data = data.lstrip(" ")
        self._text += data

    def _gap(self, breaks: int) -> None:
        if breaks and self._text:
            kept = self._text.rstrip(" ")
            have = len(kept) - len(kept.rstrip("\n"))
            self._text = kept + "\n" * max(0, breaks - have)

    def _bullet(self) -> None:
        number = self._lists[-1] if self._lists else None
        self._text += "• " if number is None else f"{number}. "
        if self._lists and number is not None:
            self._lists[-1] = number + 1

    def _close_span(self, tag: str, start: int, url: str) -> None:
        end = len(self._text.rstrip())
        inside_code = any(open_tag in ("pre", "code") for open_tag, _, _ in self._open)
        if end > start and not inside_code and (tag != "a" or url):
            self._spans.append(Span(_SPANS[tag], start, end, url))


# --- buttons -------------------------------------------------------------------------------------------------


def survey_keyboard(ask: SurveyAsk) -> dict[str, Any]:
    """One button a choice; where the token is too long for a button, one that opens the survey's page."""
    data = [f"csat:{ask.token}:{score}" for score, _ in ask.choices]
    if any(len(value.encode()) > MAX_CALLBACK_BYTES for value in data):
        return {"inline_keyboard": [[{"text": ask.question[:60], "url": ask.url}]]}
    buttons = [{"text": label, "callback_data": value} for value, (_, label) in zip(data, ask.choices, strict=True)]
    return {"inline_keyboard": _rows(buttons)}


def reason_keyboard(token: str, reasons: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    buttons = [{"text": label, "callback_data": f"why:{token}:{code}"} for code, label in reasons]
    fitting = [button for button in buttons if len(button["callback_data"].encode()) <= MAX_CALLBACK_BYTES]
    return {"inline_keyboard": _rows(fitting)} if fitting else None


def _rows(buttons: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    """Short labels (digits, stars) share a row; words get a row each, or a phone cuts them."""
    if all(len(button["text"]) <= 3 for button in buttons):
        return [buttons]
    return [[button] for button in buttons]
