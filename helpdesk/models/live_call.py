"""A call as a phone system tells of it while it goes on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Id, UtcDateTime, now

STATES = ("ringing", "answered", "ended")


class LiveCall(Base):
    """Rings, is answered, ends; never backwards. `number` is theirs, as E.164 where it is one."""

    __tablename__ = "live_calls"
    __table_args__ = (UniqueConstraint("channel_id", "call_id"), Index(None, "state", "started_at"))
    id: Mapped[Id]
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"))
    call_id: Mapped[str] = mapped_column(String(150))
    direction: Mapped[str] = mapped_column(String(3), default="in")
    number: Mapped[str] = mapped_column(String(320), default="")
    state: Mapped[str] = mapped_column(String(10), default="ringing")
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))  # whose extension took it
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    recording_url: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))  # the entry it became

    def advance(self, state: str, at: datetime) -> bool:
        """Move forward; late and repeated news change nothing. True when it moved."""
        if STATES.index(state) <= STATES.index(self.state) and not (state == self.state == "answered"):
            return False
        self.state = state
        if state == "answered":
            self.answered_at = self.answered_at or at
        if state == "ended":
            self.ended_at = self.ended_at or at
        return True
