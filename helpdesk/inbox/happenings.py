"""What happened to a ticket, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from flask_babel import gettext
from sqlalchemy import CompoundSelect, literal, select, union_all
from sqlalchemy.orm import Session

from helpdesk.database import rows
from helpdesk.inbox.formats import clock_time, short_date
from helpdesk.models import Agent, ContactReason, Team, TeamMember
from helpdesk.models.ticket import UNTIL_REPLY
from helpdesk.words import LINK_WORDS, PRIORITY_WORDS, STATUS_WORDS, TARGET_WORDS


@dataclass
class Names:
    """Names of agents, teams and contact reasons; `offered` are those that may be chosen now."""

    agents: dict[int, str] = field(default_factory=dict)
    teams: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    offered: dict[str, list[int]] = field(default_factory=lambda: {"agents": [], "teams": [], "reasons": []})
    admins: set[int] = field(default_factory=set)
    members: dict[int, set[int]] = field(default_factory=dict)  # team -> agents

    def assignees(self, team_id: int | None, current: int | None, *, everybody: bool) -> list[int]:
        """Agents to offer for a ticket of this team: those who see it anyway, or everybody to who may reassign."""
        chosen = self.choices("agents", current)
        if everybody or team_id is None:
            return chosen
        see = self.admins | self.members.get(team_id, set())
        return [id_ for id_ in chosen if id_ in see or id_ == current]

    def choices(self, kind: str, current: int | None) -> list[int]:
        """Ids to offer, with the current one even when it is no longer offered."""
        offered = self.offered[kind]
        return offered if current is None or current in offered else [*offered, current]

    def agent(self, id_: int | None) -> str:
        return self.agents.get(id_ or 0, "") or gettext("nobody")

    def team(self, id_: int | None) -> str:
        return self.teams.get(id_ or 0, "") or gettext("no team")

    def reason(self, id_: int | None) -> str:
        return self.reasons.get(id_ or 0, "") or gettext("none")

    def actor(self, actor: str) -> str:
        kind, _, id_ = actor.partition(":")
        return self.agents.get(int(id_), "") if kind == "agent" and id_.isdecimal() else ""


@cache
def _every_name(locale: str) -> CompoundSelect[Any]:
    reason = ContactReason.name_vi if locale == "vi" else ContactReason.name
    return union_all(
        select(
            literal("agents"),
            Agent.id,
            Agent.name,
            Agent.role,
            Agent.disabled_at.is_(None),
            literal(0).label("position"),
        ),
        select(literal("teams"), Team.id, Team.name, literal(""), Team.archived_at.is_(None), literal(0)),
        select(
            literal("reasons"),
            ContactReason.id,
            reason,
            ContactReason.name,
            ContactReason.archived_at.is_(None),
            ContactReason.position,
        ),
        select(
            literal("members"),
            TeamMember.agent_id,
            literal(""),
            literal(""),
            TeamMember.leads,
            TeamMember.team_id,
        ),
    )


def load_names(session: Session, locale: str) -> Names:
    """One query for all of them."""
    names = Names()
    found = rows(session, _every_name("vi" if locale == "vi" else "en"))
    for kind, id_, name, fallback, offered, position in sorted(
        found, key=lambda r: (r[0], r[5], (r[2] or r[3]).casefold())
    ):
        if kind == "members":
            names.members.setdefault(position, set()).add(id_)
            continue
        getattr(names, kind)[id_] = name or fallback
        if fallback == "admin" and kind == "agents":
            names.admins.add(id_)
        if offered:
            names.offered[kind].append(id_)
    return names


Words = Callable[[dict[str, Any], Names, str], str]


def _by(words: str, who: str) -> str:
    return gettext("%(what)s by %(name)s", what=words, name=who) if who else words


def _status(d: dict[str, Any], n: Names, who: str) -> str:
    new = str(STATUS_WORDS.get(d["new"], d["new"]))
    return _by(gettext("%(old)s → %(new)s", old=STATUS_WORDS.get(d["old"], d["old"]), new=new), who)


def _priority(d: dict[str, Any], n: Names, who: str) -> str:
    old, new = (PRIORITY_WORDS.get(d[k], d[k]) for k in ("old", "new"))
    return _by(gettext("Priority %(old)s → %(new)s", old=old, new=new), who)


def _assigned(d: dict[str, Any], n: Names, who: str) -> str:
    if d["new"] is None:
        return _by(gettext("Assigned to nobody"), who)
    name = n.agent(d["new"])
    return (
        gettext("%(name)s took it", name=name) if name == who else _by(gettext("Assigned to %(name)s", name=name), who)
    )


def _tags(d: dict[str, Any], n: Names, who: str) -> str:
    parts = [gettext("tag %(name)s added", name=t) for t in d.get("added", ())]
    parts += [gettext("tag %(name)s removed", name=t) for t in d.get("removed", ())]
    return _by(", ".join(parts), who)


def _snoozed(d: dict[str, Any], n: Names, who: str) -> str:
    if not d.get("until"):
        return gettext("Woke from snooze")
    until = datetime.fromisoformat(d["until"])
    if until == UNTIL_REPLY:
        return _by(gettext("Snoozed until they reply"), who)
    return _by(gettext("Snoozed until %(time)s", time=f"{short_date(until)} {clock_time(until)}"), who)


def _moved(d: dict[str, Any], n: Names, who: str) -> str:
    places = {"spam": gettext("Moved to spam"), "trash": gettext("Moved to trash"), "merged": gettext("Merged")}
    return _by(places.get(d["new"]) or gettext("Back in the inbox"), who)


def _opened(d: dict[str, Any], n: Names, who: str) -> str:
    if d.get("follow_up_of"):
        return gettext("Follow-up of a closed ticket")
    return _by(gettext("Opened"), who) if who else ""


def _merged(d: dict[str, Any], n: Names, who: str) -> str:
    return _by(gettext("Merge undone") if d.get("undone") else gettext("Merged"), who)


def _absorbed(d: dict[str, Any], n: Names, who: str) -> str:
    words = (
        gettext("Ticket #%(number)s went its own way again", number=d["number"])
        if d.get("undone")
        else gettext("Ticket #%(number)s was merged into this one", number=d["number"])
    )
    return _by(words, who)


def _linked(d: dict[str, Any], n: Names, who: str) -> str:
    kind = str(LINK_WORDS.get(d["kind"], d["kind"]))
    if not d.get("added"):
        return _by(gettext("Link to #%(number)s removed", number=d["other"]), who)
    return _by(gettext("%(kind)s: #%(number)s", kind=kind, number=d["other"]), who)


def _held(d: dict[str, Any], n: Names, who: str) -> str:
    """Only what a colleague should know of; that it was sent is in the thread itself."""
    author = n.agent(d.get("agent_id"))
    said = {
        ("later", "waiting"): gettext("A reply of %(name)s is to go out later", name=author),
        ("review", "waiting"): gettext("A reply of %(name)s waits for approval", name=author),
        ("review", "returned"): _by(gettext("A reply of %(name)s was returned", name=author), who),
    }
    stopped = {"stopped": gettext("A reply of %(name)s could not go out", name=author)}
    return said.get((d["why"], d["state"]), "") or stopped.get(d["state"], "")


def _task(d: dict[str, Any], n: Names, who: str) -> str:
    kinds = {
        "recovery": (gettext("Recovery opened"), gettext("Recovery done")),
        "callback": (gettext("Call back planned"), gettext("Call back done")),
    }
    opened, done = kinds.get(d.get("kind", ""), (gettext("Follow-up planned"), gettext("Follow-up done")))
    return _by(done if d.get("done") else opened, who)


_WORDS: dict[str, Words] = {
    "ticket_opened": _opened,
    "status_changed": _status,
    "priority_changed": _priority,
    "ticket_assigned": _assigned,
    "team_changed": lambda d, n, who: _by(gettext("Team: %(name)s", name=n.team(d["new"])), who),
    "tags_changed": _tags,
    "subject_changed": lambda d, n, who: _by(gettext("Subject: %(subject)s", subject=d["new"]), who),
    "reason_changed": lambda d, n, who: _by(gettext("Reason: %(name)s", name=n.reason(d["new"])), who),
    "ticket_snoozed": _snoozed,
    "ticket_moved": _moved,
    "tickets_merged": _merged,
    "ticket_absorbed": _absorbed,
    "tickets_linked": _linked,
    "field_changed": lambda d, n, who: _by(gettext("Details changed"), who),
    "reply_held": _held,
    "message_moved": lambda d, n, who: _by(gettext("A message came from another ticket"), who),
    "message_left": lambda d, n, who: _by(gettext("A message went to ticket #%(number)s", number=d["to"]), who),
    "sender_decided": lambda d, n, who: _by(
        gettext("Other sender accepted") if d.get("accepted") else gettext("Other sender split off"), who
    ),
    "sla_breached": lambda d, n, who: gettext("%(target)s is late", target=TARGET_WORDS.get(d["target"], d["target"])),
    "survey_sent": lambda d, n, who: gettext("Rating asked for"),
    "customers_merged": lambda d, n, who: _by(gettext("Profiles joined"), who),
    "task_changed": _task,
    "chat_ended": lambda d, n, who: gettext("The visitor ended the chat"),
}
SHOWN = (*_WORDS, "survey_answered")


def words_of(row: Any, names: Names) -> str:
    """`row`: of the events, with type, data and actor."""
    return _WORDS[row.type](row.data, names, names.actor(row.actor))
