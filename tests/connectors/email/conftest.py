from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.email import listen
from tests.conftest import missing
from tests.servers import Missing
from tests.servers.dovecot import Dovecot
from tests.servers.smtp_sink import SmtpSink


@pytest.fixture(autouse=True)
def ticks_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that waits sees its stop sooner."""
    monkeypatch.setattr(listen, "TICK_S", 0.1)


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    try:
        with Dovecot() as server:
            yield server
    except Missing as error:
        missing(str(error))


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server
