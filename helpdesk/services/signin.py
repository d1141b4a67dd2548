"""Signing in: password, then the second factor where somebody has one."""

from __future__ import annotations

from sqlalchemy.orm import Session

from helpdesk.models import Agent
from helpdesk.services import passwords, people, sessions, two_factor
from helpdesk.unit_of_work import UnitOfWork


def check(session: Session, email: str, password: str) -> Agent | None:
    """Who it is. A stranger, an invited or a disabled person takes as long as a wrong password."""
    agent = people.by_email(session, email)
    known = agent is not None and agent.active
    right = passwords.matches(agent.password_hash if agent is not None and known else None, password)
    return agent if right else None


def enter(
    work: UnitOfWork, checked: Agent, password: str, *, address: str, user_agent: str, instead_of: int | None = None
) -> tuple[str, bool] | None:
    """A new session for somebody just checked: (token, complete). None when their account changed meanwhile.

    Not complete: the second factor is still to come. The browser's session before, if any, ends.
    """
    agent = work.session.get(Agent, checked.id)
    if agent is None or not agent.active or agent.password_hash != checked.password_hash:
        return None
    if passwords.outdated(agent.password_hash or ""):
        agent.password_hash = passwords.hash_password(password)
    complete = not two_factor.on(agent)
    if complete:
        agent.last_login_at = work.now
    if instead_of is not None:
        sessions.end(work, session_id=instead_of)
    return sessions.start(work, agent, address=address, user_agent=user_agent, complete=complete), complete


def second_factor(work: UnitOfWork, half: sessions.SignedIn, code: str, *, address: str, user_agent: str) -> str | None:
    """The complete session's token for a right code, with a new id; None for a wrong or used code."""
    if not two_factor.use(work, half.agent.id, code):
        return None
    agent = work.session.get_one(Agent, half.agent.id)
    agent.last_login_at = work.now
    sessions.end(work, session_id=half.session_id)
    return sessions.start(work, agent, address=address, user_agent=user_agent)


def enter_by_link(work: UnitOfWork, agent: Agent, *, address: str, user_agent: str) -> tuple[str, bool]:
    """After choosing a password by a mailed link: a session; the second factor is still asked."""
    complete = not two_factor.on(agent)
    if complete:
        agent.last_login_at = work.now
    return sessions.start(work, agent, address=address, user_agent=user_agent, complete=complete), complete
