"""The tables of attacks by mail, and of attacks and faults on channels, name tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_every_test_of_the_table_of_channels_exists() -> None:
    table = Path(__file__).with_name("talk_cases.md").read_text(encoding="utf-8")
    missing = [
        f"{path}::{name}"
        for path, name in NAMED.findall(table)
        if not (TESTS / path).is_file() or f"def {name}(" not in (TESTS / path).read_text(encoding="utf-8")
    ]
    assert missing == []
    cases = set(re.findall(r"(?m)^\| (F?\d+) \|", table))
    assert cases == {str(n) for n in (*range(32, 40), *range(48, 51))} | {f"F{n}" for n in (2, *range(25, 33))}


def test_every_test_of_the_table_exists() -> None:
    table = Path(__file__).with_name("cases.md").read_text(encoding="utf-8")
    named = NAMED.findall(table)
    missing = [
        f"{path}::{name}" for path, name in named if f"def {name}(" not in (TESTS / path).read_text(encoding="utf-8")
    ]
    assert missing == []
    cases = {int(n) for n in re.findall(r"(?m)^\| (\d+) \|", table)}
    assert cases == set(range(1, 32)) - {9, 29}
