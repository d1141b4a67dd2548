"""Settings a person changes while it runs: one row a key."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.models.base import Base, Json


class Setting(Base):
    __tablename__ = "settings"
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
