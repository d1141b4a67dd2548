"""HTML of a mail as text that reads well, with quoted parts marked by "> " and, for quotes.py, private marks."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from connectors.email import limits
from connectors.email.charsets import clean

CUT = "\ue000"  # a line of its own: from here on it is the quoted original
ATTRIBUTION = "\ue001"  # begins a line that introduces a quote ("On … wrote:")
_MARKS = re.compile(f"{CUT}\n?|{ATTRIBUTION}")

SKIPPED = frozenset({"head", "script", "style", "title", "template", "noscript", "svg", "math", "object", "iframe"})
PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "ul", "ol", "dl", "blockquote", "hr"})
BLOCKS = PARAGRAPHS | {
    "address", "article", "aside", "body", "center", "dd", "details", "div", "dt", "figcaption", "figure", "footer",
    "form", "header", "li", "main", "nav", "section", "summary", "tbody", "tfoot", "thead", "tr",
}  # fmt: skip
CUT_IDS = frozenset({"divrplyfwdmsg", "x_divrplyfwdmsg", "appendonsend", "x_appendonsend", "olk_src_body_section",
                     "stopspelling", "mail-editor-reference-message-container", "ms-outlook-mobile-body-separator-line",
                     "isforwardcontent", "isreplycontent"})  # fmt: skip
CUT_CLASSES = frozenset({"moz-email-headers-table"})
QUOTE_CLASSES = frozenset({"yahoo_quoted", "zmail_extra", "protonmail_quote", "tutanota_quote", "outlook_quote"})
ATTRIBUTION_CLASSES = frozenset({"gmail_attr", "moz-cite-prefix"})
# Outlook draws a line above the header block of the mail it answers.
_OUTLOOK_RULE = re.compile(r"border\s*:\s*none\s*;\s*border-top\s*:\s*solid\s+#?[0-9a-z]+\s+1\.0pt", re.I)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_ANY_TAG = re.compile(r"<[^<>]{0,2000}>")
_UNREAD = re.compile(r"<(?:style|script)\b[^<]*", re.I)
# Elements that end without being closed do not nest.
_SELF_CLOSED = frozenset({
    "p", "li", "td", "th", "tr", "dd", "dt", "br", "img", "hr", "input", "meta", "link", "col", "option", "wbr", "area",
    "base", "source", "tbody", "thead", "tfoot",
})  # fmt: skip
_SPACES = re.compile("[ \t\n\r\f\v\xa0]+")
_INVISIBLE = re.compile("[\u00ad\u034f\u200b\u2060\ufeff]")
_BLANKS = re.compile(r"\n{3,}")


def strip_marks(text: str) -> str:
    return _MARKS.sub("", text) if CUT in text or ATTRIBUTION in text else text


def too_deep(html: str) -> bool:
    """Are elements nested deeper than an HTML parser can take in linear time?"""
    if html.count("<") <= limits.MAX_HTML_DEPTH:
        return False
    depth = 0
    for match in _TAG.finditer(html):
        if match[2].lower() not in _SELF_CLOSED:
            depth += -1 if match[1] and depth else 0 if match[1] else 1
            if depth > limits.MAX_HTML_DEPTH:
                return True
    return False


def to_text(html: str) -> str:
    """Readable text with marks (see `strip_marks`); at most limits.MAX_TEXT_CHARS of it."""
    html = html[: limits.MAX_HTML_READ_CHARS]
    if too_deep(html):
        return _without_tags(html)
    try:
        tree = LexborHTMLParser(html.replace("\x00", ""))
    except SelectolaxError:  # more elements than its child may hold in memory
        return _without_tags(html)
    root = tree.body or tree.root
    if root is None:
        return ""
    writer = _Writer()
    _walk(root, writer)
    return clean(writer.result())


def _without_tags(html: str) -> str:
    words = clean(_ANY_TAG.sub(" ", _UNREAD.sub(" ", html)))
    return _SPACES.sub(" ", words).strip()[: limits.MAX_TEXT_CHARS]


def _walk(root: LexborNode, writer: _Writer) -> None:
    """Depth first without recursion: a mail may nest a hundred thousand elements."""
    node: LexborNode | None = root
    while node is not None:
        descend = _enter(node, writer)
        if writer.size > limits.MAX_TEXT_CHARS:
            return
        child = node.child if descend else None
        if child is not None:
            node = child
            continue
        while node is not None:
            _leave(node, writer)
            if node.mem_id == root.mem_id:
                return
            following = node.next
            if following is not None:
                node = following
                break
            node = node.parent


def _enter(node: LexborNode, writer: _Writer) -> bool:
    """Write what opens here; False when the content is not for reading."""
    tag = node.tag
    if tag == "-text":
        writer.write(node.text_content or "")
        return False
    if tag is None or tag in SKIPPED or tag.startswith(("-", "!")):
        return False
    if tag == "br":
        writer.line()
        return False
    attributes = node.attributes
    if tag == "img":
        alt = (attributes.get("alt") or "").strip()
        if alt:
            writer.write(alt if len(alt) <= 4 else f"[{alt[:200]}]")
        return False
    if tag in BLOCKS:
        writer.paragraph() if tag in PARAGRAPHS else writer.end_line()
    elif tag in ("td", "th"):
        writer.write(" ")
    if attributes:
        _enter_quote(tag, attributes, writer)
    if tag == "hr":
        writer.write("________________")
        writer.end_line()
    elif tag == "li":
        writer.write("- ")
    elif tag == "pre":
        writer.pre += 1
    return True


def _enter_quote(tag: str, attributes: dict[str, str | None], writer: _Writer) -> None:
    classes = (attributes.get("class") or "").lower().split()
    known = (attributes.get("id") or "").lower() in CUT_IDS or CUT_CLASSES.intersection(classes)
    if known or _OUTLOOK_RULE.search(attributes.get("style") or ""):
        writer.mark(CUT)
    elif ATTRIBUTION_CLASSES.intersection(classes):
        writer.attribution += 1
    if _is_quote(tag, attributes, classes):
        writer.end_line()
        writer.quote += 1


def _is_quote(tag: str, attributes: dict[str, str | None], classes: list[str]) -> bool:
    if QUOTE_CLASSES.intersection(classes):
        return True
    if tag != "blockquote":
        return False
    return "gmail_quote" in classes or attributes.get("type") == "cite" or "cite" in attributes


def _leave(node: LexborNode, writer: _Writer) -> None:
    tag = node.tag or ""
    if tag.startswith("-") or tag in SKIPPED or tag in ("br", "img"):
        return
    attributes = node.attributes
    if tag in BLOCKS:
        writer.paragraph() if tag in PARAGRAPHS else writer.end_line()
    elif tag == "a":
        _link(node, attributes.get("href") or "", writer)
    if tag == "pre":
        writer.pre -= 1
    if attributes:
        classes = (attributes.get("class") or "").lower().split()
        if _is_quote(tag, attributes, classes):
            writer.end_line()
            writer.quote -= 1
        if ATTRIBUTION_CLASSES.intersection(classes):
            writer.end_line()
            writer.attribution = max(0, writer.attribution - 1)


def _link(node: LexborNode, href: str, writer: _Writer) -> None:
    """The address of a link whose words do not show it."""
    if href.startswith(("http://", "https://")) and len(href) <= 150:
        words = node.text(deep=True)[:500]
        if words.strip() and "://" not in words and "www." not in words and words.strip() not in href:
            writer.write(f" <{href.strip()}>")


class _Writer:
    """Lines of text; knows how deep in quotes it is."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.current: list[str] = []
        self.quote = self.pre = self.attribution = self.size = 0

    def write(self, text: str) -> None:
        if self.pre:
            *whole, last = text.replace("\r\n", "\n").split("\n")
            for line in whole:
                self.current.append(line)
                self.line()
            self.current.append(last)
            return
        text = _SPACES.sub(" ", text)
        if not text.isascii():
            text = _INVISIBLE.sub("", text)
        if text == " " and not self.current:
            return
        if text:
            self.current.append(text)

    def line(self) -> None:
        """End the line, also an empty one."""
        text = "".join(self.current)
        text = text.rstrip() if self.pre else _SPACES.sub(" ", text).strip()
        if self.attribution and text:
            text = ATTRIBUTION + text
        if self.quote:
            text = ">" * min(self.quote, 5) + (" " + text if text else "")
        self.lines.append(text)
        self.size += len(text) + 1
        self.current = []

    def end_line(self) -> None:
        """End the line unless it is empty."""
        if any(piece.strip() for piece in self.current):
            self.line()
        else:
            self.current = []

    def paragraph(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append(">" * min(self.quote, 5))
            self.size += 1

    def mark(self, mark: str) -> None:
        self.end_line()
        if not self.quote:
            self.lines.append(mark)

    def result(self) -> str:
        self.end_line()
        return _BLANKS.sub("\n\n", "\n".join(self.lines)).strip("\n")
