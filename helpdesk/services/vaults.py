"""Tokens a channel renews by itself (a single-use refresh token must never be used twice, nor be lost)."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256

from flask import current_app

from connectors.contract import TemporaryFailure
from helpdesk.extensions import db
from helpdesk.models import ChannelTokens
from helpdesk.services import leases
from helpdesk.unit_of_work import unit_of_work

RENEWING_S = 60.0  # longer than the renewal's own timeouts; a process that died in it frees the lease by then
PATIENCE_S = 20.0
LOOK_AGAIN_S = 0.1


class ChannelVault:
    """The contract's Vault over our database. Each call is its own short unit of work: none may be open around it."""

    def __init__(self, channel_id: int) -> None:
        self._channel_id = channel_id
        self._lease = f"tokens:{channel_id}"

    def read(self, seed: str) -> Mapping[str, str]:
        db.session.rollback()  # what another process kept a moment ago counts
        row = db.session.get(ChannelTokens, self._channel_id, populate_existing=True)
        sealed = row.sealed if row is not None and row.seed == _fingerprint(seed) else ""
        db.session.rollback()
        return dict(json.loads(current_app.extensions["keyring"].open("channel-tokens", sealed))) if sealed else {}

    @contextmanager
    def alone(self) -> Iterator[None]:
        holder = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
        until = time.monotonic() + PATIENCE_S
        while not self._hold(holder):
            if time.monotonic() > until:
                raise TemporaryFailure("The channel's access is being renewed.", retry_after=5)
            time.sleep(LOOK_AGAIN_S)
        try:
            yield
        finally:
            with unit_of_work() as work:
                leases.release(work, self._lease, holder)

    def _hold(self, holder: str) -> bool:
        with unit_of_work() as work:
            return leases.hold(work, self._lease, holder, RENEWING_S)

    def keep(self, seed: str, values: Mapping[str, str]) -> None:
        sealed = current_app.extensions["keyring"].seal("channel-tokens", json.dumps(dict(values)))
        with unit_of_work() as work:
            row = work.session.get(ChannelTokens, self._channel_id)
            if row is None:
                row = ChannelTokens(channel_id=self._channel_id)
                work.session.add(row)
            row.seed, row.sealed, row.renewed_at = _fingerprint(seed), sealed, work.now


def _fingerprint(seed: str) -> str:
    return sha256(f"channel-token:{seed}".encode()).hexdigest()
