"""Updates come in without loss or doubles: confirmed only when stored, webhook calls only with the secret."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from connectors.contract import PermanentFailure, Refused, TemporaryFailure, WebRequest
from connectors.telegram import connector as telegram_connector
from connectors.telegram import listen
from connectors.telegram.connector import Telegram
from tests.connectors.kits import telegram_config
from tests.servers.telegram import FakeTelegram

pytestmark = pytest.mark.processes

EXAMPLES = Path(telegram_connector.__file__).parent / "examples"


@pytest.fixture
def bot_api():
    with FakeTelegram() as fake:
        yield fake


def test_poll_confirms_an_update_only_after_the_batch_was_stored(bot_api):
    bot_api.says("một")
    bot_api.says("hai")
    stop = threading.Event()
    batches = Telegram(telegram_config(bot_api.url)).listen({}, stop)
    batch = next(batches)
    assert [json.loads(raw.body)["message"]["text"] for raw in batch.raws] == ["một", "hai"]
    assert [raw.external_id for raw in batch.raws] == ["930000001", "930000002"]
    assert len(bot_api.updates) == 2, "nothing is confirmed while the caller has not come back"
    bot_api.says("ba")
    batch = next(batches)
    assert [json.loads(raw.body)["message"]["text"] for raw in batch.raws] == ["ba"]
    assert batch.cursor["offset"] == 930000004
    stop.set()
    batches.close()


def test_a_listener_that_dies_before_storing_gets_the_same_update_again(bot_api):
    bot_api.says("quan trọng")
    first = Telegram(telegram_config(bot_api.url)).listen({}, threading.Event())
    lost = next(first)
    first.close()
    second = Telegram(telegram_config(bot_api.url)).listen({}, threading.Event())
    again = next(second)
    second.close()
    assert again.raws == lost.raws


def test_the_stored_cursor_goes_on_where_it_stopped(bot_api):
    bot_api.says("cũ")
    bot_api.says("mới")
    cursor = {"offset": 930000002, "at": int(time.time())}
    batches = Telegram(telegram_config(bot_api.url)).listen(cursor, threading.Event())
    assert [raw.external_id for raw in next(batches).raws] == ["930000002"]
    batches.close()


def test_a_cursor_older_than_a_quiet_week_is_not_used(bot_api):
    bot_api.says("số thứ tự mới, thấp hơn")
    cursor = {"offset": 999999999, "at": int(time.time()) - 8 * 86400}
    batches = Telegram(telegram_config(bot_api.url)).listen(cursor, threading.Event())
    assert [raw.external_id for raw in next(batches).raws] == ["930000001"]
    batches.close()


def test_stop_is_heeded_while_telegram_keeps_the_question_open(bot_api, monkeypatch):
    monkeypatch.setattr(listen, "POLL_S", 50)
    stop = threading.Event()
    batches = Telegram(telegram_config(bot_api.url)).listen({}, stop)
    threading.Thread(target=lambda: (bot_api.wait_for(lambda: bot_api.called("getUpdates")), stop.set())).start()
    began = time.monotonic()
    assert list(batches) == []
    assert time.monotonic() - began < 45


def test_polling_takes_a_webhook_away_that_would_swallow_updates(bot_api):
    bot_api.webhook = {"url": "https://elsewhere.example/hook"}
    bot_api.says("xin chào")
    batches = Telegram(telegram_config(bot_api.url)).listen({}, threading.Event())
    assert len(next(batches).raws) == 1
    assert bot_api.called("deleteWebhook")[0].params == {"drop_pending_updates": False}
    batches.close()


def test_a_second_poller_is_told_to_wait(bot_api):
    bot_api.fail("getUpdates", 409, "Conflict: terminated by other getUpdates request")
    batches = Telegram(telegram_config(bot_api.url)).listen({}, threading.Event())
    with pytest.raises(TemporaryFailure) as failure:
        next(batches)
    assert failure.value.retry_after and failure.value.retry_after >= 10


def test_a_wrong_token_ends_listening_without_naming_it(bot_api):
    connector = Telegram(telegram_config(bot_api.url, token="7100000042:other-canary"))
    with pytest.raises(PermanentFailure) as failure:
        next(connector.listen({}, threading.Event()))
    assert "canary" not in repr(failure.value)


# --- webhook -------------------------------------------------------------------------------------------------


def test_webhook_mode_registers_our_address_and_secret(bot_api):
    stop = threading.Event()
    batches = Telegram(telegram_config(bot_api.url, mode="webhook")).listen({"offset": 5}, stop)
    batch = next(batches)
    assert (batch.raws, batch.cursor) == ((), {"offset": 5})
    assert bot_api.webhook["url"] == "https://desk.example/hooks/tg-1"
    assert bot_api.webhook["secret_token"] == "hook-canary-1"
    stop.set()
    assert list(batches) == []


SECRET = "hook-canary-1"


def _call(body: bytes, secret: str | None = SECRET) -> WebRequest:
    headers = {"content-type": "application/json"}
    if secret is not None:
        headers["x-telegram-bot-api-secret-token"] = secret
    return WebRequest("POST", headers, body)


def test_a_webhook_call_with_the_secret_is_stored_as_it_came():
    body = (EXAMPLES / "text.json").read_bytes()
    accepted = Telegram(telegram_config("https://api.telegram.org", mode="webhook")).accept(_call(body))
    assert [(raw.external_id, raw.body) for raw in accepted.raws] == [("930000001", body)]


@pytest.mark.parametrize("secret", [None, "", "wrong", "hook-canary-1x", "hök"])
def test_a_webhook_call_without_the_secret_is_refused(secret):
    connector = Telegram(telegram_config("https://api.telegram.org", mode="webhook"))
    with pytest.raises(Refused) as refused:
        connector.accept(_call(b'{"update_id":1}', secret))
    assert refused.value.status == 401


def test_a_channel_that_polls_takes_no_webhook_calls():
    with pytest.raises(Refused) as refused:
        Telegram(telegram_config("https://api.telegram.org")).accept(_call(b'{"update_id":1}'))
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"update_id":"1"}', 400),
        (b'{"update_id":true}', 400),
        (b"[" * 100_000, 400),
        (b"\xff\xfe", 400),
        (b" " * (1024 * 1024 + 1), 413),
    ],
)
def test_a_webhook_body_that_is_no_update_is_refused(body, status):
    connector = Telegram(telegram_config("https://api.telegram.org", mode="webhook"))
    with pytest.raises(Refused) as refused:
        connector.accept(_call(body))
    assert refused.value.status == status


def test_allowed_updates_name_everything_that_is_read():
    assert set(listen.ALLOWED) == {"message", "edited_message", "callback_query", "my_chat_member"}
