"""Tickets: listed, read, changed, begun; their events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import g
from msgspec import UNSET
from sqlalchemy import ColumnElement, exists, or_, select, tuple_

from helpdesk import access
from helpdesk.api import given, paging, render, shapes
from helpdesk.api.routing import read, write
from helpdesk.api.talking import channel_of, log_call
from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.folding import fold
from helpdesk.inbox import lists
from helpdesk.models import Channel, Customer, EventRow, Message, Tag, Ticket, TicketTag, now
from helpdesk.models.ticket import STATUSES
from helpdesk.services import customers, fields, held, search, ticket_merging
from helpdesk.services import tickets as service
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import UnitOfWork

AWAY = ("spam", "trash", "merged")


def shown(ticket_id: int) -> shapes.TicketOut:
    """A ticket that was just changed, whoever may see it now."""
    return render.tickets(db.session(), [db.session.get_one(Ticket, ticket_id)])[0]


# --- reading -----------------------------------------------------------------------------------------------------


@read("/tickets", tag="Tickets", query=given.TicketQuery, returns=shapes.TicketPage)
def list_tickets(query: given.TicketQuery) -> shapes.TicketPage:
    """Tickets, newest first; with `updated_since` in the order of their last change; with `q` those that match."""
    terms = _terms(query)
    if query.q:
        return _searched(query, terms)
    if query.updated_since is not None:
        return _changed(query, terms)
    after = paging.decode(query.cursor, int)
    statement = select(Ticket).where(*terms).order_by(Ticket.id.desc()).limit(query.limit + 1)
    if after is not None:
        statement = statement.where(Ticket.id < after[0])
    rows, more = paging.cut(list(db.session.scalars(statement)), query.limit)
    return shapes.TicketPage(render.tickets(db.session(), rows), paging.encode(rows[-1].id) if more else None)


def _changed(query: given.TicketQuery, terms: list[ColumnElement[bool]]) -> shapes.TicketPage:
    after = paging.decode(query.cursor, datetime, int)
    key = tuple_(Ticket.updated_at, Ticket.id)
    statement = select(Ticket).where(*terms)
    if after is not None:
        statement = statement.where(key > tuple_(*(_bound(after[0]), after[1])))
    statement = statement.order_by(Ticket.updated_at, Ticket.id).limit(query.limit + 1)
    rows, more = paging.cut(list(db.session.scalars(statement)), query.limit)
    following = paging.encode(rows[-1].updated_at, rows[-1].id) if more else None
    return shapes.TicketPage(render.tickets(db.session(), rows), following)


def _bound(value: datetime) -> Any:
    from sqlalchemy import bindparam

    return bindparam(None, value, type_=Ticket.updated_at.type)


def _searched(query: given.TicketQuery, terms: list[ColumnElement[bool]]) -> shapes.TicketPage:
    found = search.search(db.session(), g.viewer, query.q, query.limit, query.cursor)
    ids = [hit.ticket_id for hit in found.hits]
    known = {t.id: t for t in db.session.scalars(select(Ticket).where(Ticket.id.in_(ids), *terms))}
    rows = [known[i] for i in dict.fromkeys(ids) if i in known]
    return shapes.TicketPage(render.tickets(db.session(), rows), found.next_cursor or None)


def _terms(query: given.TicketQuery) -> list[ColumnElement[bool]]:
    """What the filters say, access always among it."""
    terms = [access.seen(g.viewer), *_view(query)]
    if query.status:
        wanted = query.status.split(",")
        if set(wanted) - set(STATUSES):
            raise Invalid(fields={"status": f"Use {', '.join(STATUSES)}."})
        terms.append(Ticket.status.in_(wanted))
    if query.assignee:
        me = {"me": str(g.viewer.agent_id)}.get(query.assignee, query.assignee)
        terms.append(Ticket.assignee_id.is_(None) if me == "none" else Ticket.assignee_id == int(me))
    if query.team:
        terms.append(Ticket.visible_team_id == (0 if query.team == "none" else int(query.team)))
    if query.channel:
        terms.append(_on(query.channel))
    if query.customer:
        customer = access.customer_by_id(db.session(), g.viewer, int(query.customer))
        terms.append(Ticket.customer_id == customer.id)
    if query.tag:
        tag = select(Tag.id).where(Tag.name_folded == fold(query.tag)).scalar_subquery()
        terms.append(exists().where(TicketTag.ticket_id == Ticket.id, TicketTag.tag_id == tag))
    since = query.updated_since
    if since is not None:
        if since.tzinfo is None:
            raise Invalid(fields={"updated_since": "Give the time with its offset, like 2026-11-22T09:00:00Z."})
        terms.append(Ticket.updated_at >= since)
    return terms


def _view(query: given.TicketQuery) -> list[ColumnElement[bool]]:
    if not query.view:
        return [Ticket.shelf.not_in(AWAY)]
    asked, _saved = lists.asked_for(g.viewer, {"view": query.view})
    return [asked.view.predicate(g.viewer, now()), *asked.filter.predicates(g.viewer)]


def _on(channel: str) -> ColumnElement[bool]:
    """Begun or spoken on: a channel's id, or a kind."""
    ids = select(Channel.id).where(Channel.id == int(channel) if channel.isdecimal() else Channel.kind == channel)
    spoken = exists().where(Message.ticket_id == Ticket.id, Message.channel_id.in_(ids))
    return or_(Ticket.origin_channel_id.in_(ids), spoken)


@read("/tickets/<int:number>", tag="Tickets", returns=shapes.TicketOut)
def get_ticket(number: int) -> shapes.TicketOut:
    """One ticket."""
    ticket = access.ticket_by_number(db.session(), g.viewer, number)
    return render.tickets(db.session(), [ticket])[0]


@read("/tickets/<int:number>/events", tag="Tickets", query=given.EventQuery, returns=shapes.EventPage)
def ticket_events(query: given.EventQuery, number: int) -> shapes.EventPage:
    """What happened to a ticket, in order."""
    ticket = access.ticket_by_number(db.session(), g.viewer, number)
    statement = select(EventRow).where(EventRow.ticket_id == ticket.id, EventRow.seq > query.beyond)
    rows, more = paging.cut(
        list(db.session.scalars(statement.order_by(EventRow.seq).limit(query.limit + 1))), query.limit
    )
    seq = rows[-1].seq if rows else query.beyond
    return shapes.EventPage(render.events(db.session(), rows), str(seq) if more else None, seq)


# --- changing ----------------------------------------------------------------------------------------------------


@write("PATCH", "/tickets/<int:number>", tag="Tickets", body=given.TicketPatch, returns=shapes.TicketOut, show=shown)
def change_ticket(work: UnitOfWork, patch: given.TicketPatch, number: int) -> int:
    """Change what is named: status, priority, assignee, team, reason, tags, subject, fields."""
    viewer = g.viewer
    ticket = access.ticket_by_number(work.session, viewer, number, lock=True)
    if patch.subject is not UNSET:
        service.set_subject(work, viewer, ticket, patch.subject)
    if patch.priority is not UNSET:
        service.set_priority(work, viewer, ticket, patch.priority)
    if patch.tags is not UNSET:
        service.set_tags(work, viewer, ticket, patch.tags)
    if patch.reason is not UNSET:
        service.set_reason(work, viewer, ticket, paging.number(patch.reason, "reason"))
    if patch.assignee is not UNSET:
        service.assign(work, viewer, ticket, paging.number(patch.assignee, "assignee"))
    if patch.fields is not UNSET:
        fields.set_values(work, viewer, ticket, patch.fields)
    if patch.team is not UNSET:
        service.set_team(work, viewer, ticket, paging.number(patch.team, "team"))
    if patch.status is not UNSET:
        service.set_status(work, viewer, ticket, patch.status)
    return ticket.id


@write("POST", "/tickets/<int:number>/merge", tag="Tickets", body=given.TicketMergeIn, returns=shapes.TicketOut,
       show=shown)  # fmt: skip
def merge_tickets(work: UnitOfWork, said: given.TicketMergeIn, number: int) -> int:
    """Merge `source` into this ticket: they are one matter. The same merge twice is one."""
    ticket = access.ticket_by_number(work.session, g.viewer, number)
    ticket_merging.merge(work, g.viewer, said.source, number)
    return ticket.id


@write("POST", "/tickets/<int:number>/unmerge", tag="Tickets", body=given.Nothing, returns=shapes.TicketOut, show=shown)
def unmerge_ticket(work: UnitOfWork, _said: given.Nothing, number: int) -> int:
    """Give a ticket that was merged its messages back. Twice is once."""
    return ticket_merging.undo(work, g.viewer, number).id


@write("POST", "/tickets", tag="Tickets", body=given.NewTicket, returns=shapes.TicketOut, status=201, show=shown)
def start_ticket(work: UnitOfWork, new: given.NewTicket) -> int:
    """Write to a customer first, or log a call."""
    if (new.customer is None) == (new.identity is None):
        raise Invalid(fields={"customer": "Name the customer or an identity, one of the two."})
    if new.kind == "call":
        return _call(work, new)
    customer = _customer(work, new)
    written = Written(
        text=new.text,
        subject=new.subject,
        channel_id=channel_of(work.session, new.channel),
        attachments=tuple(new.attachments),
        client_msg_id=new.client_msg_id,
    )
    if new.identity is not None:
        owner = customers.owner(work.session, _address(work, new.identity))
        written = Written(**{**written.__dict__, "identity_id": owner.id if owner else None})
    return held.begin(work, g.viewer, customer, written).id


def _address(work: UnitOfWork, said: given.Address) -> Any:
    return customers.read_address(work.session, said.kind, said.value, "identity")


def _customer(work: UnitOfWork, new: given.NewTicket) -> Customer:
    if new.customer is not None:
        return access.customer_by_id(work.session, g.viewer, int(new.customer))
    said = new.identity
    if said is None:
        raise NotFound
    return customers.create(work, g.viewer, name=said.name, address=_address(work, said))


def _call(work: UnitOfWork, new: given.NewTicket) -> int:
    number, name = "", ""
    if new.identity is not None:
        number, name = new.identity.value, new.identity.name
    return log_call(work, new.call, new.text, new.channel, number, name, customer=new.customer, subject=new.subject,
                    client_msg_id=new.client_msg_id)[0]  # fmt: skip
