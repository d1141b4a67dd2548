"""What may come next in the search box: operators, and the values they take here."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk.access import Viewer
from helpdesk.folding import fold
from helpdesk.models import Agent, Channel, Tag, Team
from helpdesk.models.ticket import PRIORITIES, SHELVES, STATUSES
from helpdesk.services.search_query import HAS, IS, OPERATORS

MOST = 8


@dataclass(frozen=True)
class Completion:
    """`text` takes the place of the last word; `hint` says what it is."""

    text: str
    hint: str = ""


def complete(session: Session, viewer: Viewer, typed: str) -> list[Completion]:
    """For the word being typed at the end; nothing after a space or inside quotes that were closed."""
    quoted = typed.count('"') % 2 == 1
    start = typed.rfind(" ", 0, typed.rfind('"') if quoted else len(typed)) + 1
    word = typed[start:]
    operator, colon, value = word.partition(":")
    if not colon:
        begun = word.lower()
        return [Completion(f"{o}:", _hints()[o]) for o in OPERATORS if begun and o.startswith(begun)][:MOST]
    if operator.lower() not in OPERATORS:
        return []
    wanted = fold(value.lstrip('"'))
    offered = _values(session, viewer, operator.lower())
    fits = [(text, hint) for text, hint in offered if fold(text).startswith(wanted)]
    fits = fits or [(text, hint) for text, hint in offered if wanted in fold(text)]
    found = [Completion(f"{operator}:{_quoted(text)} ", hint) for text, hint in fits]
    return [c for c in found if c.text.strip() != word][:MOST]


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


def _hints() -> dict[str, str]:
    return {
        "from": gettext("customer: a name, an address, a number"),
        "to": gettext("an address we wrote to"),
        "assignee": gettext("whose ticket: a name, me, none"),
        "team": gettext("a team, or none"),
        "tag": gettext("a tag"),
        "status": gettext("a status"),
        "priority": gettext("a priority"),
        "channel": gettext("a channel or its kind"),
        "has": gettext("attachment, picture, call, note, rating"),
        "is": gettext("unread, unassigned, mine, late, vip"),
        "before": gettext("before a day: 2026-11-22"),
        "after": gettext("after a day: 2026-11-01"),
        "in": gettext("where it lies: open, solved, spam, trash…"),
    }


def _values(session: Session, viewer: Viewer, operator: str) -> list[tuple[str, str]]:
    fixed = {"status": STATUSES, "priority": PRIORITIES, "has": HAS, "is": IS, "in": SHELVES}
    if operator in fixed:
        return [(value, "") for value in fixed[operator]]
    if operator == "tag":
        return [(name, "") for name in session.scalars(select(Tag.name).order_by(Tag.name_folded).limit(500))]
    if operator == "team":
        return [("none", ""), *((n, "") for n in session.scalars(select(Team.name).where(Team.archived_at.is_(None))))]
    if operator == "channel":
        rows = session.execute(select(Channel.name, Channel.kind).where(Channel.archived_at.is_(None))).all()
        return [*((kind, "") for kind in sorted({r.kind for r in rows})), *((r.name, r.kind) for r in rows)]
    if operator == "assignee":
        people = session.scalars(select(Agent.name).where(Agent.disabled_at.is_(None)).order_by(Agent.name))
        return [("me", viewer.name), ("none", ""), *((name, "") for name in people)]
    return []
