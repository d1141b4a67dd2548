"""Mailboxes opened by OAuth2: a real Dovecot asks the authorisation server about each token."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.contract import Address, Outbound, PermanentFailure, TemporaryFailure
from connectors.email import lines, oauth
from connectors.email.connector import Email
from tests.conftest import missing
from tests.connectors.email.mailbox import ADDRESS, config, listening, mail
from tests.servers import Missing
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import AuthServer
from tests.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.processes

VERIFIER = "a-verifier-of-forty-three-characters-or-more-0123"
BACK = "https://desk.example/settings/channels/consent"


class Memory:
    """The contract's Vault, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def read(self, seed: str) -> Mapping[str, str]:
        return dict(self.kept.get(seed, {}))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with self._lock:
            yield

    def keep(self, seed: str, values: Mapping[str, str]) -> None:
        self.kept = {seed: dict(values)}


@pytest.fixture
def auth() -> Iterator[AuthServer]:
    with AuthServer() as server:
        yield server


@pytest.fixture
def mailserver(auth: AuthServer) -> Iterator[Dovecot]:
    try:
        with Dovecot(token_info=f"{auth.url}/tokeninfo") as server:
            yield server
    except Missing as error:
        missing(str(error))


def channel(auth: AuthServer, **settings: Any) -> Email:
    return Email(replace(config(**{**auth.settings, "import_from": "all", **settings}), vault=Memory()))


def connect(email: Email, auth: AuthServer) -> None:
    back = auth.consent(email.consent_address(BACK, "state-1", challenge(VERIFIER)))
    assert back["state"] == "state-1"
    email.finish_sign_in(back["code"], VERIFIER, BACK)


def challenge(verifier: str) -> str:
    import base64
    import hashlib

    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def test_the_answer_is_the_published_one() -> None:
    import base64

    token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
    expected = (
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRX"
        "VZMjl0Q2cBAQ=="
    )
    assert base64.b64encode(oauth.xoauth2("someuser@example.com", token)).decode() == expected


@pytest.mark.dovecot
def test_consent_once_then_mail_comes_in(auth: AuthServer, mailserver: Dovecot) -> None:
    mailserver.deliver(mail(1))
    email = channel(auth, imap_host="127.0.0.1", imap_port=mailserver.port)
    assert email.sign_in_state() == "wanted"
    with pytest.raises(PermanentFailure, match="connect it"):
        next(email.listen({}, threading.Event()))
    connect(email, auth)
    assert email.sign_in_state() == "connected"
    with listening(email) as found:
        assert len(found.wait(1)) == 1
    assert [q["grant_type"] for q in auth.questions] == ["authorization_code"]


@pytest.mark.dovecot
def test_a_token_that_ended_early_is_renewed_once(auth: AuthServer, mailserver: Dovecot) -> None:
    mailserver.deliver(mail(1))
    email = channel(auth, imap_host="127.0.0.1", imap_port=mailserver.port, watch_sent=False)
    connect(email, auth)
    auth.end_access()
    with listening(email) as found:
        found.wait(1)
    assert [q["grant_type"] for q in auth.questions] == ["authorization_code", "refresh_token"]


@pytest.mark.dovecot
def test_consent_taken_back_is_said_and_not_asked_again(auth: AuthServer, mailserver: Dovecot) -> None:
    email = channel(auth, imap_host="127.0.0.1", imap_port=mailserver.port)
    connect(email, auth)
    auth.revoke()
    for _ in range(3):
        with pytest.raises(PermanentFailure, match="connect again") as failure:
            next(email.listen({}, threading.Event()))
    assert "canary" not in str(failure.value)
    assert email.sign_in_state() == "lost"
    assert len(auth.questions) == 2, "a server that said no is not asked in every round"
    connect(email, auth)
    with listening(email) as found:
        found.settled()


def test_mail_goes_out_with_the_token(auth: AuthServer) -> None:
    with SmtpSink(token_check=auth.good) as sink:
        email = channel(auth, smtp_host="127.0.0.1", smtp_port=sink.port)
        connect(email, auth)
        out = Outbound(1, (Address("email", "lan@home.example"),), "Xin chào", message_id="a@b")
        email.send(out)
        lines.shared.close()  # a connection kept from before would need no new token
        auth.end_access()
        email.send(replace(out, message_id="c@d"))
        lines.shared.close()
        assert len(sink.mails) == 2 and len(set(sink.tokens)) == 2
        auth.revoke()
        with pytest.raises(PermanentFailure, match="connect again"):
            email.send(out)


def test_eight_at_once_renew_once_and_the_new_refresh_token_is_kept(auth: AuthServer) -> None:
    email = channel(auth)
    auth.lasts_s = 60  # every token ends soon
    connect(email, auth)
    auth.lasts_s = 3600
    first = set(auth.refresh)
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(oauth.access_token(email.config))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(tokens) == 8 and len(set(tokens)) == 1
    assert [q["grant_type"] for q in auth.questions].count("refresh_token") == 1
    assert auth.refresh and auth.refresh != first
    oauth.access_token(email.config, refused=tokens[0])
    assert email.sign_in_state() == "connected", "the rotated token was the one used"


def test_a_server_that_does_not_rotate_keeps_its_refresh_token(auth: AuthServer) -> None:
    auth.rotate = False
    email = channel(auth)
    connect(email, auth)
    for _ in range(2):
        oauth.access_token(email.config, refused=oauth.access_token(email.config))
    assert len({q["refresh_token"] for q in auth.questions[1:]}) == 1


def test_a_code_stolen_without_its_verifier_is_worth_nothing(auth: AuthServer) -> None:
    email = channel(auth)
    back = auth.consent(email.consent_address(BACK, "s", challenge(VERIFIER)))
    with pytest.raises(PermanentFailure, match="once more"):
        email.finish_sign_in(back["code"], "x" * 50, BACK)
    assert email.sign_in_state() == "wanted"


def test_failures_of_the_authorisation_server_pass_and_wrong_clients_do_not(auth: AuthServer) -> None:
    email = channel(auth)
    connect(email, auth)
    token = oauth.access_token(email.config)
    auth.status = 503
    with pytest.raises(TemporaryFailure):
        oauth.access_token(email.config, refused=token)
    auth.status = 200
    assert email.sign_in_state() == "connected", "a failure that passes takes nothing away"
    wrong = Email(replace(email.config, settings={**email.config.settings, "oauth_client_secret": "wrong-canary"}))
    with pytest.raises(PermanentFailure, match="invalid_client") as failure:
        oauth.access_token(wrong.config, refused=token)
    assert "canary" not in str(failure.value)


@pytest.mark.parametrize("change", [{"imap_host": "evil.example"}, {"smtp_port": 26}, {"oauth_grant_url": "http://x/y"},
                                    {"address": "other@example.com"}])  # fmt: skip
def test_another_server_never_gets_the_token(auth: AuthServer, change: dict[str, Any]) -> None:
    email = channel(auth)
    connect(email, auth)
    other = replace(email.config, settings={**email.config.settings, **change})
    assert oauth.state(other) == "wanted"
    with pytest.raises(PermanentFailure):
        oauth.access_token(other)


def test_google_and_microsoft_are_asked_as_they_want() -> None:
    def asked(**settings: Any) -> dict[str, str]:
        given = config(oauth_client_id="id", **settings)
        address = oauth.consent_address(given, BACK, "s", "c")
        found = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        return found | {"where": address.partition("?")[0]}

    google = asked(sign_in="google")
    assert google["where"] == "https://accounts.google.com/o/oauth2/v2/auth"
    assert (google["access_type"], google["prompt"], google["scope"]) == (
        "offline",
        "consent",
        "https://mail.google.com/",
    )
    assert google["login_hint"] == ADDRESS and google["code_challenge_method"] == "S256"
    microsoft = asked(sign_in="microsoft", oauth_tenant="shop.example")
    assert microsoft["where"] == "https://login.microsoftonline.com/shop.example/oauth2/v2.0/authorize"
    assert microsoft["scope"].split() == [
        "https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access",
    ]  # fmt: skip
    for wrong in ({"sign_in": "microsoft", "oauth_tenant": "a/b"}, {"sign_in": "other"}):
        with pytest.raises(PermanentFailure):
            asked(**wrong)
    with pytest.raises(PermanentFailure, match="client id"):
        oauth.consent_address(config(sign_in="google"), BACK, "s", "c")
