"""A desk with two teams, one agent in each, and a client that speaks JSON with a token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from helpdesk.models import Agent, Channel
from helpdesk.services import tokens
from helpdesk.unit_of_work import unit_of_work


class Api:
    """One token's way in. Each call checks that an error is a problem and a success is JSON."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client, self.token = client, token

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        more = {"Authorization": f"Bearer {self.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        data = None if body is None else json.dumps(body)
        kind = {"content_type": "application/json"} if body is not None else {}
        response = self.client.open(f"/api/v1{path}", method=method, data=data, headers=more, **kind)
        if response.status_code >= 400:
            assert response.mimetype == "application/problem+json"
            told = response.get_json(force=True)
            assert told["status"] == response.status_code and told["title"] and "type" in told
        return response

    def get(self, path: str, code: int = 200) -> Any:
        return self._checked(self.call("GET", path), code)

    def post(self, path: str, body: Any = None, code: int = 201, **headers: str) -> Any:
        return self._checked(self.call("POST", path, body or {}, **headers), code)

    def patch(self, path: str, body: Any, code: int = 200) -> Any:
        return self._checked(self.call("PATCH", path, body), code)

    def _checked(self, response: Any, code: int) -> Any:
        assert response.status_code == code, response.get_data(as_text=True)
        return response.get_json(force=True)


@dataclass
class Desk:
    app: Flask
    make: Any
    orders: int
    care: int
    channel: Channel
    mail: Channel

    def token(self, agent: Agent, *scopes: str) -> Api:
        with unit_of_work() as work:
            _row, text = tokens.create(
                work, None, agent_id=agent.id, name="test", scopes=scopes or ("read", "write", "admin")
            )
        return Api(self.app.test_client(), text)

    def ticket(self, team: int | None, text: str = "Where is my parcel?", **values: Any) -> int:
        """A new conversation in the chat; its number."""
        from helpdesk.extensions import db
        from helpdesk.models import Ticket

        outcome = self.make.inbound(self.channel, text, **values)
        with unit_of_work() as work:
            ticket = work.session.get_one(Ticket, outcome.ticket_id)
            ticket.set_team(team)
        db.session.rollback()
        return ticket.number


@pytest.fixture
def desk(app: Flask, make: Any) -> Desk:
    orders, care = make.team("Orders"), make.team("Care")
    channel = make.channel("widget", name="Chat")
    mail = make.channel(
        "email", name="Mail", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1}
    )
    return Desk(app, make, orders, care, channel, mail)


@pytest.fixture
def admin(desk: Desk) -> Api:
    return desk.token(desk.make.agent("admin", name="Ann Admin"))


@pytest.fixture
def agent(desk: Desk) -> Api:
    return desk.token(desk.make.agent("agent", name="Olly Orders", teams=[desk.orders]))
