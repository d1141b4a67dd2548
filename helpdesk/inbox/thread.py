"""The conversation of one ticket, as its page shows it: messages, calls, notes, ratings and what changed, by number."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, exists, func, select
from sqlalchemy.orm import Session

from helpdesk.database import rows
from helpdesk.inbox.formats import address_words
from helpdesk.inbox.happenings import SHOWN, Names, words_of
from helpdesk.models import Attachment, Channel, Delivery, EventRow, Identity, Message, Recipient, Response

PAGE = 30
MANY = 200  # at once, where a certain message is looked for or all that changed is painted
MAX_TEXT = 20_000  # of one message in the thread; the whole is one click away


@dataclass(frozen=True)
class File:
    token: str
    filename: str
    content_type: str
    size_bytes: int
    picture: bool
    problem: str

    @property
    def is_mail(self) -> bool:
        """Can it be opened as a mail of its own?"""
        named = self.filename.lower().endswith(".eml")
        return (named or self.content_type == "message/rfc822") and not self.problem


@dataclass(frozen=True)
class Sending:
    """The delivery of one message, as told to a person."""

    id: int
    state: str
    error: str
    attempts: int
    at: datetime
    next_try_at: datetime | None
    recipients: tuple[tuple[str, str, str, str], ...] = ()  # role, address, state, reason


@dataclass(frozen=True)
class Said:
    """One message."""

    id: int
    seq: int
    kind: str
    direction: str
    public: bool
    author_type: str
    agent_id: int | None
    author: str
    channel: str
    address: str
    identity_id: int | None
    subject: str
    text: str
    cut: bool
    html: str
    has_html: bool
    quoted: str
    automatic: bool
    auto: str
    courtesy: bool
    other_sender: bool
    reason: str
    call: dict[str, Any]
    meta: dict[str, Any]
    has_source: bool
    created_at: datetime
    edited_at: datetime | None
    files: tuple[File, ...] = ()
    sendings: tuple[Sending, ...] = ()

    @property
    def pictures(self) -> list[File]:
        return [f for f in self.files if f.picture and not f.problem]

    @property
    def documents(self) -> list[File]:
        return [f for f in self.files if not f.picture or f.problem]

    @property
    def copies(self) -> list[str]:
        """Whom our own message went to as well."""
        return [address for one in self.sendings[-1:] for role, address, *_ in one.recipients if role == "cc"]

    @property
    def failed(self) -> list[Sending]:
        """The last attempt's failure: what went by another way afterwards has not failed."""
        return [s for s in self.sendings[-1:] if s.state in ("failed", "unknown")]

    @property
    def sending(self) -> Sending | None:
        return self.sendings[-1] if self.sendings else None


@dataclass(frozen=True)
class Change:
    seq: int
    words: str
    reason: str
    at: datetime


@dataclass
class Changes:
    """Neighbouring events, folded into one line."""

    items: list[Change] = field(default_factory=list)

    @property
    def seq(self) -> int:
        return self.items[0].seq

    @property
    def created_at(self) -> datetime:
        return self.items[0].at

    @property
    def reasons(self) -> list[Change]:
        return [c for c in self.items if c.reason]


@dataclass(frozen=True)
class Rated:
    """A customer's rating with its comment."""

    seq: int
    score: int
    reason_code: str
    comment: str
    via: str
    channel: str
    created_at: datetime


@dataclass(frozen=True)
class Thread:
    items: list[Said | Changes | Rated]
    earlier: int  # id to load earlier messages before; 0 when this is the beginning
    newest_seq: int
    day_before: datetime | None = None  # of the message before the first one, when there is one


_MESSAGE = (
    select(
        Message.id, Message.seq, Message.kind, Message.direction, Message.public, Message.author_type, Message.agent_id,
        Message.identity_id, Message.subject, func.substr(Message.text, 1, MAX_TEXT).label("text"),
        (func.length(Message.text) > MAX_TEXT).label("cut"), (func.length(Message.html) > 0).label("has_html"),
        case((Message.author_type == "agent", Message.html), else_="").label("html"),
        func.substr(Message.quoted_text, 1, 4000).label("quoted"),
        Message.automatic, Message.auto, Message.courtesy, Message.other_sender, Message.reason, Message.call,
        Message.meta, exists().where(Attachment.message_id == Message.id).label("has_files"),
        Message.inbound_id, Message.created_at, Message.edited_at,
        Channel.kind.label("channel"), Identity.value, Identity.username, Identity.name,
    )
    .outerjoin(Channel, Channel.id == Message.channel_id)
    .outerjoin(Identity, Identity.id == Message.identity_id)
    .where(Message.ticket_id == bindparam("ticket"))
    .order_by(Message.id.desc())
    .limit(bindparam("most"))
)  # fmt: skip
_BEFORE, _SINCE = _MESSAGE.where(Message.id < bindparam("before")), _MESSAGE.where(Message.id >= bindparam("since"))


def load(
    session: Session,
    ticket_id: int,
    names: Names,
    customer: str,
    *,
    before: int | None = None,
    since: int | None = None,
    limit: int = PAGE,
) -> Thread:
    """The newest messages (or those before an id, or from one on), with the events between them, oldest first."""
    if since is not None:
        limit = MANY
        found = rows(session, _SINCE, ticket=ticket_id, since=since, most=limit + 1).all()
    elif before is not None:
        found = rows(session, _BEFORE, ticket=ticket_id, before=before, most=limit + 1).all()
    else:
        found = rows(session, _MESSAGE, ticket=ticket_id, most=limit + 1).all()
    more = len(found) > limit
    oldest = found[limit - 1].id if more else 0
    day_before = found[limit].created_at if more else _day_before(session, ticket_id, since)
    shown = found[:limit][::-1]
    files = files_of(session, [r.id for r in shown if r.has_files])
    sendings = sendings_of(session, [r.id for r in shown if r.direction == "out" and r.public])
    said = [_said(r, names, customer, files.get(r.id, ()), sendings.get(r.id, ())) for r in shown]
    low = said[0].seq if said and (more or since is not None) else 0
    high = _seq_of(session, before) if before is not None else None
    others = _happened(session, ticket_id, names, low, high)
    items = fold_changes(sorted([*said, *others], key=lambda i: i.seq))
    newest = max((s.seq for s in said), default=0)
    return Thread(items, oldest, newest, day_before)


def _day_before(session: Session, ticket_id: int, since: int | None) -> datetime | None:
    if since is None:
        return None
    return rows(session, _WHEN_BEFORE, ticket=ticket_id, since=since).scalar()


_WHEN_BEFORE = (
    select(Message.created_at)
    .where(Message.ticket_id == bindparam("ticket"), Message.id < bindparam("since"))
    .order_by(Message.id.desc())
    .limit(1)
)


def _seq_of(session: Session, message_id: int) -> int | None:
    return session.scalar(select(Message.seq).where(Message.id == message_id))


def _said(r: Any, names: Names, customer: str, files: tuple[File, ...], sendings: tuple[Sending, ...]) -> Said:
    if r.author_type == "agent":
        author = names.agent(r.agent_id)
    elif r.author_type == "customer":
        author = (
            customer if not r.other_sender else (r.name or (f"@{r.username}" if r.username else r.value) or customer)
        )
    else:
        author = ""
    address = address_words(r.channel or "", f"@{r.username}" if r.username else (r.value or ""))
    return Said(
        id=r.id, seq=r.seq, kind=r.kind, direction=r.direction, public=r.public, author_type=r.author_type,
        agent_id=r.agent_id, author=author, channel=r.channel or "",
        address=address, identity_id=r.identity_id, subject=r.subject,
        text=r.text, cut=bool(r.cut), html=r.html or "", has_html=bool(r.has_html), quoted=r.quoted or "",
        automatic=r.automatic, auto=r.auto, courtesy=r.courtesy, other_sender=r.other_sender, reason=r.reason,
        call=r.call or {}, meta=r.meta or {}, has_source=r.inbound_id is not None, created_at=r.created_at,
        edited_at=r.edited_at, files=files, sendings=sendings,
    )  # fmt: skip


def files_of(session: Session, ids: list[int]) -> dict[int, tuple[File, ...]]:
    found: dict[int, tuple[File, ...]] = {}
    if not ids:
        return found
    columns = (
        Attachment.message_id, Attachment.token, Attachment.filename, Attachment.content_type,
        Attachment.size_bytes, Attachment.picture, Attachment.problem,
    )  # fmt: skip
    statement = select(*columns).where(Attachment.message_id.in_(ids)).order_by(Attachment.id)
    for message_id, *rest in session.execute(statement):
        found[message_id] = (*found.get(message_id, ()), File(*rest))
    return found


_SENDINGS = (
    select(
        Delivery.message_id, Delivery.id, Delivery.state, Delivery.error, Delivery.attempts, Delivery.queued_at,
        Delivery.sent_at, Delivery.delivered_at, Delivery.read_at, Delivery.next_try_at,
        Recipient.role, Recipient.address, Recipient.state.label("recipient_state"), Recipient.reason,
    )
    .outerjoin(Recipient, Recipient.delivery_id == Delivery.id)
    .where(Delivery.message_id.in_(bindparam("ids", expanding=True)))
    .order_by(Delivery.id, Recipient.id)
)  # fmt: skip


def sendings_of(session: Session, ids: list[int]) -> dict[int, tuple[Sending, ...]]:
    """Deliveries with their recipients, one query."""
    if not ids:
        return {}
    deliveries: dict[int, Any] = {}
    people: dict[int, list[tuple[str, str, str, str]]] = {}
    for row in rows(session, _SENDINGS, ids=ids):
        deliveries[row.id] = row
        if row.address:
            people.setdefault(row.id, []).append((row.role, row.address, row.recipient_state, row.reason))
    found: dict[int, tuple[Sending, ...]] = {}
    for id_, r in deliveries.items():
        at = r.read_at or r.delivered_at or r.sent_at or r.queued_at
        one = Sending(id_, r.state, r.error, r.attempts, at, r.next_try_at, tuple(people.get(id_, ())))
        found[r.message_id] = (*found.get(r.message_id, ()), one)
    return found


NEVER = 2**62  # no event has so high a number
_EVENTS = (
    select(EventRow.seq, EventRow.type, EventRow.data, EventRow.actor, EventRow.reason, EventRow.created_at)
    .where(
        EventRow.ticket_id == bindparam("ticket"),
        EventRow.seq > bindparam("low"),
        EventRow.seq < bindparam("high"),
        EventRow.type.in_(SHOWN),
    )
    .order_by(EventRow.seq.desc())
    .limit(300)
)


def _happened(session: Session, ticket_id: int, names: Names, low: int, high: int | None) -> list[Changes | Rated]:
    found = rows(session, _EVENTS, ticket=ticket_id, low=low, high=NEVER if high is None else high).all()[::-1]
    ratings = _ratings(session, ticket_id) if any(r.type == "survey_answered" for r in found) else {}
    last_answer = {r.data.get("response_id"): r.seq for r in found if r.type == "survey_answered"}
    items: list[Changes | Rated] = []
    for row in found:
        if row.type == "survey_answered":
            rated = ratings.get(row.data.get("response_id"))
            if rated is not None and last_answer[row.data["response_id"]] == row.seq:
                items.append(Rated(row.seq, *rated, row.created_at))
            continue
        said = words_of(row, names)
        if said:
            items.append(Changes([Change(row.seq, said, row.reason, row.created_at)]))
    return items


def _ratings(session: Session, ticket_id: int) -> dict[int, tuple[int, str, str, str, str]]:
    statement = (
        select(Response.id, Response.score, Response.reason_code, Response.comment, Response.via, Channel.kind)
        .outerjoin(Channel, Channel.id == Response.channel_id)
        .where(Response.ticket_id == ticket_id)
    )
    return {r[0]: (r[1], r[2], r[3], r[4], r[5] or "") for r in session.execute(statement)}


def fold_changes(items: list[Any]) -> list[Said | Changes | Rated]:
    """Neighbouring events become one line: "5 changes"."""
    folded: list[Said | Changes | Rated] = []
    for item in items:
        if isinstance(item, Changes) and folded and isinstance(folded[-1], Changes):
            folded[-1].items += item.items
        else:
            folded.append(item)
    return folded
