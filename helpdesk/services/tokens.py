"""API tokens: an agent's rights, narrowed to scopes. The token is shown once; the row keeps its hash."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import SCOPES, Viewer
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import AgentChanged
from helpdesk.folding import one_line
from helpdesk.models import Agent, ApiToken
from helpdesk.signing import hash_token, new_token
from helpdesk.unit_of_work import UnitOfWork


def create(
    work: UnitOfWork, viewer: Viewer | None, *, agent_id: int, name: str, scopes: Iterable[str]
) -> tuple[ApiToken, str]:
    """A new token and its text, which nobody can see again. Raises Invalid."""
    _managing(viewer)
    agent = work.session.get(Agent, agent_id)
    fields: dict[str, str] = {}
    if agent is None or not agent.active:
        fields["agent"] = _("Choose somebody who works here.")
    name = one_line(name, 200)
    if not name:
        fields["name"] = _("Enter a name.")
    wanted = [s for s in SCOPES if s in set(scopes)]
    if not wanted or set(scopes) - set(SCOPES):
        fields["scopes"] = _("Choose at least one of: %(scopes)s.", scopes=", ".join(SCOPES))
    if fields:
        raise Invalid(fields=fields)
    text = "hd_" + new_token()
    token = ApiToken(agent_id=agent_id, name=name, token_hash=hash_token(text), scopes=wanted, created_at=work.now)
    work.session.add(token)
    work.session.flush()
    work.record(AgentChanged(agent_id=agent_id, what="token"))
    return token, text


def revoke(work: UnitOfWork, viewer: Viewer | None, token_id: int) -> None:
    _managing(viewer)
    token = work.session.get(ApiToken, token_id)
    if token is None:
        raise NotFound
    if token.revoked_at is None:
        token.revoked_at = work.now
        work.record(AgentChanged(agent_id=token.agent_id, what="token"))


def all_of(session: Session) -> list[tuple[ApiToken, Agent]]:
    """Every token with its agent, the working ones first."""
    rows = session.execute(
        select(ApiToken, Agent)
        .join(Agent, Agent.id == ApiToken.agent_id)
        .order_by(ApiToken.revoked_at.is_not(None), ApiToken.id.desc())
    )
    return [(token, agent) for token, agent in rows]


def _managing(viewer: Viewer | None) -> None:
    if viewer is not None:
        access.require_write(viewer)
        access.require(viewer, "api")
