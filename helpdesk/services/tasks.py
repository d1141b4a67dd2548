"""Tasks of a ticket: what was promised is done."""

from __future__ import annotations

from helpdesk.access import Viewer, require_write, ticket_by_id
from helpdesk.errors import NotFound
from helpdesk.events import TaskChanged
from helpdesk.models import FollowUpTask, Ticket
from helpdesk.unit_of_work import UnitOfWork


def finish(work: UnitOfWork, viewer: Viewer, task_id: int) -> Ticket:
    """Done, once; its ticket. Raises NotFound where the viewer may not see the ticket."""
    require_write(viewer)
    task = work.session.get(FollowUpTask, task_id)
    if task is None:
        raise NotFound()
    ticket = ticket_by_id(work.session, viewer, task.ticket_id, lock=True)
    if task.done_at is None:
        task.done_at, task.done_by_id = work.now, viewer.agent_id
        work.record(TaskChanged(ticket_id=ticket.id, task_id=task.id, kind=task.kind, done=True))
    return ticket
