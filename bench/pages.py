"""The inbox page and an open ticket over HTTP, 10k and 100k tickets, against raw sqlite3 + Jinja on the same file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import data
from bench.desk import Client, Desk
from bench.figures import against, summary, timed

SIZES = tuple(int(n) for n in os.environ.get("BENCH_TICKETS", "10000,100000").split(","))
COUNT = int(os.environ.get("BENCH_COUNT", "20"))  # requests a round, of five rounds

# Lists that lean on other indexes, a list narrowed by conditions, search, and what a page asks for after a doorbell.
OTHERS = (
    "/?view=closed",
    "/?view=all&sort=created",
    "/?view=open&priority=normal&assignee=-1",
    "/inbox/changes?after=1",
    "/search?q=teapot+glaze",
)


def run() -> dict[str, object]:
    found: dict[str, object] = {}
    medians: dict[int, dict[str, float]] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = data.build(Path(folder) / "data", size)
            found[str(size)], medians[size] = _measure(Path(folder) / "data", path, size)
    least, most = SIZES[0], SIZES[-1]
    growth = {k: round(medians[most][k] / medians[least][k], 2) for k in medians[most]}
    return {**found, f"t({most})/t({least})": growth}


def _measure(folder: Path, path: Path, size: int) -> tuple[dict[str, object], dict[str, float]]:
    reference = subprocess.Popen([sys.executable, "-m", "bench.bare", str(path)], stdout=subprocess.PIPE, text=True)
    assert reference.stdout is not None
    bare = Client(f"http://127.0.0.1:{reference.stdout.readline().strip()}")
    try:
        with Desk(folder) as desk:
            agent = desk.agent()
            newest = 1000 + size
            inbox = against(lambda: bare.get("/"), lambda: agent.get("/?view=open"), COUNT)
            ticket = against(lambda: bare.get(f"/ticket/{newest}"), lambda: agent.get(f"/tickets/{newest}"), COUNT)
            fragment = timed(lambda: agent.get(f"/tickets/{newest}", HX_Request="true"), COUNT * 3)
            others = {path: timed(lambda p=path: agent.get(p), COUNT) for path in OTHERS}  # type: ignore[misc]
            others["a page of the depth"] = _deep(agent)
    finally:
        reference.terminate()
        reference.wait()
    p50 = {"inbox": inbox["app"]["p50_ms"], "ticket": ticket["app"]["p50_ms"]}  # type: ignore[index]
    return {
        "inbox": inbox,
        "ticket page": ticket,
        "ticket fragment": summary(fragment),
        **{name: summary(values) for name, values in others.items()},
    }, p50


def _deep(agent: Client) -> list[float]:
    """Milliseconds of the rows alone, page after page into the depth of the largest shelf."""
    found: list[float] = []
    path = "/inbox/list?view=closed"
    for _ in range(COUNT):
        began = time.perf_counter()
        page = agent.get(path, HX_Request="true").decode()
        found.append((time.perf_counter() - began) * 1000)
        following = re.search(r'data-more="([^"]+)"', page)
        if following is None:
            break
        path = following[1].replace("&amp;", "&")
    return found
