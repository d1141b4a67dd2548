"""WhatsApp by Meta's Cloud API. Not yet tried against the live service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from connectors import links, media, templates
from connectors.contract import (
    Accepted,
    Connector,
    ConnectorError,
    File,
    Inbound,
    InboundRating,
    Limits,
    Outbound,
    PermanentFailure,
    Raw,
    Receipt,
    Setting,
    Sticker,
    Template,
    TestStep,
    WebRequest,
    Window,
)
from connectors.meta import door
from connectors.meta.graph import API_BASE, SENTENCES, VERSION, Graph
from connectors.meta.social import config_key
from connectors.payloads import address, nfc
from connectors.whatsapp import parse, send

MEDIA_HOSTS = ("fbsbx.com", "whatsapp.net", "fbcdn.net")
MAX_MEDIA_BYTES = 100 * 1024 * 1024
_BSUID = re.compile(r"[A-Z]{2}(\.ENT)?\.[A-Za-z0-9]{1,128}")


class WhatsApp(Connector):
    channel: ClassVar[str] = "whatsapp"
    label: ClassVar[str] = "WhatsApp"
    icon: ClassVar[str] = "brand-whatsapp"
    untried: ClassVar[bool] = True
    identity_kind: ClassVar[str] = "whatsapp"
    notifies: ClassVar[bool] = True
    rates: ClassVar[bool] = True
    shares: ClassVar[frozenset[str]] = frozenset({"place", "contact"})
    limits: ClassVar[Limits] = Limits(
        max_length=4 * send.MAX_TEXT,
        max_file_bytes=100 * 1024 * 1024,
        max_files=10,
        formats=frozenset({"text", "files"}),
        reply_window_hours=24,
        windows=(Window(24),),
        after_window="Only a template that WhatsApp approved can be sent now.",
    )
    guide: ClassVar[tuple[str, ...]] = (
        "On developers.facebook.com create an app of type Business and add WhatsApp; link your number to it.",
        "Under WhatsApp → API setup copy the phone number ID and the ID of the WhatsApp Business account.",
        "In the Business settings make a system user and a token that does not expire, with whatsapp_business_messaging and "
        "whatsapp_business_management.",
        "Under App settings → Basic copy the app secret. Make up a verify token: any long word.",
        "Save, then paste the address shown here as callback URL under WhatsApp → Configuration, with the same verify token, "
        "and subscribe to messages.",
        "Test connection, then write to the number from your phone.",
        "For answers after 24 hours, let WhatsApp approve a template and describe it in the form, one a line.",
    )
    sentences: ClassVar[tuple[str, ...]] = SENTENCES
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("phone_number_id", "Phone number ID", required=True, help="A long number, not the phone number itself."),
        Setting("number", "Phone number", help="With its country code; Test connection tells it. For links that open a chat."),
        Setting("business_id", "WhatsApp Business account ID", help="To switch the events on by Test connection."),
        Setting("access_token", "Access token", "secret", help="Of a system user; one that does not expire."),
        Setting("app_secret", "App secret", "secret", help="It signs the events."),
        Setting("verify_token", "Verify token", "secret", help="Any long word; enter the same at Meta."),
        Setting(
            "templates", "Approved templates", "longtext",
            help="One a line: name | language | text, with {{customer}}, {{ticket}}, {{agent}} and {{text}} in the places.",
        ),
        Setting("api_base", "API address", default=API_BASE, guards_secrets=True, group="Network"),
        Setting("api_version", "API version", default=VERSION, group="Network"),
    )  # fmt: skip

    @property
    def number_id(self) -> str:
        return str(self.config.get("phone_number_id")).strip()

    @property
    def identity_scope(self) -> str:
        """Our number: WhatsApp's ids of people belong to one business."""
        return self.number_id

    def normalise(self, value: str) -> str:
        found = value.strip()
        if _BSUID.fullmatch(found):
            return found
        digits = re.sub(r"[\s().+-]", "", found)
        if not (digits.isascii() and digits.isdecimal() and 6 <= len(digits) <= 15):
            raise ValueError("A WhatsApp identity is a phone number with its country code, or the id WhatsApp gives.")
        return digits

    def opening(self, words: str) -> str:
        return links.whatsapp(str(self.config.get("number")), words)

    def stickers(self) -> Sequence[Sticker]:
        return ()

    def templates(self) -> Sequence[Template]:
        return templates.described(str(self.config.get("templates")))

    # --- in ---------------------------------------------------------------------------------------------------

    def accept(self, request: WebRequest) -> Accepted:
        if request.method == "GET":
            return door.challenge(request, self.config)
        call = door.verified(request, self.config, "whatsapp_business_account")
        raws = (Raw(name, json.dumps(one).encode(), "application/json") for name, one in parse.raw_names(call))
        return Accepted(tuple(raws))

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        return parse.read(raw.body, self.number_id)

    def fetch(self, file: File) -> File:
        """By id: WhatsApp names an address that is good for some minutes, and only with the token."""
        if file.size_bytes > MAX_MEDIA_BYTES:
            return replace(file, problem="The file is larger than 100 MB.")
        try:
            with Graph("WhatsApp", self.config) as graph:
                found, bearer = graph.get(file.ref), graph.bearer
        except PermanentFailure as error:
            return replace(file, problem=str(error))
        size = found.get("file_size")
        here = replace(file, ref=address(found.get("url")), size_bytes=size if isinstance(size, int) else 0)
        base, most = str(self.config.get("api_base", API_BASE)), min(MAX_MEDIA_BYTES, self.config.max_message_bytes)
        return media.fetch("WhatsApp", here, self.config, MEDIA_HOSTS, base=base, limit_bytes=most, headers=bearer)

    # --- out --------------------------------------------------------------------------------------------------

    def send(self, outbound: Outbound) -> Receipt:
        with Graph("WhatsApp", self.config) as graph:
            return send.send(graph, self.number_id, config_key(self.config), outbound)

    def settle(self, rating: InboundRating, thanks: str, ask_why: Sequence[tuple[str, str]]) -> None:
        self.send(Outbound(0, (rating.sender,), thanks))

    def test(self) -> Iterator[TestStep]:
        if not self.number_id.isdecimal():
            yield TestStep(
                "Settings", False, "The phone number ID is a long number.", "It is not the phone number itself."
            )
            return
        name = "Access"
        try:
            with Graph("WhatsApp", self.config) as graph:
                found = graph.get(self.number_id, fields="display_phone_number,verified_name")
                shown = f"{nfc(found.get('verified_name'))} {nfc(found.get('display_phone_number'))}".strip()
                yield TestStep(name, True, shown or f"Number {self.number_id}.")
                name, business = "Events", str(self.config.get("business_id")).strip()
                if business:
                    graph.post(f"{business}/subscribed_apps", {})
                    yield TestStep(name, True, "The account sends its events to the app.")
        except ConnectorError as error:
            yield TestStep(name, False, str(error), "Is the ID right, and may the token's user use this account?")
            return
        missing = [s for s in ("app_secret", "verify_token") if not self.config.get(s)]
        if missing:
            yield TestStep(
                "Webhook", False, f"Not entered yet: {', '.join(missing)}.", "Without it no event is accepted."
            )
            return
        count = len(self.templates())
        yield TestStep(
            "Webhook", True, f"Events are accepted when they are signed with the app's secret. {count} templates."
        )
