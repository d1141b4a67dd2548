"""Web Push: the desk's own key pair (VAPID), the browsers that may be woken, and one encrypted wake-up for each.

The push services are the browser makers'; what they carry is encrypted for the browser (RFC 8291). http-ece and
py-vapid, the two parts of pywebpush, do it; pywebpush itself would bring aiohttp, which python-engineio then loads into
every process. They are imported where they are used: only the worker that sends pays for their memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import current_app
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from connectors.contract import ConnectorError, PermanentFailure
from connectors.web import Web
from helpdesk.access import Viewer
from helpdesk.errors import Invalid
from helpdesk.models import AgentSession, PushSubscription, now
from helpdesk.services import settings as desk_settings
from helpdesk.signing import Keyring, hash_token
from helpdesk.unit_of_work import UnitOfWork

PURPOSE = "web-push"
SETTING = "push.vapid"
TTL_S = 12 * 3600  # a phone that wakes up later need not hear of it any more
PER_AGENT = 20
GONE = (404, 410)


def _keyring() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring


def public_key(work: UnitOfWork) -> str:
    """The desk's public key as browsers want it (base64url); the pair is made at first use."""
    if not desk_settings.get(work.session, SETTING):
        made = ec.generate_private_key(ec.SECP256R1())
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        desk_settings.put(work, SETTING, _keyring().seal(PURPOSE, pem.decode()))
        work.session.flush()
    return _public(_private_pem(work.session))


def _private_pem(session: Session) -> bytes:
    return _keyring().open(PURPOSE, str(desk_settings.get(session, SETTING))).encode()


def _public(pem: bytes) -> str:
    key = serialization.load_pem_private_key(pem, None)
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


# --- browsers ------------------------------------------------------------------------------------------------


def subscribe(work: UnitOfWork, viewer: Viewer, session_id: int, subscription: Mapping[str, Any]) -> None:
    """Remember a browser, for as long as it stays signed in. Raises Invalid for what no browser makes."""
    given = _checked(subscription)
    endpoint_hash = hash_token(given["endpoint"])
    work.session.execute(delete(PushSubscription).where(PushSubscription.endpoint_hash == endpoint_hash))
    sealed = _keyring().seal(PURPOSE, json.dumps(given))
    row = PushSubscription(
        agent_id=viewer.agent_id,
        session_id=session_id,
        endpoint_hash=endpoint_hash,
        sealed=sealed,
        created_at=work.now,
    )
    work.session.add(row)
    work.session.flush()
    mine = select(PushSubscription.id).where(PushSubscription.agent_id == viewer.agent_id)
    extra = list(work.session.scalars(mine.order_by(PushSubscription.id.desc()).offset(PER_AGENT)))
    work.session.execute(delete(PushSubscription).where(PushSubscription.id.in_(extra)))


def unsubscribe(work: UnitOfWork, viewer: Viewer, endpoint: str) -> None:
    """This browser only; one's own only."""
    mine = (PushSubscription.agent_id == viewer.agent_id, PushSubscription.endpoint_hash == hash_token(endpoint))
    work.session.execute(delete(PushSubscription).where(*mine))


def _checked(subscription: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = subscription.get("endpoint")
    keys = subscription.get("keys")
    wrong = Invalid(fields={"subscription": "This is not a push subscription."})
    if not isinstance(endpoint, str) or len(endpoint) > 2000 or not isinstance(keys, Mapping):
        raise wrong
    try:
        parts = urlsplit(endpoint)
        point, secret = (_bytes(keys.get(k)) for k in ("p256dh", "auth"))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (ValueError, TypeError):
        raise wrong from None
    private = bool(_private_networks())  # tests and desks on their own network push in the clear
    if parts.scheme not in (("https", "http") if private else ("https",)) or not parts.hostname or len(secret) != 16:
        raise wrong
    return {"endpoint": endpoint, "keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]}}


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) > 200:
        raise ValueError("not a key")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _private_networks() -> tuple[Any, ...]:
    return tuple(ip_network(n) for n in current_app.extensions["settings"].network.allow_private)


def of_agent(session: Session, agent_id: int) -> list[tuple[int, dict[str, Any]]]:
    """(row, subscription) of the agent's browsers that are still signed in."""
    rows = session.execute(
        select(PushSubscription.id, PushSubscription.sealed)
        .join(AgentSession, AgentSession.id == PushSubscription.session_id)
        .where(
            PushSubscription.agent_id == agent_id,
            AgentSession.agent_id == agent_id,
            AgentSession.revoked_at.is_(None),
            AgentSession.expires_at > now(),
        )
    )
    return [(id_, json.loads(_keyring().open(PURPOSE, sealed))) for id_, sealed in rows]


def forget_ended(work: UnitOfWork, limit: int = 500) -> int:
    """Browsers that signed out."""
    live = select(AgentSession.id).where(AgentSession.revoked_at.is_(None), AgentSession.expires_at > work.now)
    ended = select(PushSubscription.id).where(PushSubscription.session_id.not_in(live)).limit(limit)
    return forget(work, list(work.session.scalars(ended)))


def forget(work: UnitOfWork, ids: Iterable[int]) -> int:
    wanted = list(ids)
    work.session.execute(delete(PushSubscription).where(PushSubscription.id.in_(wanted)))
    return len(wanted)


# --- sending -------------------------------------------------------------------------------------------------


def send(session: Session, subscription: Mapping[str, Any], payload: Mapping[str, Any], *, topic: str = "") -> bool:
    """Wake one browser; False when it is gone for good. Raises TemporaryFailure. Opens no transaction of its own."""
    import http_ece
    from py_vapid import Vapid

    parts = urlsplit(subscription["endpoint"])
    origin = f"{parts.scheme}://{parts.netloc}"
    pem = _private_pem(session)
    contact = str(desk_settings.get(session, "public_url")) or "mailto:helpdesk@localhost.localdomain"
    session.rollback()  # nothing is open while the network is used
    keys = subscription["keys"]
    body = http_ece.encrypt(
        json.dumps(payload).encode(),
        private_key=ec.generate_private_key(ec.SECP256R1()),  # good for this one message
        dh=_bytes(keys["p256dh"]),
        auth_secret=_bytes(keys["auth"]),
        version="aes128gcm",
    )
    signed = Vapid.from_pem(pem).sign({"aud": origin, "sub": contact, "exp": int(time.time()) + TTL_S})
    headers = {
        **{str(k): str(v) for k, v in signed.items()},
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(TTL_S),
        "Urgency": "high",
    }
    if topic:  # a newer one about the same matter takes the place of one that waits
        headers["Topic"] = hashlib.sha256(topic.encode()).hexdigest()[:32]
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    try:
        with Web("the push service", origin, _private_networks()) as web:
            answer = web.request("POST", path, headers=headers, content=body)
    except PermanentFailure:
        return False
    status = answer[0] if answer is not None else 200
    if status in GONE or status in (400, 401, 403):
        return False
    if status >= 400:
        raise ConnectorError(f"The push service answered {status}.")
    return True
