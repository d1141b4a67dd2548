"""The email connector: declares itself and ties listening, serving, reading and sending together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any, ClassVar

from connectors.contract import (
    Batch,
    ChannelConfig,
    Connector,
    Detected,
    Inbound,
    Limits,
    Outbound,
    PermanentFailure,
    Raw,
    Receipt,
    Setting,
    TestStep,
    Unparseable,
)
from connectors.email import children, identity, oauth
from connectors.email.child import Request
from connectors.email.classify import is_own
from connectors.email.inbound import to_echo, to_inbound, to_message
from connectors.email.parse import ParsedMail, scan_headers
from connectors.email.sentences import SENTENCES

MAX_FILES_BYTES = 20 * 1024 * 1024  # what most receiving servers still take, before base64 makes it a third larger
OAUTH = "Sign-in with Google, Microsoft or another OAuth2 server"
WRITING = "How mail is written"
SIGN_IN = (
    ("password", "User name and password"), ("google", "Google"), ("microsoft", "Microsoft 365"),
    ("other", "Another OAuth2 server"),
)  # fmt: skip
SECURITY = (("tls", "TLS"), ("starttls", "STARTTLS"), ("none", "None"))


IMPORT_FROM = re.compile("|now|all|days=[0-9]{1,5}")
NO_ADDRESS = "This is not an email address."
NO_IMPORT = "Write now, all, or days and a number, such as days=30."


class Email(Connector):
    channel: ClassVar[str] = "email"
    label: ClassVar[str] = "Email"
    icon: ClassVar[str] = "mail"
    sentences: ClassVar[tuple[str, ...]] = SENTENCES
    identity_kind: ClassVar[str] = "email"
    bursts: ClassVar[bool] = False
    continuous: ClassVar[bool] = False
    starts: ClassVar[bool] = True
    repeat_safe: ClassVar[bool] = True
    signs: ClassVar[bool] = True
    history: ClassVar[str] = "message/rfc822"  # files of this type can be brought along
    copies: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(
        max_file_bytes=MAX_FILES_BYTES, max_files=50, formats=frozenset({"text", "html", "files"}), undo_s=60
    )
    folded: ClassVar[tuple[str, ...]] = (
        OAUTH,
        WRITING,
        "Direct delivery (SMTP or LMTP)",
    )  # groups that most leave alone
    guide: ClassVar[tuple[str, ...]] = (
        "Enter the address customers write to and press Find the servers: what is known of it is filled in.",
        "Enter the mailbox's password. Gmail, Yahoo and iCloud want an app password, made in the account's security settings.",
        "For Google Workspace or Microsoft 365 choose Sign in with instead and save: the redirect address to enter there is "
        "shown. Then enter the client made there, save, and press Connect.",
        "Choose what to import of the mail that is there already. Older mail starts no clock and sends nothing.",
        "Test connection: it tries both servers and sends a mail to the address. Then write to it from another account.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("address", "Address", required=True, help="Customers write to it, and answers come from it."),
        Setting("from_name", "Sender name", help="What customers see beside the address."),
        Setting("imap_host", "Server", guards_secrets=True, group="Incoming mail (IMAP)"),
        Setting(
            "imap_port",
            "Port",
            "int",
            guards_secrets=True,
            group="Incoming mail (IMAP)",
            help="Empty: 993 with TLS, else 143.",
        ),
        Setting("imap_security", "Security", "choice", "tls", False, SECURITY, "", True, "Incoming mail (IMAP)"),
        Setting("imap_user", "User name", group="Incoming mail (IMAP)", help="Empty: the address."),
        Setting("imap_password", "Password", "secret", group="Incoming mail (IMAP)"),
        Setting("imap_folder", "Folder", default="INBOX", group="Incoming mail (IMAP)"),
        Setting(
            "archive_folder",
            "Move mail there after it was taken in",
            group="Incoming mail (IMAP)",
            help="A folder such as Archive; it is made when it does not exist. Empty: mail stays where it is.",
        ),
        Setting(
            "watch_sent",
            "Watch the folder of sent mail",
            "bool",
            True,
            group="Incoming mail (IMAP)",
            help="What colleagues answer from another program joins its ticket, so that nobody answers twice.",
        ),
        Setting(
            "sent_folder",
            "Folder of sent mail",
            group="Incoming mail (IMAP)",
            help="Empty: found by itself.",
        ),
        Setting(
            "import_from",
            "Import from",
            default="now",
            group="Incoming mail (IMAP)",
            help="now, days=30 or all. Older mail is history: no SLA, no automatic answer, no survey.",
        ),
        Setting("smtp_host", "Server", guards_secrets=True, group="Outgoing mail (SMTP)"),
        Setting(
            "smtp_port",
            "Port",
            "int",
            guards_secrets=True,
            group="Outgoing mail (SMTP)",
            help="Empty: 465 with TLS, 587 with STARTTLS, else 25.",
        ),
        Setting("smtp_security", "Security", "choice", "tls", False, SECURITY, "", True, "Outgoing mail (SMTP)"),
        Setting("smtp_user", "User name", group="Outgoing mail (SMTP)", help="Empty: the address."),
        Setting("smtp_password", "Password", "secret", group="Outgoing mail (SMTP)"),
        Setting(
            "quote_last",
            "Quote the customer's last message below our answers",
            "bool",
            False,
            group=WRITING,
            help="For customers whose mail program keeps no thread.",
        ),
        Setting(
            "max_files_mb",
            "Files of one mail, at most (MB)",
            "int",
            20,
            group=WRITING,
            help="Larger ones go as links to this helpdesk, which end after 90 days.",
        ),
        Setting(
            "dkim_selector",
            "DKIM selector",
            group=WRITING,
            help="Where the public key stands in the DNS: selector._domainkey.your-domain. Empty: the server signs.",
        ),
        Setting("dkim_key", "DKIM private key", "secret", group=WRITING, help="RSA, as PEM."),
        Setting(
            "sign_in",
            "Sign in with",
            "choice",
            "password",
            False,
            SIGN_IN,
            "With OAuth2 the passwords above are not used: save, then connect.",
            group=OAUTH,
        ),
        Setting("oauth_client_id", "Client id", group=OAUTH, help="The provider gives it for this helpdesk."),
        Setting("oauth_client_secret", "Client secret", "secret", group=OAUTH),
        Setting("oauth_tenant", "Tenant", default="common", group=OAUTH, help="Microsoft only: your domain or its id."),
        Setting("oauth_authorize_url", "Address for consent", group=OAUTH, help="Only for another OAuth2 server."),
        Setting(
            "oauth_grant_url",
            "Address for tokens",
            guards_secrets=True,
            group=OAUTH,
            help="Only for another OAuth2 server.",
        ),
        Setting("oauth_scope", "Scope", group=OAUTH, help="Only for another OAuth2 server."),
        Setting(
            "listen_port",
            "Port",
            "int",
            group="Direct delivery (SMTP or LMTP)",
            help="Mail servers may deliver straight to this port. Empty: off.",
        ),
        Setting(
            "listen_host", "Listen on", default="127.0.0.1", group="Direct delivery (SMTP or LMTP)", help="An address."
        ),
        Setting(
            "listen_tls",
            "Encryption",
            "choice",
            "offered",
            choices=(("offered", "Offered (STARTTLS)"), ("required", "Required (STARTTLS)")),
            group="Direct delivery (SMTP or LMTP)",
            help="With the certificate named in config.toml under [email].",
        ),
        Setting(
            "listen_from",
            "Who may deliver",
            "lines",
            group="Direct delivery (SMTP or LMTP)",
            help="Addresses or networks, one a line. Empty: this machine only.",
        ),
    )

    def __init__(self, config: ChannelConfig, child: children.Child = children.shared) -> None:
        super().__init__(config)
        self._child = child

    def check(self) -> Mapping[str, str]:
        wrong = {}
        try:
            identity.normalise(str(self.config.get("address")))
        except ValueError:
            wrong["address"] = NO_ADDRESS
        wanted = str(self.config.get("import_from", "now")).lower().replace(" ", "")
        if not IMPORT_FROM.fullmatch(wanted):
            wrong["import_from"] = NO_IMPORT
        return wrong

    # --- identity ---

    def normalise(self, value: str) -> str:
        return identity.normalise(value)

    @property
    def own_addresses(self) -> frozenset[str]:
        address = str(self.config.get("address")).strip().lower()
        return self.config.own_addresses | ({address} if address else frozenset())

    @property
    def message_host(self) -> str:
        return str(self.config.get("address")).strip().rpartition("@")[2].lower()

    def reply_address(self, token: str) -> str:
        local, at, domain = str(self.config.get("address")).strip().rpartition("@")
        return f"{local}+{token}@{domain}" if at and token else ""

    # --- in ---

    def listen(self, cursor: Mapping[str, Any], stop: Event) -> Iterator[Batch]:
        from connectors.email.listen import listen

        return listen(self.config, cursor, stop)

    @property
    def serving(self) -> bool:
        return bool(self.config.get("listen_port", 0))

    def serve(self, store: Callable[[Raw], None], stop: Event) -> None:
        from connectors.email.smtp_in import serve

        serve(self.config, store, stop)

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        (answer,) = self.parse_many([raw])
        if isinstance(answer, Unparseable):
            raise answer
        return answer

    def parse_many(self, raws: Sequence[Raw]) -> list[Sequence[Inbound] | Unparseable]:
        mails = self._child.parse_many([self._request(raw) for raw in raws])
        return [self._read(raw, mail) for raw, mail in zip(raws, mails, strict=True)]

    def _request(self, raw: Raw) -> Request:
        own = () if _from_sent(raw) else self.own_addresses
        return Request(raw.body, list(self.config.trusted_hosts), list(own))

    def _read(self, raw: Raw, mail: ParsedMail | children.ParsingFailed) -> Sequence[Inbound] | Unparseable:
        try:
            return self._told(raw, mail)
        except Unparseable as error:
            return error

    def _told(self, raw: Raw, mail: ParsedMail | children.ParsingFailed) -> Sequence[Inbound]:
        if isinstance(mail, children.ParsingFailed):
            partial = to_message(raw, scan_headers(raw.body))
            raise Unparseable(f"The mail could not be read: {mail}.", partial)
        if mail.message_id.startswith(identity.TEST_ID) and is_own(mail.sender.email, self.own_addresses):
            return ()  # our own *Test connection*
        return to_echo(raw, mail) if _from_sent(raw) else to_inbound(raw, mail)

    # --- out ---

    def send(self, outbound: Outbound) -> Receipt:
        from connectors.email.send import send

        if self.config.get("receive_only"):
            raise PermanentFailure("This channel only receives.")
        return send(outbound, self.config)

    def test(self) -> Iterator[TestStep]:
        from connectors.email.probe import probe

        return probe(self.config)

    def detect(self) -> Detected:
        from connectors.email.detect import detect

        try:
            found = detect(str(self.config.get("address")), self.config.allow_private)
        except ValueError as error:
            raise PermanentFailure(str(error)) from error
        return Detected(found.settings, found.source)

    # --- access by consent ---

    def sign_in_state(self) -> oauth.State:
        return oauth.state(self.config)

    def consent_address(self, redirect: str, state: str, challenge: str) -> str:
        return oauth.consent_address(self.config, redirect, state, challenge)

    def finish_sign_in(self, code: str, verifier: str, redirect: str) -> None:
        oauth.finish(self.config, code, verifier, redirect)

    def close(self) -> None:
        """End the parsing child; the next mail starts another."""
        self._child.close()


def _from_sent(raw: Raw) -> bool:
    """From the folder of sent mail: everything there is from ourselves."""
    return raw.meta.get("sent") == "1"
