"""The Telegram connector: declares itself and ties listening, reading and sending together."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any, ClassVar

from connectors import links
from connectors.contract import (
    Accepted,
    Address,
    Batch,
    Connector,
    File,
    Inbound,
    InboundRating,
    Limits,
    Outbound,
    PermanentFailure,
    Raw,
    Receipt,
    Refused,
    Setting,
    Sticker,
    TestStep,
    WebRequest,
)
from connectors.telegram import compose, listen, parse, probe, send
from connectors.telegram.bot_api import PUBLIC_BASE, BotApi

MAX_UPDATE_BYTES = 1024 * 1024
MAX_DOWNLOAD_BYTES = 20 * 1024 * 1024  # of the public Bot API
TYPING_ANSWER_S = 5.0
RULES = ("all", "addressed", "off")
STICKER_ID = re.compile(r"[A-Za-z0-9_-]{10,200}")


class Telegram(Connector):
    channel: ClassVar[str] = "telegram"
    label: ClassVar[str] = "Telegram"
    icon: ClassVar[str] = "brand-telegram"
    untried: ClassVar[bool] = True
    identity_kind: ClassVar[str] = "telegram"
    notifies: ClassVar[bool] = True
    rates: ClassVar[bool] = True
    shares: ClassVar[frozenset[str]] = frozenset({"place", "contact", "sticker"})
    limits: ClassVar[Limits] = Limits(
        max_length=4 * compose.MAX_TEXT,
        max_file_bytes=send.MAX_UPLOAD_BYTES,
        max_files=10,
        formats=frozenset({"text", "html", "files"}),
    )
    guide: ClassVar[tuple[str, ...]] = (
        "In Telegram write to @BotFather: /newbot, and choose a name. It answers with a token.",
        "Enter the token in the form, and the bot's name as in t.me/…",
        "Receive by asking Telegram unless this helpdesk has a public https address; for a webhook make up a secret.",
        "For groups add the bot to the group; to let it see everything there, send /setprivacy to @BotFather "
        "and switch privacy off.",
        "Test connection, save, then press Start in the bot's chat and write.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("token", "Bot token", "secret", required=True, help="From @BotFather: /newbot, or /token."),
        Setting(
            "bot_name",
            "Name of the bot",
            help="As in t.me/…; Test connection tells it. With it, agents can hand out links that begin a chat.",
        ),
        Setting(
            "mode",
            "Receive by",
            "choice",
            default="poll",
            choices=(("poll", "Asking Telegram (works everywhere)"), ("webhook", "Webhook (needs a public address)")),
        ),
        Setting(
            "webhook_secret",
            "Webhook secret",
            "secret",
            help="Only for the webhook: 1 to 256 letters, digits, _ or -.",
        ),
        Setting(
            "groups",
            "Groups the bot is in",
            "choice",
            default="all",
            choices=(
                ("all", "Take everything the bot sees"),
                ("addressed", "Only what mentions or answers the bot, or is a command"),
                ("off", "Take nothing"),
            ),
        ),
        Setting(
            "group_rules",
            "Single groups",
            "lines",
            help="Groups with another rule, one a line: id | all, addressed or off. The id is the group's identity on its profile.",
        ),
        Setting(
            "stickers",
            "Stickers to answer with",
            "longtext",
            help="One a line: emoji | sticker id. Send the sticker to the bot yourself: its id is in that message's menu.",
        ),
        Setting(
            "api_base",
            "Bot API server",
            default=PUBLIC_BASE,
            guards_secrets=True,
            group="Network",
            help="Another address only for a Bot API server of your own.",
        ),
        Setting(
            "proxy",
            "Proxy",
            guards_secrets=True,
            group="Network",
            help="Where the network blocks Telegram: http://host:port or socks5://host:port.",
        ),
    )

    @property
    def identity_scope(self) -> str:
        """The bot's numeric id: a user's id reaches that user only through the bot they wrote to."""
        return str(self.config.get("token")).partition(":")[0]

    def normalise(self, value: str) -> str:
        digits = value.strip()
        if not digits.removeprefix("-").isascii() or not digits.removeprefix("-").isdecimal() or len(digits) > 20:
            raise ValueError("A Telegram identity is a number; a bot cannot write to a @name first.")
        return str(int(digits))

    # --- in ---------------------------------------------------------------------------------------------------

    def listen(self, cursor: Mapping[str, Any], stop: Event) -> Iterator[Batch]:
        if self.config.get("mode", "poll") == "webhook":
            return listen.keep_webhook(self.config, cursor, stop)
        return listen.poll(self.config, cursor, stop)

    def accept(self, request: WebRequest) -> Accepted:
        secret = str(self.config.get("webhook_secret"))
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if self.config.get("mode", "poll") != "webhook" or not secret:
            raise Refused(401, "This channel takes no webhook calls.")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()):
            raise Refused(401, "The secret token is wrong.")
        if len(request.body) > MAX_UPDATE_BYTES:
            raise Refused(413, "The update is too large.")
        try:
            update_id = json.loads(request.body)["update_id"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refused(400, "The body is not a Telegram update.") from None
        if not isinstance(update_id, int) or isinstance(update_id, bool):
            raise Refused(400, "The body is not a Telegram update.")
        return Accepted((Raw(str(update_id), request.body, "application/json"),))

    def parse(self, raw: Raw) -> Sequence[Inbound]:
        return parse.read(raw.body, self.identity_scope, str(self.config.get("groups", "all")), self._rules())

    def _rules(self) -> dict[str, str]:
        """Of single groups; lines that are none are left out."""
        found = (line.partition("|") for line in str(self.config.get("group_rules")).splitlines())
        rules = {chat.strip(): rule.strip().lower() for chat, _, rule in found}
        return {chat: rule for chat, rule in rules.items() if rule in RULES and chat.removeprefix("-").isdecimal()}

    def check(self) -> Mapping[str, str]:
        lines = [line for line in str(self.config.get("group_rules")).splitlines() if line.strip()]
        if len(lines) == len(self._rules()):
            return {}
        return {"group_rules": "Write one group a line: its id | all, addressed or off."}

    def fetch(self, file: File) -> File:
        limit = MAX_DOWNLOAD_BYTES
        if str(self.config.get("api_base", PUBLIC_BASE)).rstrip("/") != PUBLIC_BASE:
            limit = max(limit, self.config.max_message_bytes)
        too_large = f"The file is larger than {limit // 2**20} MB; Telegram does not hand it to bots."
        if file.size_bytes > limit:
            return replace(file, problem=too_large)
        try:
            with BotApi(self.config) as api:
                found = api.call("getFile", {"file_id": file.ref})
                data = api.download(str(found["file_path"]), limit)
        except (PermanentFailure, KeyError, TypeError) as error:
            told = str(error) if isinstance(error, PermanentFailure) else "Telegram has no such file any more."
            return replace(file, problem=told)
        if data is None:
            return replace(file, problem=too_large)
        return replace(file, data=data, size_bytes=len(data), problem="")

    # --- out --------------------------------------------------------------------------------------------------

    def send(self, outbound: Outbound) -> Receipt:
        with BotApi(self.config) as api:
            return send.send(api, outbound)

    def stickers(self) -> Sequence[Sticker]:
        """Lines that are none are left out."""
        found = (line.partition("|") for line in str(self.config.get("stickers")).splitlines())
        return tuple(
            Sticker(ref.strip(), emoji.strip()) for emoji, _, ref in found if STICKER_ID.fullmatch(ref.strip())
        )

    def invitation(self, token: str) -> str:
        return links.telegram(str(self.config.get("bot_name")), token)

    def opening(self, words: str) -> str:
        return self.invitation(words)

    def typing(self, to: Address) -> None:
        with BotApi(self.config) as api:
            api.call("sendChatAction", {"chat_id": int(to.value), "action": "typing"}, answer_s=TYPING_ANSWER_S)

    def settle(self, rating: InboundRating, thanks: str, ask_why: Sequence[tuple[str, str]]) -> None:
        with BotApi(self.config) as api:
            send.settle(api, rating, thanks, ask_why)

    def test(self) -> Iterator[TestStep]:
        return probe.steps(self.config)
