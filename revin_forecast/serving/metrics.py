"""Metrics of the service for Prometheus: requests, waiting times, workers and rows."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from revin_forecast.serving.pool import WorkerPool

CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
OTHER_ROUTE = "other"
"""Label of every address without a route, so that requests can't add labels without end."""


class ServiceMetrics:
    """The metrics of one service.

    All requests pass through one process, which also counts its workers. So the numbers are whole
    without files that processes share.

    Args:
        pool: the workers.
        model: description of the model.
    """

    def __init__(self, pool: WorkerPool, model: Mapping[str, Any]):
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "revin_forecast_requests",
            "Requests by route and status.",
            ["route", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "revin_forecast_request_seconds",
            "Time from the arrival of a request to the end of its response.",
            ["route"],
            buckets=BUCKETS_SECONDS,
            registry=self._registry,
        )
        self.rows = Counter(
            "revin_forecast_rows", "Rows of the tables that were forecast.", registry=self._registry
        )
        info = Info("revin_forecast_model", "The model.", registry=self._registry)
        info.info(_describe_model(model))
        self._registry.register(_PoolCollector(pool))  # pyright: ignore[reportArgumentType]

    def to_text(self) -> bytes:
        """Return the metrics in the text format of Prometheus."""
        return generate_latest(self._registry)


class MetricsMiddleware:
    """ASGI middleware that counts and times requests.

    Args:
        app: the application.
        metrics: receives the numbers.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics):
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application and count it when its response has ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = "500", time.perf_counter()  # without a response: a bug

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", OTHER_ROUTE)
            self.metrics.requests.labels(route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - start)


class _PoolCollector:
    """Reads the state of the workers when the metrics are read."""

    def __init__(self, pool: WorkerPool):
        self.pool = pool

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of the workers."""
        state = self.pool.count_workers()
        for name, help_text, value in (
            ("workers", "Worker processes of the service.", state.total),
            ("workers_ready", "Worker processes that have loaded the model.", state.ready),
            ("requests_admitted", "Requests in work or waiting.", state.admitted),
            ("requests_waiting", "Requests that wait for a worker.", state.waiting),
        ):
            yield GaugeMetricFamily(f"revin_forecast_{name}", help_text, value)
        yield CounterMetricFamily(
            "revin_forecast_workers_lost",
            "Worker processes that ended or were stopped, and were replaced.",
            state.lost,
        )


def _describe_model(model: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of the model: none with names or values of its table."""
    labels = {
        "version": model.get("version"),
        "saved": model.get("saved"),
        "last": model.get("fitted_on", {}).get("last"),
        "sha256": model.get("sha256"),
    }
    return {name: str(value) for name, value in labels.items() if value is not None}
