"""After a backup was brought back: the world went on meanwhile, so what was waiting then is not simply done now."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from helpdesk.models import AgentSession, Delivery, Lease, OneTimeLink, OutboxRow
from helpdesk.unit_of_work import UnitOfWork

# What only concerns our own tables is done late rather than never.
_HARMLESS = ("chore.%", "sla%", "wake")


def hold_back(work: UnitOfWork, created_at: str) -> int:
    """Waiting work that reaches people is given up visibly (Retry does it after all); returns how many messages.

    Sessions and one-time links end: those that were revoked or used since the backup must not come to life again.
    """
    reason = f"Restored from the backup of {created_at}: it may have been sent since. Retry sends it."
    waiting = list(work.session.scalars(select(Delivery.id).where(Delivery.state.in_(("queued", "sending")))))
    for start in range(0, len(waiting), 500):
        work.session.execute(
            update(Delivery).where(Delivery.id.in_(waiting[start : start + 500])).values(state="unknown", error=reason)
        )
    harmless = [OutboxRow.kind.like(pattern) for pattern in _HARMLESS]
    held = update(OutboxRow).where(OutboxRow.state == "due", OutboxRow.drain != "arrivals")
    for pattern in harmless:
        held = held.where(~pattern)
    work.session.execute(
        held.values(state="failed", last_error=reason, finished_at=work.now, lease_until=None),
        execution_options={"synchronize_session": False},
    )
    work.session.execute(update(OutboxRow).values(lease_until=None, lease_by=""))
    work.session.execute(update(AgentSession).where(AgentSession.revoked_at.is_(None)).values(revoked_at=work.now))
    work.session.execute(update(OneTimeLink).where(OneTimeLink.used_at.is_(None)).values(used_at=work.now))
    work.session.execute(delete(Lease))
    return len(waiting)
