"""HTML of mails: made safe for the agent's page, and turned into text that reads well."""

from __future__ import annotations

import re

import nh3

from connectors.email import limits
from connectors.email.htmltext import too_deep

TAGS = {
    "a", "abbr", "acronym", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
    "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption",
    "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li",
    "main", "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub",
    "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
DROPPED_WITH_CONTENT = {"script", "style", "title", "head", "noscript", "template", "object", "svg", "math"}
_COMMON = {"style", "dir", "lang", "title", "align", "valign", "bgcolor", "width", "height"}
ATTRIBUTES: dict[str, set[str]] = {
    "*": _COMMON,
    "a": {"href", "name"},
    "img": {"src", "alt", "border"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value", "type"},
    "font": {"color", "face", "size"},
    "blockquote": {"type"},
    "time": {"datetime"},
}
# Nothing that can place a thing over the page, load from outside or hide itself behind another.
STYLES = {
    "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius", "border-right",
    "border-spacing", "border-style", "border-top", "border-width", "color", "background-color", "font", "font-family",
    "font-size", "font-style", "font-variant", "font-weight", "height", "letter-spacing", "line-height",
    "list-style-type", "margin", "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width",
    "min-width", "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align",
    "text-decoration", "text-indent", "text-transform", "vertical-align", "white-space", "width", "word-break",
    "word-wrap", "overflow-wrap", "direction",
}  # fmt: skip
QUOTE_CLASSES = {"gmail_quote", "yahoo_quoted", "zmail_extra", "moz-cite-prefix", "gmail_attr"}

_cleaner = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags=DROPPED_WITH_CONTENT,
    attributes=ATTRIBUTES,
    filter_style_properties=STYLES,
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
    allowed_classes={"div": QUOTE_CLASSES, "blockquote": QUOTE_CLASSES},
)
_IMG = re.compile(r'<img((?: [a-z-]+="[^"]*")*)>')
_REMOTE = re.compile(r' src="(https?:[^"]*)"')
_TINY = re.compile(r' (?:width|height)="[01](?:px)?"|style="[^"]*?\b(?:width|height)\s*:\s*[01](?:px)?\s*(?:;|")')
_URL_IN_STYLE = re.compile(r'( style="[^"]*")')


def sanitise(html: str) -> str:
    """Safe HTML. Pictures from the net wait as `data-src` (and `data-tracker` when too small to be seen)."""
    if len(html) > limits.MAX_HTML_CHARS or too_deep(html):
        return ""
    safe = _cleaner.clean(html)
    if "<img" in safe:
        safe = _IMG.sub(_block_remote, safe)
    if "url(" in safe.lower() or "expression(" in safe.lower():
        safe = _URL_IN_STYLE.sub(_drop_loading_style, safe)
    return safe.strip()


def _block_remote(match: re.Match[str]) -> str:
    attributes = match[1]
    if not _REMOTE.search(attributes):
        return match[0]
    attributes = _REMOTE.sub(r' data-src="\1"', attributes)
    tracker = ' data-tracker="1"' if _TINY.search(attributes) else ""
    return f"<img{attributes}{tracker}>"


def _drop_loading_style(match: re.Match[str]) -> str:
    lowered = match[1].lower()
    return "" if "url(" in lowered or "expression(" in lowered else match[1]


def from_text(text: str) -> str:
    """Plain text as HTML paragraphs, nothing in it taken for markup."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return "<div>" + escaped.replace("\n", "<br>") + "</div>"
