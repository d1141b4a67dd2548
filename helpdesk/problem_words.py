"""What went wrong, as a page says it: in the reader's language, and never in the words of a framework.

Errors carry plain English (programs read it); the sentences below are known to translators, others stay as they are.
"""

from __future__ import annotations

from flask_babel import gettext


def N_(text: str) -> str:  # noqa: N802 - the name translators' tools look for
    """Marks a sentence for translation."""
    return text


# What werkzeug calls it -> what we call it.
_NAMES = {
    "Bad Request": N_("Something is not right"),
    "Forbidden": N_("Not allowed"),
    "Not Found": N_("Not found"),
    "Method Not Allowed": N_("This page cannot be opened this way"),
    "Request Entity Too Large": N_("Too large"),
    "Too Many Requests": N_("Too many requests"),
    "Internal Server Error": N_("Something broke here"),
    "Service Unavailable": N_("Not available right now"),
}

# By status, where an error says no more than its title.
_SENTENCES = {
    400: N_("Go back, reload the page and try once more."),
    403: N_("Ask somebody who may, or an administrator."),
    404: N_("It does not exist, it was moved, or it is not for you to see."),
    405: N_("Go back to the page you came from and use its buttons."),
    413: N_("What was sent is larger than this desk takes."),
    429: N_("Wait a minute, then try once more."),
    500: N_("It was written down for the administrator. Nothing you sent before is lost; try once more."),
    503: N_("What you sent was not taken in. Wait a moment, then try once more."),
}

_OURS = (
    N_("Sign in first"),
    N_("Something changed meanwhile"),
    N_("This page was open too long"),
    N_("This token may only read."),
    N_("This cannot be stored or looked for."),
    N_("This link is not one of ours, or it has ended."),
    N_("This file is no longer there."),
    N_("This mail could not be read; download it instead."),
    N_("Only who wrote it can call it back."),
    N_("It has left already."),
    N_("It is on its way already."),
    N_("It was sent already."),
    N_("This ticket was merged into another one."),
    N_("Only they can stop following."),
    N_("It is the only message of this ticket. Move it to another ticket instead."),
    N_("Somebody decided about this sender meanwhile. Look again."),
    N_("You cannot share a view with them."),
    N_("Something arrived since you last looked."),
)


def told(status: int, title: str, detail: str) -> tuple[str, str]:
    """Title and sentence of an error's page; the sentence may be empty."""
    if title in _NAMES:
        title, detail = _NAMES[title], ""
    if not detail or detail == title:
        detail = _SENTENCES.get(status, "")
    return gettext(title), gettext(detail) if detail else ""
