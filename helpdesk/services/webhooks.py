"""Webhooks out: programs elsewhere are told of what happens here, each event once it is committed, in order.

A subscription remembers up to which event it was told. What cannot be told now is told later, so a server that was down
misses nothing; after many failures in a row it is switched off, and goes on from there when somebody switches it on.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from connectors import signatures
from connectors.contract import ConnectorError, PermanentFailure, TemporaryFailure
from connectors.web import Web
from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.config import Settings
from helpdesk.database import rows
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import EVENTS, Event, SettingChanged
from helpdesk.folding import one_line
from helpdesk.models import Agent, EventRow, OutboxRow, Webhook
from helpdesk.services import outbox
from helpdesk.signing import Keyring
from helpdesk.unit_of_work import UnitOfWork

TASK = "webhook"
ANSWER_S = 15.0
GIVE_UP_AFTER = 15  # failures in a row: with the outbox's pauses about two days
MANY = 50
SHORTEST_SECRET = 24


# --- subscriptions -------------------------------------------------------------------------------------------


def every(session: Session, viewer: Viewer) -> list[Webhook]:
    access.require(viewer, "api")
    return list(session.scalars(select(Webhook).order_by(Webhook.id)))


def one(session: Session, viewer: Viewer, webhook_id: int) -> Webhook:
    access.require(viewer, "api")
    row = session.get(Webhook, webhook_id)
    if row is None:
        raise NotFound
    return row


def create(
    work: UnitOfWork, viewer: Viewer, *, url: str, name: str = "", events: Iterable[str] = (), secret: str = ""
) -> tuple[Webhook, str]:
    """A new subscription and its secret (made here when none is given). It has the rights of whoever makes it, and
    begins with what happens from now on. Raises Invalid."""
    access.require(viewer, "api")
    access.require_write(viewer)
    wanted = sorted(set(events))
    fields = _wrong(url, wanted, secret)
    if fields:
        raise Invalid(fields=fields)
    secret = secret or f"whsec_{base64.b64encode(os.urandom(32)).decode()}"
    row = Webhook(
        url=url.strip(),
        name=one_line(name, 200),
        events=wanted,
        secret_sealed=_keyring().seal("webhook-secret", secret),
        agent_id=viewer.agent_id,
        seq=newest(work.session),
        created_at=work.now,
    )
    work.session.add(row)
    work.session.flush()
    work.record(SettingChanged(key=f"webhook:{row.id}"))
    return row, secret


def _wrong(url: str, events: list[str], secret: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    try:
        parts = urlsplit(url.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and len(url) <= 2000
        good = good and url.strip().isprintable() and " " not in url.strip() and parts.port != 0
    except ValueError:
        good = False
    if not good:
        fields["url"] = _("Write an address like https://app.example/hooks.")
    unknown = [e for e in events if e not in EVENTS]
    if unknown:
        fields["events"] = _("There is no event called %(name)s.", name=unknown[0][:60])
    if secret and len(secret) < SHORTEST_SECRET:
        fields["secret"] = _("A secret needs at least %(count)s characters.", count=SHORTEST_SECRET)
    return fields


def remove(work: UnitOfWork, viewer: Viewer, webhook_id: int) -> None:
    access.require_write(viewer)
    work.session.delete(one(work.session, viewer, webhook_id))
    work.record(SettingChanged(key=f"webhook:{webhook_id}"))


def switch(work: UnitOfWork, viewer: Viewer, webhook_id: int, on: bool) -> Webhook:
    """Off, or on again: then it is told of everything that happened meanwhile."""
    access.require_write(viewer)
    row = one(work.session, viewer, webhook_id)
    row.active, row.stopped_why, row.failures = on, "", 0
    if on:
        row.agent_id = viewer.agent_id  # whoever switches it on vouches for it
        _enqueue(work, row.id)
    work.record(SettingChanged(key=f"webhook:{row.id}"))
    return row


def newest(session: Session) -> int:
    return session.scalar(select(func.max(EventRow.seq))) or 0


# --- what follows an event -----------------------------------------------------------------------------------


_ACTIVE = select(Webhook.id, Webhook.events, Webhook.failures).where(Webhook.active)


def on_event(work: UnitOfWork, event: Event) -> None:
    """Queue one telling for each subscription that wants to know, once a transaction."""
    known: dict[int, tuple[list[str], int]] | None = work.session.info.get(TASK)
    if known is None:
        found = rows(work.session, _ACTIVE)
        known = work.session.info[TASK] = {row.id: (list(row.events), row.failures) for row in found}
    for webhook_id, (events, failures) in list(known.items()):
        if events and event.type not in events:
            continue
        known.pop(webhook_id)
        # While a telling waits for its next try, there is no need for a second one: it will tell of this, too.
        if not failures or not _waits(work, webhook_id):
            _enqueue(work, webhook_id)


def _enqueue(work: UnitOfWork, webhook_id: int) -> None:
    work.enqueue("deliveries", TASK, {"webhook_id": webhook_id}, lane=lane(webhook_id), batch=lane(webhook_id))


def lane(webhook_id: int) -> str:
    return f"webhook:{webhook_id}"


def _waits(work: UnitOfWork, webhook_id: int) -> bool:
    waiting = exists().where(OutboxRow.lane == lane(webhook_id), OutboxRow.state == "due", OutboxRow.run_at > work.now)
    return bool(work.session.scalar(select(waiting)))


# --- telling -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """What is to be told next: (seq, body) in order, and up to where nothing else was wanted."""

    url: str
    secret: str
    posts: tuple[tuple[int, bytes], ...]
    up_to: int
    more: bool


def next_batch(session: Session, webhook_id: int, told: Mapping[int, Mapping[str, Any]], rows: list[EventRow]) -> Batch:
    """`rows`: the events after the subscription's number; `told`: what is said of those its owner may know, by seq."""
    hook = session.get_one(Webhook, webhook_id)
    wanted = [r for r in rows if r.seq in told and (not hook.events or r.type in hook.events)]
    posts = tuple((row.seq, body_of(row.type, row.created_at.isoformat(), told[row.seq])) for row in wanted)
    up_to = rows[-1].seq if rows else hook.seq
    return Batch(hook.url, _keyring().open("webhook-secret", hook.secret_sealed), posts, up_to, len(rows) == MANY)


def body_of(type_: str, at: str, data: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": type_, "timestamp": at, "data": data}, ensure_ascii=False, default=str).encode()


def after(session: Session, webhook_id: int) -> tuple[Viewer | None, list[EventRow]]:
    """Whose rights it has (None: nobody's any more, or it is off), and the next events."""
    hook = session.get(Webhook, webhook_id)
    if hook is None or not hook.active:
        return None, []
    agent = session.get(Agent, hook.agent_id)
    if agent is None or not agent.active:
        return None, []
    rows = session.scalars(select(EventRow).where(EventRow.seq > hook.seq).order_by(EventRow.seq).limit(MANY))
    return access.viewer_of(agent), list(rows)


def post(url: str, secret: str, id_: str, body: bytes) -> None:
    """One signed POST. Raises TemporaryFailure or PermanentFailure; an answer that was lost is a failure, too."""
    settings: Settings = current_app.extensions["settings"]
    parts = urlsplit(url)
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    with Web("The server", f"{parts.scheme}://{parts.netloc}", settings.private_networks) as web:
        answer = web.request(
            "POST", path, answer_s=ANSWER_S, headers=signatures.signed(secret, id_, body), content=body
        )
    status = answer[0] if answer is not None else 200
    if status == 410:
        raise PermanentFailure("The server says that this address is gone (410).")
    if not 200 <= status < 300:
        raise TemporaryFailure(f"The server answered {status}.")


def message_id(webhook_id: int, seq: int) -> str:
    """The same for every attempt at one event."""
    return f"evt_{webhook_id}_{seq}"


def told(work: UnitOfWork, webhook_id: int, seq: int, *, posted: bool) -> None:
    """Up to `seq` everything is told; `posted`: the far side just took something."""
    hook = work.session.get(Webhook, webhook_id)
    if hook is None:
        return
    hook.seq = max(hook.seq, seq)
    if posted:
        hook.failures, hook.last_success_at = 0, work.now


def failed(work: UnitOfWork, task: outbox.Task, error: ConnectorError) -> None:
    """Try again later, or switch it off: after too many failures, or when the address is gone."""
    hook = work.session.get(Webhook, int(task.payload["webhook_id"]))
    if hook is None:
        outbox.finish(work, task.id)
        return
    hook.failures += 1
    hook.last_error, hook.last_error_at = str(error)[:500], work.now
    if isinstance(error, PermanentFailure) or hook.failures >= GIVE_UP_AFTER:
        hook.active, hook.stopped_why = False, str(error)[:500]
        work.record(SettingChanged(key=f"webhook:{hook.id}"))
        outbox.finish(work, task.id)
        return
    outbox.postpone(work, task.id, work.now + outbox.backoff(hook.failures), str(error))


def try_out(session: Session, viewer: Viewer, webhook_id: int) -> tuple[str, str, bytes]:
    """Address, secret and body of a test; the caller posts it with no transaction open."""
    hook = one(session, viewer, webhook_id)
    return hook.url, _keyring().open("webhook-secret", hook.secret_sealed), body_of("test", "", {})


def _keyring() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring
