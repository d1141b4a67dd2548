"""What Prometheus reads: gauges from the facts of health, counters of the requests this process answered."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from helpdesk.services.health import Facts

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class _Requests:
    """One per app, so that two apps in one process (tests) do not share counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.count = Counter("helpdesk_requests", "Requests answered", ["method", "status"], registry=self.registry)
        self.seconds = Histogram(
            "helpdesk_request_seconds", "Time to answer a request", buckets=BUCKETS_S, registry=self.registry
        )


def init_app(app: Flask) -> None:
    """Count and time requests; sockets, which stay open, are not requests."""
    counters = app.extensions["metrics"] = _Requests()

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        began = getattr(g, "began", None)
        if began is not None and response.status_code != 101:
            counters.seconds.observe(time.perf_counter() - began)
            counters.count.labels(request.method, str(response.status_code)).inc()
        return response


def render(facts: Facts) -> tuple[bytes, str]:
    """The text of /metrics and its content type."""
    from flask import current_app

    registry = CollectorRegistry()
    registry.register(_Gauges(facts))  # type: ignore[arg-type]
    counters: _Requests = current_app.extensions["metrics"]
    return generate_latest(registry) + generate_latest(counters.registry), CONTENT_TYPE_PLAIN_0_0_4


class _Gauges:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def collect(self) -> Iterator[Metric]:
        facts = self.facts
        yield _gauge("helpdesk_ready", "1 when every part is well", float(facts.ready))
        yield _labelled("helpdesk_part_up", "1 when the part is well", "part",
                        {name: float(part.state == "ok") for name, part in facts.parts.items()})  # fmt: skip
        yield _labelled(
            "helpdesk_outbox_due", "Work waiting now", "drain", {d: r["due"] for d, r in facts.outbox.items()}
        )
        yield _labelled("helpdesk_outbox_failed", "Work given up", "drain",
                        {d: r["failed"] for d, r in facts.outbox.items()})  # fmt: skip
        yield _labelled("helpdesk_outbox_oldest_seconds", "How long the oldest waits", "drain",
                        {d: r["oldest_s"] for d, r in facts.outbox.items()})  # fmt: skip
        states = {f"{c.id}": float(c.state != "failing") for c in facts.channels if c.state != "off"}
        yield _labelled("helpdesk_channel_up", "1 unless the channel fails", "channel", states)
        yield _gauge("helpdesk_inbound_failed", "Raws nobody could take in", facts.inbound_failed)
        yield _gauge("helpdesk_deliveries_failed", "Messages not sent", facts.deliveries_failed)
        yield _gauge("helpdesk_database_bytes", "Size of the database", facts.database_bytes)
        yield _gauge("helpdesk_disk_free_bytes", "Free space in the data folder", facts.disk_free_bytes)


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=float(value))


def _labelled(name: str, told: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
