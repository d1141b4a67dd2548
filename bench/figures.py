"""Percentiles, alternating rounds, and the ratio of two things measured in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

ROUNDS = 5


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(act: Callable[[], object], count: int) -> list[float]:
    """Milliseconds of each call."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        act()
        found.append((time.perf_counter() - began) * 1000)
    return found


def summary(values: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(percentile(values, 0.5), 2),
        "p95_ms": round(percentile(values, 0.95), 2),
        "p99_ms": round(percentile(values, 0.99), 2),
    }


def against(reference: Callable[[], object], ours: Callable[[], object], count: int) -> dict[str, object]:
    """Alternating rounds A B A B: medians of both, and the median, least and most of the pairwise ratios."""
    timed(reference, 5), timed(ours, 5)
    bare: list[float] = []
    app: list[float] = []
    ratios: list[float] = []
    medians: list[float] = []
    for _ in range(ROUNDS):
        a, b = timed(reference, count), timed(ours, count)
        bare, app = bare + a, app + b
        medians.append(statistics.median(a))
        ratios.append(statistics.median(b) / statistics.median(a))
    steady = max(medians) / min(medians)
    return {
        "app": summary(app),
        "bare": summary(bare),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_min_max": [round(min(ratios), 2), round(max(ratios), 2)],
        "reference_steady": steady <= 2,
    }
