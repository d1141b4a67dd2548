"""The listening socket of the web process."""

from __future__ import annotations

import socket
from contextlib import closing

from helpdesk.processes import web


def test_no_answer_waits_for_an_acknowledgement() -> None:
    """Head and body go out one after the other: with Nagle's algorithm the second waits some 40 ms for the first."""
    with (
        closing(web.listen("127.0.0.1", 0)) as opened,
        closing(socket.create_connection(opened.getsockname())) as caller,
    ):
        opened.settimeout(10)
        with closing(opened.accept()[0]) as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert accepted.getpeername() == caller.getsockname()
