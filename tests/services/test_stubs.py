"""What could not be read: one ticket, listed with the reason, and read again when somebody presses *Retry*."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.contract import Unparseable
from connectors.email.connector import Email
from helpdesk.extensions import db
from helpdesk.models import Identity, Inbound, Message, Ticket
from tests.services.mails import mail, mailbox, ticket_of

__all__ = ["mailbox"]
WHY = "The mail could not be read: it took too long."


@contextmanager
def nothing_is_readable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Email, "parse_many", lambda self, raws: [Unparseable(WHY) for _raw in raws])
        yield


def _raw() -> Inbound:
    db.session.rollback()
    return db.session.scalars(select(Inbound).order_by(Inbound.id.desc())).first()  # type: ignore[return-value]


def test_it_is_listed_and_read_again_in_its_own_ticket(mailbox: Any) -> None:
    sent = mail("Where is my parcel?", sender="Lan Anh <lan@khach.example>", subject="Đơn hàng DG-1")
    with nothing_is_readable():
        stub = mailbox.take(sent)
    assert ticket_of(stub).subject == "A message that could not be read" and WHY in stub.text
    admin = mailbox.make.client(mailbox.make.agent("admin"))
    page = admin.get("/settings/health").text
    assert "Not readable, kept as it came." in page and WHY in page
    assert f'href="/tickets/{ticket_of(stub).number}"' in page
    assert admin.post(f"/settings/health/inbound/{_raw().id}/retry").status_code == 303
    mailbox.drain("arrivals")
    raw = _raw()
    assert (raw.state, raw.outcome, raw.message_id) == ("done", "ticket", stub.id)
    message = db.session.get_one(Message, stub.id)
    assert message.text == "Where is my parcel?" and "stub" not in message.meta
    assert db.session.get_one(Identity, message.identity_id).value == "lan@khach.example"
    assert ticket_of(message).subject == "Đơn hàng DG-1"
    assert db.session.scalar(select(func.count()).select_from(Ticket)) == 1
    assert "Not readable" not in admin.get("/settings/health").text


def test_what_stays_unreadable_stays_one_ticket(mailbox: Any) -> None:
    admin = mailbox.make.client(mailbox.make.agent("admin"))
    with nothing_is_readable():
        mailbox.take(mail("x"))
        for _n in range(2):
            admin.post(f"/settings/health/inbound/{_raw().id}/retry")
            mailbox.drain("arrivals")
    raw = _raw()
    assert (raw.state, raw.outcome, raw.reason) == ("done", "stub", WHY)
    assert db.session.scalar(select(func.count()).select_from(Message)) == 1


def test_what_came_twice_is_listed_and_kept_once(mailbox: Any) -> None:
    sent = mail("Twice")
    mailbox.take(sent)
    mailbox.take(sent)
    admin = mailbox.make.client(mailbox.make.agent("admin"))
    page = admin.get("/settings/health").text
    assert "It came once more and is kept once." in page
    assert db.session.scalar(select(func.count()).select_from(Message)) == 1
    raw = _raw()
    admin.post(f"/settings/health/inbound/{raw.id}/retry")  # there is nothing to retry about it
    assert _raw().state == "done"
