"""What the composer suggests while one types: saved replies and colleagues; and doing what a macro says."""

from __future__ import annotations

from typing import Any

from flask import Response, g, jsonify, request
from flask_babel import gettext
from sqlalchemy import select

from helpdesk import access
from helpdesk.extensions import db
from helpdesk.folding import fold
from helpdesk.inbox.actions import done
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.tickets import name_of
from helpdesk.models import Agent, Macro, Ticket
from helpdesk.services import macros
from helpdesk.unit_of_work import unit_of_work
from helpdesk.words import PRIORITY_WORDS, STATUS_WORDS


@bp.get("/tickets/<int:number>/suggest")
def suggest(number: int) -> Response:
    """`for` is "/" (macros, placeholders filled) or "@" (colleagues); `q` what was typed, marks optional."""
    ticket = access.ticket_by_number(db.session, g.viewer, number)
    typed = request.args.get("q", "")
    if request.args.get("for") == "@":
        wanted = fold(typed)
        agents = db.session.scalars(select(Agent.name).where(Agent.disabled_at.is_(None)).order_by(Agent.name))
        items = [{"label": name, "insert": f"@{name} "} for name in agents if wanted in fold(name)]
        return jsonify(items=items[:8])
    called = name_of(db.session, ticket)
    return jsonify(items=[_item(m, ticket, called) for m in macros.found(db.session, g.viewer, typed)])


def _item(macro: Macro, ticket: Ticket, called: str) -> dict[str, Any]:
    text = macros.text_for(db.session, g.viewer, ticket, macro, called)
    return {"label": macro.name, "insert": text, "macro": macro.id, "hint": does(macro)}


def does(macro: Macro) -> str:
    """What it does beside its text, in a few words."""
    actions = macro.actions or {}
    said = [
        str(STATUS_WORDS[actions["status"]]) if actions.get("status") else "",
        gettext("Priority: %(word)s", word=PRIORITY_WORDS[actions["priority"]]) if actions.get("priority") else "",
        gettext("assigns") if actions.get("assignee") or actions.get("team") else "",
        *(f"#{t}" for t in actions.get("tags", [])),
    ]
    return " · ".join(word for word in said if word)


@bp.post("/tickets/<int:number>/macros/<int:macro_id>")
def apply_macro(number: int, macro_id: int) -> Any:
    """Do what it does; its text goes into the composer, its status waits until that is sent."""
    with unit_of_work(actor=g.viewer.actor) as work:
        ticket = access.ticket_by_number(work.session, g.viewer, number, lock=True)
        applied = macros.apply(work, g.viewer, ticket, macro_id, name_of(work.session, ticket))
    return done(number, text=applied.text, then=applied.then)
