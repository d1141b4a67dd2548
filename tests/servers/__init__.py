"""Real servers for tests, each a context manager on 127.0.0.1 with a free port, ended by its own process id.

What the machine lacks is `Missing`, which conftest turns into a skip or, with REQUIRE_ALL=1, into a failure.
`available()` says what there is; `python -m tests.servers` prints it.
"""

from tests.servers.machine import Missing, available

__all__ = ["Missing", "available"]
