"""What an agent wrote, and whether it can go as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from connectors.contract import Connector, Shared
from helpdesk.errors import Invalid
from helpdesk.folding import clean
from helpdesk.services import markup, sharing

MAX_TEXT = 100_000
_NAMED = re.compile(r"^[^<>]*<([^<>]+)>\s*$")  # Name <address>


@dataclass(frozen=True)
class Written:
    """What an agent wrote. `then`: default (the team's status), solve, or a status (open, pending, on_hold)."""

    text: str = ""
    html: str = ""
    channel_id: int | None = None
    identity_id: int | None = None
    cc: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    client_msg_id: str = ""
    seen_seq: int | None = None
    then: str = "default"
    subject: str = ""
    template: str = ""  # approved.key of the template to send it as
    shared: Shared | None = None  # a place, a card or a sticker that goes along


def content(written: Written) -> tuple[str, str]:
    """Its text and sanitised HTML, with the words for what goes along. Raises Invalid when there is nothing, or too much."""
    html = markup.sanitise(clean(written.html)) if written.html.strip() else ""
    text = clean(written.text).strip() or markup.to_text(html)
    if written.shared:
        text, html = sharing.along(text, html, written.shared)
    if not text and not written.attachments:
        raise Invalid(fields={"text": str(_l("Write something first."))})
    if len(text) > MAX_TEXT:
        raise Invalid(fields={"text": str(_l("This is too long for one message."))})
    return text, html


def copies(connector: Connector, given: Sequence[str]) -> tuple[str, ...]:
    """The addresses behind what was written into Cc; nobody where the channel knows no copies. Raises Invalid."""
    if not connector.copies:
        return ()
    found = []
    for one in given:
        named = _NAMED.match(one)
        try:
            found.append(connector.normalise(named[1] if named else one))
        except ValueError as error:
            raise Invalid(fields={"cc": str(error.args[-1])}) from None
    return tuple(dict.fromkeys(found))


def within_limits(connector: Connector, text: str, written: Written, address: str = "") -> None:
    """Raises Invalid with what the channel does not take, at this address of it."""
    limits = connector.limits_for(address)
    if limits.max_length is not None and len(text) > limits.max_length:
        raise Invalid(fields={"text": str(_l("This channel takes at most %(n)d characters.", n=limits.max_length))})
    if limits.max_files is not None and len(written.attachments) > limits.max_files:
        raise Invalid(fields={"attachments": str(_l("This channel takes at most %(n)d files.", n=limits.max_files))})
    if written.attachments and "files" not in limits.formats:
        raise Invalid(fields={"attachments": str(_l("Files cannot be sent on this channel."))})
    if written.shared and (written.template or written.shared.kind not in sharing.kinds(connector)):
        raise Invalid(fields={"shared": str(_l("Places, contacts and stickers cannot be sent this way."))})
