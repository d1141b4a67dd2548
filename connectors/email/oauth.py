"""Access to a mailbox by OAuth2: a person consents once, tokens are renewed by us, the server gets XOAUTH2.

The refresh token lies in the vault, sealed, and is replaced when the server rotates it. It grew from the settings that
`_seed` names: with another client, account or mail server it is void, so that no other server ever sees a token.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

from connectors.contract import ChannelConfig, PermanentFailure, TemporaryFailure, Vault
from connectors.web import Web

SPARE_S = 120.0  # a token that ends so soon is renewed before it is used
ANSWER_S = 20.0
MAX_BYTES = 64 * 1024
State = Literal["unused", "wanted", "connected", "lost"]


@dataclass(frozen=True)
class Provider:
    """Where one asks for consent and for tokens. `more` goes with the question for consent."""

    name: str
    authorize: str
    token: str
    scope: str
    more: tuple[tuple[str, str], ...] = ()


GOOGLE = Provider(
    "Google",
    "https://accounts.google.com/o/oauth2/v2/auth",
    "https://oauth2.googleapis.com/token",
    "https://mail.google.com/",
    (("access_type", "offline"), ("prompt", "consent")),
)
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/"
_MICROSOFT_SCOPE = " ".join(
    f"https://outlook.office.com/{one}" for one in ("IMAP.AccessAsUser.All", "SMTP.Send")
) + " offline_access"  # fmt: skip


def provider_of(config: ChannelConfig) -> Provider | None:
    """None: the mailbox is opened with a password. Raises PermanentFailure when something is missing."""
    chosen = str(config.get("sign_in", "password"))
    if chosen == "google":
        return GOOGLE
    if chosen == "microsoft":
        tenant = str(config.get("oauth_tenant", "common")).strip()
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,100}", tenant):
            raise PermanentFailure("The tenant is a domain or an id of letters, digits, dots and dashes.")
        base = _MICROSOFT.format(tenant=tenant)
        return Provider("Microsoft", base + "authorize", base + "token", _MICROSOFT_SCOPE, (("prompt", "consent"),))
    if chosen == "other":
        authorize, token = (str(config.get(name)).strip() for name in ("oauth_authorize_url", "oauth_grant_url"))
        if not all(_is_web(address) for address in (authorize, token)):
            raise PermanentFailure("Set the two addresses of the OAuth2 server, beginning with https://.")
        return Provider(urlsplit(authorize).hostname or "", authorize, token, str(config.get("oauth_scope")).strip())
    return None


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def state(config: ChannelConfig) -> State:
    """Is consent needed, given, or taken back?"""
    if str(config.get("sign_in", "password")) == "password":
        return "unused"
    kept = config.vault.read(_seed(config)) if config.vault else {}
    if kept.get("refused"):
        return "lost"
    return "connected" if kept.get("refresh_token") else "wanted"


def consent_address(config: ChannelConfig, redirect: str, state_: str, challenge: str) -> str:
    """Where the browser goes to consent. `challenge`: of PKCE, S256. Raises PermanentFailure."""
    provider = _provider(config)
    fields = {
        "response_type": "code",
        "client_id": _client_id(config),
        "redirect_uri": redirect,
        "scope": provider.scope,
        "state": state_,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "login_hint": str(config.get("address")),
        **dict(provider.more),
    }
    joint = "&" if urlsplit(provider.authorize).query else "?"
    return f"{provider.authorize}{joint}{urlencode({k: v for k, v in fields.items() if v})}"


def finish(config: ChannelConfig, code: str, verifier: str, redirect: str) -> None:
    """Change the code for tokens and keep them. Raises TemporaryFailure or PermanentFailure."""
    if config.vault is None:
        raise PermanentFailure("Save the channel first.")
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    answer = _ask(config, fields)
    if "refresh_token" not in answer:
        raise PermanentFailure(
            "The server gave no lasting access (no refresh token); check what the client may ask for."
        )
    with config.vault.alone():
        config.vault.keep(_seed(config), _tokens(answer, ""))


def access_token(config: ChannelConfig, refused: str = "") -> str:
    """One that is good for a while; renewed when it ends soon, or is the one the mail server `refused`.

    Raises PermanentFailure when a person has to consent (again), TemporaryFailure when the server cannot be asked.
    """
    if config.vault is None:
        raise PermanentFailure("Save the channel first, then connect it.")
    token = _usable(config, config.vault.read(_seed(config)), refused)
    if token:
        return token
    with config.vault.alone():  # a refresh token may be good for one use only
        kept = config.vault.read(_seed(config))
        return _usable(config, kept, refused) or _renew(config, config.vault, kept)


def _usable(config: ChannelConfig, kept: Mapping[str, str], refused: str) -> str:
    if kept.get("refused"):
        raise PermanentFailure(_again(config))
    if not kept.get("refresh_token"):
        raise PermanentFailure(f"{_provider(config).name} was not asked for access to {_account(config)}: connect it.")
    token = kept.get("access_token", "")
    return token if token != refused and float(kept.get("until", 0)) > time.time() + SPARE_S else ""


def _renew(config: ChannelConfig, vault: Vault, kept: Mapping[str, str]) -> str:
    try:
        answer = _ask(config, {"grant_type": "refresh_token", "refresh_token": kept["refresh_token"]})
    except _Refused:
        vault.keep(_seed(config), {"refused": "1"})
        raise PermanentFailure(_again(config)) from None
    tokens = _tokens(answer, kept["refresh_token"])
    vault.keep(_seed(config), tokens)
    return tokens["access_token"]


class _Refused(PermanentFailure):
    """invalid_grant: consent was taken back, or ended."""


def _ask(config: ChannelConfig, fields: dict[str, str]) -> Mapping[str, object]:
    """One question to the token endpoint."""
    provider = _provider(config)
    fields = {**fields, "client_id": _client_id(config)}
    if config.get("oauth_client_secret"):
        fields["client_secret"] = str(config.get("oauth_client_secret"))
    base, _, path = provider.token.rpartition("/")
    with Web(provider.name, base, config.allow_private) as web:
        got = web.request("POST", path, data=fields, answer_s=ANSWER_S, limit_bytes=MAX_BYTES)
    status, content = got or (0, b"")
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if status == 200 and isinstance(answer, dict) and isinstance(answer.get("access_token"), str):
        return answer
    said = str(answer.get("error", "")) if isinstance(answer, dict) else ""
    if said == "invalid_grant":
        raise _Refused(f"{provider.name} refused the access; try to connect once more.")
    if 400 <= status < 500 and status not in (408, 429):
        reason = f" ({said[:60]})" if re.fullmatch(r"[a-z_]{1,60}", said) else ""
        raise PermanentFailure(f"{provider.name} refuses this helpdesk{reason}: check the client's id and secret.")
    raise TemporaryFailure(f"{provider.name} gives no access at the moment.")


def _tokens(answer: Mapping[str, object], before: str) -> dict[str, str]:
    """What is kept. A server that does not rotate sends no new refresh token."""
    try:
        lasts_s = min(max(float(str(answer.get("expires_in", 3600))), 60.0), 86_400.0)
    except ValueError:
        lasts_s = 3600.0
    return {
        "access_token": str(answer["access_token"]),
        "refresh_token": str(answer.get("refresh_token") or before),
        "until": str(int(time.time() + lasts_s)),
    }


def _seed(config: ChannelConfig) -> str:
    names = ("sign_in", "oauth_client_id", "oauth_tenant", "oauth_grant_url", "address", "imap_user", "imap_host",
             "imap_port", "imap_security", "smtp_host", "smtp_port", "smtp_security", "smtp_user")  # fmt: skip
    return json.dumps([str(config.get(name)) for name in names])


def _provider(config: ChannelConfig) -> Provider:
    provider = provider_of(config)
    if provider is None:
        raise PermanentFailure("This mailbox is opened with a password.")
    return provider


def _client_id(config: ChannelConfig) -> str:
    client = str(config.get("oauth_client_id")).strip()
    if not client:
        raise PermanentFailure("Set the client id that the provider gave you for this helpdesk.")
    return client


def _account(config: ChannelConfig) -> str:
    return str(config.get("imap_user") or config.get("address"))


def _again(config: ChannelConfig) -> str:
    return f"{_provider(config).name} no longer gives access to {_account(config)}: connect again."


def xoauth2(user: str, token: str) -> bytes:
    """The answer to a server that asks for XOAUTH2."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
