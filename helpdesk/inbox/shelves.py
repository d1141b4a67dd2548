"""The views of the inbox as data: what lies in each, in which order, and which index serves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, exists, literal_column, or_, true

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.models import Grant, Ticket

Predicate = Callable[[Viewer, datetime], ColumnElement[bool]]


def shelf(name: str) -> ColumnElement[bool]:
    """A literal, so that a prepared plan keeps its index."""
    return Ticket.shelf == literal_column(f"'{name}'")


@dataclass(frozen=True, eq=False)  # there is one of each: what it is equal to is itself
class Shelf:
    """One view. `scoped`: limited to the viewer's teams; Mine and Mentions are the viewer's own whatever the team."""

    key: str
    name: Any
    symbol: str
    where: Predicate
    counted: bool = True
    scoped: bool = True
    order: str = "activity"  # activity (newest first), due (most urgent first)
    shelves: tuple[str, ...] = ()  # the view is these whole shelves: read one by one, each in the order of an index

    def predicate(self, viewer: Viewer, at: datetime) -> ColumnElement[bool]:
        found = self.where(viewer, at)
        return and_(found, access.listed(viewer)) if self.scoped and not viewer.sees_all else found


def _mentioned(viewer: Viewer, _: datetime) -> ColumnElement[bool]:
    mention = exists().where(Grant.ticket_id == Ticket.id, Grant.agent_id == viewer.agent_id, Grant.why == "mention")
    return and_(mention, Ticket.shelf.notin_(["trash", "merged"]))


def _due(viewer: Viewer, at: datetime) -> ColumnElement[bool]:
    return and_(shelf("open"), Ticket.sla_due_at <= at)


def _due_soon(viewer: Viewer, at: datetime) -> ColumnElement[bool]:
    return and_(shelf("open"), Ticket.sla_due_at > at, Ticket.sla_soon_at <= at)


def _on(name: str, *terms: Callable[[Viewer], ColumnElement[bool]]) -> Predicate:
    return lambda viewer, at: and_(shelf(name), *(term(viewer) for term in terms))


def _whole(key: str, name: Any, symbol: str, *names: str, counted: bool = False) -> Shelf:
    shelves = names or (key,)
    return Shelf(key, name, symbol, lambda _v, _at: or_(*(shelf(n) for n in shelves)), counted, shelves=shelves)


# icon="list-details" icon="message-reply" icon="user" icon="user-question" icon="inbox" icon="alert-triangle" icon="alarm" icon="at"
# icon="alarm-snooze" icon="circle-check" icon="archive" icon="ban" icon="trash" icon="filter"
VIEWS: tuple[Shelf, ...] = (
    Shelf("needs_reply", _l("Needs reply"), "message-reply", _on("open", lambda v: Ticket.needs_reply == true())),
    Shelf("mine", _l("Mine"), "user", _on("open", lambda v: Ticket.assignee_id == v.agent_id), scoped=False),
    Shelf("unassigned", _l("Unassigned"), "user-question", _on("open", lambda v: Ticket.assignee_id.is_(None))),
    _whole("open", _l("All open"), "inbox", counted=True),
    Shelf("late", _l("Late"), "alert-triangle", _due, order="due"),
    Shelf("soon", _l("Breaching soon"), "alarm", _due_soon, order="due"),
    Shelf("mentions", _l("Mentions"), "at", _mentioned, scoped=False),
    _whole("snoozed", _l("Snoozed"), "alarm-snooze", counted=True),
    _whole("solved", _l("Solved"), "circle-check"),
    _whole("closed", _l("Closed"), "archive"),
    _whole("all", _l("All tickets"), "list-details", "open", "snoozed", "solved", "closed"),
    _whole("spam", _l("Spam"), "ban"),
    _whole("trash", _l("Trash"), "trash"),
)
BY_KEY = {view.key: view for view in VIEWS}
