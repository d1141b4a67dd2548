"""F23: the mail server is away for two hours; a hundred replies written meanwhile go out afterwards, once, in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connectors.contract import Address
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Delivery, OutboxRow, now
from helpdesk.services import replies
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work
from tests.servers import smtp_sink
from tests.servers.smtp_sink import SmtpSink
from workers.delivery import PER_CHANNEL

pytestmark = pytest.mark.processes

TICKETS, REPLIES = 10, 10


def states() -> dict[str, int]:
    db.session.rollback()
    counted = select(Delivery.state, func.count()).group_by(Delivery.state)
    return {row[0]: row[1] for row in db.session.execute(counted)}


def later(drain: Callable[..., int]) -> None:
    """The time of the next try has come for all that wait."""
    with unit_of_work() as work:
        waiting = OutboxRow.drain == "deliveries", OutboxRow.state == "due"
        work.session.execute(update(OutboxRow).where(*waiting).values(run_at=now() - timedelta(seconds=1)))
    drain("deliveries")


def test_an_outage_of_the_mail_server_loses_and_disorders_nothing(
    make: Any, drain: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpSink() as gone:
        port = gone.port
    settings = {
        "address": "hotro@shop.example",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_security": "none",
    }
    channel = make.channel("email", config=settings)
    agent = make.agent("admin")
    viewer = access.viewer_of(agent)
    with unit_of_work() as work:
        desk_settings.put(work, "email.undo_seconds", 0)
    tickets = [make.inbound(channel, f"Question {n}", sender=make_sender(n)).ticket_id for n in range(TICKETS)]
    for n in range(REPLIES):
        for ticket_id in tickets:
            with unit_of_work(actor=viewer.actor) as work:
                ticket = access.ticket_by_id(work.session, viewer, ticket_id, lock=True)
                replies.reply(work, viewer, ticket, replies.Written(text=f"answer {n} of {ticket_id}"))
    for _hour in range(3):
        later(drain)
        assert states() == {"queued": TICKETS * REPLIES}  # nothing is given up, nothing is thought to be sent
    monkeypatch.setattr(smtp_sink, "free_port", lambda: port)
    with SmtpSink(delay_s=0.01) as back:
        for _again in range(REPLIES + 2):
            later(drain)
            if states() == {"sent": TICKETS * REPLIES}:
                break
        sent = back.wait(TICKETS * REPLIES)
    assert states() == {"sent": TICKETS * REPLIES}
    assert 1 <= back.most <= PER_CHANNEL, "a server that has just come back is not run over"
    assert len({mail.message["Message-ID"] for mail in sent}) == len(sent) == TICKETS * REPLIES
    for n, ticket_id in enumerate(tickets):
        to_them = [m for m in sent if m.recipients == [f"khach{n}@elsewhere.example"]]
        said = [m.message.get_body(("plain",)).get_content().split("\n")[0].strip() for m in to_them]  # type: ignore[union-attr]
        assert said == [f"answer {k} of {ticket_id}" for k in range(REPLIES)]


def make_sender(n: int) -> Address:
    return Address("email", f"khach{n}@elsewhere.example", name=f"Khách {n}")
