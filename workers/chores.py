"""What the clock asks for: each chore repeats one small service function until nothing is left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from connectors.contract import ConnectorError, Renews
from helpdesk.extensions import db
from helpdesk.models import Channel
from helpdesk.services import channels, housekeeping, sla, surveys
from helpdesk.unit_of_work import UnitOfWork, breathe, unit_of_work

log = logging.getLogger(__name__)

Step = Callable[[UnitOfWork], int]


def repeat(step: Step) -> int:
    """Run `step` in transactions of their own until it finds nothing; returns how much was done."""
    total = 0
    while True:
        with unit_of_work() as work:
            done = step(work)
        total += done
        if not done:
            return total
        breathe()


def _chore(*steps: Step) -> Callable[[Mapping[str, Any]], None]:
    def run(_payload: Mapping[str, Any]) -> None:
        for step in steps:
            done = repeat(step)
            if done:
                log.info("chore done what=%s count=%s", step.__name__, done)

    return run


def _sweep_files(_payload: Mapping[str, Any]) -> None:
    removed = housekeeping.sweep_files()
    if removed:
        log.info("chore done what=sweep_files count=%s", removed)


def _renew_access(_payload: Mapping[str, Any]) -> None:
    """Access that ends when it is not used, of channels nobody writes to; a refusal is shown on the channel."""
    for channel in channels.every(db.session()):
        connector = channels.connector_of(channel, db.session())
        db.session.rollback()  # nothing is open while the network is used
        if isinstance(connector, Renews):
            _renew(channel.id, connector)


def _renew(channel_id: int, connector: Renews) -> None:
    try:
        connector.renew()
    except ConnectorError as error:
        with unit_of_work() as work:
            channels.went_wrong(work, work.session.get_one(Channel, channel_id), str(error))


CHORES: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "chore.sla_breaches": _chore(sla.mark_breaches),
    "chore.renew_access": _renew_access,
    "chore.wake_snoozed": _chore(housekeeping.wake_snoozed),
    "chore.close_solved": _chore(housekeeping.close_solved),
    "chore.expire_surveys": _chore(surveys.expire),
    "chore.forget_expired": _chore(*housekeeping.FORGET),
    "chore.sweep_uploads": _chore(housekeeping.sweep_uploads),
    "chore.sweep_files": _sweep_files,
}
