"""How sizes read."""

from __future__ import annotations

import pytest
from flask import Flask

from helpdesk.inbox.formats import file_size


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(12, "12 B"), (2048, "2 kB"), (1_572_864, "1.5 MB"), (1024**3, "1 GB"), (57_300_000_000, "53.4 GB")],
)
def test_file_sizes_in_the_unit_that_reads_best(size_bytes: int, words: str, app: Flask) -> None:
    with app.test_request_context():
        assert file_size(size_bytes) == words
