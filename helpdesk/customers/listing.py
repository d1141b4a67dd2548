"""The list of customers: whoever was in touch last first, by keyset; or those that match what is typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import render_template, request, url_for
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.customers.blueprint import bp, called_by, label_of, me
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.models import Customer, Identity, Organization, Ticket
from helpdesk.models.ticket import UNSOLVED
from helpdesk.services import search

PAGE = 50


@dataclass
class Line:
    """One row of the list."""

    customer: Customer
    name: str
    addresses: list[tuple[str, str]]
    organization: str
    open_count: int


@bp.get("/customers")
def index() -> str:
    typed = request.args.get("q", "").strip()
    lines, following = page(db.session, me(), typed, request.args.get("cursor", ""))
    more = url_for("customers.index", q=typed or None, cursor=following) if following else ""
    part = "customers/_lines.html" if request.headers.get("HX-Request") else "customers/index.html"
    return render_template(part, lines=lines, more=more, typed=typed)


def page(session: Session, viewer: Viewer, typed: str, cursor: str = "") -> tuple[list[Line], str]:
    """Rows and the next cursor. Raises Invalid for a cursor we did not write."""
    if typed:
        ids = [p.id for p in search.customers(session, viewer, typed, limit=PAGE * 2)]
        rows = {c.id: c for c in session.scalars(select(Customer).where(Customer.id.in_(ids)))} if ids else {}
        return _lines(session, viewer, [rows[i] for i in ids]), ""
    statement = select(Customer).where(Customer.merged_into_id.is_(None), access.customers_seen(viewer))
    if cursor:
        at, id_ = _read(cursor)
        older = or_(Customer.last_contact_at < at, and_(Customer.last_contact_at == at, Customer.id < id_))
        statement = statement.where(Customer.last_contact_at <= at, older)
    order = (Customer.last_contact_at.desc(), Customer.id.desc())
    found = session.scalars(statement.order_by(*order).limit(PAGE + 1)).all()
    last = found[PAGE - 1] if len(found) > PAGE else None
    return _lines(session, viewer, list(found[:PAGE])), f"{last.last_contact_at.isoformat()}_{last.id}" if last else ""


def _read(cursor: str) -> tuple[datetime, int]:
    try:
        at, id_ = cursor.split("_")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not id_.isascii() or not id_.isdigit() or len(id_) > 16:
            raise ValueError(cursor)
        return moment, int(id_)
    except ValueError:
        raise Invalid("This list cannot be continued from there; reload it.") from None


def _lines(session: Session, viewer: Viewer, rows: list[Customer]) -> list[Line]:
    """What is shown of each; three queries for the page."""
    ids = [c.id for c in rows]
    if not ids:
        return []
    known: dict[int, list[Identity]] = {}
    for identity in session.scalars(select(Identity).where(Identity.customer_id.in_(ids)).order_by(Identity.id)):
        known.setdefault(identity.customer_id, []).append(identity)
    open_counts: dict[int, int] = dict(
        session.execute(
            select(Ticket.customer_id, func.count())
            .where(Ticket.customer_id.in_(ids), Ticket.status.in_(UNSOLVED), access.seen(viewer))
            .where(Ticket.shelf.in_(("open", "snoozed")))
            .group_by(Ticket.customer_id)
        ).all()
    )
    wanted = {c.organization_id for c in rows if c.organization_id}
    names = (
        {o.id: o.name for o in session.scalars(select(Organization).where(Organization.id.in_(wanted)))}
        if wanted
        else {}
    )
    return [
        Line(
            c,
            c.name or called_by(c, known.get(c.id, [])),
            [(i.kind, label_of(i)) for i in known.get(c.id, [])],
            names.get(c.organization_id or 0, ""),
            open_counts.get(c.id, 0),
        )
        for c in rows
    ]
