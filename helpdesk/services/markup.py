"""HTML our agents write: a small allow-list, sanitised; and text out of it. Plain placeholder substitution."""

from __future__ import annotations

import html as html_escapes
import re

import nh3

TAGS = {
    "p",
    "br",
    "div",
    "strong",
    "b",
    "em",
    "i",
    "u",
    "s",
    "del",
    "a",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "code",
    "h1",
}
ATTRIBUTES = {"a": {"href"}}
_BREAK = re.compile(r"<(br|/p|/div|/li|/h1|/blockquote|/pre)\b[^>]*>", re.IGNORECASE)
_ITEM = re.compile(r"<li\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")


def sanitise(html: str) -> str:
    """What an agent's editor may produce; anything else is dropped."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
    )


def to_text(html: str) -> str:
    """Readable text of sanitised HTML: lines for blocks, a dash for items."""
    text = _ITEM.sub("- ", html)
    text = _BREAK.sub("\n", text)
    text = html_escapes.unescape(_TAG.sub("", text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.splitlines())).strip()


def from_text(text: str) -> str:
    """Text as HTML: escaped, paragraphs and line breaks kept."""
    paragraphs = [html_escapes.escape(p).replace("\n", "<br>") for p in re.split(r"\n\s*\n", text.strip()) if p.strip()]
    return "".join(f"<p>{p}</p>" for p in paragraphs)
