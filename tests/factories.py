"""Rows for tests, made the short way; every call is one unit of work. Ids come back, not live objects."""

from __future__ import annotations

import itertools
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from helpdesk.access import Viewer, viewer_of
from helpdesk.app import COOKIE
from helpdesk.models import Agent, Channel, Customer, Identity, Team, TeamMember
from helpdesk.services import sessions
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work

PASSWORD = "a good long password"
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


class Make:
    def __init__(self, app: Flask) -> None:
        self.app = app
        self.count = itertools.count(1)

    def agent(
        self, role: str = "agent", *, teams: list[int] | None = None, leads: list[int] | None = None, **values: Any
    ) -> Agent:
        n = next(self.count)
        values.setdefault("email", f"{role}{n}@desk.example")
        values.setdefault("name", f"{role.title()} {n}")
        with unit_of_work() as work:
            desk_settings.put(work, "setup.done", True)
            agent = Agent(role=role, password_hash=_HASH, **values)
            agent.memberships = [TeamMember(team_id=t, leads=False) for t in teams or []]
            agent.memberships += [TeamMember(team_id=t, leads=True) for t in leads or []]
            work.session.add(agent)
            work.session.flush()
        return agent

    def viewer(self, role: str = "agent", **values: Any) -> Viewer:
        return viewer_of(self.agent(role, **values))

    def client(self, agent: Agent) -> FlaskClient:
        """A browser signed in as the agent (CSRF is off in it)."""
        with unit_of_work() as work:
            token = sessions.start(work, agent)
        self.app.config["WTF_CSRF_ENABLED"] = False
        client = self.app.test_client()
        client.set_cookie(COOKIE, token)
        return client

    def team(self, name: str | None = None) -> int:
        with unit_of_work() as work:
            team = Team(name=name or f"Team {next(self.count)}")
            work.session.add(team)
            work.session.flush()
            return team.id

    def channel(self, kind: str = "widget", **values: Any) -> Channel:
        from helpdesk.services import channels

        n = next(self.count)
        config = values.pop("config", {})
        with unit_of_work() as work:
            channel = channels.create(work, kind, values.pop("name", f"{kind} {n}"), config)
            for key, value in values.items():
                setattr(channel, key, value)
            work.session.flush()
        return channel

    def customer(self, name: str = "", *, email: str = "", phone: str = "", **values: Any) -> Customer:
        from helpdesk.folding import fold

        with unit_of_work() as work:
            customer = Customer(name=name, name_folded=fold(name), **values)
            work.session.add(customer)
            work.session.flush()
            for kind, value in (("email", email), ("phone", phone)):
                if value:
                    work.session.add(Identity(customer_id=customer.id, kind=kind, value=value))
        return customer

    def inbound(self, channel: Channel, text: str, *, sender: Any = None, **values: Any) -> Any:
        """A customer's message through services.intake, as a connector would hand it over; returns the outcome."""
        from connectors.contract import Address, InboundMessage
        from helpdesk.services import channels, intake

        n = next(self.count)
        sender = sender or Address(channels.connector_of(channel).identity_kind, f"visitor-{n}", name=f"Visitor {n}")
        message = InboundMessage(
            external_id=values.pop("external_id", f"ext-{n}"), sender=sender, text=text, reply_text=text, **values
        )
        with unit_of_work(actor="customer") as work:
            return intake.receive(work, work.session.merge(channel), message)
