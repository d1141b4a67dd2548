"""What happens to a ticket. Every verb takes the unit of work, who does it, and the ticket (row locked by the caller)."""

from __future__ import annotations

from datetime import datetime

from flask_babel import get_locale, gettext
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from helpdesk import realtime
from helpdesk.access import Viewer, may_open, require_write, viewer_of
from helpdesk.errors import Conflict, Forbidden, Invalid
from helpdesk.events import (
    FollowerChanged,
    PriorityChanged,
    ReasonChanged,
    StatusChanged,
    SubjectChanged,
    TagsChanged,
    TeamChanged,
    TicketAssigned,
    TicketMoved,
    TicketSnoozed,
)
from helpdesk.folding import fold, one_line
from helpdesk.models import (
    Agent,
    ContactReason,
    Grant,
    ReadMark,
    Tag,
    Team,
    Ticket,
    TicketTag,
)
from helpdesk.models.ticket import PRIORITIES, STATUSES
from helpdesk.services import fields, notices
from helpdesk.services import settings as desk_settings
from helpdesk.services.identities import insert_or_skip
from helpdesk.unit_of_work import UnitOfWork


def set_status(work: UnitOfWork, viewer: Viewer | None, ticket: Ticket, status: str, *, reason: str = "") -> None:
    """To a status by hand or by rule (viewer None). Solving by hand may need a contact reason and fields first."""
    if viewer is not None:
        require_write(viewer)
    if status not in STATUSES:
        raise Invalid(fields={"status": "There is no such status."})
    if ticket.shelf == "merged":
        raise Conflict("This ticket was merged into another one.")
    if ticket.status == status:
        return
    if viewer is not None and status in ("solved", "closed") and ticket.unsolved:
        wanted = wanted_to_solve(work.session, ticket)
        if wanted:
            raise Invalid(fields=wanted)
    old = ticket.set_status(status, work.now, viewer.agent_id if viewer else None)
    work.record(StatusChanged(ticket_id=ticket.id, customer_id=ticket.customer_id, old=old, new=status), reason=reason)


def wanted_to_solve(session: Session, ticket: Ticket) -> dict[str, str]:
    """What has to be said before it can be solved: "reason", "field.<key>" -> a sentence."""
    wanted = {}
    if ticket.reason_id is None and desk_settings.get(session, "ticket.reason_required"):
        wanted["reason"] = gettext("Say why the customer came before solving.")
    for field in fields.missing(session, ticket):
        name = fields.label(field, str(get_locale() or ""))
        wanted[f"field.{field.key}"] = gettext("Fill in “%(name)s” before solving.", name=name)
    return wanted


def set_priority(work: UnitOfWork, viewer: Viewer, ticket: Ticket, priority: str) -> None:
    require_write(viewer)
    if priority not in PRIORITIES:
        raise Invalid(fields={"priority": "There is no such priority."})
    if ticket.priority != priority:
        old, ticket.priority, ticket.updated_at = ticket.priority, priority, work.now
        work.record(PriorityChanged(ticket_id=ticket.id, old=old, new=priority))


def assign(work: UnitOfWork, viewer: Viewer | None, ticket: Ticket, agent_id: int | None, *, reason: str = "") -> None:
    """Give the ticket to an active agent, who sees it from then on, or to nobody.

    An agent gives it to colleagues who may open it anyway; letting others in is for those who may reassign. Who takes
    it away from somebody who saw it only as theirs takes the sight of it too.
    """
    if viewer is not None:
        require_write(viewer)
    if agent_id is not None and agent_id != ticket.assignee_id:
        agent = work.session.get(Agent, agent_id)
        if agent is None or not agent.active:
            raise Invalid(fields={"assignee": gettext("There is no such agent.")})
        limited = viewer is not None and agent_id != viewer.agent_id and not viewer.may("reassign")
        if limited and not may_open(work.session, viewer_of(agent), ticket):
            sentence = gettext("%(name)s does not see this team's tickets. Ask a supervisor.", name=agent.name)
            raise Invalid(fields={"assignee": sentence})
    if ticket.assignee_id != agent_id:
        old, ticket.assignee_id, ticket.updated_at = ticket.assignee_id, agent_id, work.now
        work.record(TicketAssigned(ticket_id=ticket.id, old=old, new=agent_id), reason=reason)


def set_team(work: UnitOfWork, viewer: Viewer | None, ticket: Ticket, team_id: int | None, *, reason: str = "") -> None:
    if viewer is not None:
        require_write(viewer)
    if team_id is not None:
        team = work.session.get(Team, team_id)
        if team is None or team.archived_at is not None:
            raise Invalid(fields={"team": "There is no such team."})
    if ticket.team_id == team_id:
        return
    old = ticket.team_id
    ticket.set_team(team_id)
    ticket.updated_at = work.now
    work.record(TeamChanged(ticket_id=ticket.id, old=old, new=team_id), reason=reason)


def set_subject(work: UnitOfWork, viewer: Viewer, ticket: Ticket, subject: str) -> None:
    require_write(viewer)
    subject = one_line(subject, 500)
    if not subject:
        raise Invalid(fields={"subject": "A subject cannot be empty."})
    if subject != ticket.subject:
        old, ticket.subject, ticket.subject_edited, ticket.subject_final = ticket.subject, subject, True, True
        ticket.updated_at = work.now
        work.record(SubjectChanged(ticket_id=ticket.id, old=old, new=subject))


def set_reason(work: UnitOfWork, viewer: Viewer, ticket: Ticket, reason_id: int | None) -> None:
    require_write(viewer)
    if reason_id is not None and work.session.get(ContactReason, reason_id) is None:
        raise Invalid(fields={"reason": "There is no such reason."})
    if ticket.reason_id != reason_id:
        old, ticket.reason_id, ticket.updated_at = ticket.reason_id, reason_id, work.now
        work.record(ReasonChanged(ticket_id=ticket.id, old=old, new=reason_id))


def tags_of(session: Session, ticket_id: int) -> list[str]:
    statement = select(Tag.name).join(TicketTag, TicketTag.tag_id == Tag.id).where(TicketTag.ticket_id == ticket_id)
    return sorted(session.scalars(statement))


def change_tags(
    work: UnitOfWork, viewer: Viewer | None, ticket: Ticket, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()
) -> None:
    """Tags are made when new; compared folded ("Hoàn tiền" is "hoan tien")."""
    if viewer is not None:
        require_write(viewer)
    added, removed = [], []
    for name in dict.fromkeys(one_line(n, 60).lstrip("#").strip() for n in add):
        if not name:
            continue
        insert_or_skip(work.session, Tag, {"name": name, "name_folded": fold(name)}, ["name_folded"])
        tag = work.session.scalars(select(Tag).where(Tag.name_folded == fold(name))).one()
        if work.session.get(TicketTag, (ticket.id, tag.id)) is None:
            work.session.add(TicketTag(ticket_id=ticket.id, tag_id=tag.id))
            work.session.flush()
            added.append(tag.name)
    for name in remove:
        known = work.session.scalar(select(Tag).where(Tag.name_folded == fold(one_line(name, 60))))
        row = work.session.get(TicketTag, (ticket.id, known.id)) if known else None
        if known is not None and row is not None:
            work.session.delete(row)
            removed.append(known.name)
    if added or removed:
        ticket.updated_at = work.now
        work.record(TagsChanged(ticket_id=ticket.id, added=tuple(added), removed=tuple(removed)))


def set_tags(work: UnitOfWork, viewer: Viewer, ticket: Ticket, names: list[str]) -> None:
    """Exactly these tags."""
    wanted = {fold(one_line(n, 60)) for n in names}
    current = tags_of(work.session, ticket.id)
    change_tags(work, viewer, ticket, add=tuple(names), remove=tuple(t for t in current if fold(t) not in wanted))


def snooze(work: UnitOfWork, viewer: Viewer, ticket: Ticket, until: datetime | None) -> None:
    """Away until a time (None: wake now). A message that is more than thanks wakes it earlier."""
    require_write(viewer)
    if until is not None and until <= work.now:
        raise Invalid(fields={"until": "Choose a time in the future."})
    if until is not None and not ticket.unsolved:
        raise Invalid(fields={"until": "Only an unsolved ticket can be snoozed."})
    wake(work, ticket) if until is None else _snooze(work, ticket, until)


def _snooze(work: UnitOfWork, ticket: Ticket, until: datetime) -> None:
    ticket.snoozed_until, ticket.updated_at = until, work.now
    ticket.reshelve()
    work.record(TicketSnoozed(ticket_id=ticket.id, until=until.isoformat()))


def wake(work: UnitOfWork, ticket: Ticket, *, reason: str = "") -> None:
    if ticket.snoozed_until is not None:
        ticket.snoozed_until, ticket.updated_at = None, work.now
        ticket.reshelve()
        work.record(TicketSnoozed(ticket_id=ticket.id, until=None), reason=reason)


def move(work: UnitOfWork, viewer: Viewer | None, ticket: Ticket, where: str, *, reason: str = "") -> None:
    """To "spam", "trash" or back to the "inbox"."""
    if viewer is not None:
        require_write(viewer)
    if where not in ("spam", "trash", "inbox"):
        raise Invalid(fields={"where": "There is no such place."})
    if ticket.shelf == "merged":
        raise Conflict("This ticket was merged into another one.")
    old = ticket.shelf
    ticket.take_back() if where == "inbox" else ticket.put_away(where)
    if ticket.shelf != old:
        ticket.updated_at = work.now
        work.record(
            TicketMoved(ticket_id=ticket.id, customer_id=ticket.customer_id, old=old, new=ticket.shelf), reason=reason
        )


def follow(
    work: UnitOfWork, viewer: Viewer, ticket: Ticket, agent_id: int, *, why: str = "follow", on: bool = True
) -> None:
    """Let an agent see and hear of the ticket (follow, mention), or stop that."""
    if agent_id != viewer.agent_id and why == "follow" and not on and not viewer.may("reassign"):
        raise Forbidden("Only they can stop following.")
    if on:
        agent = work.session.get(Agent, agent_id)
        if agent is None or not agent.active:
            raise Invalid(fields={"agent": gettext("There is no such agent.")})
        values = {
            "ticket_id": ticket.id,
            "agent_id": agent_id,
            "why": why,
            "unread": why == "mention",
            "created_at": work.now,
        }
        if not insert_or_skip(work.session, Grant, values, ["ticket_id", "agent_id", "why"]):
            work.session.execute(
                update(Grant)
                .where(Grant.ticket_id == ticket.id, Grant.agent_id == agent_id, Grant.why == why)
                .values(unread=why == "mention", created_at=work.now)
            )
    else:
        work.session.execute(
            delete(Grant).where(Grant.ticket_id == ticket.id, Grant.agent_id == agent_id, Grant.why == why)
        )
    work.record(FollowerChanged(ticket_id=ticket.id, agent_id=agent_id, why=why, added=on))


def mark_read(work: UnitOfWork, viewer: Viewer, ticket: Ticket, seq: int) -> None:
    """Seen up to `seq`; never goes back. Also reads the mentions."""
    mark = work.session.get(ReadMark, (viewer.agent_id, ticket.id))
    identity_id = ticket.identity_id
    if identity_id is not None and (mark is None or seq > mark.seq):
        work.after_commit(lambda: realtime.seen_widget(identity_id, seq))
    if mark is None:
        work.session.add(ReadMark(agent_id=viewer.agent_id, ticket_id=ticket.id, seq=seq))
    elif seq > mark.seq:
        mark.seq = seq
    work.session.execute(
        update(Grant)
        .where(Grant.ticket_id == ticket.id, Grant.agent_id == viewer.agent_id, Grant.unread)
        .values(unread=False)
    )
    notices.read(work, viewer, ticket_id=ticket.id)
