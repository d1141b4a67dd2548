"""What goes in and out of the API, as types: validation, rendering and the OpenAPI document are all made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Status = Literal["new", "open", "pending", "on_hold", "solved", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]
Id = Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="An id: digits in a string")]
Limit = Annotated[int, Meta(ge=1, le=100)]
Short = Annotated[str, Meta(max_length=500)]


class Out(Struct):
    """Something the API answers."""


class In(Struct, forbid_unknown_fields=True):
    """Something the API is given; a field that is not here is refused by name."""


# --- parts -------------------------------------------------------------------------------------------------------


class Named(Out):
    id: str
    name: str


class ChannelRef(Out):
    id: str
    kind: str
    name: str


class IdentityRef(Out):
    id: str
    kind: str
    value: str


class Author(Out):
    """`id`: of the agent or customer, when it was one."""

    type: Literal["customer", "agent", "bot", "system"]
    name: str
    id: str | None = None


class Clock(Out):
    """`due_at` is null while it is paused."""

    target: str
    due_at: datetime | None
    state: Literal["running", "paused", "met", "breached", "cancelled"]


class DeliveryState(Out):
    state: str
    error: str


class AttachmentOut(Out):
    """`token` is what a message names to carry the file; `problem` says why one is missing."""

    token: str
    filename: str
    content_type: str
    size_bytes: int
    url: str
    problem: str = ""


# --- the nouns ---------------------------------------------------------------------------------------------------


class TicketOut(Out):
    number: int
    subject: str
    status: Status
    priority: Priority
    customer: Named
    assignee: Named | None
    team: Named | None
    reason: Named | None
    tags: list[str]
    channels: list[ChannelRef]
    place: str
    created_at: datetime
    updated_at: datetime
    first_response_at: datetime | None
    solved_at: datetime | None
    snoozed_until: datetime | None
    sla: list[Clock]
    seq: int
    fields: dict[str, str | int | float | bool] = {}


class CallOut(Out):
    direction: Literal["in", "out"]
    number: str
    outcome: str
    duration_s: int


class MessageOut(Out):
    """`ticket` is a number. `reason`: why it is in this ticket. Notes and calls have no delivery."""

    id: str
    ticket: int
    kind: str
    direction: Literal["in", "out"]
    public: bool
    author: Author
    channel: ChannelRef | None
    identity: IdentityRef | None
    text: str
    html: str
    attachments: list[AttachmentOut]
    external_id: str | None
    delivery: DeliveryState | None
    call: CallOut | None
    reason: str
    created_at: datetime
    seq: int


class EventOut(Out):
    """`data` holds what the type says (ids of rows, old and new values), never words of people."""

    seq: int
    type: str
    ticket: int | None
    customer: str | None
    message: str | None
    actor: str
    data: dict[str, Any]
    reason: str
    created_at: datetime


class ReachOut(Out):
    channel: str
    state: str


class IdentityOut(Out):
    id: str
    kind: str
    value: str
    username: str
    verified: bool
    reach: list[ReachOut]


class CustomerOut(Out):
    id: str
    name: str
    given_name: str
    salutation: str
    locale: str
    timezone: str
    organization: str
    vip: bool
    notes: str
    blocked: bool
    preferred_channel: str | None
    identities: list[IdentityOut]
    created_at: datetime
    last_contact_at: datetime | None


class TimelineEntry(Out):
    seq: int
    at: datetime
    title: str
    text: str
    ticket: int | None
    channel: str
    reason: str
    merge: str | None


class MergeOut(Out):
    id: str
    target: str
    source: str
    reason: str
    created_at: datetime
    undone_at: datetime | None


class ChannelOut(Out):
    """`state`: off, failing, ok, or new (nothing heard yet). Never a secret."""

    id: str
    key: str
    kind: str
    name: str
    state: str
    enabled: bool
    receive_only: bool
    team: str | None


class AgentOut(Out):
    id: str
    name: str
    email: str
    role: Literal["agent", "supervisor", "admin"]
    teams: list[str]
    available: bool
    active: bool


class TeamOut(Out):
    id: str
    name: str
    status_after_send: str
    members: list[str]


class ViewOut(Out):
    """`id` is what `tickets?view=` takes."""

    id: str
    name: str
    shared: bool
    filter: dict[str, str]


class MacroOut(Out):
    id: str
    name: str
    text: str
    actions: dict[str, Any]


class RuleOut(Out):
    id: str
    name: str
    active: bool


class TargetOut(Out):
    """Minutes of business time; empty channel or priority: any."""

    target: str
    channel: str
    priority: str
    minutes: int


class SlaPolicyOut(Out):
    id: str
    name: str
    default: bool
    active: bool
    targets: list[TargetOut]


class SurveyOut(Out):
    id: str
    kind: str
    name: str
    active: bool


class SurveyResponseOut(Out):
    """`reasons`: of slow, attitude, not_solved, price."""

    id: str
    survey: str
    ticket: int
    customer: Named
    agent: Named | None
    team: Named | None
    score: int
    reasons: list[str]
    comment: str
    via: str
    created_at: datetime
    updated_at: datetime


class Hit(Out):
    number: int
    subject: str
    status: str
    customer: str
    snippet: str
    at: datetime


class Report(Out, rename={"first": "from", "last": "to"}):
    """Counts, shares in percent and times in business seconds; the keys of by_team, by_channel and by_agent are ids
    (0: none)."""

    name: str
    timezone: str
    total: dict[str, Any]
    before: dict[str, Any]
    by_day: dict[str, Any]
    by_team: dict[str, Any]
    by_channel: dict[str, Any]
    by_agent: dict[str, Any]
    first: str
    last: str


class Problem(Out):
    """RFC 9457. `errors`: field -> sentence."""

    type: str
    title: str
    status: int
    detail: str
    errors: dict[str, str] | UnsetType = UNSET


# --- pages -------------------------------------------------------------------------------------------------------


class TicketPage(Out):
    items: list[TicketOut]
    next_cursor: str | None


class MessagePage(Out):
    items: list[MessageOut]
    next_cursor: str | None


class EventPage(Out):
    """`seq`: everything up to here was looked at; continue with `after=` it."""

    items: list[EventOut]
    next_cursor: str | None
    seq: int


class CustomerPage(Out):
    items: list[CustomerOut]
    next_cursor: str | None


class TimelinePage(Out):
    items: list[TimelineEntry]
    next_cursor: str | None


class ResponsePage(Out):
    items: list[SurveyResponseOut]
    next_cursor: str | None


class SearchPage(Out):
    """Tickets, newest first; customers only on the first page."""

    items: list[Hit]
    customers: list[Named]
    next_cursor: str | None


class ChannelPage(Out):
    items: list[ChannelOut]
    next_cursor: None = None


class AgentPage(Out):
    items: list[AgentOut]
    next_cursor: None = None


class TeamPage(Out):
    items: list[TeamOut]
    next_cursor: None = None


class ViewPage(Out):
    items: list[ViewOut]
    next_cursor: None = None


class MacroPage(Out):
    items: list[MacroOut]
    next_cursor: None = None


class RulePage(Out):
    items: list[RuleOut]
    next_cursor: None = None


class SlaPolicyPage(Out):
    items: list[SlaPolicyOut]
    next_cursor: None = None


class SurveyPage(Out):
    items: list[SurveyOut]
    next_cursor: None = None


__all__ = [name for name in dir() if name[:1].isupper()]
