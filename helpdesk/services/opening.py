"""A new ticket: its number is drawn, it is recorded. What happens to it afterwards is in tickets.py."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, update

from helpdesk import newcomers
from helpdesk.events import (
    TicketOpened,
)
from helpdesk.folding import one_line
from helpdesk.models import (
    Counter,
    Customer,
    Ticket,
)
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork

_COUNT_ON = update(Counter).where(Counter.name == "ticket").values(value=Counter.value + 1).returning(Counter.value)

_COUNT_TO = update(Counter.__table__).where(Counter.__table__.c.name == "ticket").values(value=bindparam("to"))  # type: ignore[arg-type]


def next_number(work: UnitOfWork) -> int:
    """The next ticket number; the counter's row is locked until the commit."""
    batch = newcomers.of(work.session)
    if batch is not None and batch.number is not None:
        batch.number += 1
        batch.later.append((_COUNT_TO, {"to": batch.number}))
        return batch.number
    value = work.session.connection().execute(_COUNT_ON).scalar()
    if value is None:
        first = int(desk_settings.get(work.session, "ticket.first_number"))
        from sqlalchemy.dialects.postgresql import insert as pg_insert
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        build = pg_insert if work.session.get_bind().dialect.name == "postgresql" else sqlite_insert
        statement = build(Counter).values(name="ticket", value=first)
        value = work.session.scalar(
            statement.on_conflict_do_update(index_elements=["name"], set_={"value": Counter.value + 1}).returning(
                Counter.value
            )
        )
    if batch is not None:
        batch.number = int(value or 0)
    return int(value or 0)


def open_ticket(
    work: UnitOfWork,
    *,
    customer: Customer,
    subject: str,
    channel_id: int | None,
    identity_id: int | None,
    team_id: int | None = None,
    status: str = "new",
    history: bool = False,
    follow_up_of: Ticket | None = None,
    shelf: str = "open",
    at: datetime | None = None,
    assignee_id: int | None = None,
    reason: str = "",
) -> Ticket:
    """A new ticket, its number drawn, TicketOpened recorded."""
    at = at or work.now
    ticket = Ticket(
        number=next_number(work),
        subject=one_line(subject, 500),
        status=status,
        customer_id=customer.id,
        channel_id=channel_id,
        origin_channel_id=channel_id,
        identity_id=identity_id,
        assignee_id=assignee_id,
        history=history,
        follow_up_of_id=follow_up_of.id if follow_up_of else None,
        created_at=at,
        updated_at=at,
        last_activity_at=at,
    )
    ticket.set_team(team_id)
    if status in ("solved", "closed"):
        ticket.solved_at = at
    ticket.reshelve()
    if shelf in ("spam", "trash"):
        ticket.put_away(shelf)
    newcomers.bring(work.session, ticket)
    work.record(
        TicketOpened(
            ticket_id=ticket.id,
            customer_id=customer.id,
            channel_id=channel_id,
            history=history,
            follow_up_of=follow_up_of.id if follow_up_of else None,
        ),
        reason=reason,
    )
    return ticket
