"""What the API is given: bodies and query strings. Every field that may be set is here, and no other can be."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from helpdesk.api.shapes import Id, In, Limit, Priority, Short, Status

Text = Annotated[str, Meta(max_length=100_000)]
Cursor = Annotated[str, Meta(max_length=300)]
Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Page(In):
    cursor: Cursor = ""
    limit: Limit = 30


class TicketQuery(In):
    """`view`: an id of /views. `status`: several with commas. `assignee`: an id, me or none; `team`: an id or none.
    `channel`: an id or a kind. `tag`: a name. Without `view`, spam, trash and merged tickets are left out."""

    cursor: Cursor = ""
    limit: Limit = 30
    view: Annotated[str, Meta(max_length=40)] = ""
    status: Annotated[str, Meta(max_length=80)] = ""
    assignee: Annotated[str, Meta(pattern="^([0-9]{1,18}|me|none|)$")] = ""
    team: Annotated[str, Meta(pattern="^([0-9]{1,18}|none|)$")] = ""
    channel: Annotated[str, Meta(max_length=40)] = ""
    customer: Annotated[str, Meta(pattern="^([0-9]{1,18}|)$")] = ""
    tag: Annotated[str, Meta(max_length=60)] = ""
    q: Annotated[str, Meta(max_length=300)] = ""
    updated_since: datetime | None = None


class CustomerQuery(In):
    """`q`: words; `identity`: an exact address or number."""

    cursor: Cursor = ""
    limit: Limit = 30
    q: Annotated[str, Meta(max_length=300)] = ""
    identity: Annotated[str, Meta(max_length=320)] = ""


class TimelineQuery(In):
    """`show`: which entries."""

    cursor: Cursor = ""
    limit: Limit = 25
    show: Literal["all", "messages", "ratings", "changes"] = "all"


class EventQuery(In):
    """Events with a higher number than `after`. A `next_cursor` goes on as with every other list."""

    after: Seq = 0
    cursor: Annotated[str, Meta(pattern="^([0-9]{1,18}|)$")] = ""
    limit: Limit = 100

    @property
    def beyond(self) -> int:
        return max(self.after, int(self.cursor or 0))


class SearchQuery(In):
    q: Annotated[str, Meta(max_length=300)]
    cursor: Cursor = ""
    limit: Limit = 25


class ResponseQuery(In):
    cursor: Cursor = ""
    limit: Limit = 30
    ticket: Annotated[str, Meta(pattern="^([0-9]{1,18}|)$")] = ""
    customer: Annotated[str, Meta(pattern="^([0-9]{1,18}|)$")] = ""


Day = Annotated[str, Meta(pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2}|)$")]


class ReportQuery(In, rename={"first": "from", "last": "to"}):
    """Whole local days, both included; or a `period`."""

    first: Day = ""
    last: Day = ""
    period: Literal["", "today", "7d", "30d", "90d", "month", "last_month"] = ""
    team: Annotated[str, Meta(pattern="^([0-9]{1,18}|)$")] = ""
    channel: Annotated[str, Meta(pattern="^([0-9]{1,18}|)$")] = ""
    agent: Annotated[str, Meta(pattern="^([0-9]{1,18}|)$")] = ""


# --- bodies ------------------------------------------------------------------------------------------------------


class TicketPatch(In):
    """Only what is named changes. `assignee`, `team`, `reason`: an id, or null for none; `tags`: exactly these.
    `fields`: those that are named, null for none."""

    status: Status | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    assignee: Id | None | UnsetType = UNSET
    team: Id | None | UnsetType = UNSET
    reason: Id | None | UnsetType = UNSET
    tags: Annotated[list[Annotated[str, Meta(max_length=60)]], Meta(max_length=50)] | UnsetType = UNSET
    subject: Short | UnsetType = UNSET
    fields: dict[str, str | int | float | bool | None] | UnsetType = UNSET


class Address(In):
    """Somebody by an address: the customer is found, or made with `name`."""

    kind: Annotated[str, Meta(max_length=20)]
    value: Annotated[str, Meta(max_length=320)]
    name: Annotated[str, Meta(max_length=300)] = ""


class CallIn(In):
    """`number`: the customer's; empty in a ticket: the one known of them."""

    direction: Literal["in", "out"] = "in"
    outcome: Literal["answered", "missed", "no_answer", "busy", "voicemail", "rejected", "abandoned", "failed"] = (
        "answered"
    )
    number: Annotated[str, Meta(max_length=40)] = ""
    duration_s: Annotated[int, Meta(ge=0, le=86_400)] = 0


class NewTicket(In):
    """Starts a conversation with `customer` or `identity` (one of them), or logs a call of theirs (`kind` call)."""

    text: Text
    customer: Id | None = None
    identity: Address | None = None
    channel: Annotated[str, Meta(max_length=40)] | None = None
    subject: Short = ""
    kind: Literal["reply", "call"] = "reply"
    call: CallIn | None = None
    client_msg_id: Annotated[str, Meta(max_length=100)] = ""
    attachments: Annotated[list[Annotated[str, Meta(max_length=60)]], Meta(max_length=50)] = []


class NewMessage(In):
    """`seen_seq`: the highest number you have read; 409 when somebody else wrote since. `channel` and `identity`: ids;
    without them the way of the customer's last message. `then`: what becomes of the ticket after a reply."""

    text: Text = ""
    kind: Literal["reply", "note", "call"] = "reply"
    html: Text = ""
    channel: Annotated[str, Meta(max_length=40)] | None = None
    identity: Id | None = None
    client_msg_id: Annotated[str, Meta(max_length=100)] = ""
    seen_seq: Seq | None = None
    attachments: Annotated[list[Annotated[str, Meta(max_length=60)]], Meta(max_length=50)] = []
    cc: Annotated[list[Annotated[str, Meta(max_length=320)]], Meta(max_length=50)] = []
    then: Literal["default", "open", "solve"] = "default"
    mentions: Annotated[list[Id], Meta(max_length=50)] = []
    call: CallIn | None = None


class NewCustomer(In):
    """A name, an identity, or both. An address somebody has already gives that customer."""

    name: Annotated[str, Meta(max_length=300)] = ""
    identity: Address | None = None
    locale: Literal["", "en", "vi"] = ""


class CustomerPatch(In):
    name: Annotated[str, Meta(max_length=300)] | UnsetType = UNSET
    given_name: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    salutation: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    organization: Annotated[str, Meta(max_length=300)] | UnsetType = UNSET
    locale: Literal["", "en", "vi"] | UnsetType = UNSET
    timezone: Annotated[str, Meta(max_length=60)] | UnsetType = UNSET
    notes: Annotated[str, Meta(max_length=20_000)] | UnsetType = UNSET
    vip: bool | UnsetType = UNSET
    preferred_channel: Id | None | UnsetType = UNSET


class MergeIn(In):
    """`source` is merged into the customer of the address; undo with /merges/{id}/undo."""

    source: Id
    reason: Short = ""


class TicketMergeIn(In):
    """`source`, the number of another ticket, goes into the ticket of the address; undo with
    /tickets/{source}/unmerge."""

    source: Annotated[int, Meta(ge=1, le=999_999_999)]


class Nothing(In):
    """An empty object."""
