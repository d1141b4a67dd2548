"""The Zalo Official Account connector. Follows descriptions of working integrations; not yet tried against the live service."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from connectors import links, media, templates
from connectors.contract import (
    Accepted,
    Address,
    Connector,
    File,
    Inbound,
    InboundMessage,
    InboundRating,
    Limits,
    Outbound,
    Raw,
    Receipt,
    Refused,
    Setting,
    Template,
    TestStep,
    WebRequest,
    Window,
)
from connectors.payloads import digest, id_of, nfc, pick
from connectors.zalo import codes, notes, parse, probe, send
from connectors.zalo.api import API_BASE, CONNECT_AGAIN, OAUTH_BASE, ZaloApi, access_token

MAX_EVENT_BYTES = 1024 * 1024
MEDIA_HOSTS = ("zdn.vn", "zadn.vn", "zalo.me", "zaloapp.com")


class Zalo(Connector):
    channel: ClassVar[str] = "zalo"
    label: ClassVar[str] = "Zalo OA"
    icon: ClassVar[str] = "circle-letter-z"
    untried: ClassVar[bool] = True
    identity_kind: ClassVar[str] = "zalo"
    notifies: ClassVar[bool] = True
    rates: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(
        max_length=4 * send.MAX_TEXT,
        max_file_bytes=5 * 1024 * 1024,
        max_files=5,
        formats=frozenset({"text", "files"}),
        reply_window_hours=7 * 24,
        windows=(
            Window(48, "Free: at most 8 messages until they answer."),
            Window(7 * 24, "Zalo charges for each message now."),
        ),
        after_window="Zalo takes no ordinary message until they write again: send an approved template, or use another channel.",
    )
    guide: ClassVar[tuple[str, ...]] = (
        "On developers.zalo.me create an app, or open yours; note its ID and its secret key.",
        "Under Official Account, link the app to your Official Account and give it the right to send and to manage "
        "messages. Note the Official Account's ID.",
        "With Zalo's API Explorer get a token pair for the Official Account and enter the refresh token in the form. It is good "
        "for one use: from then on this helpdesk renews it by itself. Save.",
        "Under Webhook, paste the address that is shown here now, and switch on the events of users and of the Official Account "
        "(user_send_…, oa_send_…, user_received_message, user_seen_message). Enter the OA secret key of that page here.",
        "Save, test the connection, then write to the Official Account from your phone.",
    )
    sentences: ClassVar[tuple[str, ...]] = (*codes.SENTENCES, *notes.SENTENCES, CONNECT_AGAIN)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("oa_id", "Official Account ID", required=True, help="The long number of the Official Account."),
        Setting("app_id", "App ID", required=True, help="The long number of the app."),
        Setting("app_secret", "App secret key", "secret", required=True, help="From the app's settings."),
        Setting("refresh_token", "Refresh token", "secret", help="From the API Explorer; used once."),
        Setting(
            "oa_secret",
            "OA secret key",
            "secret",
            help="From the app's Webhook page: it signs the events.",
        ),
        Setting(
            "ask_contact",
            "Ask for name and phone",
            "bool",
            default=False,
            help="With the acknowledgement, while no phone number of theirs is known: Zalo shows a form, and they decide.",
        ),
        Setting(
            "templates",
            "Approved templates",
            "longtext",
            help="One a line: template ID | language | text, with the places named as Zalo names them: {{customer_name}}, "
            "{{ticket_number}}, {{agent_name}}; any other place takes the agent's words. Sent to a phone number.",
        ),
        Setting(
            "signature",
            "Signature",
            "choice",
            default="sha256",
            choices=(("sha256", "SHA-256 (usual)"), ("hmac", "HMAC-SHA-256")),
            group="Network",
            help="Only if Zalo signs your events differently.",
        ),
        Setting("api_base", "API address", default=API_BASE, guards_secrets=True, group="Network"),
        Setting("templates_base", "Address for templates", default=notes.BASE, guards_secrets=True, group="Network"),
        Setting("oauth_base", "Address for tokens", default=OAUTH_BASE, guards_secrets=True, group="Network"),
    )

    @property
    def identity_scope(self) -> str:
        """The Official Account: a user's id means nothing to another one."""
        return str(self.config.get("oa_id"))

    def normalise(self, value: str) -> str:
        found = value.strip()
        if not found.isascii() or not found.isalnum() or len(found) > 64:
            raise ValueError("A Zalo identity is the number Zalo gives a user; people cannot be found by name.")
        return found

    def opening(self, words: str) -> str:
        return links.zalo(str(self.config.get("oa_id")).strip())

    # --- in ---------------------------------------------------------------------------------------------------

    def accept(self, request: WebRequest) -> Accepted:
        if request.method != "POST":
            raise Refused(401, "Zalo calls this address with POST.")
        if len(request.body) > MAX_EVENT_BYTES:
            raise Refused(413, "The event is too large.")
        event = self._verified(request)
        name, msg_id = id_of(event.get("event_name"), 60), id_of(pick(event, "message").get("msg_id"), 100)
        if not name:
            raise Refused(400, "The body is not an event of Zalo.")
        # A mark may come for several messages and several times; a message has its own id.
        mark = msg_id if msg_id and "_send_" in name else digest(request.body)
        return Accepted((Raw(f"{name}:{mark}", request.body, "application/json"),))

    def _verified(self, request: WebRequest) -> dict[str, object]:
        """The event, once the signature over the bytes as they came is right."""
        secret = str(self.config.get("oa_secret"))
        given = request.headers.get("x-zevent-signature", "").removeprefix("mac=")
        if not secret:
            raise Refused(401, "This channel has no OA secret key yet.")
        if not given:
            raise Refused(401, "The signature is missing.")
        try:
            event = json.loads(request.body)
            app_id, timestamp = str(event["app_id"]), str(event["timestamp"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refused(400, "The body is not an event of Zalo.") from None
        good = signature(request.body, app_id, timestamp, secret, str(self.config.get("signature", "sha256")))
        if not hmac.compare_digest(good.encode(), given.lower().encode("utf-8", "replace")):
            raise Refused(401, "The signature is wrong.")
        return dict(event)

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        return parse.read(raw.body, self.identity_scope)

    def complete(self, message: InboundMessage, *, known: bool) -> InboundMessage:
        """Events carry no names."""
        if known or message.kind == "echo" or message.sender.name:
            return message
        with ZaloApi(self.config) as api:
            found = api.get("v3.0/oa/user/detail", {"user_id": message.sender.value})
        return replace(message, sender=replace(message.sender, name=nfc(found.get("display_name"))))

    def fetch(self, file: File) -> File:
        return media.fetch("Zalo", file, self.config, MEDIA_HOSTS, base=str(self.config.get("api_base", API_BASE)))

    # --- out --------------------------------------------------------------------------------------------------

    def templates(self) -> Sequence[Template]:
        return templates.described(str(self.config.get("templates")))

    def send(self, outbound: Outbound) -> Receipt:
        if outbound.template:
            return notes.send(self.config, outbound, outbound.template)
        asks = bool(self.config.get("ask_contact", False)) and outbound.automatic and not outbound.phones
        with ZaloApi(self.config) as api:
            return send.send(api, outbound, ask_contact=asks)

    def settle(self, rating: InboundRating, thanks: str, ask_why: Sequence[tuple[str, str]]) -> None:
        with ZaloApi(self.config) as api:
            api.send({"recipient": {"user_id": rating.sender.value}, "message": {"text": thanks}})

    def renew(self) -> None:
        """Before the refresh token of an account that nobody writes to grows too old."""
        access_token(self.config)

    def test(self) -> Iterator[TestStep]:
        return probe.steps(self.config)


def signature(body: bytes, app_id: str, timestamp: str, secret: str, scheme: str = "sha256") -> str:
    """What Zalo writes behind `mac=`: over the bytes as they came."""
    content = app_id.encode("utf-8", "replace") + body + timestamp.encode("utf-8", "replace")
    if scheme == "hmac":
        return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return hashlib.sha256(content + secret.encode()).hexdigest()


__all__ = ["Address", "Zalo", "signature"]
