"""What the Messenger and Instagram connectors are made of: one account, its messages and its public comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from connectors import media
from connectors.contract import (
    Accepted,
    Address,
    ChannelConfig,
    Connector,
    ConnectorError,
    File,
    Inbound,
    InboundMessage,
    InboundRating,
    Limits,
    Outbound,
    Raw,
    Receipt,
    TestStep,
    WebRequest,
    Window,
)
from connectors.meta import door, messages, sending
from connectors.meta import graph as graph_api
from connectors.meta.comments import PRIVATE, PUBLIC
from connectors.meta.graph import API_BASE, Graph
from connectors.meta.sending import MAX_FILE_BYTES, Sender
from connectors.payloads import address, nfc, text_of

MEDIA_HOSTS = ("fbcdn.net", "fbsbx.com", "cdninstagram.com", "facebook.com", "instagram.com")
WEEK_H = 7 * 24
WINDOWS = (
    Window(24),
    Window(WEEK_H, "Late answers go out as written by a person; nothing automatic.", automatic=False),
)


class Social(Connector):
    """One page or Instagram account. Subclasses declare themselves and say where things are."""

    rates: ClassVar[bool] = True
    untried: ClassVar[bool] = True
    sentences: ClassVar[tuple[str, ...]] = (*graph_api.SENTENCES, *sending.SENTENCES)
    object: ClassVar[str]  # what a webhook call is about
    name_fields: ClassVar[str]
    post_fields: ClassVar[str]
    hidden_field: ClassVar[str]

    @property
    def account(self) -> str:
        raise NotImplementedError

    def sender(self, graph: Graph) -> Sender:
        raise NotImplementedError

    def subscribe(self, graph: Graph) -> TestStep:
        raise NotImplementedError

    @property
    def identity_scope(self) -> str:
        """A person's id means nothing to another page."""
        return self.account

    def limits_for(self, value: str) -> Limits:
        if value.startswith(PUBLIC):
            return Limits(max_length=8000 if self.object == "page" else 2200, automatic=False)
        if value.startswith(PRIVATE):
            window = (Window(WEEK_H, "One message; it goes on in private when they answer."),)
            return Limits(max_length=1000, reply_window_hours=WEEK_H, windows=window, automatic=False)
        if not self.config.get("human_agent", False):
            return replace(self.limits, reply_window_hours=24, windows=(Window(24),))
        return self.limits

    @classmethod
    def shown(cls, value: str) -> str:
        if value.startswith(PUBLIC):
            return "public comment"
        return "in private, to the writer" if value.startswith(PRIVATE) else value

    def normalise(self, value: str) -> str:
        found = value.strip()
        plain = found.removeprefix(PUBLIC).removeprefix(PRIVATE).replace("_", "")
        if not plain.isascii() or not plain.isalnum() or len(found) > 120:
            raise ValueError("Meta gives people a number on each page; nobody can be found by name.")
        return found

    # --- in ---------------------------------------------------------------------------------------------------

    def accept(self, request: WebRequest) -> Accepted:
        if request.method == "GET":
            return door.challenge(request, self.config)
        call = door.verified(request, self.config, self.object)
        return Accepted(tuple(door.messaging_raws(call, self.account)))

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        found = messages.read(raw.body, self.channel, self.account, config_key(self.config))
        if self.config.get("comments", True):
            return found
        return [f for f in found if not (isinstance(f, InboundMessage) and f.meta.get("public"))]

    def complete(self, message: InboundMessage, *, known: bool) -> InboundMessage:
        """The name, which events leave out; and the post, so that an agent sees what a comment is about."""
        if message.meta.get("public"):
            return self._with_post(message)
        if known or message.kind == "echo" or message.sender.name:
            return message
        with Graph(self.label, self.config) as graph:
            found = graph.get(message.sender.value, fields=self.name_fields)
        name = nfc(found.get("name") or f"{found.get('first_name') or ''} {found.get('last_name') or ''}")
        return replace(message, sender=replace(message.sender, name=name, username=nfc(found.get("username"), 100)))

    def _with_post(self, message: InboundMessage) -> InboundMessage:
        post = message.meta.get("post_id", "")
        if not post:
            return message
        with Graph(self.label, self.config) as graph:
            found = graph.get(post, fields=self.post_fields)
        words = text_of(found.get("message")) or text_of(found.get("caption")) or text_of(found.get("story"))
        link = address(found.get("permalink_url")) or address(found.get("permalink"))
        about = {"post_text": words[:1000], "post": link or message.meta.get("post", "")}
        return replace(message, meta={**message.meta, **{k: v for k, v in about.items() if v}})

    def fetch(self, file: File) -> File:
        base = str(self.config.get("api_base", API_BASE))
        return media.fetch(self.label, file, self.config, MEDIA_HOSTS, base=base)

    # --- out --------------------------------------------------------------------------------------------------

    def send(self, outbound: Outbound) -> Receipt:
        with Graph(self.label, self.config) as graph:
            return self.sender(graph).send(outbound)

    def typing(self, to: Address) -> None:
        if to.value.startswith((PUBLIC, PRIVATE)):
            return
        with Graph(self.label, self.config) as graph:
            action = {"recipient": {"id": to.value}, "sender_action": "typing_on"}
            graph.post(self.sender(graph).path, action, answer_s=5.0)

    def settle(self, rating: InboundRating, thanks: str, ask_why: Sequence[tuple[str, str]]) -> None:
        with Graph(self.label, self.config) as graph:
            graph.post(self.sender(graph).path, {"recipient": {"id": rating.sender.value}, "message": {"text": thanks}})

    def hide(self, external_id: str, hidden: bool) -> None:
        """Hidden from everybody but its writer and their friends; the writer is not told."""
        with Graph(self.label, self.config) as graph:
            graph.post(external_id, {self.hidden_field: hidden})

    # --- Test connection --------------------------------------------------------------------------------------

    def test(self) -> Iterator[TestStep]:
        if not self.account.isdecimal():
            yield TestStep("Settings", False, "The ID of the account is a long number.", "Copy it whole.")
            return
        name = "Access"
        try:
            with Graph(self.label, self.config) as graph:
                found: dict[str, Any] = graph.get(self.account, fields="id,name")
                yield TestStep(name, True, nfc(found.get("name")) or f"Account {self.account}.")
                name = "Events"
                yield self.subscribe(graph)
        except ConnectorError as error:
            yield TestStep(name, False, str(error), _advice(str(error)))
            return
        missing = [s for s in ("app_secret", "verify_token") if not self.config.get(s)]
        if missing:
            advice = "Without it no event is accepted."
            yield TestStep("Webhook", False, f"Not entered yet: {', '.join(missing)}.", advice)
            return
        yield TestStep("Webhook", True, "Events are accepted when they are signed with the app's secret.")


def _advice(said: str) -> str:
    if "token" in said or "permission" in said:
        return "Make a new token for this account in Meta's app dashboard, with the permissions named in the guide."
    return "Is the ID right, and may the app use this account?"


def config_key(config: ChannelConfig) -> str:
    """What names this channel in marks on messages: small letters and digits."""
    return "".join(c for c in config.key.lower() if c.isalnum() or c == "-")[:60] or "desk"


__all__ = ["MAX_FILE_BYTES", "WINDOWS", "Social", "config_key"]
