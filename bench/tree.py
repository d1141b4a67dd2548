"""The whole tree at rest: PSS of every process, and the time from `helpdesk up` to the first page."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench import data
from bench.desk import Desk

REST_S = 30


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        data.build(Path(folder) / "data", 1000)
        with Desk(Path(folder) / "data") as desk:
            desk.agent().get("/")
            time.sleep(REST_S)
            parts = {name: pss_mb(pid) for name, pid in desk.pids.items()}
            return {
                "pss_mb": {k: round(v, 1) for k, v in parts.items()},
                "sum_mb": round(sum(parts.values()), 1),
                "first_page_s": round(desk.seconds, 2),
                "goals": {"sum_mb": 250, "first_page_s": 5},
            }


def pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no Pss line")
