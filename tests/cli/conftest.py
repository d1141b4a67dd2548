"""Commands run in this process, as `helpdesk …` would, with what they print and their exit code."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpdesk.cli import boundary, cli
from helpdesk.config import Settings
from tests.processes.running import PRIVATE

PASSWORD = "a good long password"


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("agent", "list", "--json", stdin="…")`, in an empty folder with an empty environment."""
    for name in PRIVATE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str = "", code: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["helpdesk", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        got = boundary.run(cli)
        out, err = capsys.readouterr()
        assert got == code, (got, out, err)
        assert "Traceback" not in err
        return Done(got, out, err)

    return run


@pytest.fixture
def desk(command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same with a desk that `helpdesk init` made on the tested database."""
    monkeypatch.setenv("HELPDESK_DATA", str(settings.data))
    if settings.database.url:
        monkeypatch.setenv("HELPDESK_DATABASE_URL", settings.database.url)
    command("init", "--admin-email", "an@desk.example", "--admin-password-stdin", stdin=PASSWORD + "\n")
    return command
