"""Keys and what they protect. Every purpose has its own key, derived (HKDF) from the installation's secret.

Several secrets may be listed, newest first: the first signs and seals, all verify and open (rotation).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from helpdesk.errors import ConfigError

SIGNATURE_LENGTH = 26  # base32 letters: 130 bits


class Keyring:
    """The installation's secrets, newest first; each at least 32 characters of text."""

    def __init__(self, secrets_: list[str]) -> None:
        if not secrets_ or any(len(s) < 32 for s in secrets_):
            raise ConfigError("The secret key needs at least 32 characters; `helpdesk init` makes a good one.")
        self._secrets = [s.encode() for s in secrets_]
        self.derive = cache(self._derive)

    def _derive(self, purpose: str, index: int = 0) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"helpdesk:{purpose}".encode()).derive(
            self._secrets[index]
        )

    def sign(self, purpose: str, payload: str, index: int = 0) -> str:
        """26 lower-case base32 letters over `payload`."""
        digest = hmac.new(self.derive(purpose, index), payload.encode(), hashlib.sha256).digest()
        return base64.b32encode(digest)[:SIGNATURE_LENGTH].decode().lower()

    def verify(self, purpose: str, payload: str, signature: str) -> bool:
        """Constant-time; upper case is accepted because mail servers fold."""
        given = signature.strip().lower().encode("utf-8", "replace")
        return any(
            hmac.compare_digest(self.sign(purpose, payload, i).encode(), given) for i in range(len(self._secrets))
        )

    def seal(self, purpose: str, text: str) -> str:
        """Encrypt (AES-256-GCM) to text that `open` reads back."""
        nonce = os.urandom(12)
        return base64.urlsafe_b64encode(
            nonce + AESGCM(self.derive(purpose)).encrypt(nonce, text.encode(), purpose.encode())
        ).decode()

    def open(self, purpose: str, sealed: str) -> str:
        """Raises ConfigError when no listed secret opens it (the secret key is not the one it was sealed with)."""
        blob = base64.urlsafe_b64decode(sealed)
        for index in range(len(self._secrets)):
            try:
                return AESGCM(self.derive(purpose, index)).decrypt(blob[:12], blob[12:], purpose.encode()).decode()
            except InvalidTag:
                continue
        raise ConfigError(f"A stored secret ({purpose}) cannot be opened with this installation's secret.key.")


def new_token() -> str:
    """256 random bits for a link, a session or an API token."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """How tokens rest in the database: sha256 hex (they are random, so no salt is needed)."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def read_secrets(data: Path, override: str = "") -> list[str]:
    """Secrets from HELPDESK_SECRET_KEY (comma-separated) or DATA/secret.key (one a line, newest first)."""
    if override:
        return [part.strip() for part in override.split(",") if part.strip()]
    path = data / "secret.key"
    if not path.exists():
        raise ConfigError(f"There is no secret key at {path}; `helpdesk init` or `helpdesk up` makes one.")
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def make_secret(data: Path) -> Path:
    """Write DATA/secret.key (0600) unless it is there."""
    path = data / "secret.key"
    data.mkdir(parents=True, exist_ok=True)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(fd, "w") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return path
