"""Plain text that people wrote, made safe to show."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]}]")


def linked(text: str) -> Markup:
    """Escaped text with line breaks kept and web addresses as links."""
    if "://" not in text:
        return _broken(text)
    parts, end = [], 0
    for match in _LINK.finditer(text):
        parts.append(_broken(text[end : match.start()]))
        parts.append(
            Markup('<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>').format(match[0])
        )
        end = match.end()
    parts.append(_broken(text[end:]))
    return Markup("").join(parts)


def _broken(text: str) -> Markup:
    return Markup(str(escape(text)).replace("\n", "<br>"))  # noqa: S704 - escaped the moment before
