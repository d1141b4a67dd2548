"""Idempotency-Key: a repeated POST does its work once and gets the first answer.

The key is written in the transaction of the work, so that both are there or neither; of twenty at once the constraint
lets one through and the others wait for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from flask import Response, g, request
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from helpdesk.errors import Conflict, Invalid
from helpdesk.extensions import db
from helpdesk.models import IdempotencyKey
from helpdesk.unit_of_work import UnitOfWork, unit_of_work

LONGEST = 200


def key() -> str | None:
    """What the caller sent, if anything. Raises Invalid."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if len(given) > LONGEST or not given.isprintable():
        raise Invalid(fields={"Idempotency-Key": f"Use at most {LONGEST} printable characters."})
    return given or None


def once(given: str, act: Callable[[UnitOfWork], Any], show: Callable[[Any], Any], status: int) -> Response:
    """Run `act` unless it was done under this key; its reference is stored with it, the answer right after.

    Raises Invalid when the key was used for another request."""
    owner, fingerprint = f"token:{g.token_id}", _fingerprint()
    with unit_of_work(actor=g.viewer.actor) as work:
        ours = _claim(work, given, owner, fingerprint)
        if ours:
            ref = act(work)
            _store(work, given, owner, 0, {"ref": ref})
    if ours:
        return _tell(given, owner, show(ref), status)
    found = _found(db.session(), given, owner)
    if found is None:
        raise Conflict("The first request with this key failed just now; send it again.")
    if found.request_hash != fingerprint:
        raise Invalid(fields={"Idempotency-Key": "This key was used for another request."})
    if found.status:
        return _answer(found.response, found.status, repeated=True)
    return _tell(given, owner, show(found.response["ref"]), status, repeated=True)


def _fingerprint() -> str:
    body = request.get_data(cache=True) if not request.files else _parts()
    told = f"{request.method} {request.path}\n".encode() + body
    return hashlib.sha256(told).hexdigest()


def _parts() -> bytes:
    """Uploads by their content: the boundary of a form is another each time."""
    found = []
    for name, file in sorted(request.files.items()):
        found.append(f"{name} {file.filename} {hashlib.sha256(file.stream.read()).hexdigest()}")
        file.stream.seek(0)
    return "\n".join(found).encode()


def _claim(work: UnitOfWork, given: str, owner: str, fingerprint: str) -> bool:
    build = pg_insert if work.session.get_bind().dialect.name == "postgresql" else sqlite_insert
    values = {"key": given, "owner": owner, "request_hash": fingerprint, "status": 0, "created_at": work.now}
    statement = (
        build(IdempotencyKey).values(response={}, **values).on_conflict_do_nothing(index_elements=["key", "owner"])
    )
    return work.session.execute(statement.returning(IdempotencyKey.key)).first() is not None


def _store(work: UnitOfWork, given: str, owner: str, status: int, response: Any) -> None:
    mine = (IdempotencyKey.key == given, IdempotencyKey.owner == owner)
    work.session.execute(update(IdempotencyKey).where(*mine).values(status=status, response=response))


def _found(session: Session, given: str, owner: str) -> IdempotencyKey | None:
    session.rollback()
    mine = (IdempotencyKey.key == given, IdempotencyKey.owner == owner)
    return session.scalar(select(IdempotencyKey).where(*mine))


def _tell(given: str, owner: str, body: Any, status: int, *, repeated: bool = False) -> Response:
    plain = json.loads(json.dumps(body, default=str))
    with unit_of_work(actor=g.viewer.actor) as work:
        _store(work, given, owner, status, plain)
    return _answer(plain, status, repeated=repeated)


def _answer(body: Any, status: int, *, repeated: bool) -> Response:
    response = Response(json.dumps(body), status, mimetype="application/json")
    if repeated:
        response.headers["Idempotent-Replay"] = "true"
    return response
