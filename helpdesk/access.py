"""Who may see and do what. The only gate: lists, search, counts, sockets, exports, API and files ask here.

Whatever is not allowed is NotFound, so that nobody learns that it exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, or_, select, true
from sqlalchemy.orm import Session

from helpdesk.errors import Forbidden, NotFound
from helpdesk.models import Agent, Attachment, Customer, Grant, Message, Team, Ticket

SCOPES = ("read", "write", "admin")

# What each role may do beyond working on the tickets it sees. A role has its own and those below it.
_AGENT = frozenset({"work"})
_SUPERVISOR = _AGENT | {"reports", "board", "reassign", "team_views", "team_macros", "review", "surveys", "sla"}
_ADMIN = _SUPERVISOR | {"settings", "channels", "people", "api", "privacy", "import", "health", "see_all"}
DEEDS = {"agent": _AGENT, "supervisor": _SUPERVISOR, "admin": _ADMIN}


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks: an agent, or an API token with an agent's rights ∩ its scopes."""

    agent_id: int
    role: str
    team_ids: frozenset[int] = frozenset()
    led_team_ids: frozenset[int] = frozenset()
    scopes: frozenset[str] | None = None
    locale: str = "en"
    timezone: str = "UTC"
    name: str = ""
    preferences: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)

    def may(self, deed: str) -> bool:
        if self.scopes is not None:
            needed = "admin" if deed in _ADMIN - _SUPERVISOR and deed != "see_all" else None
            if needed and needed not in self.scopes:
                return False
        return deed in DEEDS[self.role]

    def writes(self) -> bool:
        return self.scopes is None or "write" in self.scopes

    @property
    def sees_all(self) -> bool:
        return "see_all" in DEEDS[self.role]

    @property
    def visible_teams(self) -> tuple[int, ...]:
        """Values of Ticket.visible_team_id this viewer's lists show; 0 is "no team"."""
        return (0, *sorted(self.team_ids | self.led_team_ids))

    @property
    def actor(self) -> str:
        return f"agent:{self.agent_id}"


def viewer_of(agent: Agent, scopes: frozenset[str] | None = None) -> Viewer:
    return Viewer(
        agent_id=agent.id,
        role=agent.role,
        team_ids=frozenset(m.team_id for m in agent.memberships),
        led_team_ids=frozenset(m.team_id for m in agent.memberships if m.leads),
        scopes=scopes,
        locale=agent.locale,
        timezone=agent.timezone,
        name=agent.name,
        preferences=dict(agent.preferences or {}),
    )


def require(viewer: Viewer, deed: str) -> None:
    """Raises NotFound unless the role (and scopes) allow the deed: what one may not do is not there."""
    if not viewer.may(deed):
        raise NotFound()


def require_write(viewer: Viewer) -> None:
    if not viewer.writes():
        raise Forbidden("This token may only read.")


# --- tickets -------------------------------------------------------------------------------------------------


def listed(viewer: Viewer) -> ColumnElement[bool]:
    """The predicate of lists and counts: one column, no OR, so that an index serves it."""
    return true() if viewer.sees_all else Ticket.visible_team_id.in_(viewer.visible_teams)


# `listed` in a statement that is made once, for who does not see all; `teams` are the viewer's `visible_teams`.
LISTED = Ticket.visible_team_id.in_(bindparam("teams", expanding=True))


def seen(viewer: Viewer) -> ColumnElement[bool]:
    """Every ticket the viewer may open: listed, assigned or granted. For look-ups of few rows (search, one customer)."""
    if viewer.sees_all:
        return true()
    granted = exists().where(Grant.ticket_id == Ticket.id, Grant.agent_id == viewer.agent_id)
    return or_(listed(viewer), Ticket.assignee_id == viewer.agent_id, granted)


# `seen` in a statement that is made once, for who does not see all; its values are `seen_by(viewer)`.
SEEN = or_(
    LISTED,
    Ticket.assignee_id == bindparam("me"),
    Ticket.id.in_(select(Grant.ticket_id).where(Grant.agent_id == bindparam("me"))),
)


def seen_by(viewer: Viewer) -> dict[str, Any]:
    return {} if viewer.sees_all else {"teams": viewer.visible_teams, "me": viewer.agent_id}


def may_open(session: Session, viewer: Viewer, ticket: Ticket) -> bool:
    if viewer.sees_all or ticket.visible_team_id in viewer.visible_teams or ticket.assignee_id == viewer.agent_id:
        return True
    grant = select(Grant.id).where(Grant.ticket_id == ticket.id, Grant.agent_id == viewer.agent_id).limit(1)
    return session.scalar(grant) is not None


_BY_NUMBER = select(Ticket).where(Ticket.number == bindparam("number"))
_BY_NUMBER_LOCKED = _BY_NUMBER.with_for_update()


def ticket_by_number(session: Session, viewer: Viewer, number: int, *, lock: bool = False) -> Ticket:
    """Raises NotFound when there is none the viewer may open. `lock`: hold its row until the transaction ends."""
    ticket = session.scalar(_BY_NUMBER_LOCKED if lock else _BY_NUMBER, {"number": number})
    if ticket is None or not may_open(session, viewer, ticket):
        raise NotFound()
    return ticket


def ticket_by_id(session: Session, viewer: Viewer, ticket_id: int, *, lock: bool = False) -> Ticket:
    ticket = session.get(Ticket, ticket_id, with_for_update=True if lock else None)
    if ticket is None or not may_open(session, viewer, ticket):
        raise NotFound()
    return ticket


def message_by_id(session: Session, viewer: Viewer, message_id: int) -> Message:
    message = session.get(Message, message_id)
    if message is None:
        raise NotFound()
    ticket_by_id(session, viewer, message.ticket_id)
    return message


def attachment_by_token(session: Session, viewer: Viewer, token: str) -> Attachment:
    attachment = session.scalar(select(Attachment).where(Attachment.token == token))
    if attachment is None:
        raise NotFound()
    if attachment.message_id is None:
        if attachment.uploaded_by != viewer.actor:
            raise NotFound()
        return attachment
    message_by_id(session, viewer, attachment.message_id)
    return attachment


# --- customers -----------------------------------------------------------------------------------------------


def customers_seen(viewer: Viewer) -> ColumnElement[bool]:
    """Customers of the tickets the viewer may open; a customer without any ticket is known to everybody."""
    if viewer.sees_all:
        return true()
    theirs = Ticket.customer_id == Customer.id
    return or_(exists().where(and_(theirs, seen(viewer))), ~exists().where(theirs))


# `customers_seen` in a statement that is made once, for who does not see all.
_THEIRS = Ticket.customer_id == Customer.id
CUSTOMERS_SEEN = or_(exists().where(_THEIRS, SEEN), ~exists().where(_THEIRS))


def customer_by_id(session: Session, viewer: Viewer, customer_id: int, *, lock: bool = False) -> Customer:
    """The profile, following merges to the one that took over."""
    customer = session.get(Customer, customer_id, with_for_update=True if lock else None)
    for _ in range(20):
        if customer is None or customer.merged_into_id is None:
            break
        customer = session.get(Customer, customer.merged_into_id)
    if customer is None:
        raise NotFound()
    if not viewer.sees_all and not session.scalar(
        select(Customer.id).where(Customer.id == customer.id, customers_seen(viewer))
    ):
        raise NotFound()
    return customer


def tickets_of(viewer: Viewer, customer_id: int) -> Select[Ticket]:
    return select(Ticket).where(Ticket.customer_id == customer_id, seen(viewer))


def teams_reported(viewer: Viewer, session: Session) -> list[int] | None:
    """Teams whose figures the viewer may see (None: all). Raises NotFound for agents."""
    require(viewer, "reports")
    if viewer.sees_all:
        return None
    known = set(session.scalars(select(Team.id)))
    return sorted((viewer.team_ids | viewer.led_team_ids) & known) + [0]


# --- rooms of the live inbox ---------------------------------------------------------------------------------


def rooms_of(viewer: Viewer, session_id: int) -> list[str]:
    """Socket.IO rooms one signed-in browser joins; doorbells are rung in them."""
    rooms = [f"session:{session_id}", f"agent:{viewer.agent_id}"]
    return [*rooms, "all"] if viewer.sees_all else [*rooms, *(f"team:{t}" for t in viewer.visible_teams)]


def rooms_for(visible_team_id: int, agent_ids: set[int]) -> list[str]:
    """Rooms that may hear of a ticket: its team, those assigned or granted, and those who see all."""
    return ["all", f"team:{visible_team_id}", *(f"agent:{a}" for a in sorted(agent_ids))]
