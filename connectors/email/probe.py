"""*Test connection*: everything the channel needs, step by step, and what to do where it fails."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator

from connectors.contract import Address, ChannelConfig, ConnectorError, Outbound, TemporaryFailure, TestStep
from connectors.email import folders, oauth, pinned, reach
from connectors.email.detect import detect
from connectors.email.identity import TEST_ID
from connectors.email.listen import sent_folder
from connectors.email.pinned import ImapSession, close_imap, close_smtp, network_errors
from connectors.email.providers import Server
from connectors.email.send import send
from connectors.network import resolve

ROUND_TRIP_S = 30.0
CONNECT_S = 10.0
PLUS_ADDRESSING = "plus_addressing"

ADVICE = {
    "dns": "Check the spelling of the server's name.",
    "connect": "Check the port, and that a firewall lets this machine out to it.",
    "tls": "Check the port and the security setting: TLS is usually 993 (IMAP) and 465 (SMTP), STARTTLS 143 and 587.",
    "login": "Check the user name and the password. With two-factor login most providers ask for an app password.",
    "consent": "Press Connect (again) on this page once the settings are saved, as the owner of the mailbox.",
    "folder": "Check the folder's name as the server spells it; the usual one is INBOX.",
    "trip": "The server took the test mail, but it did not come back: check the address and its spam folder.",
}


NO_SENT = "No folder of sent mail was found; answers from other programs are not seen."

Fix = tuple[tuple[str, str | int], ...]


class _Failed(Exception):
    """The failed step was told already."""


def probe(config: ChannelConfig) -> Iterator[TestStep]:
    """Steps until the first that fails."""
    sessions: list[ImapSession] = []
    try:
        if config.get("imap_host"):
            yield from _reach("IMAP", config, *pinned.imap_place(config))
            yield from _mailbox(config, sessions)
        if config.get("smtp_host"):
            yield from _reach("SMTP", config, *pinned.smtp_place(config))
            yield from _outgoing(config)
        if sessions and config.get("smtp_host") and not config.get("receive_only"):
            yield from _round_trip(sessions[0], config)
        if not any(config.get(name) for name in ("imap_host", "smtp_host", "listen_port")):
            yield TestStep("Settings", False, "No mail server is set.", "Set an IMAP server, an SMTP server or both.")
    except _Failed:
        return
    except ConnectorError as error:
        yield TestStep("Settings", False, str(error))
    finally:
        for session in sessions:
            close_imap(session)


def _reach(kind: str, config: ChannelConfig, host: str, port: int, security: str) -> Iterator[TestStep]:
    """DNS, TCP and encryption; where one fails, what would have worked is looked for."""
    try:
        address = resolve(host, port, config.allow_private)
    except ConnectorError as error:
        advice = (
            ADVICE["dns"] if isinstance(error, TemporaryFailure) else ""
        )  # what is forbidden says itself what to do
        yield TestStep(f"{kind}: name", False, str(error), advice, fix=_other_host(kind, config, host))
        raise _Failed from error
    yield TestStep(f"{kind}: name", True, f"{host} has the address {address}.")
    try:
        with network_errors(f"{host}:{port}"):
            socket.create_connection((address, port), CONNECT_S).close()
    except ConnectorError as error:
        yield TestStep(f"{kind}: connection", False, str(error), ADVICE["connect"], fix=_other_port(kind, config, host))
        raise _Failed from error
    yield TestStep(f"{kind}: connection", True, f"{host}:{port} answers.")
    if security == "none":
        return
    try:
        with network_errors(f"{host}:{port}"):
            version = reach.encrypt(kind.lower(), Server(host, port, security), address)
    except ConnectorError as error:
        yield TestStep(f"{kind}: encryption", False, str(error), ADVICE["tls"], fix=_other_port(kind, config, host))
        raise _Failed from error
    yield TestStep(f"{kind}: encryption", True, f"{version}; the certificate is valid for {host}.")


def _other_port(kind: str, config: ChannelConfig, host: str) -> Fix:
    """Another place of the same server that works."""
    return _fix(kind, reach.first(kind.lower(), [host], config.allow_private))


def _other_host(kind: str, config: ChannelConfig, host: str) -> Fix:
    """What is known of the address, when it is another server."""
    try:
        found = detect(str(config.get("address")), config.allow_private)
    except ValueError:
        return ()
    server = found.imap if kind == "IMAP" else found.smtp
    return _fix(kind, server) if server is not None and server.host != host else ()


def _fix(kind: str, server: Server | None) -> Fix:
    if server is None:
        return ()
    name = kind.lower()
    return ((f"{name}_host", server.host), (f"{name}_port", server.port), (f"{name}_security", server.security))


def _mailbox(config: ChannelConfig, sessions: list[ImapSession]) -> Iterator[TestStep]:
    try:
        session = pinned.open_imap(config)
    except ConnectorError as error:
        yield TestStep("IMAP: login", False, str(error), _login_advice(config))
        raise _Failed from error
    sessions.append(session)
    yield TestStep("IMAP: login", True, f"Logged in as {config.get('imap_user') or config.get('address')}.")
    folder = str(config.get("imap_folder", "INBOX"))
    try:
        with network_errors("The mail server"):
            exists = session.folder_exists(folder)
            count = int(session.select_folder(folder).get(b"EXISTS", 0)) if exists else 0
            nearest = None if exists else folders.nearest(session, folder)
    except ConnectorError as error:
        yield TestStep("IMAP: folder", False, str(error), ADVICE["folder"])
        raise _Failed from error
    if not exists:
        fix: Fix = (("imap_folder", nearest),) if nearest else ()
        yield TestStep("IMAP: folder", False, f"There is no folder “{folder}”.", ADVICE["folder"], fix=fix)
        raise _Failed
    yield TestStep("IMAP: folder", True, f"The folder “{folder}” holds {count} mails.")
    yield from _other_folders(session, config, folder)


def _login_advice(config: ChannelConfig) -> str:
    return ADVICE["login" if oauth.provider_of(config) is None else "consent"]


def _other_folders(session: ImapSession, config: ChannelConfig, folder: str) -> Iterator[TestStep]:
    """Where sent mail lies, and where mail goes after it was taken in."""
    if config.get("watch_sent", True):
        name = "IMAP: sent mail"
        try:
            with network_errors("The mail server"):
                sent = sent_folder(session, config)
        except ConnectorError as error:
            yield TestStep(name, False, str(error), ADVICE["folder"], fix=(("sent_folder", ""),))
            raise _Failed from error
        told = f"The folder “{sent}” is watched." if sent else NO_SENT
        yield TestStep(name, True, told)
    archive = str(config.get("archive_folder")).strip()
    if not archive:
        return
    try:
        with network_errors("The mail server"):
            folders.check_archive(session, archive, folder)
    except ConnectorError as error:
        yield TestStep("IMAP: archive", False, str(error), ADVICE["folder"])
        raise _Failed from error
    yield TestStep("IMAP: archive", True, f"Mail is moved to “{archive}”.")


def _outgoing(config: ChannelConfig) -> Iterator[TestStep]:
    try:
        close_smtp(pinned.open_smtp(config))
    except ConnectorError as error:
        yield TestStep("SMTP: login", False, str(error), _login_advice(config))
        raise _Failed from error
    yield TestStep("SMTP: login", True, "The server takes our mail.")


def _round_trip(session: ImapSession, config: ChannelConfig) -> Iterator[TestStep]:
    """A mail to ourselves has to come back; one to the address with a plus may."""
    address = str(config.get("address"))
    local, _, domain = address.rpartition("@")
    name = uuid.uuid4().hex[:12]
    plain, plus = f"{TEST_ID}{name}@{domain}", f"{TEST_ID}{name}-plus@{domain}"
    try:
        _send_test(config, address, plain)
    except ConnectorError as error:
        yield TestStep("Round trip", False, str(error), ADVICE["trip"])
        raise _Failed from error
    plus_taken = True
    try:
        _send_test(config, f"{local}+{TEST_ID}{name}@{domain}", plus)
    except ConnectorError:
        plus_taken = False
    began = time.monotonic()
    try:
        with network_errors("The mail server"):
            arrived = _await(session, plain, ROUND_TRIP_S)
            # The second was sent a moment after the first: when it does not follow soon, it never will.
            plus_works = arrived and plus_taken and _await(session, plus, 5.0)
    except ConnectorError as error:
        yield TestStep("Round trip", False, str(error), ADVICE["trip"])
        raise _Failed from error
    if not arrived:
        yield TestStep("Round trip", False, f"The test mail did not arrive in {ROUND_TRIP_S:g} s.", ADVICE["trip"])
        raise _Failed
    yield TestStep("Round trip", True, f"Sent and received in {time.monotonic() - began:.1f} s.")
    if plus_works:
        yield TestStep("Reply addresses", True, f"{local}+…@{domain} arrives here.", fact=PLUS_ADDRESSING)
    else:
        yield TestStep("Reply addresses", True, f"{local}+…@{domain} does not arrive; answers are matched without it.")


def _send_test(config: ChannelConfig, recipient: str, message_id: str) -> None:
    send(
        Outbound(
            delivery_id=0,
            to=(Address("email", recipient),),
            subject="Helpdesk: connection test",
            text="This mail was sent to see whether mail can be sent and received. It can be deleted.",
            message_id=message_id,
            automatic=True,
        ),
        config,
    )


def _await(session: ImapSession, message_id: str, timeout_s: float) -> bool:
    """Has the mail arrived? It is removed from the mailbox again."""
    until = time.monotonic() + timeout_s
    while True:
        session.noop()
        found = session.search(["HEADER", "Message-ID", message_id])
        if found:
            session.delete_messages(found, silent=True)
            if session.has_capability("UIDPLUS"):
                session.uid_expunge(found)
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
