"""Promises after their rules changed: open clocks are recomputed in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helpdesk.services import sla
from helpdesk.unit_of_work import breathe, unit_of_work


def recompute(payload: Mapping[str, Any]) -> None:
    """Everything still undecided, a batch a transaction; running it twice changes nothing."""
    after_id: int | None = int(payload.get("after_id", 0))
    while after_id is not None:
        with unit_of_work() as work:
            after_id = sla.recompute_all(work, after_id)
        breathe()
