"""The web form's connector: what was filled in becomes a message of whoever left the address; answers go by mail."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from connectors.contract import Address, Connector, Inbound, InboundMessage, Limits, Raw, Setting, Unparseable
from connectors.payloads import field, load

MAX_MESSAGE = 10_000
MAX_FILES = 5
MAX_FILE_BYTES = 10 * 1024 * 1024
_SAFE_SOURCE = re.compile(r"(?:https?://)?(?:\*\.)?[a-z0-9.-]+(?::\d{1,5})?")


class Form(Connector):
    channel: ClassVar[str] = "form"
    label: ClassVar[str] = "Web form"
    icon: ClassVar[str] = "forms"
    identity_kind: ClassVar[str] = "email"
    page_path: ClassVar[str] = "/f/{key}"  # a page for customers, and a script of the same name that embeds it
    bursts: ClassVar[bool] = False
    continuous: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits(
        max_length=MAX_MESSAGE, max_files=MAX_FILES, max_file_bytes=MAX_FILE_BYTES, formats=frozenset({"text", "files"})
    )
    guide: ClassVar[tuple[str, ...]] = (
        "Give it a name and save; every other field has a default.",
        "Link to the address shown here, or paste the script tag where the form shall stand.",
        "For the script tag list your site under Allowed domains.",
        "Fill the form in yourself: it becomes a ticket, answered by email or SMS.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("title", "Title", help="Empty: “Write to us”."),
        Setting("intro", "First lines", "longtext", help="What stands above the fields, for instance when you answer."),
        Setting(
            "contact",
            "How customers can be answered",
            "choice",
            default="either",
            choices=(("either", "Email or phone number"), ("email", "Email only")),
        ),
        Setting("topics", "Subjects to choose from", "lines", help="One a line. Empty: customers write their own."),
        Setting("take_files", "Customers may attach files", "bool", True, help="Up to 5 files of 10 MB each."),
        Setting(
            "consent", "Consent", help="A line customers have to tick, for instance about their data. Empty: none."
        ),
        Setting("thanks", "Thanks", "longtext", help="What is shown once it was sent."),
        Setting(
            "locale",
            "Language",
            "choice",
            default="auto",
            choices=(("auto", "The visitor's"), ("vi", "Tiếng Việt"), ("en", "English")),
        ),
        Setting(
            "allowed_domains",
            "Allowed domains",
            "lines",
            help="Sites that may embed the form, one a line, like shop.example or *.shop.example. Empty: none. *: any.",
        ),
    )

    def normalise(self, value: str) -> str:
        return contact(value).value

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        return (read(raw.body),)

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(" ".join(line.split())[:200] for line in self._lines("topics"))

    def frame_ancestors(self) -> tuple[str, ...]:
        """Sources for the Content-Security-Policy of the embedded form; `'self'` always stands first."""
        wanted = [line.lower().rstrip("/") for line in self._lines("allowed_domains")]
        if "*" in wanted:
            return ("*",)
        return ("'self'", *(line for line in wanted if _SAFE_SOURCE.fullmatch(line)))

    def _lines(self, name: str) -> list[str]:
        given = self.config.get(name, "")
        lines = given if isinstance(given, (list, tuple)) else str(given).splitlines()
        return [str(line).strip() for line in lines if str(line).strip()]


def contact(typed: str, *, email_only: bool = False) -> Address:
    """Email or phone number, as somebody wrote it. Raises ValueError with a sentence for a person."""
    from connectors.email.identity import normalise
    from connectors.phone.numbers import e164

    written = unicodedata.normalize("NFC", typed).strip()
    if "@" in written or email_only:
        return Address("email", normalise(written))
    try:
        return Address("phone", e164(written))
    except ValueError:
        raise ValueError("Write an email address, or a phone number like 0912 345 678.") from None


def read(body: bytes) -> InboundMessage:
    """{"id", "contact", "name", "subject", "message", "page", "locale", "at"} -> message. Raises `Unparseable`."""
    form = load(body, "a form")
    try:
        sender = contact(field(form, "contact", 320))
    except ValueError:
        raise Unparseable("The form names nobody who could be answered.") from None
    name = " ".join(field(form, "name", 200).split())
    text = field(form, "message", MAX_MESSAGE)
    if not text or not field(form, "id", 100):
        raise Unparseable("The form says nothing.")
    subject = " ".join(field(form, "subject", 200).split())
    return InboundMessage(
        external_id=f"form:{field(form, 'id', 100)}",
        sender=Address(sender.kind, sender.value, name=name),
        text=text,
        reply_text=text,
        subject=subject,
        sent_at=_when(form.get("at")),
        authentication={"door": "form"},  # what somebody types proves nothing: a number in a subject leads nowhere
        language=field(form, "locale", 5),
        meta={key: value for key in ("page", "consent") if (value := field(form, key, 1000))},
    )


def _when(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None
