"""What the desk consists of: channels, people, teams, views, macros, promises, surveys. Read only."""

from __future__ import annotations

from flask import g
from sqlalchemy import select

from helpdesk.api import shapes
from helpdesk.api.routing import read
from helpdesk.extensions import db
from helpdesk.inbox.navigation import saved_views
from helpdesk.inbox.shelves import VIEWS
from helpdesk.models import Agent, Survey, Team, TeamMember
from helpdesk.services import channels, macros, sla_policies


@read("/channels", tag="Desk", returns=shapes.ChannelPage)
def list_channels() -> shapes.ChannelPage:
    """Channels and how they are; never a setting or a secret."""
    return shapes.ChannelPage(
        [
            shapes.ChannelOut(
                str(c.id),
                c.key,
                c.kind,
                c.name,
                c.state,
                c.enabled,
                c.receive_only,
                str(c.team_id) if c.team_id else None,
            )
            for c in channels.every(db.session(), enabled=False)
        ]
    )


@read("/agents", tag="Desk", returns=shapes.AgentPage)
def list_agents() -> shapes.AgentPage:
    """Everybody who works here, those who left included (`active` false)."""
    rows = db.session.scalars(select(Agent).order_by(Agent.id))
    return shapes.AgentPage(
        [
            shapes.AgentOut(
                str(a.id),
                a.name,
                a.email,
                a.role,  # type: ignore[arg-type]
                [str(m.team_id) for m in a.memberships],
                a.available,
                a.active,
            )
            for a in rows
        ]
    )


@read("/teams", tag="Desk", returns=shapes.TeamPage)
def list_teams() -> shapes.TeamPage:
    """Teams and the ids of their members."""
    members: dict[int, list[str]] = {}
    for team_id, agent_id in db.session.execute(select(TeamMember.team_id, TeamMember.agent_id)):
        members.setdefault(team_id, []).append(str(agent_id))
    rows = db.session.scalars(select(Team).where(Team.archived_at.is_(None)).order_by(Team.name))
    return shapes.TeamPage(
        [shapes.TeamOut(str(t.id), t.name, t.status_after_send, sorted(members.get(t.id, []))) for t in rows]
    )


@read("/views", tag="Desk", returns=shapes.ViewPage)
def list_views() -> shapes.ViewPage:
    """Views of the inbox: the built-in ones, and those saved by or shared with the token's agent."""
    built_in = [shapes.ViewOut(v.key, str(v.name), True, {}) for v in VIEWS]
    saved = [
        shapes.ViewOut(f"v{v.id}", v.name, v.owner_id is None, {k: str(x) for k, x in (v.filter or {}).items()})
        for v in saved_views(g.viewer)
    ]
    return shapes.ViewPage(built_in + saved)


@read("/macros", tag="Desk", returns=shapes.MacroPage)
def list_macros() -> shapes.MacroPage:
    """Saved replies of the token's agent, of their teams, and everybody's."""
    rows = macros.seen(db.session(), g.viewer)
    return shapes.MacroPage([shapes.MacroOut(str(m.id), m.name, m.text, dict(m.actions or {})) for m in rows])


@read("/rules", tag="Desk", returns=shapes.RulePage)
def list_rules() -> shapes.RulePage:
    """Automation rules. This version keeps none: the list is empty."""
    return shapes.RulePage([])


@read("/sla-policies", tag="Desk", returns=shapes.SlaPolicyPage)
def list_sla_policies() -> shapes.SlaPolicyPage:
    """What is promised, by channel and priority."""
    return shapes.SlaPolicyPage(
        [
            shapes.SlaPolicyOut(
                str(p.id),
                p.name,
                p.is_default,
                p.active,
                [shapes.TargetOut(t.target, t.channel_kind, t.priority, t.minutes) for t in p.targets],
            )
            for p in sla_policies.every(db.session())
        ]
    )


@read("/surveys", tag="Satisfaction", returns=shapes.SurveyPage)
def list_surveys() -> shapes.SurveyPage:
    """Surveys; in this version one, CSAT."""
    rows = db.session.scalars(select(Survey).order_by(Survey.id))
    return shapes.SurveyPage([shapes.SurveyOut(str(r.id), r.kind, r.name, r.active) for r in rows])
