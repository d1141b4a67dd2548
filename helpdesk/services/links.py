"""Links of ours: where the desk lives, and links by mail that work once and expire."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from helpdesk.errors import Expired
from helpdesk.models import Agent, OneTimeLink, now
from helpdesk.services import settings as desk_settings
from helpdesk.signing import hash_token, new_token
from helpdesk.unit_of_work import UnitOfWork

LIFETIME = {"invite": timedelta(hours=24), "reset": timedelta(hours=1)}


def address(session: Session, path: str) -> str:
    """`path` ("/invite/…") under the desk's public address, which is a setting: never what a request claims."""
    base = str(desk_settings.get(session, "public_url"))
    if not base:
        server = current_app.extensions["settings"].server
        host = "127.0.0.1" if server.host in ("0.0.0.0", "::") else server.host  # noqa: S104
        base = f"http://{host}:{server.port}"
    return base + path


def make(work: UnitOfWork, agent: Agent, purpose: str) -> str:
    """A new link for `purpose` ("invite", "reset"), which ends those before it; returns its path."""
    _end(work, agent.id, purpose)
    token = new_token()
    work.session.add(
        OneTimeLink(
            purpose=purpose,
            agent_id=agent.id,
            token_hash=hash_token(token),
            created_at=work.now,
            expires_at=work.now + LIFETIME[purpose],
        )
    )
    return f"/{purpose}/{token}"


def peek(session: Session, purpose: str, token: str) -> Agent:
    """Whose link it is, without using it; raises Expired for one that is used, old, or not ours."""
    row = session.execute(
        select(OneTimeLink, Agent)
        .join(Agent, Agent.id == OneTimeLink.agent_id)
        .where(OneTimeLink.token_hash == hash_token(token), OneTimeLink.purpose == purpose)
    ).first()
    if row is None or row[0].used_at or row[0].expires_at < now() or row[1].disabled_at:
        raise Expired
    return row[1]


def use(work: UnitOfWork, purpose: str, token: str) -> Agent:
    """Use it up: of any number of callers at once exactly one succeeds, the others get Expired."""
    agent = peek(work.session, purpose, token)
    done = work.session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.token_hash == hash_token(token), OneTimeLink.used_at.is_(None))
        .values(used_at=work.now)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Expired
    _end(work, agent.id, "invite")
    _end(work, agent.id, "reset")
    return agent


def _end(work: UnitOfWork, agent_id: int, purpose: str) -> None:
    work.session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.agent_id == agent_id, OneTimeLink.purpose == purpose, OneTimeLink.used_at.is_(None))
        .values(used_at=work.now)
    )


__all__ = ["LIFETIME", "address", "make", "peek", "use"]
