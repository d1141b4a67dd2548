"""Our mails signed with the channel's own key (RFC 6376), where one is set. The public half stands in the DNS."""

from __future__ import annotations

import base64
import binascii
import re

from connectors.contract import ChannelConfig, PermanentFailure
from connectors.email.compose import ascii_domain

# Absent ones are signed too where a second one must not be added on the way.
HEADERS = (b"from", b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"in-reply-to", b"references", b"reply-to",
           b"mime-version", b"content-type", b"auto-submitted", b"list-unsubscribe", b"list-unsubscribe-post")  # fmt: skip
_PEM = re.compile(r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----(.*?)-----END \1-----", re.S)
_SELECTOR = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,60}[A-Za-z0-9])?$")


def sign(content: bytes, config: ChannelConfig) -> bytes:
    """The mail with a DKIM-Signature above it, or as it was without a key. Raises PermanentFailure for an unusable key."""
    key, selector = str(config.get("dkim_key")), str(config.get("dkim_selector")).strip()
    if not key:
        return content
    domain = ascii_domain(str(config.get("address")).strip().rpartition("@")[2].lower())
    if not _SELECTOR.match(selector):
        raise PermanentFailure("The channel has a DKIM key but no selector it can be found by.")
    import dkim  # only channels with a key need it

    present = {line.partition(b":")[0].strip().lower() for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n")}
    wanted = [name for name in HEADERS if name in present]
    try:
        header: bytes = dkim.sign(
            content, selector.encode(), domain.encode(), pem(key), canonicalize=(b"relaxed", b"relaxed"),
            include_headers=wanted,
        )  # fmt: skip
    except (dkim.DKIMException, dkim.KeyFormatError, ValueError, binascii.Error) as error:
        raise PermanentFailure("The channel's DKIM key cannot be used; put in a private RSA key as PEM.") from error
    return header + content


def pem(key: str) -> bytes:
    """A private key as PEM with its lines, however it was pasted (a form field keeps no line ends)."""
    found = _PEM.search(key)
    kind, body = (found[1], found[2]) if found else ("PRIVATE KEY", key)
    data = base64.b64decode("".join(body.split()), validate=True)
    lines = re.findall(".{1,64}", base64.b64encode(data).decode("ascii"))
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]).encode("ascii")
