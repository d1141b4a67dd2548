"""A ticket on paper: a page made for printing (and for the browser's PDF), and the same as a text file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Response, g, render_template, request
from flask_babel import format_datetime, gettext
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.extensions import db
from helpdesk.inbox import details, thread
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.formats import channel_name
from helpdesk.inbox.happenings import Names, load_names
from helpdesk.inbox.tickets import name_of
from helpdesk.models import Customer, Message, Ticket
from helpdesk.services import tickets
from helpdesk.words import PRIORITY_WORDS, SCORE_WORDS, STATUS_WORDS

MOST = 5_000  # messages


def on_paper(moment: datetime) -> str:
    """Day, year and minute: paper is read later."""
    return str(format_datetime(moment, gettext("d MMM y, HH:mm")))


bp.add_app_template_filter(on_paper)


@dataclass(frozen=True)
class Sheet:
    ticket: Ticket
    customer: str
    names: Names
    items: list[thread.Said | thread.Changes | thread.Rated]
    facts: list[tuple[str, str]]
    notes: bool


def load(session: Session, viewer: Viewer, number: int, *, notes: bool) -> Sheet:
    """The whole of it; internal notes only when asked for. Raises NotFound."""
    ticket = access.ticket_by_number(session, viewer, number)
    names = load_names(session, viewer.locale)
    called = name_of(session, ticket)
    found = thread.load(session, ticket.id, names, called, limit=MOST)
    items = [i for i in found.items if not isinstance(i, thread.Changes) and (notes or _public(i))]
    return Sheet(ticket, called, names, items, _facts(session, viewer, ticket, names), notes)


def _public(item: thread.Said | thread.Changes | thread.Rated) -> bool:
    return not isinstance(item, thread.Said) or item.public


def _facts(session: Session, viewer: Viewer, ticket: Ticket, names: Names) -> list[tuple[str, str]]:
    """Label and value, those that are known."""
    tags = ", ".join(tickets.tags_of(session, ticket.id))
    own = [(f.label, f.words) for f in details.fields_of(session, viewer, ticket)]
    facts = [
        (gettext("Customer"), name_of(session, ticket)),
        (gettext("Organization"), _organization(session, ticket)),
        (gettext("Status"), str(STATUS_WORDS[ticket.status])),
        (gettext("Priority"), str(PRIORITY_WORDS[ticket.priority])),
        (gettext("Assignee"), names.agent(ticket.assignee_id) if ticket.assignee_id else ""),
        (gettext("Team"), names.team(ticket.team_id) if ticket.team_id else ""),
        (gettext("Reason"), names.reason(ticket.reason_id) if ticket.reason_id else ""),
        (gettext("Tags"), tags),
        (gettext("Opened"), on_paper(ticket.created_at)),
        (gettext("Solved"), on_paper(ticket.solved_at) if ticket.solved_at else ""),
        *own,
    ]
    return [(label, value) for label, value in facts if value]


def _organization(session: Session, ticket: Ticket) -> str:
    customer = session.get_one(Customer, ticket.customer_id)
    return customer.organization.name if customer.organization_id and customer.organization else ""


@bp.get("/tickets/<int:number>/print")
def print_ticket(number: int) -> str:
    sheet = load(db.session, g.viewer, number, notes=bool(request.args.get("notes")))
    return render_template("inbox/print.html", s=sheet)


@bp.get("/tickets/<int:number>/export.txt")
def export_text(number: int) -> Response:
    """The same as plain text, to keep or to send on."""
    sheet = load(db.session, g.viewer, number, notes=bool(request.args.get("notes")))
    response = Response(as_text(sheet), mimetype="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="ticket-{number}.txt"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def as_text(sheet: Sheet) -> str:
    ticket = sheet.ticket
    head = f"#{ticket.number} {ticket.subject}"
    lines = [head, "=" * min(len(head), 100), "", *(f"{label}: {value}" for label, value in sheet.facts), ""]
    for item in sheet.items:
        lines += ["-" * 72, *_said(item, sheet), ""]
    return "\n".join(lines)


def _said(item: thread.Said | thread.Changes | thread.Rated, sheet: Sheet) -> list[str]:
    if isinstance(item, thread.Rated):
        words = gettext("Rating: %(score)s of 5 (%(word)s)", score=item.score, word=SCORE_WORDS[item.score])
        return [f"{words} · {on_paper(item.created_at)}", *([item.comment] if item.comment else [])]
    if not isinstance(item, thread.Said):
        return []
    who = item.author or gettext("automatic")
    kind = {"note": gettext("Internal note"), "call": gettext("Call")}.get(item.kind, "")
    channel = channel_name(item.channel) if item.channel else ""
    head = " · ".join(p for p in (who, kind or channel, item.address if item.direction == "in" else "") if p)
    text = item.text if not item.cut else _whole(item.id)
    files = [gettext("File: %(name)s", name=f.filename) for f in item.files]
    return [f"{head} · {on_paper(item.created_at)}", "", text.strip() or gettext("(no text)"), *files]


def _whole(message_id: int) -> str:
    return db.session.get_one(Message, message_id).text
