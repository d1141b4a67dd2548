"""WHAT can happen: frozen facts in the past tense, carrying ids and small values, never texts of people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base. `ticket_id`, `customer_id` and `message_id` become columns; the rest becomes `data`."""

    type: ClassVar[str]
    ticket_id: int | None = None
    customer_id: int | None = None
    message_id: int | None = None

    def data(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if k not in ("ticket_id", "customer_id", "message_id")}


EVENTS: dict[str, type[Event]] = {}


def _event(cls: type[Event]) -> type[Event]:
    """Register under a snake_case type: MessageReceived -> message_received."""
    cls.type = "".join(("_" + c.lower()) if c.isupper() else c for c in cls.__name__).lstrip("_")
    EVENTS[cls.type] = cls
    return cls


# --- tickets -------------------------------------------------------------------------------------------------


@_event
@dataclass(frozen=True, kw_only=True)
class TicketOpened(Event):
    """A ticket began: with a customer's message, an agent's conversation or a call."""

    channel_id: int | None = None
    history: bool = False
    follow_up_of: int | None = None


@_event
@dataclass(frozen=True, kw_only=True)
class StatusChanged(Event):
    old: str
    new: str


@_event
@dataclass(frozen=True, kw_only=True)
class PriorityChanged(Event):
    old: str
    new: str


@_event
@dataclass(frozen=True, kw_only=True)
class TicketAssigned(Event):
    old: int | None
    new: int | None


@_event
@dataclass(frozen=True, kw_only=True)
class TeamChanged(Event):
    old: int | None
    new: int | None


@_event
@dataclass(frozen=True, kw_only=True)
class TagsChanged(Event):
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@_event
@dataclass(frozen=True, kw_only=True)
class SubjectChanged(Event):
    old: str
    new: str


@_event
@dataclass(frozen=True, kw_only=True)
class ReasonChanged(Event):
    old: int | None
    new: int | None


@_event
@dataclass(frozen=True, kw_only=True)
class TicketSnoozed(Event):
    """until: RFC 3339, or None when it woke."""

    until: str | None


@_event
@dataclass(frozen=True, kw_only=True)
class TicketMoved(Event):
    """Between shelves by hand: spam, trash and back."""

    old: str
    new: str


@_event
@dataclass(frozen=True, kw_only=True)
class TicketsMerged(Event):
    """ticket_id is the source; `into` took over (or `undone`)."""

    into: int
    undone: bool = False


@_event
@dataclass(frozen=True, kw_only=True)
class TicketAbsorbed(Event):
    """ticket_id took over the messages of `source` (or gave them back); `number` is the source's."""

    source: int
    number: int
    undone: bool = False


@_event
@dataclass(frozen=True, kw_only=True)
class TicketsLinked(Event):
    """ticket_id and the ticket with the number `other` belong together, as `kind` says; or not any more."""

    other: int
    kind: str
    added: bool = True


@_event
@dataclass(frozen=True, kw_only=True)
class FieldChanged(Event):
    """A field the desk added has another value."""

    key: str


@_event
@dataclass(frozen=True, kw_only=True)
class ReplyHeld(Event):
    """A written reply waits (later, review), or its waiting ended: `state` as in models/held.py."""

    held_id: int
    agent_id: int
    why: str
    state: str


@_event
@dataclass(frozen=True, kw_only=True)
class DraftChanged(Event):
    """An agent began to write (reply, note), or what they wrote is gone or sent."""

    agent_id: int
    kind: str
    begun: bool


@_event
@dataclass(frozen=True, kw_only=True)
class FollowerChanged(Event):
    agent_id: int
    why: str
    added: bool = True


# --- messages ------------------------------------------------------------------------------------------------


@_event
@dataclass(frozen=True, kw_only=True)
class MessageReceived(Event):
    """A customer wrote (or called). `automatic`: an auto-reply, bulk mail or bounce notice."""

    channel_id: int | None
    kind: str = "reply"
    courtesy: bool = False
    automatic: bool = False
    other_sender: bool = False
    history: bool = False
    opened: bool = False  # it began the ticket
    auto_reply_allowed: bool = True


@_event
@dataclass(frozen=True, kw_only=True)
class ChatEnded(Event):
    """The visitor said that they are done."""


@_event
@dataclass(frozen=True, kw_only=True)
class ReplySent(Event):
    """Something public went to the customer: an agent's reply, or (automatic) one of ours."""

    channel_id: int | None
    agent_id: int | None
    automatic: bool = False
    call: bool = False


@_event
@dataclass(frozen=True, kw_only=True)
class NoteAdded(Event):
    agent_id: int | None
    mentions: tuple[int, ...] = ()


@_event
@dataclass(frozen=True, kw_only=True)
class MessageEdited(Event):
    pass


@_event
@dataclass(frozen=True, kw_only=True)
class MessageMoved(Event):
    """message_id went from ticket `old` to ticket_id."""

    old: int


@_event
@dataclass(frozen=True, kw_only=True)
class MessageLeft(Event):
    """message_id went away from ticket_id, to the ticket with the number `to`."""

    to: int


@_event
@dataclass(frozen=True, kw_only=True)
class SenderDecided(Event):
    """An agent accepted an "other sender" entry, or split it off."""

    accepted: bool


@_event
@dataclass(frozen=True, kw_only=True)
class DeliveryChanged(Event):
    delivery_id: int
    state: str
    error: str = ""


# --- customers -----------------------------------------------------------------------------------------------


@_event
@dataclass(frozen=True, kw_only=True)
class CustomerCreated(Event):
    pass


@_event
@dataclass(frozen=True, kw_only=True)
class CustomerChanged(Event):
    fields: tuple[str, ...] = ()


@_event
@dataclass(frozen=True, kw_only=True)
class IdentityAdded(Event):
    identity_id: int


@_event
@dataclass(frozen=True, kw_only=True)
class IdentityMoved(Event):
    identity_id: int
    old: int


@_event
@dataclass(frozen=True, kw_only=True)
class CustomersMerged(Event):
    """customer_id is the profile that took over; `source` was merged into it (or `undone`)."""

    source: int
    merge_id: int
    undone: bool = False


@_event
@dataclass(frozen=True, kw_only=True)
class ReachChanged(Event):
    identity_id: int
    channel_id: int
    state: str


# --- promises and how it felt --------------------------------------------------------------------------------


@_event
@dataclass(frozen=True, kw_only=True)
class SlaBreached(Event):
    target: str
    clock_id: int


@_event
@dataclass(frozen=True, kw_only=True)
class SurveySent(Event):
    invitation_id: int


@_event
@dataclass(frozen=True, kw_only=True)
class SurveyToAsk(Event):
    """Nobody can be written to: an agent asks at the next call."""

    invitation_id: int


@_event
@dataclass(frozen=True, kw_only=True)
class SurveyAnswered(Event):
    response_id: int
    score: int
    changed: bool = False


@_event
@dataclass(frozen=True, kw_only=True)
class TaskChanged(Event):
    task_id: int
    kind: str
    done: bool = False


# --- the desk ------------------------------------------------------------------------------------------------


@_event
@dataclass(frozen=True, kw_only=True)
class ChannelChanged(Event):
    channel_id: int
    what: str = "settings"


@_event
@dataclass(frozen=True, kw_only=True)
class SettingChanged(Event):
    key: str


@_event
@dataclass(frozen=True, kw_only=True)
class AgentChanged(Event):
    agent_id: int
    what: str = "profile"  # profile, role, teams, disabled, password, sessions, two_factor


@_event
@dataclass(frozen=True, kw_only=True)
class InboundFailed(Event):
    inbound_id: int
