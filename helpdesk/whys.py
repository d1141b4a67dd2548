"""Why the desk did something, in the reader's language.

Reasons are stored in plain English, as sentences that stand below; `why` says them in the language of the page.
What it does not know (an error of a mail server, a note of a person) stays as it was written.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from flask_babel import get_locale, gettext

from connectors import registry


def N_(text: str) -> str:  # noqa: N802 - the name translators' tools look for
    """Marks a sentence for translation."""
    return text


SENTENCES = (
    # which ticket a message belongs to (services/threading.py, intake.py, senders.py)
    N_("Nothing in it points to an earlier ticket."),
    N_("It was sent to the ticket's signed reply address."),
    N_("It came through the ticket's own link."),
    N_("It answers a message we sent (signed Message-ID)."),
    N_("Its In-Reply-To or References name a message of the ticket."),
    N_("It quotes a message of the ticket."),
    N_("Its subject names ticket #%(number)s, and the sender takes part in it."),
    N_("The sender is not known in this ticket; accept or split it off."),
    N_("The sender's mail server did not confirm it (SPF or DMARC failed)."),
    N_("That ticket is closed, so this is its follow-up."),
    N_("Ticket #%(number)s is closed, so this is its follow-up."),
    N_("The first message from here."),
    N_("It was sent outside the helpdesk."),
    N_("It answers no ticket here."),
    N_("It is a copy of a message that we sent."),
    N_("A field that people do not see was filled in."),
    N_("A missed call."),
    N_("The delivery before it failed."),
    N_("The form was sent faster than anybody types."),
    N_("The conversation on this channel goes on."),
    N_("The customer went on here from the chat, by its own link."),
    N_("They followed a link that was handed to this customer."),
    N_("The answer was not read in the chat."),
    N_("The visitor asked for answers by mail."),
    N_("The visitor asked for it in the chat."),
    N_("The file could not be fetched."),
    N_("The customer ended the chat."),
    N_("It is the bounce of a message we sent."),
    N_("A bounce came back for it."),
    N_("An agent split it off: it came into another ticket from a sender unknown there."),
    N_("An agent moved it here from ticket #%(number)s."),
    N_("The sender now takes part in this ticket."),
    N_("It is now ticket #%(number)s."),
    N_("It was split off from ticket #%(number)s."),
    N_("It went to ticket #%(number)s."),
    N_("It went into ticket #%(number)s."),
    N_("An agent split it off from ticket #%(number)s."),
    N_("Somebody wrote since it was written."),
    N_("Its author does not work here any more."),
    N_("Its only message went to ticket #%(number)s."),
    # what changed a ticket (intake.py, tickets.py, replies.py, undo.py, calls.py, housekeeping.py)
    N_("The customer wrote again."),
    N_("The customer wrote."),
    N_("The customer called."),
    N_("The customer rated."),
    N_("The customer rated %(score)s of 5."),
    N_("The customer is blocked."),
    N_("The customer is not blocked any more."),
    N_("The sender is on the list of blocked senders."),
    N_("An agent forwarded it; the ticket is the original sender's."),
    N_("They answered first."),
    N_("They spoke with the customer."),
    N_("They wrote again."),
    N_("We wrote first."),
    N_("A call was logged."),
    N_("Promised on the phone."),
    N_("Called back before it left."),
    N_("The answer was called back."),
    N_("The time it was snoozed for is over."),
    N_("Solved for %(days)s days without an answer."),
    N_("The site's server signed who this visitor is."),
    # what was sent by itself (auto_answers.py, invitations.py)
    N_("Outside business hours."),
    N_("This channel acknowledges new tickets."),
    N_("Surveys are switched off."),
    N_("The whole desk only receives (shadow mode)."),
    N_("The ticket is not solved any more."),
    N_("The customer asked not to be surveyed."),
    N_("They were asked within the last %(days)s days."),
    N_("Our last message did not arrive."),
    N_("There is no channel to ask on; an agent asks at the next call."),
    N_("It did not arrive."),
    # promises (sla_rules.py, sla.py)
    N_('%(policy)s policy: %(promise)s within %(time)s of business time, hours of "%(hours)s" (%(zone)s).'),
    N_("%(policy)s policy: %(promise)s within %(time)s of time, day and night."),
    N_("Solved without a reply."),
    N_("No promise holds for it any more."),
    N_("Put away."),
    N_("The answer before it was called back."),
    N_("The message was moved to another ticket."),
)
# Parts of a sentence; they are put in where a sentence has a name.
PARTS = (
    N_("%(target)s on %(channel)s for %(priority)s tickets"),
    N_("%(target)s on %(channel)s"),
    N_("%(target)s for %(priority)s tickets"),
    N_("first response"),
    N_("next response"),
    N_("resolution"),
    N_("low"),
    N_("normal"),
    N_("high"),
    N_("urgent"),
    N_("%(hours)s %(minutes)s"),
    N_("%(n)s hours"),
    N_("%(n)s hour"),
    N_("%(n)s minutes"),
    N_("%(n)s minute"),
)
WRITTEN = (N_("A message that could not be read"),)  # services/intake.py
_NAME = re.compile(r"%\\\((\w+)\\\)s|%\((\w+)\)s")
# What may stand for a name: numbers are digits, a length of time its two parts, anything else any text.
_SHAPES = {"number": r"\d+", "score": r"\d+", "days": r"\d+", "n": r"\d+", "minutes": r"\d+ minutes?"}
# Which names hold a part to be translated in its turn.
_NESTED = frozenset({"promise", "time", "target", "priority", "hours", "minutes"})


def _pattern(text: str, shapes: dict[str, str]) -> re.Pattern[str]:
    found = _NAME.sub(lambda m: f"(?P<{m[1] or m[2]}>{shapes.get(m[1] or m[2], '.+?')})", re.escape(text))
    return re.compile(found)


_PARTS = [(text, _pattern(text, _SHAPES | {"hours": r"\d+ hours?"})) for text in PARTS]


def why(reason: str) -> str:
    """A stored reason in the language of the page."""
    locale = str(get_locale() or "en")
    return reason if locale == "en" or not reason else _said(reason, locale)


def ours(text: str) -> str:
    """A subject or text that we wrote because nobody wrote any (a call without notes), in the language of the page."""
    return str(gettext(text)) if written_by_us(text) else text


def written_by_us(text: str) -> bool:
    return text in _written()


@cache
def _written() -> frozenset[str]:
    return frozenset(WRITTEN).union(*(kind.writes for kind in registry.kinds().values()))


@lru_cache(maxsize=4096)
def _said(reason: str, locale: str) -> str:
    said, rest = [], reason
    while rest:
        text, match = _begins(rest)
        if match is None:  # not ours: up to where the next sentence begins
            cut = rest.find(". ") + 1 or len(rest)
            said.append(rest[:cut])
            rest = rest[cut:].strip()
            continue
        said.append(gettext(text, **_values(match)))
        rest = rest[match.end() :].strip()
    return " ".join(said)


@cache
def _sentences() -> list[tuple[str, re.Pattern[str]]]:
    """Ours, and those that connectors say of what went wrong."""
    theirs = (text for kind in registry.kinds().values() for text in kind.sentences)
    return [
        (text, re.compile(_pattern(text, _SHAPES).pattern + r"(?= |$)"))
        for text in dict.fromkeys((*SENTENCES, *theirs))
    ]


def _begins(text: str) -> tuple[str, re.Match[str] | None]:
    for sentence, pattern in _sentences():
        match = pattern.match(text)
        if match:
            return sentence, match
    return "", None


def _values(match: re.Match[str]) -> dict[str, str]:
    return {name: _part(value) if name in _NESTED else value for name, value in match.groupdict().items()}


def _part(text: str) -> str:
    for part, pattern in _PARTS:
        match = pattern.fullmatch(text)
        if match:
            return str(gettext(part, **_values(match)))
    return text


def known(reason: str) -> bool:
    """Is each sentence of a reason one that can be translated?"""
    rest = reason
    while rest:
        _text, match = _begins(rest)
        if match is None:
            return False
        rest = rest[match.end() :].strip()
    return True


__all__ = ["known", "why"]
