"""Macros: saved replies, and what else they do to a ticket. Personal, of a team, or everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import SettingChanged
from helpdesk.folding import clean, fold, one_line
from helpdesk.models import Agent, Customer, Macro, Team, Ticket
from helpdesk.models.ticket import PRIORITIES
from helpdesk.services import placeholders, tickets
from helpdesk.unit_of_work import UnitOfWork

PLACEHOLDERS = placeholders.NAMES
STATUSES = ("", "open", "pending", "on_hold", "solved")
LONGEST = 20_000


# --- which there are -----------------------------------------------------------------------------------------


def seen(session: Session, viewer: Viewer) -> list[Macro]:
    """One's own, those of one's teams, everybody's."""
    return list(session.scalars(select(Macro).where(_seen(viewer)).order_by(Macro.name)))


def _seen(viewer: Viewer) -> Any:
    mine = Macro.owner_id == viewer.agent_id
    if viewer.sees_all:
        return or_(mine, Macro.owner_id.is_(None))
    teams = or_(Macro.team_id.is_(None), Macro.team_id.in_(viewer.team_ids | viewer.led_team_ids))
    return or_(mine, and_(Macro.owner_id.is_(None), teams))


def found(session: Session, viewer: Viewer, typed: str, limit: int = 8) -> list[Macro]:
    """Those whose name (or, after these, text) has what was typed, marks optional; the most used first."""
    wanted = fold(typed)
    rows = [(m, fold(m.name)) for m in seen(session, viewer)]
    named = [(not name.startswith(wanted), -m.used, name, m) for m, name in rows if wanted in name]
    inside = [m for m, name in rows if wanted and wanted not in name and wanted in fold(f"{m.text} {m.text_vi}")]
    return [*(m for *_order, m in sorted(named, key=lambda n: n[:3])), *inside][:limit]


def may_change(viewer: Viewer, macro: Macro) -> bool:
    if not viewer.writes():
        return False
    if macro.owner_id is not None:
        return macro.owner_id == viewer.agent_id
    if macro.team_id is not None and not viewer.sees_all:
        return viewer.may("team_macros") and macro.team_id in viewer.led_team_ids
    return viewer.sees_all


def scopes(viewer: Viewer) -> list[str]:
    """For whom they may write one: "me", "all", or "team:ID" of each team they lead (administrators: any team)."""
    own = ["me"]
    if viewer.may("team_macros"):
        own += [f"team:{t}" for t in sorted(viewer.led_team_ids)]
    return [*own, "all"] if viewer.sees_all else own


def one(session: Session, viewer: Viewer, macro_id: int) -> Macro:
    """Raises NotFound for one that is not theirs to change."""
    macro = session.get(Macro, macro_id)
    if macro is None or not may_change(viewer, macro):
        raise NotFound
    return macro


def scope_of(macro: Macro) -> str:
    if macro.owner_id is not None:
        return "me"
    return f"team:{macro.team_id}" if macro.team_id is not None else "all"


# --- in a ticket ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Applied:
    """`text` goes into the composer; `then`: the status to send it with (empty: as usual)."""

    text: str
    then: str


def text_for(session: Session, viewer: Viewer, ticket: Ticket, macro: Macro, called: str = "") -> str:
    """Its text for this ticket: in the customer's language where there is one, placeholders filled."""
    customer = session.get_one(Customer, ticket.customer_id)
    vietnamese = placeholders.speaks_vietnamese(customer, ticket)
    text = macro.text_vi if (vietnamese and macro.text_vi) or not macro.text else macro.text
    return placeholders.fill(text, placeholders.values(session, viewer, ticket, called))


def apply(work: UnitOfWork, viewer: Viewer, ticket: Ticket, macro_id: int, called: str = "") -> Applied:
    """Do what it does and count it. With a text, its status waits until that is sent.

    Raises NotFound for a macro of others, Invalid where an action is not possible (nothing is done then).
    """
    access.require_write(viewer)
    macro = work.session.scalar(select(Macro).where(Macro.id == macro_id, _seen(viewer)))
    if macro is None:
        raise NotFound()
    does = macro.actions or {}
    if does.get("team"):
        tickets.set_team(work, viewer, ticket, int(does["team"]))
    if does.get("assignee"):
        tickets.assign(work, viewer, ticket, viewer.agent_id if does["assignee"] == "me" else int(does["assignee"]))
    if does.get("priority"):
        tickets.set_priority(work, viewer, ticket, does["priority"])
    if does.get("tags"):
        tickets.change_tags(work, viewer, ticket, add=tuple(does["tags"]))
    text = text_for(work.session, viewer, ticket, macro, called)
    status = does.get("status", "")
    if status and not text:
        tickets.set_status(work, viewer, ticket, status)
    work.session.execute(
        update(Macro).where(Macro.id == macro.id).values(used=Macro.used + 1),
        execution_options={"synchronize_session": False},
    )
    return Applied(text, {"solved": "solve"}.get(status, status) if text else "")


# --- written -------------------------------------------------------------------------------------------------


def save(work: UnitOfWork, viewer: Viewer, macro_id: int | None, values: Mapping[str, Any]) -> Macro:
    """`name`, `text`, `text_vi`, `scope`, `status`, `priority`, `assignee`, `team`, `tags` (comma-separated).

    Raises Invalid.
    """
    access.require_write(viewer)
    macro = one(work.session, viewer, macro_id) if macro_id else Macro(name="")
    name = one_line(str(values.get("name", "")), 200)
    texts = {n: clean(str(values.get(n, ""))).strip() for n in ("text", "text_vi")}
    scope = str(values.get("scope", "me"))
    fields: dict[str, str] = {} if name else {"name": _("Enter a name.")}
    for field, text in texts.items():
        fields |= _wrong_text(field, text)
    actions = _actions(work.session, values, fields)
    if scope not in scopes(viewer) and not (scope.startswith("team:") and viewer.sees_all):
        fields["scope"] = _("Choose one of the list.")
    if not any(texts.values()) and not actions and not fields:
        fields["text"] = _("Write a text, or choose what it does.")
    if fields:
        raise Invalid(fields=fields)
    macro.name, macro.text, macro.text_vi, macro.actions = name, texts["text"], texts["text_vi"], actions
    macro.owner_id = viewer.agent_id if scope == "me" else None
    macro.team_id = _team(work.session, scope)
    work.session.add(macro)
    work.session.flush()
    work.record(SettingChanged(key=f"macro.{macro.id}"))
    return macro


def _wrong_text(field: str, text: str) -> dict[str, str]:
    unknown = placeholders.unknown(text)
    if unknown:
        return {field: _("Unknown placeholder: %(names)s.", names=", ".join(unknown))}
    if len(text) > LONGEST:
        return {field: _("Use at most %(count)s characters.", count=LONGEST)}
    return {}


def _actions(session: Session, values: Mapping[str, Any], fields: dict[str, str]) -> dict[str, Any]:
    """What it does; what is wrong with that goes into `fields`."""
    given = {n: str(values.get(n, "")) for n in ("status", "priority", "assignee", "team")}
    tags = [t for t in (one_line(t, 60) for t in str(values.get("tags", "")).split(",")) if t]
    agent_id = int(given["assignee"]) if given["assignee"].isdecimal() else 0
    agent, team = (
        session.get(Agent, agent_id),
        session.get(Team, int(given["team"]) if given["team"].isdecimal() else 0),
    )
    fine = {
        "status": given["status"] in STATUSES,
        "priority": given["priority"] in ("", *PRIORITIES),
        "assignee": given["assignee"] in ("", "me") or (agent is not None and agent.active),
        "team": not given["team"] or (team is not None and team.archived_at is None),
    }
    fields |= {name: _("Choose one of the list.") for name, right in fine.items() if not right}
    return {k: v for k, v in (*given.items(), ("tags", tags)) if v}


def _team(session: Session, scope: str) -> int | None:
    if not scope.startswith("team:"):
        return None
    number = scope.removeprefix("team:")
    if not number.isdecimal() or session.get(Team, int(number)) is None:
        raise Invalid(fields={"scope": _("Choose one of the list.")})
    return int(number)


def delete(work: UnitOfWork, viewer: Viewer, macro_id: int) -> None:
    work.session.delete(one(work.session, viewer, macro_id))
    work.record(SettingChanged(key=f"macro.{macro_id}"))
