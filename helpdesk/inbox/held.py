"""What waits in a ticket, as its page shows it: scheduled and unapproved replies, and drafts of colleagues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext
from sqlalchemy.orm import Session

from helpdesk.access import Viewer
from helpdesk.inbox.happenings import Names
from helpdesk.models import HeldReply, Ticket
from helpdesk.services import drafts, held
from helpdesk.whys import why


@dataclass(frozen=True)
class Waiting:
    """A card at the end of the thread. `mine`: the viewer wrote it; `to_review`: the viewer may approve it."""

    id: int
    number: int
    state: str
    why: str
    title: str
    note: str
    author: str
    text: str
    send_at: datetime | None
    mine: bool
    to_review: bool


@dataclass(frozen=True)
class Begun:
    """What a colleague is writing."""

    author: str
    kind: str
    text: str
    updated_at: datetime


def waiting(session: Session, viewer: Viewer, ticket: Ticket, names: Names) -> list[Waiting]:
    return [shown(row, names, viewer, ticket.number) for row in held.of(session, ticket.id)]


def begun(session: Session, viewer: Viewer, ticket: Ticket, names: Names) -> list[Begun]:
    return [Begun(names.agent(d.agent_id), d.kind, d.text[:2000], d.updated_at)
            for d in drafts.of_others(session, viewer, ticket.id)]  # fmt: skip


def shown(row: HeldReply, names: Names, viewer: Viewer, number: int) -> Waiting:
    mine = row.agent_id == viewer.agent_id
    author = names.agent(row.agent_id)
    return Waiting(
        id=row.id,
        number=number,
        state=row.state,
        why=row.why,
        title=_title(row, author, names.agent(row.decided_by_id)),
        note=why(row.note) if row.state == "stopped" else row.note,
        author=author,
        text=row.text,
        send_at=row.send_at,
        mine=mine,
        to_review=row.state == "waiting" and row.why == "review" and not mine and viewer.may("review"),
    )


def _title(row: HeldReply, author: str, reviewer: str) -> str:
    if row.state == "returned":
        return gettext("%(name)s returned it to %(author)s", name=reviewer, author=author)
    if row.state == "stopped":
        return gettext("Not sent: the reply of %(author)s stopped", author=author)
    if row.why == "review":
        return gettext("%(author)s's reply waits for approval", author=author)
    return gettext("%(author)s's reply goes out later", author=author)
