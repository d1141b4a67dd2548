"""What the page of one ticket shows: head, thread and tasks at once; the customer and ways to answer after paint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import current_app, url_for
from flask_babel import gettext
from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.orm import Session

from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.database import rows
from helpdesk.inbox import held, thread
from helpdesk.inbox.formats import called, clock_time, short_date
from helpdesk.inbox.happenings import Names, load_names
from helpdesk.inbox.held import Begun, Waiting
from helpdesk.inbox.snooze import send_laters, snooze_choices
from helpdesk.models import (
    Customer,
    Draft,
    FollowUpTask,
    Grant,
    HeldReply,
    Identity,
    Invitation,
    ReadMark,
    Ticket,
)
from helpdesk.models.held import HELD_OPEN
from helpdesk.services import drafts, sla, ticket_merging
from helpdesk.whys import why


@dataclass
class Task:
    id: int
    kind: str
    title: str
    note: str


@dataclass
class TicketPage:
    ticket: Ticket
    customer_name: str
    names: Names
    thread: thread.Thread
    clocks: list[sla.Chip] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    asking: bool = False  # a rating is to be asked on the phone
    following: bool = False
    follow_up_of: int | None = None
    merged_into: int | None = None  # number of the ticket that took over, when the viewer may see it
    absorbed: list[int] = field(default_factory=list)  # numbers of tickets merged into this one
    held: list[Waiting] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    assignees: list[int] = field(default_factory=list)
    snoozes: list[tuple[str, str]] = field(default_factory=list)
    read_seq: int = 0
    drafts: dict[str, dict[str, Any]] = field(default_factory=dict)  # what the viewer has begun to write

    @property
    def send_laters(self) -> list[tuple[str, str]]:
        return send_laters()

    @property
    def merge_url(self) -> str:
        return url_where_there("customers.merge", customer_id=self.ticket.customer_id)


def load(
    session: Session,
    viewer: Viewer,
    number: int,
    *,
    before: int | None = None,
    since: int | None = None,
    limit: int = thread.PAGE,
) -> TicketPage:
    """Raises NotFound for what the viewer may not see."""
    ticket = access.ticket_by_number(session, viewer, number)
    return page_of(session, viewer, ticket, before=before, since=since, limit=limit)


def page_of(
    session: Session,
    viewer: Viewer,
    ticket: Ticket,
    *,
    before: int | None = None,
    since: int | None = None,
    limit: int = thread.PAGE,
) -> TicketPage:
    names = load_names(session, viewer.locale)
    facts = facts_of(session, viewer, ticket)
    found = thread.load(session, ticket.id, names, facts.name, before=before, since=since, limit=limit)
    follow_up = session.get(Ticket, ticket.follow_up_of_id) if ticket.follow_up_of_id else None
    whole = before is None
    everybody = viewer.may("reassign")
    return TicketPage(
        ticket=ticket,
        customer_name=facts.name,
        names=names,
        thread=found,
        clocks=sla.chips(session, [ticket.id], decided=True).get(ticket.id, []),
        tasks=_tasks(session, ticket, names) if facts.has_tasks and before is None else [],
        asking=facts.asked and not ticket.unsolved,
        following=facts.following,
        follow_up_of=follow_up.number if follow_up else None,
        merged_into=_seen_number(session, viewer, ticket.merged_into_id),
        absorbed=[t.number for t in ticket_merging.absorbed(session, viewer, ticket.id)] if facts.absorbed else [],
        held=held.waiting(session, viewer, ticket, names) if facts.held and whole else [],
        begun=held.begun(session, viewer, ticket, names) if facts.begun and whole else [],
        assignees=names.assignees(ticket.team_id, ticket.assignee_id, everybody=everybody),
        snoozes=snooze_choices(viewer),
        read_seq=facts.read_seq,
        drafts=drafts.shown(session, viewer, ticket.id) if facts.drafting and whole and since is None else {},
    )


@dataclass(frozen=True)
class Facts:
    """What the head needs to know beside the ticket's own row; one query."""

    name: str
    following: bool
    has_tasks: bool
    asked: bool
    held: bool
    begun: bool
    absorbed: bool
    drafting: bool
    read_seq: int  # up to where the viewer has read


_TICKET, _AGENT = bindparam("ticket"), bindparam("agent")
_NAMED = (
    select(Customer.name, Identity.name, Identity.username, Identity.value, Identity.kind)
    .select_from(Customer)
    .outerjoin(Identity, Identity.id == bindparam("identity"))
    .where(Customer.id == bindparam("customer"))
)
_FACTS = _NAMED.add_columns(
    exists().where(Grant.ticket_id == _TICKET, Grant.agent_id == _AGENT, Grant.why == "follow"),
    exists().where(FollowUpTask.ticket_id == _TICKET, FollowUpTask.done_at.is_(None)),
    exists().where(Invitation.ticket_id == _TICKET, Invitation.state == "asked"),
    exists().where(HeldReply.ticket_id == _TICKET, HeldReply.state.in_(HELD_OPEN)),
    exists().where(Draft.ticket_id == _TICKET, Draft.agent_id != _AGENT),
    exists().where(ticket_merging.holds(_TICKET)),
    exists().where(Draft.ticket_id == _TICKET, Draft.agent_id == _AGENT),
    func.coalesce(
        select(ReadMark.seq).where(ReadMark.ticket_id == _TICKET, ReadMark.agent_id == _AGENT).scalar_subquery(), 0
    ),
)


def facts_of(session: Session, viewer: Viewer, ticket: Ticket) -> Facts:
    row = rows(session, _FACTS, ticket=ticket.id, agent=viewer.agent_id, **_whose(ticket)).one()
    return Facts(_name(row, ticket), *(bool(found) for found in row[5:-1]), read_seq=row[-1])


def _whose(ticket: Ticket) -> dict[str, int | None]:
    return {"customer": ticket.customer_id, "identity": ticket.identity_id}


def _seen_number(session: Session, viewer: Viewer, ticket_id: int | None) -> int | None:
    """The number of another ticket, for who may see that one."""
    if ticket_id is None:
        return None
    return session.scalar(select(Ticket.number).where(Ticket.id == ticket_id, access.seen(viewer)))


def name_of(session: Session, ticket: Ticket) -> str:
    """The customer's name, else the address the ticket is about; one query."""
    return _name(rows(session, _NAMED, **_whose(ticket)).one(), ticket)


def _name(row: Any, ticket: Ticket) -> str:
    return called(ticket.customer_id, row[0] or row[1], row[2], row[3], row[4])


def _tasks(session: Session, ticket: Ticket, names: Names) -> list[Task]:
    statement = select(FollowUpTask).where(FollowUpTask.ticket_id == ticket.id, FollowUpTask.done_at.is_(None))
    return [
        Task(t.id, t.kind, _task_title(t, names), t.note or why(t.reason))
        for t in session.scalars(statement.order_by(FollowUpTask.due_at))
    ]


def _task_title(task: FollowUpTask, names: Names) -> str:
    when = f"{short_date(task.due_at)} {clock_time(task.due_at)}"
    who = names.agent(task.agent_id) if task.agent_id else gettext("nobody yet")
    if task.kind == "recovery":
        return gettext("Recovery: call back by %(time)s, %(name)s", time=when, name=who)
    if task.kind == "callback":
        return gettext("Call back by %(time)s, %(name)s", time=when, name=who)
    return gettext("Follow up by %(time)s, %(name)s", time=when, name=who)


def url_where_there(endpoint: str, **values: Any) -> str:
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""
