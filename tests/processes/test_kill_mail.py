"""F5 in small: eight cycles of kill -9 while sixty mails come in. `python -m tests.tools.kill_mail` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import missing
from tests.servers import Missing
from tests.tools import kill_mail

pytestmark = [pytest.mark.slow, pytest.mark.dovecot]


def test_killed_again_and_again_every_mail_is_one_message(tmp_path: Path) -> None:
    try:
        outcome = kill_mail.run(8, 60, 20261122, tmp_path, hurry=True)
    except Missing as error:
        missing(str(error))
    assert outcome.good, outcome
    assert (outcome.messages, outcome.raws, outcome.tickets) == (60, 60, 60)
    assert sum(outcome.kills.values()) >= 4
