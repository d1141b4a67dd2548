"""The widget's connector: the customer reads from our own database, so there is nothing to send or to parse."""

from __future__ import annotations

import hashlib
import hmac
from typing import ClassVar
from urllib.parse import urlsplit

from connectors import links
from connectors.contract import Connector, Limits, Setting

DEFAULT_COLOUR = "#0b7268"
DEFAULT_UNREAD_MINUTES = 10


class Widget(Connector):
    channel: ClassVar[str] = "widget"
    label: ClassVar[str] = "Chat widget"
    icon: ClassVar[str] = "message-circle"
    identity_kind: ClassVar[str] = "widget"
    in_place: ClassVar[bool] = True
    rates: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(
        max_length=10_000,
        max_file_bytes=20 * 1024 * 1024,
        max_files=10,
        formats=frozenset({"text", "html", "files"}),
    )
    guide: ClassVar[tuple[str, ...]] = (
        "Say under Allowed domains where the chat may stand, one a line: shop.example, *.shop.example.",
        "Choose colour, greeting and language, and save.",
        "Copy the script tag shown here and paste it before </body> on every page. No site? Share the address "
        "or the QR code.",
        "Open your site, write something, and answer it in the inbox.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            "allowed_domains",
            "Allowed domains",
            "lines",
            help="One a line, like shop.example or *.shop.example. Empty: only this helpdesk's own pages. *: any site.",
        ),
        Setting("greeting", "Greeting", "longtext", help="The first lines a visitor reads.", group="Looks and words"),
        Setting("button", "Words on the button", help="Empty: Help.", group="Looks and words"),
        Setting(
            "locale",
            "Language",
            "choice",
            default="auto",
            choices=(("auto", "The visitor's"), ("vi", "Tiếng Việt"), ("en", "English")),
            group="Looks and words",
        ),
        Setting("colour", "Colour", "colour", default=DEFAULT_COLOUR, group="Looks and words"),
        Setting(
            "colour_dark",
            "Colour on dark pages",
            help="Like #e0a896. Empty: made from the colour.",
            group="Looks and words",
        ),
        Setting(
            "consent",
            "Consent line",
            help="What a visitor agrees to who leaves a phone number or an email address. Empty: our own words.",
            group="Looks and words",
        ),
        Setting(
            "privacy_url", "Address of your data policy", help="Linked below the consent.", group="Looks and words"
        ),
        Setting(
            "continue_minutes",
            "Mail unread answers after (minutes)",
            "int",
            default=DEFAULT_UNREAD_MINUTES,
            help="To the email address the visitor left; what they answer comes back into the chat. 0: never.",
            group="Other ways",
        ),
        Setting(
            "callback",
            "Visitors can ask to be called back",
            "bool",
            default=False,
            help="It makes a ticket with a task to call.",
            group="Other ways",
        ),
        Setting("hotline", "Hotline", help="Empty: the number of your phone channel.", group="Other ways"),
        Setting("contact_email", "Email address", help="Empty: the address of your mail channel.", group="Other ways"),
        Setting("zalo", "Zalo", help="Number or id of your Zalo OA, or its zalo.me address.", group="Other ways"),
        Setting(
            "telegram_bot",
            "Telegram bot",
            help="Username of the bot that is a channel here: visitors can go on there in the same ticket.",
            group="Other ways",
        ),
        Setting(
            "identity_secret",
            "Identity secret",
            "secret",
            help="Your server signs the signed-in user with it (HMAC-SHA256); never put it into a page.",
            group="Signed-in visitors",
        ),
        Setting(
            "require_identity",
            "Only for verified visitors",
            "bool",
            default=False,
            help="A visitor without a valid signature cannot chat.",
            group="Signed-in visitors",
        ),
    )

    @property
    def identity_scope(self) -> str:
        """A visitor belongs to one site's widget: the same user id on another site is another person."""
        return self.config.key

    def origin_allowed(self, origin: str, own_origin: str) -> bool:
        """May a page of `origin` (scheme://host[:port]) use this widget? Our own always may."""
        wanted = self._domains()
        if "*" in wanted:
            return True
        asked = _origin(origin)
        if not asked:
            return False
        if asked == _origin(own_origin):
            return True
        return any(_matches(pattern, asked) for pattern in wanted)

    def frame_ancestors(self) -> tuple[str, ...]:
        """Sources for the Content-Security-Policy of the widget's frame; `'self'` always stands first."""
        found = []
        for pattern in self._domains():
            if pattern == "*":
                return ("*",)
            if _safe_source(pattern):
                found.append(pattern)
        return ("'self'", *found)

    def verify_identity(self, user_id: str, email: str, signature: str) -> bool:
        """Is `signature` the hex HMAC-SHA256 of the user id, or of the email address where there is no id?"""
        secret = str(self.config.get("identity_secret"))
        claimed = user_id or email
        if not secret or not claimed or not signature:
            return False
        expected = hmac.new(secret.encode(), claimed.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.strip().lower().encode("utf-8", "replace"))

    @property
    def unread_minutes(self) -> int:
        """After how long an unread answer is mailed; 0: never."""
        given = self.config.settings.get("continue_minutes")
        return DEFAULT_UNREAD_MINUTES if given in (None, "") else max(0, int(given))

    @property
    def calls_back(self) -> bool:
        return bool(self.config.get("callback", False))

    def bot_link(self, token: str) -> str:
        """Where a visitor goes on by Telegram, carrying a start token; empty without a bot."""
        return links.telegram(str(self.config.get("telegram_bot")), token)

    @property
    def zalo_link(self) -> str:
        """The shop's Zalo as a web address; empty when none is set."""
        given = str(self.config.get("zalo")).strip()
        if given.startswith(("https://zalo.me/", "http://zalo.me/")):
            return "https://" + given.partition("://")[2]
        name = "".join(given.split())
        return f"https://zalo.me/{name}" if name.isascii() and name.isalnum() else ""

    @property
    def policy_url(self) -> str:
        given = str(self.config.get("privacy_url")).strip()
        return given if given.startswith(("https://", "http://")) else ""

    @property
    def needs_identity(self) -> bool:
        return bool(self.config.get("require_identity", False))

    def _domains(self) -> tuple[str, ...]:
        given = self.config.get("allowed_domains", "")
        lines = given if isinstance(given, (list, tuple)) else str(given).replace(",", "\n").split()
        return tuple(line.strip().lower().rstrip("/") for line in lines if line.strip())


def _origin(value: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None for `null`, nonsense and anything that is not a web page."""
    try:
        parts = urlsplit(value.strip().lower())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname.rstrip("."), port or (443 if parts.scheme == "https" else 80)


def _matches(pattern: str, asked: tuple[str, str, int]) -> bool:
    """A pattern is a host, `*.host` (its subdomains), either with a port, or a whole origin."""
    scheme, host, port = asked
    if "://" in pattern:
        return _origin(pattern) == asked
    name, _, wanted_port = pattern.rpartition(":") if pattern.count(":") == 1 else (pattern, "", "")
    if wanted_port and wanted_port != str(port):
        return False
    if not wanted_port and port not in (80, 443):
        return False
    if name.startswith("*."):
        return host.endswith(name[1:]) and len(host) > len(name) - 1
    return host == name


def _safe_source(pattern: str) -> bool:
    """Nothing in it that could end the policy's directive and begin another."""
    return not any(char in pattern for char in "; ,'\"\\") and pattern.isascii() and pattern.isprintable()
