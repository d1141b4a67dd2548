"""The phone connector: calls come in by an agent's hand or from a phone system; nothing is sent."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from connectors import media
from connectors.contract import (
    Accepted,
    Connector,
    File,
    Inbound,
    InboundMessage,
    Limits,
    Raw,
    Refused,
    Setting,
    TemporaryFailure,
    WebRequest,
)
from connectors.phone import events, note
from connectors.phone.numbers import NOT_A_NUMBER, e164, region_of

ADDRESS_SECRET = re.compile(r"[A-Za-z0-9_.~-]{20,200}")
NUMBER = re.compile(r"\+?[0-9][0-9 ().-]{1,24}")  # an inner or a service number has no E.164 form
HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60}):[ ]*([\x21-\x7e][\x20-\x7e]{0,2000})")
DENIED = "The phone system asks for a login for its recordings, or for another one."
MAX_RECORDING_BYTES = 100 * 1024 * 1024
SOUNDS = {"mp3": "audio/mpeg", "wav": "audio/wav", "ogg": "audio/ogg", "m4a": "audio/mp4", "webm": "audio/webm"}


class Phone(Connector):
    channel: ClassVar[str] = "phone"
    label: ClassVar[str] = "Phone"
    icon: ClassVar[str] = "phone"
    untried: ClassVar[bool] = True
    identity_kind: ClassVar[str] = "phone"
    bursts: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits(max_length=note.MAX_NOTES)
    directions: ClassVar[tuple[tuple[str, str], ...]] = note.DIRECTIONS
    outcomes: ClassVar[tuple[tuple[str, str], ...]] = note.OUTCOMES
    guide: ClassVar[tuple[str, ...]] = (
        "Enter the number customers call; local numbers are read in its country. That is all agents need to log calls.",
        "Has your phone system webhooks? Choose Stringee, or the generic webhook for any other, make up a "
        "webhook secret, and save.",
        "Paste the address shown here into the phone system: for Stringee as event URL, with the same signing secret.",
        "A phone system that can only open an address takes a secret in the address: have it open the address shown here with "
        "?token=…&event=hangup&callId=…&from=…&to=…&cause=… behind it, filled in by its own variables.",
        "Each agent enters their extension under Profile, so that a call shows on the right screen.",
        "Call the number: the caller appears on the screen. Let it ring out: a ticket with a task to call "
        "back appears.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("number", "Phone number", help="The line customers call. Local numbers are read in its country."),
        Setting(
            "provider",
            "Phone system",
            "choice",
            default="none",
            choices=(
                ("none", "None: agents log their calls"),
                ("generic", "Generic webhook"),
                ("stringee", "Stringee"),
            ),
            guards_secrets=True,
        ),
        Setting(
            "webhook_secret",
            "Webhook secret",
            "secret",
            help="What the phone system signs its calls with, or sends as X-Webhook-Secret.",
        ),
        Setting(
            "address_secret",
            "Secret in the address",
            "secret",
            help="Only for a phone system that cannot do better than open an address (GET): it ends with &token= and this. "
            "At least 20 letters and digits, not the webhook secret.",
        ),
        Setting(
            "recordings_from",
            "Keep recordings from",
            "lines",
            guards_secrets=True,
            group="Recordings",
            help="Host names, one a line, or whole addresses (http://10.0.0.5:8080). Recordings there are fetched and kept "
            "with the ticket; any other is only linked to.",
        ),
        Setting("recordings_user", "User for recordings", group="Recordings", help="Where they need a login."),
        Setting("recordings_password", "Password for recordings", "secret", group="Recordings"),
        Setting(
            "recordings_secret_header",
            "Header for recordings",
            "secret",
            group="Recordings",
            help="Where they need a key instead, the whole line: Authorization: Bearer …",
        ),
    )

    writes = note.SUMMARIES

    def normalise(self, value: str) -> str:
        return e164(value, self.region)

    @property
    def region(self) -> str:
        return region_of(str(self.config.get("number")))

    def read(self, form: Mapping[str, Any]) -> InboundMessage:
        return note.read(form, self.region)

    def check(self) -> Mapping[str, str]:
        secret, header = str(self.config.get("address_secret")), str(self.config.get("recordings_secret_header"))
        short = secret and not ADDRESS_SECRET.fullmatch(secret)
        same = secret and secret == str(self.config.get("webhook_secret"))
        number = str(self.config.get("number")).strip()
        told = {
            "number": NOT_A_NUMBER if number and not NUMBER.fullmatch(number) else "",
            "address_secret": "Choose at least 20 letters and digits, other than the webhook secret."
            if short or same
            else "",
            "recordings_secret_header": ""
            if not header or HEADER.fullmatch(header.strip())
            else "Write it as Name: value.",
        }
        return {name: sentence for name, sentence in told.items() if sentence}

    def accept(self, request: WebRequest) -> Accepted:
        provider = str(self.config.get("provider", "none"))
        if provider not in ("generic", "stringee"):
            raise Refused(401, "No phone system is set up for this channel.")
        if request.method == "GET" and provider == "generic":
            events.verify_address(str(self.config.get("address_secret")), request)
        else:
            events.verify(provider, str(self.config.get("webhook_secret")), request)
        return Accepted((events.raw(provider, request),), body="{}", content_type="application/json")

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        return events.read(raw, self.region)

    # --- recordings -------------------------------------------------------------------------------------------

    def recording(self, url: str) -> File | None:
        """Named by its type, not by its address, which may hold a token."""
        base, hosts = self._places(url)
        if not media.admitted(url, hosts, base):
            return None
        suffix = urlsplit(url).path.rpartition(".")[2].lower()
        suffix = suffix if suffix in SOUNDS else "mp3"
        return File(f"recording.{suffix}", SOUNDS[suffix], ref=url)

    def fetch(self, file: File) -> File:
        """One that is not there is not ready yet."""
        base, hosts = self._places(file.ref)
        limit = min(MAX_RECORDING_BYTES, self.config.max_message_bytes)
        found = media.fetch(
            "The phone system",
            file,
            self.config,
            hosts,
            base=base,
            limit_bytes=limit,
            headers=self._login(),
            denied=DENIED,
        )
        if found.problem == media.GONE.format("The phone system"):
            raise TemporaryFailure("The phone system does not have the recording yet.")
        return found

    def _login(self) -> dict[str, str]:
        """For the admitted places only: `media.fetch` asks nobody else and follows no redirect."""
        header = HEADER.fullmatch(str(self.config.get("recordings_secret_header")).strip())
        if header:
            return {header[1].lower(): header[2]}
        user, password = str(self.config.get("recordings_user")), str(self.config.get("recordings_password"))
        if not user and not password:
            return {}
        return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def _places(self, url: str) -> tuple[str, tuple[str, ...]]:
        """The entered address that `url` lies at, if any, and the host names."""
        entered = str(self.config.get("recordings_from")).split()
        whole = [e for e in entered if "://" in e]
        base = next((e for e in whole if url.startswith(f"{e.rstrip('/')}/")), "")
        return base, tuple(e.lower() for e in entered if "://" not in e)
