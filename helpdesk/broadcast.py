"""How an emit reaches the process that holds the socket: Redis pub/sub, never waiting long, never raising.

python-socketio's own manager tries twice without a circuit breaker and, once Redis was away, may wait a minute before
it hears again; both would be felt by people.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from typing import Any

import redis
from socketio import RedisManager

from helpdesk.wakeups import TIMEOUT_S, Breaker

log = logging.getLogger(__name__)

HEAR_AGAIN_S = 1.0
KEEP_ALIVE_S = 20.0


class Broadcast(RedisManager):
    """Every process may publish; only the one that answers sockets listens (`hear`)."""

    def __init__(self, url: str) -> None:
        super().__init__(url, write_only=True)
        self._breaker = Breaker()
        self._out: redis.Redis | None = None

    def hear(self) -> None:
        """Listen too, from the first socket on. Call in the process that answers sockets."""
        self.write_only = False
        # Made before the fork, all processes would share one id, and a manager drops what bears its own.
        self.host_id = uuid.uuid4().hex

    def _publish(self, data: Any) -> int | None:
        if self._breaker.open:
            return None
        try:
            if self._out is None:
                self._out = redis.Redis.from_url(
                    self.redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
                )
            return int(self._out.publish(self.channel, self.json.dumps(data)))  # type: ignore[arg-type]
        except (redis.RedisError, OSError) as error:
            self._breaker.trip()
            log.warning("not broadcast error=%s", type(error).__name__)
            return None

    def _redis_listen_with_retries(self) -> Iterator[Any]:
        while True:
            try:
                self.redis = redis.Redis.from_url(self.redis_url, health_check_interval=KEEP_ALIVE_S)
                self.pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
                self.pubsub.subscribe(self.channel)
                yield from self._messages()
            except (redis.RedisError, OSError) as error:
                log.warning("not hearing broadcasts error=%s", type(error).__name__)
                time.sleep(HEAR_AGAIN_S)

    def _messages(self) -> Iterator[Any]:
        """With a look at the connection now and then, so that one that died silently is noticed."""
        while True:
            message = self.pubsub.get_message(timeout=KEEP_ALIVE_S)  # type: ignore[union-attr]
            if message is not None:
                yield message
            else:
                self.pubsub.ping()  # type: ignore[union-attr]
