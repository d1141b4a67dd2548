"""Where a connector may connect to: public addresses, and private ones the configuration admits.

The address is resolved once and pinned, so that a second DNS answer cannot lead elsewhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from connectors.contract import IPNetwork, PermanentFailure, TemporaryFailure

SENTENCES = (
    "The name %(host)s could not be resolved.",
    "%(host)s is a private address; [network] allow_private in the configuration admits it.",
)


def resolve(host: str, port: int, allow_private: Iterable[IPNetwork]) -> str:
    """The first address of `host` that may be connected to, as text.

    Raises PermanentFailure when only forbidden addresses exist, TemporaryFailure when the name does not resolve.
    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise TemporaryFailure(f"The name {host} could not be resolved.") from error
    allowed = tuple(allow_private)
    for info in infos:
        address = ipaddress.ip_address(str(info[4][0]).split("%")[0])
        if admitted(address, allowed):
            return str(address)
    raise PermanentFailure(f"{host} is a private address; [network] allow_private in the configuration admits it.")


_TRANSLATED = tuple(ipaddress.IPv6Network(n) for n in ("64:ff9b::/96", "::/96"))


def _within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address such an address leads to: mapped, translated (NAT64), tunnelled (6to4), or written the old way."""
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if int(address) > 1 and any(address in network for network in _TRANSLATED):  # :: and ::1 are themselves
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def admitted(address: ipaddress.IPv4Address | ipaddress.IPv6Address, allow_private: Iterable[IPNetwork]) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        address = _within(address) or address
    if address.is_global and not address.is_multicast:
        return True
    return any(address.version == network.version and address in network for network in allow_private)
