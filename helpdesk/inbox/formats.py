"""How things read on a page: times, sizes, initials, channels, clocks. Filters and globals of every template."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from babel.dates import format_datetime
from flask import Blueprint, current_app
from flask_babel import (
    format_date,
    format_decimal,
    get_locale,
    get_timezone,
    gettext,
    lazy_gettext,
)
from markupsafe import Markup, escape

from connectors import registry
from helpdesk.whys import ours, why, written_by_us
from helpdesk.words import LINK_WORDS, PRIORITY_WORDS, SCORE_WORDS, STATUS_WORDS, TARGET_WORDS, span

_CHANNEL_WORDS = {
    "email": lazy_gettext("Email"),
    "widget": lazy_gettext("Chat"),
    "phone": lazy_gettext("Phone"),
}


def install(bp: Blueprint) -> None:
    """Make them known to every template, also of other screens and of mails."""
    for function in _FILTERS:
        bp.add_app_template_filter(function)
    for name, value in _GLOBALS.items():
        bp.add_app_template_global(value, name)


# --- times ---------------------------------------------------------------------------------------------------


def ago(moment: datetime, at: datetime | None = None) -> str:
    """Relative under a day ("18 m", "2 h"), the date after it."""
    seconds = ((at or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 60:
        return gettext("now")
    if seconds < 3600:
        return gettext("%(n)s m", n=int(seconds // 60))
    if seconds < 86400:
        return gettext("%(n)s h", n=int(seconds // 3600))
    return short_date(moment)


def short_date(moment: datetime) -> str:
    """ "20 Nov", with the year when it is another one."""
    same_year = local_day(moment).year == datetime.now(get_timezone()).year
    return _written(moment, gettext("d MMM") if same_year else gettext("d MMM y"))


def exact(moment: datetime) -> str:
    return _written(moment, gettext("EEEE d MMMM y, HH:mm"))


def clock_time(moment: datetime) -> str:
    return _written(moment, "HH:mm")


def _written(moment: datetime, pattern: str) -> str:
    return _in_words(moment, pattern, get_locale().language, get_timezone())


@lru_cache(maxsize=4096)
def _in_words(moment: datetime, pattern: str, language: str, zone: tzinfo) -> str:
    """Babel takes a third of a millisecond for it, and a page has a hundred times, most of them shown before."""
    return str(format_datetime(moment, pattern, tzinfo=zone, locale=language))


def local_day(moment: datetime) -> date:
    return _day(moment, get_timezone())


@lru_cache(maxsize=4096)
def _day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()


def day_name(moment: datetime) -> str:
    """Heading of a day in the thread."""
    day, today = local_day(moment), datetime.now(get_timezone()).date()
    if day == today:
        return gettext("Today")
    if day == today - timedelta(days=1):
        return gettext("Yesterday")
    return str(format_date(moment, gettext("EEE d MMM") if day.year == today.year else gettext("EEE d MMM y")))


def sla_state(due_at: datetime | None, soon_at: datetime | None, at: datetime | None = None) -> str:
    """running, soon (under a quarter of the promise), late, or empty without a clock."""
    at = at or datetime.now(UTC)
    if due_at is None:
        return ""
    if due_at <= at:
        return "late"
    return "soon" if soon_at is not None and soon_at <= at else "running"


def sla_words(due_at: datetime, at: datetime | None = None) -> str:
    left = (due_at - (at or datetime.now(UTC))).total_seconds()
    if left <= 0:
        return gettext("late by %(time)s", time=span(max(60, -left)))
    return gettext("%(time)s left", time=span(left + 59))


# --- words and shapes ----------------------------------------------------------------------------------------


def file_size(size_bytes: int) -> str:
    if size_bytes < 1024:
        return f"{size_bytes} B"
    if size_bytes < 1024 * 1024:
        return f"{size_bytes // 1024} kB"
    unit = "MB" if size_bytes < 1024**3 else "GB"
    return f"{format_decimal(round(size_bytes / 1024 ** (2 if unit == 'MB' else 3), 1))} {unit}"


def number(value: int | float) -> str:
    return str(format_decimal(value))


def decimal(value: float) -> str:
    """One place after the sign the language has for it."""
    return str(format_decimal(value, format="0.0"))


def initials(name: str) -> str:
    """Two letters of a name; the first two digits of a number."""
    words = [w for w in name.replace("@", " ").split() if w]
    letters = [w for w in words if w[0].isalpha()]
    if not letters:
        return "".join(c for c in name if c.isdigit())[:2] or "?"
    return "".join(w[0] for w in (letters[:1] + letters[-1:] if len(letters) > 1 else letters)).upper()


def tint(name: str) -> str:
    """A quiet colour that stays the same for a name; none for a bare number."""
    if not any(c.isalpha() for c in name):
        return ""
    return f"a{zlib.crc32(name.encode()) % 6 + 1}"


def paragraphs(text: str) -> Markup:
    """Plain text as paragraphs with its line breaks, links clickable, everything escaped."""
    from helpdesk.inbox.rich import linked

    blocks = [b.strip("\n") for b in text.replace("\r\n", "\n").split("\n\n")]
    return Markup("".join(f"<p>{linked(b)}</p>" for b in blocks if b.strip()))  # noqa: S704 - linked() escapes


def mentions(text: str, names: Any) -> Markup:
    """A note's text with the colleagues it names marked."""
    longest_first = sorted((str(escape(f"@{name}")) for name in names.agents.values()), key=len, reverse=True)
    if "@" not in text or not longest_first:
        return paragraphs(text)
    tagged = re.compile("|".join(re.escape(name) for name in longest_first))
    return Markup(tagged.sub(r'<span class="hd-mention">\g<0></span>', str(paragraphs(text))))  # noqa: S704 - escaped above


def clean_html(html: str) -> Markup:
    """What an agent wrote in the editor, cleaned once more where it is shown."""
    from helpdesk.services.markup import sanitise

    return Markup(sanitise(html))  # noqa: S704 - an allow-list without attributes but href


_SENTENCE = re.compile(r"(.{6,80}?[.?!…:])\s+(\S.*)", re.DOTALL)


def headline(subject: str, preview: str) -> tuple[str, str]:
    """A row's subject and the line below it. What began without a subject has its first words as one: said once, its
    first sentence is the subject and the rest stands below; without a second sentence there is nothing to stand there."""
    if written_by_us(subject):
        return ours(subject), "" if preview == subject else ours(preview)
    words = subject.rstrip("… ")
    if not words or not preview.startswith(words):
        return subject, preview
    found = _SENTENCE.fullmatch(preview)
    return (found[1].rstrip(":"), found[2]) if found else (preview, "")


def duration(seconds: int | str) -> str:
    """Length of a call: 3:12."""
    total = int(seconds)
    hours, minutes = total // 3600, total % 3600 // 60
    return f"{hours}:{minutes:02d}:{total % 60:02d}" if hours else f"{minutes}:{total % 60:02d}"


def day_key(moment: datetime) -> str:
    return local_day(moment).isoformat()


def channel_name(kind: str) -> str:
    if kind in _CHANNEL_WORDS:
        return str(_CHANNEL_WORDS[kind])
    found = registry.kinds().get(kind)
    return found.label if found else kind


def channel_glyph(kind: str) -> str:
    """Name of the channel's icon in the sprite. @icons mail message-circle phone brand-telegram message-2

    @icons circle-letter-z brand-messenger brand-instagram brand-whatsapp
    """
    found = registry.kinds().get(kind)
    return found.icon if found else "message-2"


def takes_copies(kind: str) -> bool:
    """Can a reply on this kind of channel have a Cc?"""
    found = registry.kinds().get(kind)
    return bool(found and found.copies)


def address_words(kind: str, label: str) -> str:
    """An address as people read it; a visitor's id of our own pages says nothing to them."""
    if re.fullmatch(r"\+\d{6,15}", label):
        return grouped_number(label)
    found = registry.kinds().get(kind)
    shown = found.shown(label) if found else label
    if shown != label:
        return gettext(shown)
    return gettext("visitor of the site") if getattr(found, "in_place", False) else label


def called(customer_id: int, name: str, username: str | None, address: str | None, kind: str | None) -> str:
    """Somebody as agents call them: the name, else the address; a visitor of our pages has none that says anything."""
    if name:
        return name
    if username:
        return f"@{username}"
    if address and getattr(registry.kinds().get(kind or ""), "in_place", False):
        return gettext("Website visitor %(number)s", number=customer_id)
    return address_words(kind or "", address) if address else f"#{customer_id}"


@lru_cache(maxsize=2048)
def grouped_number(value: str) -> str:
    """+84912345678 -> +84 912 345 678; what is no number stays as it is."""
    import phonenumbers

    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return value
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def has_route(endpoint: str) -> bool:
    return endpoint in current_app.view_functions


_FILTERS = (
    ago, exact, clock_time, day_name, day_key, duration, file_size, initials, tint, number, span, short_date,
    paragraphs, mentions, clean_html, why, ours, decimal,
)  # fmt: skip
_GLOBALS: dict[str, Any] = {
    "STATUS_WORDS": STATUS_WORDS,
    "LINK_WORDS": LINK_WORDS,
    "PRIORITY_WORDS": PRIORITY_WORDS,
    "TARGET_WORDS": TARGET_WORDS,
    "SCORE_WORDS": SCORE_WORDS,
    "address_words": address_words,
    "channel_glyph": channel_glyph,
    "channel_name": channel_name,
    "has_route": has_route,
    "headline": headline,
    "takes_copies": takes_copies,
    "sla_state": sla_state,
    "sla_words": sla_words,
}
