"""*Test connection*: is the token good, and does Telegram bring its updates to us?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from connectors.contract import ChannelConfig, ConnectorError, TestStep
from connectors.telegram.bot_api import BotApi
from connectors.telegram.listen import ensure_webhook, webhook_url

TOKEN = re.compile(r"\d{3,20}:[A-Za-z0-9_-]{3,}")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


def steps(config: ChannelConfig) -> Iterator[TestStep]:
    """One step a question; ends at the first that fails."""
    name = "Bot token"
    if not TOKEN.fullmatch(str(config.get("token"))):
        advice = "Copy it whole from @BotFather: digits, a colon, letters."
        yield TestStep(name, False, "This is not a bot token.", advice)
        return
    try:
        with BotApi(config) as api:
            bot = api.call("getMe")
            yield TestStep(name, True, _called(bot))
            name = "Receiving"
            yield from _webhook(api, config) if config.get("mode", "poll") == "webhook" else _poll(api)
    except ConnectorError as error:
        yield TestStep(name, False, str(error), _advice(str(error)))


def _poll(api: BotApi) -> Iterator[TestStep]:
    info = api.call("getWebhookInfo")
    waiting = int(_get(info, "pending_update_count") or 0)
    detail = f"{waiting} messages wait to be read."
    if _get(info, "url"):
        detail += " A webhook is set at the moment; this channel removes it when it starts."
    yield TestStep("Receiving", True, detail)


def _webhook(api: BotApi, config: ChannelConfig) -> Iterator[TestStep]:
    if not SECRET.fullmatch(str(config.get("webhook_secret"))):
        advice = "Choose 1 to 256 letters, digits, _ or -."
        yield TestStep("Webhook secret", False, "Telegram does not take this webhook secret.", advice)
        return
    if not config.public_url.startswith("https://"):
        advice = "Set the public address of this helpdesk to one with https://, or receive by asking Telegram."
        yield TestStep("Webhook", False, "Telegram only calls addresses with https://.", advice)
        return
    ensure_webhook(api, config)
    info = api.call("getWebhookInfo")
    if _get(info, "url") != webhook_url(config):
        advice = "Is another program using the same bot?"
        yield TestStep("Webhook", False, "Telegram calls another address.", advice)
        return
    said = str(_get(info, "last_error_message") or "")[:200]
    detail = f"Telegram calls {webhook_url(config)}."
    yield TestStep("Webhook", True, f"{detail} Its last trouble there: {said}" if said else detail)


def _called(bot: Any) -> str:
    username = str(_get(bot, "username") or "")
    return f"{_get(bot, 'first_name') or ''} (@{username})" if username else str(_get(bot, "first_name") or "")


def _get(answer: Any, key: str) -> Any:
    return answer.get(key) if isinstance(answer, dict) else None


def _advice(said: str) -> str:
    if "token" in said:
        return "Ask @BotFather for the token again; /revoke makes a new one."
    if "reached" in said or "resolved" in said:
        return "Does this network block Telegram? A proxy can be set below."
    return ""
