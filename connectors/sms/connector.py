"""The SMS connector: one kind, two providers behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from connectors.contract import (
    Accepted,
    Connector,
    ConnectorError,
    File,
    Inbound,
    Limits,
    Outbound,
    PermanentFailure,
    Raw,
    Receipt,
    Setting,
    TestStep,
    WebRequest,
)
from connectors.phone.numbers import e164, region_of
from connectors.sms import esms, twilio
from connectors.sms.segments import MAX_SEGMENTS, plain, segments

MAX_LENGTH = 1600


class Sms(Connector):
    channel: ClassVar[str] = "sms"
    label: ClassVar[str] = "SMS"
    icon: ClassVar[str] = "device-mobile-message"
    untried: ClassVar[bool] = True
    identity_kind: ClassVar[str] = "phone"
    starts: ClassVar[bool] = True
    counts: ClassVar[str] = "sms"  # the composer shows how many SMS a text is
    limits: ClassVar[Limits] = Limits(max_length=MAX_LENGTH)
    guide: ClassVar[tuple[str, ...]] = (
        "Choose the provider: Twilio both ways, or eSMS as a Vietnamese brand name, which nobody can answer.",
        "Twilio: copy Account SID and Auth token from the console, and your number or messaging service.",
        "eSMS: copy API key and secret key; brand name and texts must be registered. Make up a callback secret.",
        "Save. For Twilio paste the address shown here at the number under A message comes in, by POST.",
        "Test connection, then write from your phone, or to it from a customer with your number.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            "provider",
            "Provider",
            "choice",
            default="twilio",
            choices=(("twilio", "Twilio"), ("esms", "eSMS (brand name, only out)")),
            guards_secrets=True,
        ),
        Setting(
            "strip_marks", "Send without diacritics", "bool", False, help="Vietnamese without tones costs about half."
        ),
        Setting(
            "account_sid", "Account SID", group="Twilio", guards_secrets=True, help="From the Twilio console: AC…."
        ),
        Setting("auth_token", "Auth token", "secret", group="Twilio", help="Signs what Twilio tells us, too."),
        Setting(
            "signing_secret",
            "Webhook signing secret",
            "secret",
            group="Twilio",
            help="Only where the account signs with a shared key (HMAC-SHA256).",
        ),
        Setting("sender", "Number or messaging service", group="Twilio", help="+1 800 555 0123, or MG…."),
        Setting("esms_key", "API key", group="eSMS", guards_secrets=True),
        Setting("esms_secret", "Secret key", "secret", group="eSMS"),
        Setting(
            "brandname", "Brand name", group="eSMS", help="As registered; its templates have to be registered, too."
        ),
        Setting(
            "callback_secret",
            "Callback secret",
            "secret",
            group="eSMS",
            help="Any long random text: eSMS signs nothing, so the address it reports to holds this.",
        ),
        Setting("sandbox", "Only try (nothing is sent or charged)", "bool", False, group="eSMS"),
        Setting("api_base", "Server", guards_secrets=True, group="Network", help="Only for a server in between."),
    )

    @property
    def _esms(self) -> bool:
        return bool(self.config.get("provider", "twilio") == "esms")

    @property
    def region(self) -> str:
        return region_of(str(self.config.get("sender")))

    def normalise(self, value: str) -> str:
        return e164(value, self.region)

    # --- in ---------------------------------------------------------------------------------------------------

    def accept(self, request: WebRequest) -> Accepted:
        if self._esms:
            return esms.accept(self.config, request)
        return twilio.accept(self.config, request)

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        told = twilio.fields(raw.body)
        return esms.read(told) if "SMSID" in told else twilio.read(told, self.region)

    def fetch(self, file: File) -> File:
        try:
            return twilio.fetch(self.config, file)
        except PermanentFailure as error:
            return replace(file, problem=str(error))

    # --- out --------------------------------------------------------------------------------------------------

    def send(self, outbound: Outbound) -> Receipt:
        text = plain(outbound.text) if self.config.get("strip_marks", False) else outbound.text
        if not outbound.to or not text.strip():
            raise PermanentFailure("There is nothing to send.")
        if segments(text) > MAX_SEGMENTS:
            raise PermanentFailure(f"This is longer than {MAX_SEGMENTS} SMS.")
        number = outbound.to[0].value
        if not number.startswith("+"):
            raise PermanentFailure("An SMS needs a full phone number.", address_dead=True)
        if self._esms:
            return esms.send(self.config, number, text, outbound.delivery_id)
        return twilio.send(self.config, number, text)

    def test(self) -> Iterator[TestStep]:
        provider = esms if self._esms else twilio
        try:
            yield TestStep("Ask the provider", True, provider.ask(self.config))
        except ConnectorError as error:
            yield TestStep("Ask the provider", False, str(error), "Look at the account's keys, and that it is active.")
