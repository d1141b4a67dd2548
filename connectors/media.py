"""Files a far side names by address: fetched once, from its own hosts only, within a limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from connectors.contract import ChannelConfig, File, PermanentFailure, TemporaryFailure
from connectors.web import Web

FETCH_S = 120.0
GONE = "{} no longer has this file."
MAX_BYTES = 25 * 1024 * 1024


def fetch(
    name: str,
    file: File,
    config: ChannelConfig,
    hosts: Iterable[str],
    *,
    base: str,
    limit_bytes: int = MAX_BYTES,
    headers: Mapping[str, str] | None = None,
    denied: str = GONE,
) -> File:
    """`file` with its bytes, or with `problem` saying why not. Raises TemporaryFailure.

    `hosts`: names (and everything below them) the far side keeps files on; besides them only the host of `base`,
    the address its API is configured at. Redirects are not followed, so `headers` (a login)
    reach nobody else; `denied` says that they are refused. Private addresses are refused by `Web`.
    """
    too_large = f"The file is larger than {limit_bytes // 2**20} MB."
    if file.size_bytes > limit_bytes:
        return replace(file, problem=too_large)
    if not admitted(file.ref, tuple(hosts), base):
        return replace(file, problem=f"The file's address does not belong to {name}, so it was not fetched.")
    parts = urlsplit(file.ref)
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    try:
        with Web(name, f"{parts.scheme}://{parts.netloc}", config.allow_private) as web:
            answer = web.request("GET", path, answer_s=FETCH_S, limit_bytes=limit_bytes, headers=headers)
    except PermanentFailure as error:
        return replace(file, problem=str(error))
    if answer is None:
        return replace(file, problem=too_large)
    status, data = answer
    if status == 429 or status >= 500:
        raise TemporaryFailure(f"{name} does not hand out the file right now (HTTP {status}).")
    if status in (401, 403):
        return replace(file, problem=denied.format(name))
    if status != 200:
        return replace(file, problem=GONE.format(name))
    return replace(file, data=data, size_bytes=len(data), problem="")


def admitted(ref: str, hosts: tuple[str, ...], base: str) -> bool:
    """Is this address one that files may be fetched from?"""
    try:
        parts, own = urlsplit(ref), urlsplit(base)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if parts.username or parts.scheme not in ("http", "https"):
        return False
    if (parts.scheme, host, port) == (own.scheme, own.hostname, own.port):
        return True
    return parts.scheme == "https" and port in (None, 443) and any(host == h or host.endswith(f".{h}") for h in hosts)
