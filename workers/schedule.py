"""The clock as data: what is due how often. Each entry becomes an outbox row, unique by (name, due time)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Entry:
    """`kind` is a handler of the drain; a run that was missed is caught up once, not as often as it was missed."""

    kind: str
    every_s: int
    drain: str = "reactions"

    def slot(self, at: datetime) -> datetime:
        """The newest due time at or before `at`."""
        return datetime.fromtimestamp(int(at.timestamp()) // self.every_s * self.every_s, UTC)


SCHEDULE = (
    Entry("chore.sla_breaches", 30),
    Entry("chore.sla_soon", 60, "surveys"),
    Entry("chore.digests", 600, "surveys"),
    Entry("chore.wake_snoozed", 60),
    Entry("chore.renew_access", 24 * 3600),
    Entry("chore.close_solved", 600),
    Entry("chore.expire_surveys", 3600),
    Entry("chore.forget_expired", 3600),
    Entry("chore.sweep_uploads", 3600),
    Entry("chore.sweep_files", 6 * 3600),
)
