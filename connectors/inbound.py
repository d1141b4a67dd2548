"""What comes in, read: frozen, and the same whatever channel it came by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True)
class Address:
    """One address of a person. `value` is normalised by the connector (lower-case email, E.164, numeric id)."""

    kind: str
    value: str
    scope: str = ""
    name: str = ""
    username: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.value}>" if self.name else self.value


@dataclass(frozen=True)
class File:
    """One attachment. Either `data`, or `ref` (the connector's `fetch` gets it), or only `problem` (why it is missing)."""

    filename: str
    content_type: str
    size_bytes: int = 0
    data: bytes | None = None
    ref: str = ""
    inline: bool = False
    content_id: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Evidence:
    """Where a message says it belongs. Ids without angle brackets, newest reference last."""

    addressed_to: tuple[str, ...] = ()  # every address it was delivered or written to, as written
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    subject: str = ""
    token: str = ""  # a signed token carried by a deep link, a form or a button
    body_marker: str = ""


@dataclass(frozen=True)
class InboundMessage:
    """One utterance, read. `text` is everything readable, `reply_text` what is new in it (never empty if text is not)."""

    external_id: str
    sender: Address
    text: str
    reply_text: str = ""
    html: str = ""  # sanitised
    quoted_text: str = ""
    subject: str = ""
    sent_at: datetime | None = None
    files: tuple[File, ...] = ()
    evidence: Evidence = Evidence()
    message_id: str = ""  # RFC 5322 Message-ID or the provider's id, not unique
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    auto: str = "no"  # no, auto-reply, bulk, bounce
    auto_reply_allowed: bool = True
    authentication: Mapping[str, str] = field(default_factory=dict)
    sender_verified: bool = False  # the channel itself proves who wrote (bot id, signed hash)
    defects: tuple[str, ...] = ()
    # echo: what the company said outside this product; `to` holds the customer, `sender` the account of ours.
    kind: Literal["message", "call", "sticker", "echo"] = "message"
    call: Mapping[str, Any] = field(default_factory=dict)
    edits_external_id: str = ""
    reply_to_external_id: str = ""
    language: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)  # page, referrer, user agent…
    # Other addresses that are certainly the same person's, or lead to them (the number behind an account).
    also: tuple[Address, ...] = ()
    # Addresses of theirs that may be written to because of this message (a private answer to a public comment).
    opens: tuple[Address, ...] = ()
    forwarded: Forwarded | None = None  # it passes on what somebody else wrote


@dataclass(frozen=True)
class Forwarded:
    """What a message passes on: who wrote it first, and what whoever passes it on says about it. No proof of anything."""

    sender: Address
    text: str
    subject: str = ""
    comment: str = ""


@dataclass(frozen=True)
class BouncedRecipient:
    email: str
    status: str = ""
    reason: str = ""
    permanent: bool = False


@dataclass(frozen=True)
class InboundBounce:
    """The far side says a message of ours did not arrive. `message` is the notice itself, readable."""

    external_id: str
    recipients: tuple[BouncedRecipient, ...]
    original_message_id: str = ""
    message: InboundMessage | None = None


@dataclass(frozen=True)
class InboundRating:
    """A tap on a native survey button. `token` is the one `Outbound.survey` carried."""

    external_id: str
    sender: Address
    token: str
    score: int | None = None
    reason: str = ""
    comment: str = ""
    callback_id: str = ""


@dataclass(frozen=True)
class InboundReport:
    """A delivery mark for a message of ours. Out of order and repeated marks are harmless.

    With `up_to` instead of `sent_external_id`: everything sent to `sender` until then.
    """

    external_id: str
    sent_external_id: str
    state: Literal["sent", "delivered", "read", "failed"]
    reason: str = ""
    sender: Address | None = None
    up_to: datetime | None = None


@dataclass(frozen=True)
class InboundReach:
    """How an identity can be reached changed: it blocked us, came back, or proved itself."""

    external_id: str
    sender: Address
    state: Literal["verified", "unverified", "blocked", "bounced_soft", "bounced_hard"]
    reason: str = ""


@dataclass(frozen=True)
class InboundCall:
    """A call as it goes on: it rings, is answered, has ended; a recording may come later. Its entry in the ticket is
    an InboundMessage of the kind call with the same external id. `sender` is the other side, whoever called whom;
    `extension` is the phone on our side, as the phone system calls it."""

    external_id: str
    sender: Address
    state: Literal["ringing", "answered", "ended"]
    direction: Literal["in", "out"] = "in"
    extension: str = ""
    at: datetime | None = None
    recording_url: str = ""


@dataclass(frozen=True)
class InboundRemoval:
    """The customer took a message back: its content is to go."""

    external_id: str
    removes_external_id: str


@dataclass(frozen=True)
class InboundMoved:
    """An address is another one from now on (a group became a supergroup); what is known of it goes along."""

    external_id: str
    sender: Address
    now: Address


Inbound = (
    InboundMessage
    | InboundBounce
    | InboundRating
    | InboundReport
    | InboundReach
    | InboundRemoval
    | InboundCall
    | InboundMoved
)
