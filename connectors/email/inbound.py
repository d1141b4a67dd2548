"""A parsed mail in the words of the connector contract."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from connectors.contract import (
    Address,
    BouncedRecipient,
    Evidence,
    File,
    Inbound,
    InboundBounce,
    InboundMessage,
    Raw,
    Unparseable,
)
from connectors.email import auth, forwarded, invites
from connectors.email.addresses import Mailbox
from connectors.email.attachments import MailFile
from connectors.email.identity import lenient
from connectors.email.parse import ParsedMail


def to_inbound(raw: Raw, mail: ParsedMail) -> Sequence[Inbound]:
    """Raises Unparseable when nobody and nothing can be found in the mail; its `partial` holds the rest."""
    message = to_message(raw, mail)
    if "too_large" in raw.meta:
        megabytes = int(raw.meta["too_large"]) / 1_048_576
        reason = f"The mail is too large to import ({megabytes:.1f} MB). It is still in the mailbox."
        raise Unparseable(reason, message)
    if mail.bounce is not None:
        recipients = tuple(
            BouncedRecipient(lenient(one.email), one.status, one.reason, one.permanent)
            for one in mail.bounce.recipients
        )
        return (InboundBounce(raw.external_id, recipients, mail.bounce.original_message_id, message),)
    if not mail.sender.email:
        raise Unparseable("The mail does not say who sent it.", message)
    if not (message.text or message.files or message.html or message.subject):
        raise Unparseable("The mail is empty.", message)
    return (message,)


def to_echo(raw: Raw, mail: ParsedMail) -> Sequence[Inbound]:
    """What a colleague sent from another program: the same words, going the other way. Nothing for what no person
    wrote, and for what is too large to be read whole: it stays in the mailbox."""
    if mail.auto != "no" or mail.bounce is not None or "too_large" in raw.meta:
        return ()
    message = to_message(raw, mail)
    if not (message.text or message.files or message.html):
        return ()
    return (replace(message, kind="echo", sent_at=message.sent_at or raw.received_at),)


def to_message(raw: Raw, mail: ParsedMail) -> InboundMessage:
    """Everything the mail says, whoever sent it."""
    text = mail.text or (mail.subject if not (mail.files or mail.html) else "")
    return InboundMessage(
        external_id=raw.external_id,
        sender=_address(mail.sender),
        text=text,
        reply_text=mail.reply_text or text,
        html=mail.html,
        quoted_text=mail.quoted_text,
        subject=mail.subject,
        sent_at=mail.date,
        files=tuple(_file(file) for file in mail.files),
        evidence=Evidence(
            addressed_to=tuple(mail.addressed_to),
            in_reply_to=tuple(mail.in_reply_to),
            references=tuple(mail.references),
            subject=mail.subject,
            body_marker=mail.body_marker,
        ),
        message_id=mail.message_id,
        reply_to=tuple(_address(box) for box in mail.reply_to),
        to=tuple(_address(box) for box in mail.to if box.email),
        cc=tuple(_address(box) for box in mail.cc if box.email),
        auto=mail.auto,
        auto_reply_allowed=mail.auto_reply_allowed,
        authentication=_authentication(raw, mail),
        defects=tuple(mail.defects),
        forwarded=forwarded.read(mail),
        meta={**invites.read(mail.files), **_trackers(mail.html)},
    )


_TRACKER = re.compile(r'<img[^>]{0,2000}? data-src="https?://([^"/?#]{1,200})[^>]{0,2000}? data-tracker="1"')


def _trackers(html: str) -> dict[str, str]:
    """Who would have learned that the mail was opened: the hosts of pictures too small to be seen."""
    if "data-tracker" not in html:
        return {}
    hosts = dict.fromkeys(host.rpartition("@")[2].lower() for host in _TRACKER.findall(html))
    return {"trackers": ", ".join(list(hosts)[:5])}


def _authentication(raw: Raw, mail: ParsedMail) -> dict[str, str]:
    """Mail that came straight over our own SMTP door was checked by nobody, whatever its headers claim."""
    if raw.meta.get("door") == "smtp":
        return {**dict.fromkeys(auth.METHODS, auth.UNKNOWN), "door": "smtp"}
    return dict(mail.authentication)


def _address(box: Mailbox) -> Address:
    return Address("email", lenient(box.email) if box.email else "", name=box.name)


def _file(file: MailFile) -> File:
    return File(
        filename=file.filename or "file.bin",
        content_type=file.content_type,
        size_bytes=file.size_bytes,
        data=None if file.problem else file.data,
        inline=file.inline,
        content_id=file.content_id,
        problem=file.problem,
    )
