"""Two agents press Send at the same moment, a hundred times over: both replies are kept, the second agent is warned."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Draft, Message, Ticket

pytestmark = pytest.mark.processes

RUNS = 100
FETCH = {"X-Requested-With": "fetch", "Accept": "application/json"}


def test_two_agents_reply_at_once(make: Any, channel: Any) -> None:
    agents = {name: make.agent("agent", name=name) for name in ("Linh", "Minh")}
    clients = {name: make.client(agent) for name, agent in agents.items()}
    make.inbound(channel, "Is anybody there?", sender=Address("widget", "v-lan", name="Lan Anh"))
    starting = Barrier(len(clients))

    def send(name: str, run: int, seen_seq: int, *, together: bool = True) -> Any:
        data = {"text": f"{name} says {run}.", "seen_seq": seen_seq, "client_msg_id": f"{name}-{run}"}
        if together:
            starting.wait(timeout=60)
        return clients[name].post("/tickets/1001/reply", data=data, headers=FETCH)

    seen = db.session.scalars(select(Ticket.seq)).one()
    with ThreadPoolExecutor(len(clients)) as pool:
        for run in range(RUNS):
            db.session.rollback()
            sent = {name: pool.submit(send, name, run, seen) for name in clients}
            answers = {name: job.result(timeout=60) for name, job in sent.items()}
            told = {name: answer.status_code for name, answer in answers.items()}
            assert sorted(told.values()) == [200, 409], (run, told)
            first, second = sorted(told, key=lambda name: told[name])
            warning = answers[second].get_json()
            assert f"{first} says {run}." in warning["html"]
            assert _ours(f"% says {run}.") == [f"{first} says {run}."]  # nothing went out behind the second one's back
            kept = select(Draft.text).where(Draft.agent_id == agents[second].id)
            assert db.session.scalar(kept) == f"{second} says {run}."  # and nothing of it is lost
            assert send(second, run, warning["seq"], together=False).status_code == 200
            db.session.rollback()
            seen = db.session.scalars(select(Ticket.seq)).one()
    assert sorted(_ours("% says %")) == sorted(f"{name} says {run}." for name in clients for run in range(RUNS))


def _ours(pattern: str) -> list[str]:
    db.session.rollback()
    said = select(Message.text).where(Message.direction == "out", Message.text.like(pattern))
    return list(db.session.scalars(said))
