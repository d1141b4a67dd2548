"""Rows of the database as shapes of the API; whole pages at once, a few queries however many rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk.api import shapes as s
from helpdesk.models import (
    Agent,
    Attachment,
    Channel,
    ContactReason,
    Customer,
    Delivery,
    EventRow,
    Identity,
    Merge,
    Message,
    Organization,
    Reach,
    Response,
    SlaClock,
    Survey,
    Tag,
    Team,
    Ticket,
    TicketTag,
)


def some(session: Session, model: Any, ids: Iterable[int | None]) -> dict[int, Any]:
    """Rows by id."""
    wanted = {i for i in ids if i is not None}
    return {row.id: row for row in session.scalars(select(model).where(model.id.in_(wanted)))} if wanted else {}


def grouped(rows: Iterable[Any], key: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(getattr(row, key), []).append(row)
    return found


def named(row: Any) -> s.Named | None:
    return None if row is None else s.Named(str(row.id), getattr(row, "display_name", None) or row.name)


def channel_ref(row: Channel | None) -> s.ChannelRef | None:
    return None if row is None else s.ChannelRef(str(row.id), row.kind, row.name)


# --- tickets -----------------------------------------------------------------------------------------------------


def tickets(session: Session, rows: Sequence[Ticket]) -> list[s.TicketOut]:
    """In the order given."""
    ids = [t.id for t in rows]
    customers = some(session, Customer, (t.customer_id for t in rows))
    agents = some(session, Agent, (t.assignee_id for t in rows))
    teams = some(session, Team, (t.team_id for t in rows))
    reasons = some(session, ContactReason, (t.reason_id for t in rows))
    tags: dict[int, list[str]] = {}
    for ticket_id, name in session.execute(
        select(TicketTag.ticket_id, Tag.name).join(Tag).where(TicketTag.ticket_id.in_(ids)).order_by(Tag.name_folded)
    ):
        tags.setdefault(ticket_id, []).append(name)
    clocks = select(SlaClock).where(SlaClock.ticket_id.in_(ids), SlaClock.state != "cancelled").order_by(SlaClock.id)
    sla = grouped(session.scalars(clocks), "ticket_id")
    channels = _channels_of(session, rows)
    return [
        s.TicketOut(
            number=t.number,
            subject=t.subject,
            status=t.status,  # type: ignore[arg-type]
            priority=t.priority,  # type: ignore[arg-type]
            customer=named(customers[t.customer_id]),  # type: ignore[arg-type]
            assignee=named(agents.get(t.assignee_id or 0)),
            team=named(teams.get(t.team_id or 0)),
            reason=named(reasons.get(t.reason_id or 0)),
            tags=tags.get(t.id, []),
            channels=channels[t.id],
            place=t.shelf,
            created_at=t.created_at,
            updated_at=t.updated_at,
            first_response_at=t.first_response_at,
            solved_at=t.solved_at,
            snoozed_until=t.snoozed_until,
            sla=[s.Clock(c.target, c.due_at, c.state) for c in sla.get(t.id, [])],
            seq=t.seq,
            fields=dict(t.custom or {}),
        )
        for t in rows
    ]


def _channels_of(session: Session, rows: Sequence[Ticket]) -> dict[int, list[s.ChannelRef]]:
    """Every channel a ticket was on, in the order of their ids."""
    pairs: set[tuple[int, int | None]] = {(t.id, t.origin_channel_id) for t in rows if t.origin_channel_id}
    found = select(Message.ticket_id, Message.channel_id).where(
        Message.ticket_id.in_([t.id for t in rows]), Message.channel_id.is_not(None)
    )
    pairs |= {(ticket_id, channel_id) for ticket_id, channel_id in session.execute(found.distinct())}
    channels = some(session, Channel, (c for _t, c in pairs))
    known: dict[int, list[s.ChannelRef]] = {t.id: [] for t in rows}
    for ticket_id, channel_id in sorted(pairs, key=lambda p: (p[0], p[1] or 0)):
        ref = channel_ref(channels.get(channel_id or 0))
        if ref is not None:
            known[ticket_id].append(ref)
    return known


# --- messages ----------------------------------------------------------------------------------------------------


def messages(session: Session, rows: Sequence[Message]) -> list[s.MessageOut]:
    ids = [m.id for m in rows]
    numbers = {t.id: t.number for t in some(session, Ticket, (m.ticket_id for m in rows)).values()}
    agents = some(session, Agent, (m.agent_id for m in rows))
    customers = some(session, Customer, (m.customer_id for m in rows))
    channels = some(session, Channel, (m.channel_id for m in rows))
    identities = some(session, Identity, (m.identity_id for m in rows))
    files = grouped(
        session.scalars(select(Attachment).where(Attachment.message_id.in_(ids)).order_by(Attachment.id)), "message_id"
    )
    sent = grouped(
        session.scalars(select(Delivery).where(Delivery.message_id.in_(ids)).order_by(Delivery.id)), "message_id"
    )
    return [
        s.MessageOut(
            id=str(m.id),
            ticket=numbers[m.ticket_id],
            kind=m.kind,
            direction=m.direction,  # type: ignore[arg-type]
            public=m.public,
            author=_author(m, agents, customers),
            channel=channel_ref(channels.get(m.channel_id or 0)),
            identity=_identity_ref(identities.get(m.identity_id or 0)),
            text=m.text,
            html=m.html,
            attachments=[attachment(a) for a in files.get(m.id, [])],
            external_id=m.external_id,
            delivery=_delivery(sent.get(m.id)),
            call=_call(m),
            reason=m.reason,
            created_at=m.created_at,
            seq=m.seq,
        )
        for m in rows
    ]


def _author(m: Message, agents: dict[int, Agent], customers: dict[int, Customer]) -> s.Author:
    if m.author_type == "agent":
        agent = agents.get(m.agent_id or 0)
        return s.Author("agent", agent.name if agent else "", str(agent.id) if agent else None)
    customer = customers.get(m.customer_id or 0)
    if m.author_type == "customer" and customer is not None:
        return s.Author("customer", customer.display_name, str(customer.id))
    return s.Author(m.author_type, "")  # type: ignore[arg-type]


def _identity_ref(row: Identity | None) -> s.IdentityRef | None:
    return None if row is None else s.IdentityRef(str(row.id), row.kind, row.value)


def _delivery(rows: list[Delivery] | None) -> s.DeliveryState | None:
    return s.DeliveryState(rows[-1].state, rows[-1].error) if rows else None


def _call(m: Message) -> s.CallOut | None:
    if m.kind != "call":
        return None
    call = m.call or {}
    number, outcome = str(call.get("number", "")), str(call.get("outcome", ""))
    return s.CallOut(m.direction, number, outcome, int(call.get("duration_s") or 0))  # type: ignore[arg-type]


def attachment(row: Attachment) -> s.AttachmentOut:
    url = url_for("api.download_attachment", token=row.token)
    return s.AttachmentOut(row.token, row.filename, row.content_type, row.size_bytes, url, row.problem)


# --- the rest ----------------------------------------------------------------------------------------------------


def events(session: Session, rows: Sequence[EventRow]) -> list[s.EventOut]:
    numbers = {t.id: t.number for t in some(session, Ticket, (e.ticket_id for e in rows)).values()}
    return [
        s.EventOut(
            seq=e.seq,
            type=e.type,
            ticket=numbers.get(e.ticket_id or 0),
            customer=str(e.customer_id) if e.customer_id else None,
            message=str(e.message_id) if e.message_id else None,
            actor=e.actor,
            data=e.data or {},
            reason=e.reason,
            created_at=e.created_at,
        )
        for e in rows
    ]


def customers(session: Session, rows: Sequence[Customer]) -> list[s.CustomerOut]:
    ids = [c.id for c in rows]
    people = select(Identity).where(Identity.customer_id.in_(ids)).order_by(Identity.id)
    known = list(session.scalars(people))
    reaches = grouped(session.scalars(select(Reach).where(Reach.identity_id.in_([i.id for i in known]))), "identity_id")
    mine = grouped(known, "customer_id")
    organizations = some(session, Organization, (c.organization_id for c in rows))
    return [
        s.CustomerOut(
            id=str(c.id),
            name=c.display_name,
            given_name=c.given_name,
            salutation=c.salutation,
            locale=c.locale,
            timezone=c.timezone,
            organization=organizations[c.organization_id].name if c.organization_id else "",
            vip=c.vip,
            notes=c.notes,
            blocked=c.blocked_at is not None,
            preferred_channel=str(c.preferred_channel_id) if c.preferred_channel_id else None,
            identities=[_identity(i, reaches.get(i.id, [])) for i in mine.get(c.id, [])],
            created_at=c.created_at,
            last_contact_at=c.last_contact_at,
        )
        for c in rows
    ]


def _identity(row: Identity, reaches: list[Reach]) -> s.IdentityOut:
    reach = [s.ReachOut(str(r.channel_id), r.state) for r in reaches]
    return s.IdentityOut(str(row.id), row.kind, row.value, row.username, row.verified_at is not None, reach)


def merge(row: Merge) -> s.MergeOut:
    return s.MergeOut(str(row.id), str(row.target_id), str(row.source_id), row.reason, row.created_at, row.undone_at)


def responses(session: Session, rows: Sequence[Response]) -> list[s.SurveyResponseOut]:
    numbers = {t.id: t.number for t in some(session, Ticket, (r.ticket_id for r in rows)).values()}
    people = some(session, Customer, (r.customer_id for r in rows))
    agents = some(session, Agent, (r.agent_id for r in rows))
    teams = some(session, Team, (r.team_id for r in rows))
    surveys = {x.kind: x for x in session.scalars(select(Survey).order_by(Survey.id.desc()))}
    return [
        s.SurveyResponseOut(
            id=str(r.id),
            survey=str(surveys[r.survey_kind].id) if r.survey_kind in surveys else "",
            ticket=numbers[r.ticket_id],
            customer=named(people[r.customer_id]),  # type: ignore[arg-type]
            agent=named(agents.get(r.agent_id or 0)),
            team=named(teams.get(r.team_id or 0)),
            score=r.score,
            reasons=[c for c in r.reason_code.split(",") if c],
            comment=r.comment,
            via=r.via,
            created_at=r.created_at,
            updated_at=r.updated_at,
        )
        for r in rows
    ]
