"""The log of what happened: events are numbered as the last act before the commit (on PostgreSQL under a transaction
advisory lock), so that the order of numbers is the order of commits; and who may hear of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Executable, bindparam, insert, select, text, update
from sqlalchemy.orm import Session

from helpdesk import access, realtime
from helpdesk.database import rows
from helpdesk.events import Event
from helpdesk.models import EventRow, Grant, Message, Ticket

EVENT_LOCK = 0x68656C70  # pg_advisory_xact_lock key: "help"

# Events that add a message: its seq, and its ticket's, is the event's number.
_ADDS_MESSAGE = ("message_received", "reply_sent", "note_added", "survey_sent")

_EVENTS = EventRow.__table__
_ADD = insert(_EVENTS).returning(_EVENTS.c.seq)  # type: ignore[arg-type]
_ADD_IN_ORDER = insert(_EVENTS).returning(_EVENTS.c.seq, sort_by_parameter_order=True)  # type: ignore[arg-type]
_NUMBER_MESSAGE, _NUMBER_TICKET = (
    update(table).where(table.c.id == bindparam("row")).values(seq=bindparam("n"))  # type: ignore[arg-type]
    for table in (Message.__table__, Ticket.__table__)
)
_HEARING = (
    select(Ticket.id, Ticket.number, Ticket.visible_team_id, Ticket.assignee_id, Grant.agent_id)
    .outerjoin(Grant, Grant.ticket_id == Ticket.id)
    .where(Ticket.id.in_(bindparam("ids", expanding=True)))
)


@dataclass
class Recorded:
    event: Event
    actor: str
    reason: str
    at: datetime
    seq: int = 0


def write(session: Session, recorded: Sequence[Recorded]) -> None:
    """Number and write them, as the last act of a transaction."""
    if session.bind.dialect.name == "postgresql":  # type: ignore[union-attr]
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
    told = [
        {
            "type": entry.event.type,
            "ticket_id": entry.event.ticket_id,
            "customer_id": entry.event.customer_id,
            "message_id": entry.event.message_id,
            "actor": entry.actor,
            "data": entry.event.data(),
            "reason": entry.reason,
            "created_at": entry.at,
        }
        for entry in recorded
    ]
    postgresql = session.bind.dialect.name == "postgresql"  # type: ignore[union-attr]
    # SQLite numbers the rows of one statement in their order, so that sorting its answers is enough.
    adding = _ADD_IN_ORDER if postgresql else _ADD
    numbers = session.connection().execute(adding, told).scalars()  # rows alike, one statement
    for entry, seq in zip(recorded, sorted(numbers), strict=True):
        entry.seq = seq
    _number_messages(session, recorded)


def _number_messages(session: Session, recorded: Sequence[Recorded]) -> None:
    """seq of a message is that of the event that added it; of a ticket that of its newest message."""
    messages: dict[int, int] = {}
    newest: dict[int, int] = {}
    for entry in recorded:
        event = entry.event
        if event.type in _ADDS_MESSAGE and event.message_id is not None:
            messages[event.message_id] = entry.seq
            if event.ticket_id is not None:
                newest[event.ticket_id] = entry.seq
    _set(session, _NUMBER_MESSAGE, messages)
    _set(session, _NUMBER_TICKET, newest)


def _set(session: Session, statement: Executable, numbers: dict[int, int]) -> None:
    if numbers:
        session.connection().execute(statement, [{"row": id_, "n": seq} for id_, seq in numbers.items()])


def who_hears(session: Session, recorded: Sequence[Recorded]) -> dict[int, tuple[int, list[str]]]:
    """Ticket id -> its number and the rooms that may know of it; one query whatever the number of events."""
    ids = {e.event.ticket_id for e in recorded if e.event.ticket_id is not None}
    if not ids:
        return {}
    known: dict[int, tuple[int, int]] = {}
    hear: dict[int, set[int]] = {}
    for ticket_id, number, team_id, assignee_id, granted_id in rows(session, _HEARING, ids=list(ids)):
        known[ticket_id] = number, team_id
        hear.setdefault(ticket_id, set()).update({assignee_id, granted_id} - {None})
    return {id_: (number, access.rooms_for(team_id, hear[id_])) for id_, (number, team_id) in known.items()}


def doorbell(entry: Recorded, number: int, rooms: list[str]) -> realtime.Doorbell:
    event = entry.event
    old = getattr(event, "old", None)
    # Whoever just lost the ticket (another team, another assignee) must see it leave their list.
    if event.type == "team_changed":
        rooms = [*rooms, f"team:{old or 0}"]
    if event.type == "ticket_assigned" and old:
        rooms = [*rooms, f"agent:{old}"]
    ids = {k: v for k, v in (("message", event.message_id), ("customer", event.customer_id)) if v is not None}
    return realtime.Doorbell(entry.seq, event.type, number, tuple(dict.fromkeys(rooms)), ids)
