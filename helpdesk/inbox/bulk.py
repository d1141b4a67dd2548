"""One deed on several tickets. The page sends a few at a time, so that it can show how far it is, and gets what undoes
them: the same deed with the value each ticket had before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import g, jsonify, render_template, request
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import access
from helpdesk.errors import Conflict, Forbidden, Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.happenings import load_names
from helpdesk.inbox.snooze import snooze_choices, snooze_time
from helpdesk.models import Tag, Ticket
from helpdesk.services import tickets
from helpdesk.unit_of_work import UnitOfWork, savepoint, unit_of_work
from helpdesk.words import PRIORITY_WORDS, STATUS_WORDS

MOST_AT_ONCE = 200
Deed = Callable[[UnitOfWork, Ticket, str], tuple[str, str] | None]


@dataclass
class _Told:
    count: int = 0
    undo: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    refused: dict[str, list[int]] = field(default_factory=dict)


@bp.post("/tickets/bulk")
def bulk() -> BaseResponse:
    """JSON: how many were changed, what undoes it [{do, value, number}], and who refused why [{why, number}].
    Tickets the viewer may not see are left out silently."""
    deed, value = request.form.get("do", ""), request.form.get("value", "")
    if deed not in _DEEDS:
        raise Invalid(fields={"do": gettext("There is no such action.")})
    told = _Told()
    with unit_of_work(actor=g.viewer.actor) as work:
        for number in sorted({int(n) for n in request.form.getlist("number")[:MOST_AT_ONCE] if n.isdecimal()}):
            _one(work, number, deed, value, told)
    undo = [{"do": do, "value": was, "number": numbers} for (do, was), numbers in told.undo.items()]
    refused = [{"why": why, "number": numbers} for why, numbers in told.refused.items()]
    return jsonify(ok=True, count=told.count, undo=undo, refused=refused)


@bp.get("/tickets/bulk/form")
def bulk_form() -> str:
    """What else can be done with those chosen."""
    names = load_names(db.session, g.viewer.locale)
    agents, teams = names.offered["agents"], names.offered["teams"]
    picks = [
        ("status", gettext("Status"), [(k, w) for k, w in STATUS_WORDS.items() if k not in ("new", "closed")]),
        ("priority", gettext("Priority"), list(PRIORITY_WORDS.items())),
        ("assignee", gettext("Assignee"), [("0", gettext("Nobody")), *((i, names.agents[i]) for i in agents)]),
        ("team", gettext("Team"), [("0", gettext("No team")), *((i, names.teams[i]) for i in teams)]),
        ("snooze", gettext("Snooze"), snooze_choices(g.viewer)),
    ]
    tags = db.session.scalars(select(Tag.name).order_by(Tag.name_folded).limit(200)).all()
    return render_template("inbox/_bulk_form.html", picks=picks, tags=tags)


def _one(work: UnitOfWork, number: int, deed: str, value: str, told: _Told) -> None:
    try:
        ticket = access.ticket_by_number(work.session, g.viewer, number, lock=True)
    except NotFound:
        return
    try:
        with savepoint(work):
            back = _DEEDS[deed](work, ticket, value)
    except (Invalid, Conflict, Forbidden) as problem:
        work.session.refresh(ticket)
        told.refused.setdefault(problem.message, []).append(number)
        return
    told.count += 1
    if back is not None:
        told.undo.setdefault(back, []).append(number)


# --- deeds: each answers what undoes it, or None when nothing changed -----------------------------------------


def _status(work: UnitOfWork, ticket: Ticket, value: str) -> tuple[str, str] | None:
    was = ticket.status
    tickets.set_status(work, g.viewer, ticket, value)
    return ("status", was) if was != value else None


def _priority(work: UnitOfWork, ticket: Ticket, value: str) -> tuple[str, str] | None:
    was = ticket.priority
    tickets.set_priority(work, g.viewer, ticket, value)
    return ("priority", was) if was != value else None


def _assignee(work: UnitOfWork, ticket: Ticket, value: str) -> tuple[str, str] | None:
    was = ticket.assignee_id
    tickets.assign(work, g.viewer, ticket, g.viewer.agent_id if value == "me" else _id(value))
    return ("assignee", str(was or "")) if was != ticket.assignee_id else None


def _team(work: UnitOfWork, ticket: Ticket, value: str) -> tuple[str, str] | None:
    was = ticket.team_id
    tickets.set_team(work, g.viewer, ticket, _id(value))
    return ("team", str(was or "")) if was != ticket.team_id else None


def _tag(work: UnitOfWork, ticket: Ticket, value: str) -> tuple[str, str] | None:
    before = tickets.tags_of(work.session, ticket.id)
    tickets.change_tags(work, g.viewer, ticket, add=(value,))
    return ("untag", value) if tickets.tags_of(work.session, ticket.id) != before else None


def _untag(work: UnitOfWork, ticket: Ticket, value: str) -> tuple[str, str] | None:
    before = tickets.tags_of(work.session, ticket.id)
    tickets.change_tags(work, g.viewer, ticket, remove=(value,))
    return ("tag", value) if tickets.tags_of(work.session, ticket.id) != before else None


def _move(work: UnitOfWork, ticket: Ticket, value: str) -> tuple[str, str] | None:
    was = ticket.shelf if ticket.shelf in ("spam", "trash") else "inbox"
    tickets.move(work, g.viewer, ticket, value)
    return ("move", was) if was != value else None


def _snooze(work: UnitOfWork, ticket: Ticket, value: str) -> tuple[str, str] | None:
    was = ticket.snoozed_until.isoformat() if ticket.snoozed_until else ""
    try:
        until = snooze_time(value, g.viewer)
    except ValueError:
        raise Invalid(fields={"until": gettext("Choose a time in the future.")}) from None
    tickets.snooze(work, g.viewer, ticket, until)
    return ("snooze", was)


def _read(work: UnitOfWork, ticket: Ticket, _value: str) -> None:
    tickets.mark_read(work, g.viewer, ticket, ticket.seq)


def _id(value: str) -> int | None:
    if value in ("", "0"):
        return None
    if not value.isdecimal() or len(value) > 15:
        raise Invalid(fields={"value": gettext("Choose one of the list.")})
    return int(value)


_DEEDS: dict[str, Any] = {
    "status": _status, "priority": _priority, "assignee": _assignee, "team": _team, "tag": _tag, "untag": _untag,
    "move": _move, "snooze": _snooze, "read": _read,
    # the short names buttons used before deeds had values
    "solve": lambda work, ticket, _value: _status(work, ticket, "solved"),
    "assign_me": lambda work, ticket, _value: _assignee(work, ticket, "me"),
    "trash": lambda work, ticket, _value: _move(work, ticket, "trash"),
    "spam": lambda work, ticket, _value: _move(work, ticket, "spam"),
    "inbox": lambda work, ticket, _value: _move(work, ticket, "inbox"),
}  # fmt: skip
