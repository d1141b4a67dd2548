"""Passwords: argon2id, and the same time for an account that exists as for one that does not."""

from __future__ import annotations

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _

from helpdesk.errors import Invalid

SHORTEST, LONGEST = 8, 200
# OWASP's minimum for argon2id; a few at a time, since each takes 19 MB.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_at_once = BoundedSemaphore(4)
_NOBODY = _hasher.hash("nobody has this password")
_COMMON = frozenset({
    "password", "password1", "passw0rd", "12345678", "123456789", "1234567890", "qwertyui", "qwerty123", "abc12345",
    "iloveyou", "letmein1", "matkhau1", "matkhau123", "123123123", "88888888", "administrator", "helpdesk", "changeme",
})  # fmt: skip


def hash_password(password: str) -> str:
    with _at_once:
        return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Is it the password? Without a stored hash (unknown, invited) it takes as long and is never right."""
    with _at_once:
        try:
            return _hasher.verify(stored or _NOBODY, password[: LONGEST * 4]) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False


def outdated(stored: str) -> bool:
    """Was it hashed with other parameters than today's?"""
    return _hasher.check_needs_rehash(stored)


def check(password: str, *, field: str = "password", email: str = "") -> str:
    """The password, if it may be used; raises Invalid naming `field`."""
    if len(password) < SHORTEST:
        raise Invalid(fields={field: _("Use at least %(count)s characters.", count=SHORTEST)})
    if len(password) > LONGEST:
        raise Invalid(fields={field: _("Use at most %(count)s characters.", count=LONGEST)})
    low = password.lower()
    if low in _COMMON or len(set(low)) < 3 or (email and low in (email.lower(), email.lower().partition("@")[0])):
        raise Invalid(fields={field: _("This one is too easy to guess.")})
    return password
