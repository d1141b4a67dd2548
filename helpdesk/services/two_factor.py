"""The second factor: codes of an authenticator app (TOTP), each good once, and recovery codes for a lost phone."""

from __future__ import annotations

import base64
import io
import json
import os
import time

import pyotp
import segno
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import or_, select, update

from helpdesk.errors import Expired, Invalid
from helpdesk.events import AgentChanged
from helpdesk.models import Agent
from helpdesk.services import sessions
from helpdesk.signing import Keyring, hash_token
from helpdesk.unit_of_work import UnitOfWork

STEP_S = 30
RECOVERY_CODES = 10
_SECRET = "totp"  # noqa: S105 - the purpose a key is derived for
_OFFER = "totp-offer"
_OFFER_S = 15 * 60


def on(agent: Agent) -> bool:
    return agent.totp_sealed is not None


def offer(agent: Agent) -> str:
    """A fresh secret for `agent`, sealed, to travel through the form that turns it on."""
    return _keys().seal(_OFFER, json.dumps([agent.id, pyotp.random_base32(), int(time.time())]))


def read_offer(agent_id: int, sealed: str) -> str:
    """The offered secret; raises Expired when it is not ours, not theirs, or older than 15 minutes."""
    try:
        owner, secret, made_at = json.loads(_keys().open(_OFFER, sealed))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with forged text, it is not ours
        raise Expired from error
    if owner != agent_id or time.time() - made_at > _OFFER_S:
        raise Expired
    return str(secret)


def picture(secret: str, email: str, brand: str) -> str:
    """The QR code as an SVG element, dark on white so that any phone reads it."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=brand or "Helpdesk")
    out = io.BytesIO()
    segno.make(address, error="m").save(
        out, kind="svg", scale=4, border=3, xmldecl=False, dark="#000", light="#fff", svgclass="hd-qr"
    )
    return out.getvalue().decode()


def turn_on(work: UnitOfWork, agent: Agent, secret: str, code: str, *, keep_session: int | None = None) -> list[str]:
    """Needs one right code; returns the recovery codes, to be shown once. Other sessions end."""
    step = _step_of(secret, code)
    if step is None:
        raise Invalid(fields={"code": _("This code is not right. Codes change every 30 seconds.")})
    agent.totp_sealed, agent.totp_last_step = _keys().seal(_SECRET, secret), step
    codes = _new_recovery_codes(agent)
    sessions.end(work, agent_id=agent.id, keep=keep_session)
    work.record(AgentChanged(agent_id=agent.id, what="two_factor"))
    return codes


def turn_off(work: UnitOfWork, agent: Agent) -> None:
    agent.totp_sealed = agent.totp_last_step = None
    agent.recovery_hashes = []
    work.record(AgentChanged(agent_id=agent.id, what="two_factor"))


def renew_recovery_codes(work: UnitOfWork, agent: Agent) -> list[str]:
    """New ones; those before stop working."""
    work.record(AgentChanged(agent_id=agent.id, what="two_factor"))
    return _new_recovery_codes(agent)


def use(work: UnitOfWork, agent_id: int, code: str) -> bool:
    """Is it a right code, never used before? A recovery code counts and is gone after it."""
    agent = work.session.scalar(select(Agent).where(Agent.id == agent_id).with_for_update())
    if agent is None or agent.totp_sealed is None:
        return False
    step = _step_of(_keys().open(_SECRET, agent.totp_sealed), code)
    if step is not None:
        fresh = or_(Agent.totp_last_step.is_(None), Agent.totp_last_step < step)
        done = work.session.execute(update(Agent).where(Agent.id == agent_id, fresh).values(totp_last_step=step))
        return bool(done.rowcount == 1)  # type: ignore[attr-defined]
    hashed = hash_token(_bare(code))
    if hashed not in (agent.recovery_hashes or []):
        return False
    agent.recovery_hashes = [h for h in agent.recovery_hashes if h != hashed]
    return True


def _step_of(secret: str, code: str) -> int | None:
    """The 30-second step whose code it is: this one, or the one before or after for a clock that is off."""
    code = code.replace(" ", "")
    if len(code) != 6 or not (code.isascii() and code.isdecimal()):
        return None
    totp, present = pyotp.TOTP(secret), int(time.time()) // STEP_S
    for step in (present, present - 1, present + 1):
        if pyotp.utils.strings_equal(totp.generate_otp(step), code):
            return step
    return None


def _new_recovery_codes(agent: Agent) -> list[str]:
    """80 random bits each, so that a plain hash keeps them."""
    raw = [base64.b32encode(os.urandom(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    agent.recovery_hashes = [hash_token(code) for code in raw]
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in raw]


def _bare(code: str) -> str:
    return "".join(c for c in code.lower() if c.isalnum())


def _keys() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring
