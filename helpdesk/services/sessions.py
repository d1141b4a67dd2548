"""Who is signed in. A session is a row; the cookie holds a random token, the row its hash."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from flask import current_app
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from helpdesk import realtime
from helpdesk.access import Viewer, viewer_of
from helpdesk.database import rows
from helpdesk.models import Agent, AgentSession, ApiToken, TeamMember, now
from helpdesk.signing import hash_token, new_token
from helpdesk.unit_of_work import UnitOfWork

LIFETIME = timedelta(days=14)
COOKIE = "helpdesk_session"
HALF_LIFETIME = timedelta(minutes=10)  # between the password and the second factor


@dataclass(frozen=True)
class SignedIn:
    session_id: int
    viewer: Viewer
    complete: bool
    theme: str
    _session: Session = field(repr=False, compare=False)

    @property
    def agent(self) -> Agent:
        """The row, read when a page needs more of it than who looks."""
        return self._session.get_one(Agent, self.viewer.agent_id)


# Every request asks it first: one statement, made once. A row for each team of the agent, or one without a team.
_FIND = (
    select(
        AgentSession.id.label("session_id"), AgentSession.complete, AgentSession.revoked_at, AgentSession.expires_at,
        Agent.id, Agent.disabled_at, Agent.theme, Agent.role, Agent.locale, Agent.timezone, Agent.name, Agent.preferences,
        TeamMember.team_id, TeamMember.leads,
    )
    .join(Agent, Agent.id == AgentSession.agent_id)
    .outerjoin(TeamMember, TeamMember.agent_id == Agent.id)
    .where(AgentSession.token_hash == bindparam("token_hash"))
)  # fmt: skip


def start(work: UnitOfWork, agent: Agent, *, address: str = "", user_agent: str = "", complete: bool = True) -> str:
    """A new session; returns the token for the cookie."""
    token = new_token()
    work.session.add(
        AgentSession(
            token_hash=hash_token(token),
            agent_id=agent.id,
            created_at=work.now,
            expires_at=work.now + (LIFETIME if complete else HALF_LIFETIME),
            address=address[:64],
            user_agent=user_agent[:300],
            complete=complete,
        )
    )
    return token


def find(session: Session, token: str) -> SignedIn | None:
    """The session behind a cookie, or None when it ended, expired, or its agent was disabled."""
    if not token:
        return None
    found = rows(session, _FIND, token_hash=hash_token(token)).all()
    if not found:
        return None
    row = found[0]
    if row.revoked_at or row.expires_at < now() or row.disabled_at:
        return None
    viewer = Viewer(
        agent_id=row.id,
        role=row.role,
        team_ids=frozenset(r.team_id for r in found if r.team_id is not None),
        led_team_ids=frozenset(r.team_id for r in found if r.leads),
        locale=row.locale,
        timezone=row.timezone,
        name=row.name,
        preferences=dict(row.preferences or {}),
    )
    return SignedIn(row.session_id, viewer, row.complete, row.theme, session)


def find_api(session: Session, token: str) -> tuple[Viewer, ApiToken] | None:
    """The agent behind an API token, with rights narrowed to the token's scopes."""
    row = session.execute(
        select(ApiToken, Agent)
        .join(Agent, Agent.id == ApiToken.agent_id)
        .where(ApiToken.token_hash == hash_token(token))
    ).first()
    if row is None or row[0].revoked_at or row[1].disabled_at:
        return None
    return viewer_of(row[1], frozenset(row[0].scopes)), row[0]


def end(
    work: UnitOfWork, *, session_id: int | None = None, agent_id: int | None = None, keep: int | None = None
) -> None:
    """Revoke one session, or all of an agent (except `keep`); their open pages are told to reload at once."""
    statement = select(AgentSession.id).where(AgentSession.revoked_at.is_(None))
    if session_id is not None:
        statement = statement.where(AgentSession.id == session_id)
    if agent_id is not None:
        statement = statement.where(AgentSession.agent_id == agent_id)
    if session_id is None and agent_id is None:
        raise ValueError("say whose sessions end")
    ids = [i for i in work.session.scalars(statement) if i != keep]
    work.session.execute(update(AgentSession).where(AgentSession.id.in_(ids)).values(revoked_at=work.now))
    for id_ in ids:
        work.after_commit(partial(_kick, f"session:{id_}"))


def reload(work: UnitOfWork, agent_id: int) -> None:
    """Their rights changed: open pages reload, and join the rooms they may hear now."""
    for id_ in work.session.scalars(
        select(AgentSession.id).where(AgentSession.agent_id == agent_id, AgentSession.revoked_at.is_(None))
    ):
        work.after_commit(partial(_kick, f"session:{id_}"))


def _kick(room: str) -> None:
    realtime.kick(room)
    kicked = current_app.extensions.get("kick_sockets")
    if kicked is not None:
        kicked(room)


__all__ = ["COOKIE", "LIFETIME", "SignedIn", "end", "find", "find_api", "reload", "start"]
