"""Saved views: a filter under a name, for oneself, for a team or for everybody; each agent has their own order."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from helpdesk.access import Viewer, require, require_write
from helpdesk.database import rows
from helpdesk.errors import Forbidden, Invalid, NotFound
from helpdesk.folding import one_line
from helpdesk.models import Team, View
from helpdesk.services import people
from helpdesk.unit_of_work import UnitOfWork

MOST = 60
ORDER = "views"  # the preference that holds ids in the agent's own order


_SHARED = View.owner_id.is_(None)
_THEIRS = or_(View.team_id.is_(None), View.team_id.in_(bindparam("teams", expanding=True)))
_ALL_SEEN, _SEEN = (
    select(View).where(or_(View.owner_id == bindparam("agent"), shared)).order_by(View.position, View.id).limit(MOST)
    for shared in (_SHARED, and_(_SHARED, _THEIRS))
)
_TEAMS = select(Team.id, Team.name).where(Team.archived_at.is_(None)).order_by(Team.name)


def seen(session: Session, viewer: Viewer) -> list[View]:
    """Own, of own teams, and shared with all; in the viewer's own order, new ones last."""
    whose = {"agent": viewer.agent_id, **({} if viewer.sees_all else {"teams": viewer.visible_teams})}
    found = list(session.scalars(_ALL_SEEN if viewer.sees_all else _SEEN, whose))
    wanted = viewer.preferences.get(ORDER)
    place = {id_: n for n, id_ in enumerate(wanted)} if isinstance(wanted, list) else {}
    return sorted(found, key=lambda v: place.get(v.id, MOST * 10))


def scopes(session: Session, viewer: Viewer) -> list[tuple[str, str]]:
    """With whom the viewer may share: ("", words) for nobody, "all", and "t<id>" for each team they answer for."""
    found = [("", gettext("Only me"))]
    if not viewer.may("team_views"):
        return found
    own = viewer.team_ids | viewer.led_team_ids
    teams = [(f"t{id_}", name) for id_, name in rows(session, _TEAMS) if viewer.sees_all or id_ in own]
    return [*found, *teams, ("all", gettext("Everybody"))]


def scope_of(view: View) -> str:
    if view.owner_id is not None:
        return ""
    return f"t{view.team_id}" if view.team_id is not None else "all"


def may_change(viewer: Viewer, view: View) -> bool:
    """One's own; a shared one where the role may and, for a team's, where one belongs to it."""
    if view.owner_id is not None:
        return view.owner_id == viewer.agent_id
    theirs = view.team_id is None or viewer.sees_all or view.team_id in viewer.team_ids | viewer.led_team_ids
    return viewer.may("team_views") and theirs


def save(
    work: UnitOfWork, viewer: Viewer, name: str, filter_: dict[str, Any], sort: str = "", *, scope: str = ""
) -> View:
    """Raises Invalid without a name, Forbidden when the role may not share that far."""
    require_write(viewer)
    view = View(name=_name(name), filter=filter_, sort=sort)
    _share(work, viewer, view, scope)
    work.session.add(view)
    work.session.flush()
    return view


def change(
    work: UnitOfWork,
    viewer: Viewer,
    view_id: int,
    *,
    name: str | None = None,
    filter_: dict[str, Any] | None = None,
    sort: str | None = None,
    scope: str | None = None,
) -> View:
    """What is given is changed. Raises NotFound for what is not theirs to change."""
    view = _mine(work, viewer, view_id)
    if name is not None:
        view.name = _name(name)
    if filter_ is not None:
        view.filter = filter_
    if sort is not None:
        view.sort = sort
    if scope is not None and scope != scope_of(view):
        _share(work, viewer, view, scope)
    return view


def delete(work: UnitOfWork, viewer: Viewer, view_id: int) -> None:
    """Raises NotFound for what is not theirs to change."""
    work.session.delete(_mine(work, viewer, view_id))


def move(work: UnitOfWork, viewer: Viewer, view_id: int, by: str) -> None:
    """ "up" or "down" in one's own navigation; nobody else's changes. Raises NotFound, then Invalid."""
    require_write(viewer)
    ids = [v.id for v in seen(work.session, viewer)]
    if view_id not in ids:
        raise NotFound()
    if by not in ("up", "down"):
        raise Invalid(fields={"by": gettext("There is no such action.")})
    at = ids.index(view_id)
    to = max(0, min(len(ids) - 1, at + (1 if by == "down" else -1)))
    ids.insert(to, ids.pop(at))
    people.prefer(work, viewer.agent_id, ORDER, ids)


def _mine(work: UnitOfWork, viewer: Viewer, view_id: int) -> View:
    require_write(viewer)
    view = work.session.get(View, view_id)
    if view is None or not may_change(viewer, view):
        raise NotFound()
    return view


def _name(name: str) -> str:
    name = one_line(name, 80)
    if not name:
        raise Invalid(fields={"name": gettext("Give the view a name.")})
    return name


def _share(work: UnitOfWork, viewer: Viewer, view: View, scope: str) -> None:
    if scope:
        require(viewer, "team_views")
    if scope not in {key for key, _words in scopes(work.session, viewer)}:
        raise Forbidden("You cannot share a view with them.")
    view.owner_id = None if scope else viewer.agent_id
    view.team_id = int(scope[1:]) if scope.startswith("t") else None


__all__ = ["change", "delete", "may_change", "move", "save", "scope_of", "scopes", "seen"]
