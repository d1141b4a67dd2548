"""Mail delivered straight to us, by SMTP or LMTP: for our own addresses only, never a relay, 250 only after it is kept.

Nobody has checked who sends here, so such mail counts as unauthenticated.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from threading import Event
from typing import Any
from weakref import WeakSet

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from connectors.contract import ChannelConfig, PermanentFailure, Raw, TemporaryFailure
from connectors.email.identity import external_id

log = logging.getLogger(__name__)

MAX_RECIPIENTS = 100
MAX_CONNECTIONS = 40  # at once; each may hold one mail in memory
IDLE_TIMEOUT_S = 120
STOP_TICK_S = 0.2
LOOPBACK = ("127.0.0.0/8", "::1/128")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Certificate:
    """The desk's certificate; renewed files are read again when a connection begins."""

    def __init__(self, chain: str, key: str) -> None:
        self._files = (chain, key)
        self._read_at: tuple[float, float] | None = None
        self._context: ssl.SSLContext | None = None
        self.context()

    def context(self) -> ssl.SSLContext:
        """Raises PermanentFailure when the files cannot be used and never could; a bad renewal keeps the old one."""
        try:
            changed_at = (os.stat(self._files[0]).st_mtime, os.stat(self._files[1]).st_mtime)
            if self._context is not None and changed_at == self._read_at:
                return self._context
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            if self._context is None:
                reason = "The certificate for direct delivery ([email] in config.toml) cannot be read."
                raise PermanentFailure(reason) from error
            log.warning("renewed certificate cannot be read")
            return self._context
        self._context, self._read_at = context, changed_at
        return context


@dataclass(frozen=True)
class Door:
    """Where we listen and what we take."""

    host: str
    port: int
    peers: tuple[Network, ...]
    address: str
    max_bytes: int
    certificate: Certificate | None = None
    tls_required: bool = False

    def admits(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.split("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address.version == network.version and address in network for network in self.peers)

    def takes(self, recipient: str) -> bool:
        """The channel's own address, also with anything after a plus."""
        local, _, domain = recipient.strip().lower().rpartition("@")
        return f"{local.partition('+')[0]}@{domain}" == self.address


def door_of(config: ChannelConfig) -> Door | None:
    """What the settings say; None when the door is off. Raises PermanentFailure when they make no sense."""
    port = config.get("listen_port", 0)
    if not port:
        return None
    given = config.get("listen_from")
    lines = "\n".join(map(str, given)) if isinstance(given, (list, tuple)) else str(given)
    names = [name for name in re.split(r"[\s,;]+", lines) if name]
    try:
        peers = tuple(ipaddress.ip_network(name, strict=False) for name in names or LOOPBACK)
    except ValueError as error:
        raise PermanentFailure(f"listen_from: {error}.") from error
    host = str(config.get("listen_host", "127.0.0.1"))
    address = str(config.get("address")).strip().lower()
    certificate = Certificate(*config.certificate) if config.certificate else None
    required = config.get("listen_tls", "offered") == "required"
    if required and certificate is None:
        raise PermanentFailure(
            "Encryption is required, but config.toml names no certificate ([email] smtp_certificate)."
        )
    return Door(host, int(port), peers, address, config.max_message_bytes, certificate, required)


def serve(config: ChannelConfig, store: Callable[[Raw], None], stop: Event) -> None:
    """Take mail until `stop`; see contract.Serves."""
    door = door_of(config)
    if door is None:
        return
    try:
        asyncio.run(_serve(door, _Handler(door, store), stop))
    except OSError as error:
        raise TemporaryFailure(f"The port {door.port} on {door.host} cannot be opened: {error.strerror}.") from error


async def _serve(door: Door, handler: _Handler, stop: Event) -> None:
    loop = asyncio.get_running_loop()
    talking: WeakSet[asyncio.BaseProtocol] = WeakSet()

    def answer() -> asyncio.BaseProtocol:
        protocol = _protocol(door, handler)
        talking.add(protocol)
        return protocol

    server = await loop.create_server(answer, door.host, door.port)
    try:
        while not stop.is_set():
            await asyncio.sleep(STOP_TICK_S)
    finally:
        server.close()
        for protocol in list(talking):  # whoever is in the middle of a mail keeps it and comes again
            transport = getattr(protocol, "transport", None)
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        await asyncio.sleep(0)
        await server.wait_closed()


class _Busy(asyncio.Protocol):
    """There are as many senders as we serve at once; this one keeps its mail and comes back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"421 4.3.2 Too many connections, try again later\r\n")  # type: ignore[attr-defined]
        transport.close()


def _protocol(door: Door, handler: _Handler) -> asyncio.BaseProtocol:
    if handler.connections >= MAX_CONNECTIONS:
        return _Busy()
    # Lines as long as a whole mail are read: some programs write base64 or HTML without a single line end.
    server = _Server.__new__(_Server)
    server.line_length_limit = max(door.max_bytes, 65_536)
    server.__init__(  # type: ignore[misc]
        handler,
        data_size_limit=door.max_bytes,
        enable_SMTPUTF8=True,
        decode_data=False,
        hostname="helpdesk",
        ident="helpdesk",
        timeout=IDLE_TIMEOUT_S,
        loop=asyncio.get_running_loop(),
        tls_context=door.certificate.context() if door.certificate else None,
        require_starttls=door.tls_required,
    )
    return server


class _Server(LMTP):
    """Both greetings: EHLO speaks SMTP, LHLO speaks LMTP (an answer for each recipient)."""

    command_size_limit = 1000
    _counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._counted:  # STARTTLS makes it anew
            self._counted = True
            self.event_handler.connections += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._counted:
            self._counted = False
            self.event_handler.connections -= 1
            super().connection_lost(error)

    async def smtp_LHLO(self, arg: str) -> None:
        await SMTP.smtp_EHLO(self, arg)
        setattr(self.session, "lmtp", True)  # noqa: B010 - sessions are open to marks of one's own

    async def smtp_EHLO(self, arg: str) -> None:
        await SMTP.smtp_EHLO(self, arg)

    async def smtp_HELO(self, arg: str) -> None:
        await SMTP.smtp_HELO(self, arg)


class _Handler:
    def __init__(self, door: Door, store: Callable[[Raw], None]) -> None:
        self.door, self.store = door, store
        self.connections = 0

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if not self.door.admits(_peer(session)):
            return "550 5.7.1 You may not deliver mail here"
        envelope.mail_from = address or ""
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if not self.door.takes(address):
            return "550 5.7.1 Only mail to this desk is taken, nothing is passed on"
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        raw = Raw(
            external_id(content),
            _trace(session, envelope) + content,
            "message/rfc822",
            datetime.now(UTC),
            meta={"door": "smtp", "peer": _peer(session)},
        )
        answer = await asyncio.get_running_loop().run_in_executor(None, self._keep, raw)
        count = len(envelope.rcpt_tos) if getattr(session, "lmtp", False) else 1
        return "\r\n".join([answer] * count)

    def _keep(self, raw: Raw) -> str:
        """Only when `store` has returned is the mail ours."""
        try:
            self.store(raw)
        except Exception:  # noqa: BLE001 - the border of a listener: whatever it was, the sender keeps the mail
            log.exception("A mail delivered by SMTP could not be stored")
            return "451 4.3.0 Not now, try again later"
        return "250 2.0.0 Stored"


def _peer(session: Session) -> str:
    peer = session.peer
    return str(peer[0]) if isinstance(peer, tuple) else ""


def _trace(session: Session, envelope: Envelope) -> bytes:
    """Who delivered it and to whom: the reply token may stand only in the envelope."""
    lines = [f"Return-Path: <{_safe(envelope.mail_from or '')}>"]
    lines += [f"Delivered-To: {_safe(recipient)}" for recipient in envelope.rcpt_tos]
    name = _safe(str(session.host_name or "unknown"))
    lines.append(f"Received: from {name} ([{_safe(_peer(session))}]) by helpdesk; {format_datetime(datetime.now(UTC))}")
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


def _safe(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f<>]", "", text)[:320]
