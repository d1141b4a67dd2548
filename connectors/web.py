"""HTTP to one far side, for connectors: a checked and pinned address, and failures in the words of the contract.

httpx is imported where it is used: only the processes that talk to the far side pay for its memory.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from connectors import network
from connectors.contract import (
    ConnectorError,
    IPNetwork,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)

if TYPE_CHECKING:
    import ssl

    import httpx

CONNECT_S = 10.0
ANSWER_S = 30.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024

# Both libraries log every address they ask, and an address may hold a token.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Web:
    """One far side. Use as a context manager; `name` stands in the sentences of errors.

    Making one raises PermanentFailure when the address is malformed or private and not admitted, and TemporaryFailure
    when its name does not resolve. Redirects are not followed; proxies of the environment are not used.
    """

    def __init__(self, name: str, base: str, allow_private: Iterable[IPNetwork], proxy: str = "") -> None:
        self._name = name
        self._host = ""
        parts = _split(name, base)
        allowed = tuple(allow_private)
        if proxy:
            _check_proxy(proxy, allowed)
            _refuse_private_literal(parts, allowed)
            self._base = base.rstrip("/")
        else:
            self._base, self._host = _pinned(parts, allowed)
        self._client = _client(proxy)

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def request(
        self,
        verb: str,
        path: str,
        *,
        sends: bool = False,
        answer_s: float = ANSWER_S,
        limit_bytes: int = MAX_ANSWER_BYTES,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> tuple[int, bytes] | None:
        """Status and content of the answer, or None when the content is larger than the limit.

        `body` is httpx's: json, data, files, content. Raises TemporaryFailure, and OutcomeUnknown when the request
        `sends` something and the answer was lost after it had left.
        """
        import httpx

        request = self._build(verb, path, answer_s, headers or {}, body)
        try:
            response = self._client.send(request, stream=True)
            try:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > limit_bytes:
                        return None
                return response.status_code, bytes(content)
            finally:
                response.close()
        except httpx.HTTPError as error:
            # `from None`: the error below carries the request, whose address may hold a token.
            raise self._lost(error, sends=sends) from None

    def _build(
        self, verb: str, path: str, answer_s: float, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> httpx.Request:
        import httpx

        named = {"Host": self._host, **headers} if self._host else dict(headers)
        timeout = httpx.Timeout(answer_s, connect=CONNECT_S)
        request = self._client.build_request(verb, f"{self._base}/{path}", headers=named, timeout=timeout, **body)
        if self._host:
            request.extensions["sni_hostname"] = urlsplit(f"//{self._host}").hostname or ""
        return request

    def _lost(self, error: httpx.HTTPError, *, sends: bool) -> ConnectorError:
        """What a broken exchange means: before the request was out it is harmless, after it nobody knows."""
        import httpx

        if isinstance(error, httpx.ProxyError):
            return TemporaryFailure(f"The proxy does not let this helpdesk through to {self._name}.")
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            return TemporaryFailure(f"{self._name} could not be reached.")
        never_left = (httpx.PoolTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.UnsupportedProtocol)
        if sends and not isinstance(error, never_left):
            return OutcomeUnknown(
                f"The connection to {self._name} broke before it answered; the message may have arrived."
            )
        return TemporaryFailure(f"The connection to {self._name} broke.")


def _pinned(parts: SplitResult, allow_private: tuple[IPNetwork, ...]) -> tuple[str, str]:
    """The base address with the name replaced by a checked address, and the Host header to send."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = network.resolve(parts.hostname or "", port, allow_private)
    shown = f"[{address}]" if ":" in address else address
    return urlunsplit((parts.scheme, f"{shown}:{port}", parts.path.rstrip("/"), "", "")), parts.netloc


def _check_proxy(proxy: str, allow_private: tuple[IPNetwork, ...]) -> None:
    try:
        parts = urlsplit(proxy)
        known = parts.scheme in ("http", "https", "socks5", "socks5h") and parts.hostname
        port = parts.port or (1080 if parts.scheme.startswith("socks") else 8080)
    except ValueError:
        known, port = None, 0
    if not known:
        raise PermanentFailure("The proxy must be written like http://host:port or socks5://host:port.")
    network.resolve(known, port, allow_private)


def _refuse_private_literal(parts: SplitResult, allow_private: tuple[IPNetwork, ...]) -> None:
    """Behind a proxy names are the proxy's to resolve; an address written out is still ours to judge."""
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if not network.admitted(address, allow_private):
        raise PermanentFailure(f"{host} is a private address; [network] allow_private in the configuration admits it.")


def _split(name: str, base: str) -> SplitResult:
    try:
        parts = urlsplit(base)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True) and not parts.username
    except ValueError:
        good = None
    if not good:
        raise PermanentFailure(f"The address of {name} must be written like https://api.example.com.")
    return parts


def _client(proxy: str) -> httpx.Client:
    import httpx

    try:
        return httpx.Client(verify=_tls(), proxy=proxy or None, trust_env=False, follow_redirects=False)
    except (ImportError, ValueError):
        raise PermanentFailure("This kind of proxy cannot be used.") from None


@cache
def _tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context(trust_env=False)
