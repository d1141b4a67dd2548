"""Tickets that are one matter, or belong together: merge with its dialog and undo, links."""

from __future__ import annotations

import re
from typing import Any

from flask import g, jsonify, render_template, request
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from helpdesk import access
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.inbox.actions import done, on_ticket
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.tickets import name_of
from helpdesk.models import Ticket
from helpdesk.services import ticket_links, ticket_merging
from helpdesk.unit_of_work import unit_of_work

OFFERED = 8


def typed_number(name: str = "number") -> int:
    """ "1042" or "#1042", as people type it. Raises Invalid."""
    typed = re.fullmatch(r"\s*#?(\d{1,9})\s*", request.form.get(name, ""), re.ASCII)
    if typed is None:
        raise Invalid(fields={name: gettext("Enter the number of a ticket, like 1042.")})
    return int(typed[1])


@bp.get("/tickets/<int:number>/merge")
def merge_form(number: int) -> str:
    """The dialog: the customer's other tickets to choose from, or any number."""
    ticket = access.ticket_by_number(db.session, g.viewer, number)
    values = {"ticket": ticket, "customer": name_of(db.session, ticket), "others": _others(ticket)}
    return render_template("inbox/_merge_dialog.html", **values)


def _others(ticket: Ticket) -> list[Any]:
    """Their other tickets, the unsolved and newest first."""
    theirs = access.tickets_of(g.viewer, ticket.customer_id).where(
        Ticket.id != ticket.id, Ticket.shelf.notin_(["trash", "spam", "merged"]), Ticket.status != "closed"
    )
    columns = Ticket.number, Ticket.subject, Ticket.status, Ticket.last_activity_at
    order = Ticket.solved_at.is_not(None), Ticket.last_activity_at.desc(), Ticket.id.desc()
    return list(db.session.execute(theirs.with_only_columns(*columns).order_by(*order).limit(OFFERED)))


@bp.post("/tickets/<int:number>/merge")
def merge_ticket(number: int) -> Response:
    """Into the ticket with the number that was typed; with `keep` the other one goes into this."""
    with unit_of_work(actor=g.viewer.actor) as work:
        access.ticket_by_number(work.session, g.viewer, number)  # who may not see it is not told what was wrong
        other = typed_number()
        source, target = (other, number) if request.form.get("keep") == "this" else (number, other)
        ticket_merging.merge(work, g.viewer, source, target)
    return done(target, ticket=target, merged=source)


@bp.post("/tickets/<int:number>/unmerge")
def unmerge(number: int) -> Response:
    """The ticket that was merged comes back with its messages."""
    with unit_of_work(actor=g.viewer.actor) as work:
        ticket_merging.undo(work, g.viewer, number)
    return done(number, ticket=number)


@bp.post("/tickets/<int:number>/links")
def link(number: int) -> Response:
    def act(work: Any, ticket: Ticket) -> Any:
        return ticket_links.link(work, g.viewer, ticket, typed_number(), request.form.get("kind", "related"))

    on_ticket(number, act)
    return done(number)


@bp.post("/tickets/<int:number>/links/delete")
def unlink(number: int) -> Response:
    def act(work: Any, ticket: Ticket) -> Any:
        return ticket_links.unlink(work, g.viewer, ticket, typed_number(), request.form.get("kind", "related"))

    on_ticket(number, act)
    return done(number)


@bp.get("/tickets/find")
def find_ticket() -> Response:
    """Numbers and subjects for the fields that ask for a ticket: `q` is a number, or words of the subject."""
    typed = request.args.get("q", "").strip().lstrip("#")
    seen = select(Ticket.number, Ticket.subject, Ticket.status).where(access.seen(g.viewer), Ticket.shelf != "merged")
    if not typed.isdecimal():
        return jsonify(items=[])
    rows = db.session.execute(seen.where(Ticket.number == int(typed[:9])).limit(1))
    return jsonify(items=[{"number": r.number, "subject": r.subject, "status": r.status} for r in rows])
