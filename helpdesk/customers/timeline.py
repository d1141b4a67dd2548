"""Everything that happened with a customer, on all channels, newest first, by keyset.

It is read by tickets (those the viewer may see), so that a merge, and its undo, moves it along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.customers.blueprint import label_of
from helpdesk.folding import one_line
from helpdesk.models import Agent, Channel, Customer, EventRow, Identity, Message, Response, Ticket
from helpdesk.services.merging import merges_of
from helpdesk.whys import why

PAGE = 25
MESSAGES = ("message_received", "reply_sent")
RATINGS = ("survey_answered",)
CHANGES = (
    "status_changed",
    "identity_added",
    "customers_merged",
    "reach_changed",
    "customer_created",
    "customer_changed",
)
SHOWN = {"all": MESSAGES + RATINGS + CHANGES, "messages": MESSAGES, "ratings": RATINGS, "changes": CHANGES}


@dataclass(frozen=True)
class Entry:
    """One line. `tone`: good, bad or empty; `ticket` a number; `merge_id` where it can be undone."""

    seq: int
    at: datetime
    icon: str
    title: str
    text: str = ""
    tone: str = ""
    ticket: int | None = None
    channel: str = ""
    reason: str = ""
    merge_id: int | None = None


@dataclass
class _Known:
    """What the rows of one page refer to, loaded at once."""

    tickets: dict[int, int] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    responses: dict[int, Response] = field(default_factory=dict)
    agents: dict[int, str] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    identities: dict[int, Identity] = field(default_factory=dict)
    customers: dict[int, Customer] = field(default_factory=dict)
    undoable: set[int] = field(default_factory=set)


def load(
    session: Session,
    viewer: Viewer,
    customer: Customer,
    show: str = "all",
    before: int | None = None,
    size: int = PAGE,
) -> tuple[list[Entry], int | None]:
    """Entries and the number to go on before, or None."""
    merges = merges_of(session, customer.id)
    rows = _rows(session, viewer, [customer.id, *(m.source_id for m in merges)], customer.id, show, before, size)
    page, following = rows[:size], rows[size - 1].seq if len(rows) > size else None
    known = _load(session, page)
    known.undoable = {m.id for m in merges}
    return [e for e in (_entry(row, known) for row in page) if e is not None], following


def _rows(
    session: Session, viewer: Viewer, ids: list[int], customer_id: int, show: str, before: int | None, size: int
) -> list[EventRow]:
    """Of their tickets, and of the profile itself: two index walks, joined here."""
    tickets = session.scalars(access.tickets_of(viewer, customer_id).with_only_columns(Ticket.id)).all()

    def newest(statement: Select[EventRow]) -> list[EventRow]:
        statement = statement.where(EventRow.type.in_(SHOWN.get(show, SHOWN["all"])))
        if before is not None:
            statement = statement.where(EventRow.seq < before)
        return list(session.scalars(statement.order_by(EventRow.seq.desc()).limit(size + 1)))

    found: dict[int, EventRow] = {}
    if tickets:
        found |= {r.seq: r for r in newest(select(EventRow).where(EventRow.ticket_id.in_(tickets)))}
    own = select(EventRow).where(EventRow.customer_id.in_(ids), EventRow.ticket_id.is_(None))
    found |= {r.seq: r for r in newest(own)}
    return sorted(found.values(), key=lambda r: r.seq, reverse=True)[: size + 1]


def _load(session: Session, rows: list[EventRow]) -> _Known:
    def some(model: Any, ids: set[Any]) -> dict[int, Any]:
        wanted = [i for i in ids if isinstance(i, int)]
        return {r.id: r for r in session.scalars(select(model).where(model.id.in_(wanted)))} if wanted else {}

    messages = some(Message, {r.message_id for r in rows})
    agents = {int(r.actor[6:]) for r in rows if r.actor.startswith("agent:")}
    agents |= {m.agent_id for m in messages.values() if m.agent_id}
    return _Known(
        tickets={t.id: t.number for t in some(Ticket, {r.ticket_id for r in rows}).values()},
        messages=messages,
        responses=some(Response, {r.data.get("response_id") for r in rows}),
        agents={a.id: a.name for a in some(Agent, agents).values()},
        channels=some(Channel, {m.channel_id for m in messages.values()} | {r.data.get("channel_id") for r in rows}),
        identities=some(Identity, {r.data.get("identity_id") for r in rows}),
        customers=some(Customer, {r.data.get("source") for r in rows}),
    )


def _entry(row: EventRow, known: _Known) -> Entry | None:
    if row.type in MESSAGES:
        return _message(row, known)
    if row.type == "survey_answered":
        return _rating(row, known)
    if row.type == "status_changed":
        return _status(row, known)
    return _change(row, known)


def _base(row: EventRow, known: _Known) -> dict[str, Any]:
    number = known.tickets.get(row.ticket_id) if row.ticket_id else None
    return {"seq": row.seq, "at": row.created_at, "ticket": number, "reason": why(row.reason)}


def _message(row: EventRow, known: _Known) -> Entry | None:
    message = known.messages.get(row.message_id or 0)
    if message is None:
        return None
    from connectors import registry

    channel = known.channels.get(message.channel_id or 0)
    kind = channel.kind if channel else ""
    connector = registry.kinds().get(kind)
    agent = known.agents.get(message.agent_id or 0, "")
    icon = connector.icon if connector else "message-2"
    if message.kind == "call":
        ours = message.direction == "out"
        title = _("Call to them") if ours else _("Call from them")
        title = f"{title}, {agent}" if agent else title
        icon = "phone-outgoing" if ours else "phone-incoming"
    elif message.kind == "survey":
        title, icon = _("Asked for a rating"), "mood-smile"
    elif message.direction == "in":
        title = _("Wrote on %(channel)s", channel=channel.name) if channel else _("Wrote")
    else:
        title = _("Answered by %(name)s", name=agent) if agent else _("Automatic answer")
    return Entry(**_base(row, known), icon=icon, title=title, text=one_line(message.text, 220), channel=kind)


def _rating(row: EventRow, known: _Known) -> Entry:
    score = int(row.data.get("score", 0))
    response = known.responses.get(row.data.get("response_id", 0))
    tone = "bad" if score <= 2 else "good" if score >= 4 else ""
    return Entry(
        **_base(row, known),
        icon="mood-sad" if tone == "bad" else "mood-smile",
        title=_("Rated %(score)s of 5", score=score),
        text=response.comment if response else "",
        tone=tone,
    )


def _status(row: EventRow, known: _Known) -> Entry | None:
    new, old = row.data.get("new"), row.data.get("old")
    if new == "solved":
        return Entry(**_base(row, known), icon="circle-check", title=_("Solved"), tone="good")
    if old in ("solved", "closed"):
        return Entry(**_base(row, known), icon="rotate", title=_("Reopened"))
    return None


def _change(row: EventRow, known: _Known) -> Entry | None:
    agent = known.agents.get(int(row.actor[6:])) if row.actor.startswith("agent:") else None
    by = _("by %(name)s", name=agent) if agent else ""
    identity = known.identities.get(row.data.get("identity_id", 0))
    base = _base(row, known)
    if row.type == "customer_created":
        return Entry(**base, icon="user-plus", title=_("First known to us"))
    if row.type == "identity_added" and identity is not None:
        return Entry(**base, icon="plus", title=_("New address: %(label)s", label=label_of(identity)), text=by)
    if row.type == "reach_changed" and identity is not None:
        return _reach(row, base, identity)
    if row.type == "customers_merged":
        return _merged(row, base, known, by)
    if row.type == "customer_changed" and "blocked" in row.data.get("fields", ()):
        return Entry(**base, icon="ban", title=_("Blocked or unblocked"), text=by)
    return None


def _reach(row: EventRow, base: dict[str, Any], identity: Identity) -> Entry | None:
    words = {
        "bounced_soft": _("Mail to %(label)s came back for now", label=label_of(identity)),
        "bounced_hard": _("%(label)s does not exist any more", label=label_of(identity)),
        "blocked": _("%(label)s has blocked us", label=label_of(identity)),
        "verified": _("%(label)s can be reached again", label=label_of(identity)),
        "unverified": _("%(label)s can be reached again", label=label_of(identity)),
    }
    state = str(row.data.get("state"))
    bad = state in ("bounced_hard", "blocked")
    return Entry(
        **base, icon="alert-triangle" if bad else "mail", title=words.get(state, state), tone="bad" if bad else ""
    )


def _merged(row: EventRow, base: dict[str, Any], known: _Known, by: str) -> Entry:
    source = known.customers.get(row.data.get("source", 0))
    name = (source.name if source else "") or f"#{row.data.get('source')}"
    undone, merge_id = bool(row.data.get("undone")), row.data.get("merge_id")
    title = _("Merge with %(name)s undone", name=name) if undone else _("Merged with %(name)s", name=name)
    can_undo = not undone and merge_id in known.undoable
    return Entry(**base, icon="git-merge", title=title, text=by, merge_id=merge_id if can_undo else None)
