"""What goes out, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from connectors.inbound import Address


@dataclass(frozen=True)
class OutFile:
    filename: str
    content_type: str
    size_bytes: int
    read: Callable[[], bytes]


@dataclass(frozen=True)
class FileLink:
    """A file that is too large to go along: where it can be fetched."""

    filename: str
    size_bytes: int
    url: str


@dataclass(frozen=True)
class Quote:
    """The customer's message that is answered, to stand below the answer."""

    author: str
    text: str
    said_at: datetime


@dataclass(frozen=True)
class SurveyAsk:
    """A survey question a `Rates` connector draws with native buttons; others send `text` with `url` in it."""

    token: str
    question: str
    choices: tuple[tuple[int, str], ...]
    url: str


@dataclass(frozen=True)
class TemplateUse:
    """A message the provider approved beforehand, with what fills its places in order; `Outbound.text` is it written out."""

    name: str
    language: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A point on the map; with a title and an address where they are known."""

    kind: ClassVar[str] = "place"
    latitude: float
    longitude: float
    title: str = ""
    address: str = ""


@dataclass(frozen=True)
class Contact:
    """Somebody's card. `phone` in E.164."""

    kind: ClassVar[str] = "contact"
    name: str
    phone: str


@dataclass(frozen=True)
class Sticker:
    """One that the far side has already; `ref` is its name there, for this account only."""

    kind: ClassVar[str] = "sticker"
    ref: str
    emoji: str = ""


Shared = Place | Contact | Sticker


@dataclass(frozen=True)
class Outbound:
    """One message on its way to one identity over one channel."""

    delivery_id: int
    to: tuple[Address, ...]
    text: str
    html: str = ""
    subject: str = ""
    cc: tuple[Address, ...] = ()
    sender_name: str = ""  # the agent's or brand's, as the customer sees it
    from_name: str = ""
    files: tuple[OutFile, ...] = ()
    message_id: str = ""  # without brackets, fixed when composed: a repeat carries the same
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    reply_address: str = ""  # signed plus-address to answer to, where proven to work
    reply_to_external_id: str = ""
    automatic: bool = False  # not written by a person: Auto-Submitted and no chain of answers
    survey: SurveyAsk | None = None
    unsubscribe_url: str = ""
    locale: str = "en"
    ticket_number: int | None = None
    last_heard_at: datetime | None = None  # when the customer last wrote on this channel
    last_heard_id: str = ""  # and the id of that message
    template: TemplateUse | None = None
    phones: tuple[str, ...] = ()  # numbers of the customer that are known here, E.164
    links: tuple[FileLink, ...] = ()
    quote: Quote | None = None
    shared: Shared | None = None  # goes after the words; only to a connector that `Shares` its kind
    requests_url: str = ""  # where the customer reads this conversation without an account


@dataclass(frozen=True)
class RecipientResult:
    address: str
    state: Literal["sent", "failed", "retry"]
    reason: str = ""
    address_dead: bool = False


@dataclass(frozen=True)
class Receipt:
    """The far side took it (for at least one recipient; per-recipient results where the channel tells them)."""

    external_id: str = ""
    recipients: tuple[RecipientResult, ...] = ()
    external_ids: tuple[str, ...] = ()  # when one message became several on the far side
    reached: Address | None = None  # the address it really went to, where that is another and good from now on
    moved_to: Address | None = None  # the address it was sent to is this one from now on (a group that moved)


@dataclass(frozen=True)
class TestStep:
    """One line of *Test connection*: what was tried, how it went, what to do when it failed."""

    __test__: ClassVar[bool] = False
    name: str
    ok: bool
    detail: str = ""
    advice: str = ""
    fact: str = ""  # something proven that the product may rely on from now on ("plus_addressing")
    fix: tuple[tuple[str, str | int], ...] = ()  # settings with which this step works, tried already


@dataclass(frozen=True)
class Detected:
    """Settings that fit an account, and where they are known from (a few words)."""

    settings: Mapping[str, str | int]
    source: str = ""
