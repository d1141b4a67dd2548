"""The API channel's connector: messages come by POST with a token, answers go as signed webhooks."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlsplit

from connectors.api import post, read
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
    Refused,
    Setting,
    TestStep,
    Unparseable,
    WebRequest,
)
from connectors.web import Web

MAX_CALL_BYTES = 2 * 1024 * 1024


class Api(Connector):
    channel: ClassVar[str] = "api"
    label: ClassVar[str] = "Your own app (API)"
    icon: ClassVar[str] = "api"
    identity_kind: ClassVar[str] = "app"
    repeat_safe: ClassVar[bool] = True  # the far side knows a repeat by its webhook-id
    limits: ClassVar[Limits] = Limits(
        max_length=50_000,
        max_file_bytes=post.MAX_FILES_BYTES,
        max_files=10,
        formats=frozenset({"text", "html", "files"}),
    )
    guide: ClassVar[tuple[str, ...]] = (
        "Make up a long token; your app's server sends it with each message.",
        "Enter the address answers are posted to, and a secret they are signed with.",
        "Save. Your server posts what customers write to the address shown here.",
        "Test connection posts an empty call to your server and says what it answered.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            "token",
            "Token",
            "secret",
            group="Messages in",
            help="Your server sends it as Authorization: Bearer …. Make a long random one; never put it into an app.",
        ),
        Setting(
            "webhook_url",
            "Post answers to",
            group="Answers out",
            guards_secrets=True,
            help="An address of your server, like https://app.example/desk.",
        ),
        Setting(
            "webhook_secret",
            "Signing secret",
            "secret",
            group="Answers out",
            help="Each answer is signed with it (Standard Webhooks), so that your server knows it is from here.",
        ),
    )

    @property
    def identity_scope(self) -> str:
        """A user id is one app's own."""
        return self.config.key

    def normalise(self, value: str) -> str:
        user = " ".join(value.split())
        if not user or len(user) > read.MAX_ID:
            raise ValueError("Write the user's id as your app knows it.")
        return user

    # --- in ---------------------------------------------------------------------------------------------------

    def accept(self, request: WebRequest) -> Accepted:
        expected = str(self.config.get("token"))
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), expected.encode())
        if not expected or scheme.lower() != "bearer" or not same:
            raise Refused(401, "Send the header Authorization: Bearer, with this channel's token.")
        if len(request.body) > MAX_CALL_BYTES:
            raise Refused(413, "A call may have 2 MB at most; give larger files by their address.")
        try:
            external_id = read.external_id(request.body)
        except Unparseable as error:
            raise Refused(400, str(error)) from None
        raw = Raw(external_id, request.body, "application/json")
        return Accepted((raw,), body='{"stored": true}', content_type="application/json")

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        return read.read(raw.body, self.identity_scope)

    def fetch(self, file: File) -> File:
        limit = self.config.max_message_bytes
        too_large = f"The file is larger than {limit // 2**20} MB."
        if file.size_bytes > limit:
            return replace(file, problem=too_large)
        try:
            parts = urlsplit(file.ref)
            path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
            with Web("the file's server", f"{parts.scheme}://{parts.netloc}", self.config.allow_private) as web:
                answer = web.request("GET", path, limit_bytes=limit)
        except (PermanentFailure, ValueError) as error:
            return replace(file, problem=str(error))
        if answer is None:
            return replace(file, problem=too_large)
        status, data = answer
        if status != 200:
            return replace(file, problem=f"The file's server answered {status}.")
        return replace(file, data=data, size_bytes=len(data))

    # --- out --------------------------------------------------------------------------------------------------

    def send(self, outbound: Outbound) -> Receipt:
        return post.send(self.config, outbound)

    def test(self) -> Iterator[TestStep]:
        name = "Post a test to your server"
        try:
            post.test(self.config)
        except ConnectorError as error:
            advice = "Your server must answer 2xx; look whether it checks the signature with the same secret."
            yield TestStep(name, False, str(error), advice)
            return
        yield TestStep(name, True, "It answered.")
