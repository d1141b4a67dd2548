"""What happened and how it went: the event log, search, survey responses, reports."""

from __future__ import annotations

from flask import g
from sqlalchemy import ColumnElement, and_, func, or_, select, true

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.api import given, paging, render, shapes
from helpdesk.api.routing import read
from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.models import Customer, EventRow, Response, Ticket
from helpdesk.reports import pages, periods, queries
from helpdesk.services import search
from helpdesk.services.snippets import Snippet


@read("/events", tag="Events", query=given.EventQuery, returns=shapes.EventPage)
def list_events(query: given.EventQuery) -> shapes.EventPage:
    """Everything the token may know of, in the order of commits; poll with `after=` the last `seq`."""
    newest = db.session.scalar(select(func.max(EventRow.seq))) or 0
    statement = (
        select(EventRow)
        .where(EventRow.seq > query.beyond, EventRow.seq <= newest, known_to(g.viewer))
        .order_by(EventRow.seq)
        .limit(query.limit + 1)
    )
    rows, more = paging.cut(list(db.session.scalars(statement)), query.limit)
    seq = rows[-1].seq if more else max(newest, query.beyond)
    return shapes.EventPage(render.events(db.session(), rows), str(seq) if more else None, seq)


def known_to(viewer: Viewer) -> ColumnElement[bool]:
    """Of tickets they may open, and of customers they may know; what concerns the desk itself is for administrators."""
    if viewer.sees_all:
        return true()
    ticket = select(Ticket.id).where(Ticket.id == EventRow.ticket_id, access.seen(viewer)).correlate(EventRow)
    person = select(Customer.id).where(Customer.id == EventRow.customer_id, access.customers_seen(viewer))
    return or_(ticket.exists(), and_(EventRow.ticket_id.is_(None), person.correlate(EventRow).exists()))


@read("/search", tag="Events", query=given.SearchQuery, returns=shapes.SearchPage)
def search_all(query: given.SearchQuery) -> shapes.SearchPage:
    """Subjects, messages and customers, with and without diacritics."""
    found = search.search(db.session(), g.viewer, query.q, query.limit, query.cursor)
    items = [shapes.Hit(h.number, _text(h.subject), h.status, h.customer, _text(h.snippet), h.at) for h in found.hits]
    people = [shapes.Named(str(p.id), p.name) for p in found.people]
    return shapes.SearchPage(items, people, found.next_cursor or None)


def _text(pieces: Snippet) -> str:
    """The words themselves, without the marks of what was found."""
    return "".join(piece for piece, _found in pieces)


@read("/survey-responses", tag="Satisfaction", query=given.ResponseQuery, returns=shapes.ResponsePage)
def list_survey_responses(query: given.ResponseQuery) -> shapes.ResponsePage:
    """What customers of visible tickets answered, the newest first."""
    after = paging.decode(query.cursor, int)
    statement = select(Response).join(Ticket, Ticket.id == Response.ticket_id).where(access.seen(g.viewer))
    if query.ticket:
        statement = statement.where(Ticket.number == int(query.ticket))
    if query.customer:
        statement = statement.where(Response.customer_id == int(query.customer))
    if after is not None:
        statement = statement.where(Response.id < after[0])
    rows, more = paging.cut(
        list(db.session.scalars(statement.order_by(Response.id.desc()).limit(query.limit + 1))), query.limit
    )
    return shapes.ResponsePage(render.responses(db.session(), rows), paging.encode(rows[-1].id) if more else None)


@read("/reports/<name>", tag="Reports", query=given.ReportQuery, returns=shapes.Report)
def report(query: given.ReportQuery, name: str) -> shapes.Report:
    """A report: volume, sla or csat, for the supervisor's teams. Without a period: this month."""
    _check_days(query)
    args = {"from": query.first, "to": query.last, "period": query.period}
    args |= {"team": query.team, "channel": query.channel, "agent": query.agent}
    asked = pages.ask(db.session(), g.viewer, args)
    if name not in queries.REPORTS:
        raise NotFound("There is no such report; there are volume, sla and csat.")
    found = queries.report(db.session(), name, asked.wanted, asked.period)
    first, last = found.pop("from"), found.pop("to")
    return shapes.Report(first=first, last=last, **found)


def _check_days(query: given.ReportQuery) -> None:
    """A program that asks for days it did not mean gets told, not another period's figures. Raises Invalid."""
    if not query.first and not query.last:
        return
    first, last = periods.day(query.first), periods.day(query.last)
    wrong = {name: "Give a day like 2026-11-22." for name, day in (("from", first), ("to", last)) if day is None}
    if first is not None and last is not None and not 0 <= (last - first).days <= periods.LONGEST_DAYS:
        wrong["to"] = "Give a day that is not before `from`, two years after it at most."
    if wrong:
        raise Invalid(fields=wrong)
