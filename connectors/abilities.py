"""What a connector can do: small protocols to compose, and the base of every connector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any, ClassVar, Protocol, runtime_checkable

from connectors.declaring import ChannelConfig, Limits, Setting, Template
from connectors.doors import Accepted, Batch, Raw, WebRequest
from connectors.failures import Unparseable
from connectors.inbound import Address, File, Inbound, InboundMessage, InboundRating
from connectors.outbound import Detected, Outbound, Receipt, Sticker, TestStep


class Connector:
    """Base of every connector: declares itself as class data, holds one channel's configuration."""

    channel: ClassVar[str]  # kind, equals the folder's name
    label: ClassVar[str]
    icon: ClassVar[str]  # name in the icon sprite
    identity_kind: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]] = ()
    limits: ClassVar[Limits] = Limits()
    # A burst of short messages is one turn of the conversation (chat), or each message is one (mail).
    bursts: ClassVar[bool] = True
    # The customer's other messages find the customer's open ticket on this channel by themselves.
    continuous: ClassVar[bool] = True
    # Can a conversation be begun by us, to an address we only know?
    starts: ClassVar[bool] = False
    # Is a repeated send recognised on the far side (mail: same Message-ID), so that an unknown outcome is retried?
    repeat_safe: ClassVar[bool] = False
    # Do people expect a signature below a message of this kind?
    signs: ClassVar[bool] = False
    # May it carry notices to an agent's own account there?
    notifies: ClassVar[bool] = False
    # Can other people be given a copy of a reply (Cc)?
    copies: ClassVar[bool] = False
    # What to do at the provider, step by step; the settings page shows it beside the form.
    guide: ClassVar[tuple[str, ...]] = ()
    # Is it so far tried only against a copy of the far side, made from its description? The guide says so.
    untried: ClassVar[bool] = False
    # Whole sentences its errors consist of, so that they can be said in the reader's language.
    sentences: ClassVar[tuple[str, ...]] = ()
    # What it writes itself where nobody wrote anything, whole, for the same reason.
    writes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: ChannelConfig) -> None:
        self.config = config

    @property
    def identity_scope(self) -> str:
        """The page, account or bot that identity values belong to; empty for email and phone."""
        return ""

    @property
    def message_host(self) -> str:
        """Host for the Message-IDs of what we send; empty where the channel has no such ids."""
        return ""

    def reply_address(self, token: str) -> str:
        """The address that answers to a ticket may be sent to (plus-addressing); empty where there is none."""
        return ""

    def limits_for(self, value: str) -> Limits:
        """The limits for one address as this account is configured, where they differ."""
        return self.limits

    @classmethod
    def shown(cls, value: str) -> str:
        """How an address is called where people read it; a word to translate, or the address itself."""
        return value

    def normalise(self, value: str) -> str:
        """One spelling of an address of this kind; raises ValueError with a sentence for a person."""
        return value.strip()


@runtime_checkable
class Accepts(Protocol):
    def accept(self, request: WebRequest) -> Accepted:
        """Verify a webhook call and split it into raws; raises `Refused`."""
        ...


@runtime_checkable
class Listens(Protocol):
    def listen(self, cursor: Mapping[str, Any], stop: Event) -> Iterator[Batch]:
        """Yield batches until `stop` is set; an empty batch is a sign of life. Raises ConnectorError to be restarted."""
        ...


@runtime_checkable
class Parses(Protocol):
    def parse(self, raw: Raw) -> Sequence[Inbound]:
        """Read one stored raw. Pure: no network. Raises `Unparseable`."""
        ...


@runtime_checkable
class ParsesMany(Protocol):
    def parse_many(self, raws: Sequence[Raw]) -> list[Sequence[Inbound] | Unparseable]:
        """Read several at once, one answer for each in order; cheaper than `parse` one by one. Never raises `Unparseable`."""
        ...


@runtime_checkable
class Serves(Protocol):
    """A door of our own that the far side delivers to (SMTP, LMTP). A channel may listen and serve."""

    @property
    def serving(self) -> bool:
        """Is the door configured?"""
        ...

    def serve(self, store: Callable[[Raw], None], stop: Event) -> None:
        """Take messages until `stop` is set; each is acknowledged only after `store` returned (it is committed then).

        Raises ConnectorError when the door cannot be opened."""
        ...


@runtime_checkable
class Fetches(Protocol):
    def fetch(self, file: File) -> File:
        """Get the bytes of a file that came as a reference; a failure is told in `problem`, unless TemporaryFailure."""
        ...


@runtime_checkable
class Records(Fetches, Protocol):
    def recording(self, url: str) -> File | None:
        """The recording at an address, for `fetch` to get and the desk to keep; None where it is only linked to."""
        ...


@runtime_checkable
class Completes(Protocol):
    """Asks the far side for what an event leaves out: the sender's name, the post that was commented on."""

    def complete(self, message: InboundMessage, *, known: bool) -> InboundMessage:
        """The message with more in it. `known`: the sender's name is known here. May use the network; a ConnectorError
        leaves the message as it is."""
        ...


@runtime_checkable
class Renews(Protocol):
    """Has access that ends when it is not used for long."""

    def renew(self) -> None:
        """Called once a day; raises ConnectorError."""
        ...


@runtime_checkable
class Moderates(Protocol):
    """Has public messages of customers, which can be hidden from others."""

    def hide(self, external_id: str, hidden: bool) -> None:
        """Raises TemporaryFailure or PermanentFailure."""
        ...


@runtime_checkable
class Templated(Protocol):
    """Can send approved messages when the reply window is closed."""

    def templates(self) -> Sequence[Template]:
        """Those this account may use, as declared in its settings."""
        ...


@runtime_checkable
class Logs(Protocol):
    def read(self, form: Mapping[str, Any]) -> InboundMessage:
        """Turn an agent's form (a phone call) into a message; raises ValueError(field, sentence)."""
        ...


@runtime_checkable
class Sends(Protocol):
    def send(self, outbound: Outbound) -> Receipt:
        """Hand over one message; raises TemporaryFailure, PermanentFailure or OutcomeUnknown."""
        ...


@runtime_checkable
class InPlace(Protocol):
    """A channel whose customer reads from our own database (the widget): stored is sent."""

    in_place: ClassVar[bool]


@runtime_checkable
class Rates(Protocol):
    """Can ask a survey with native buttons: `send` draws `Outbound.survey`."""

    rates: ClassVar[bool]


@runtime_checkable
class Shares(Protocol):
    """Can send what is neither words nor a file: `send` draws `Outbound.shared`. Elsewhere it goes as words."""

    shares: ClassVar[frozenset[str]]  # kinds: place, contact, sticker

    def stickers(self) -> Sequence[Sticker]:
        """Those of this account to choose from, as declared in its settings; may be none."""
        ...


@runtime_checkable
class Invites(Protocol):
    """A customer can begin here by following a link that carries a token; it comes back in `Evidence.token`."""

    def invitation(self, token: str) -> str:
        """The link; empty where the account has none. `token`: 64 letters, digits and hyphens at most."""
        ...


@runtime_checkable
class Opens(Protocol):
    """A chat with the account can be opened by an address."""

    def opening(self, words: str) -> str:
        """The address; where the far side can do so, the words are brought along or stand there to be sent. Empty where the
        account has none. `words`: letters, digits and hyphens."""
        ...


@runtime_checkable
class Types(Protocol):
    def typing(self, to: Address) -> None:
        """Show the customer that somebody writes; failures are ignored by the caller."""
        ...


@runtime_checkable
class Settles(Protocol):
    def settle(self, rating: InboundRating, thanks: str, ask_why: Sequence[tuple[str, str]]) -> None:
        """After a native rating was recorded: thank, and offer one-tap reasons (code, label)."""
        ...


@runtime_checkable
class Tests(Protocol):
    def test(self) -> Iterator[TestStep]:
        """Try everything the channel needs, step by step; stops at the first failure. May use the network."""
        ...


@runtime_checkable
class SignsIn(Protocol):
    """Gets its access from an authorisation server, once a person has consented there (OAuth2 with PKCE)."""

    def sign_in_state(self) -> str:
        """unused, wanted, connected, or lost (consent was taken back). Reads the vault."""
        ...

    def consent_address(self, redirect: str, state: str, challenge: str) -> str:
        """Where the browser goes to consent; it comes back to `redirect`. `challenge`: S256. Raises ConnectorError."""
        ...

    def finish_sign_in(self, code: str, verifier: str, redirect: str) -> None:
        """What came back becomes lasting access. Uses the network. Raises ConnectorError."""
        ...


@runtime_checkable
class Checks(Protocol):
    def check(self) -> Mapping[str, str]:
        """Setting -> one sentence, for settings that can never work as they are written. Uses no network."""
        ...


@runtime_checkable
class Detects(Protocol):
    def detect(self) -> Detected:
        """Find the other settings from the one a person knows (an address). Uses the network. Raises ConnectorError."""
        ...
