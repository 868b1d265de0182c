"""Counters of a server, in Prometheus' text format."""

import contextlib
import time
from collections.abc import Iterator

import prometheus_client

IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Counters:
    """Counters of one server, in a registry of their own."""

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter(
            "simclr_med_requests", "Requests by what they ask and the answer's status.",
            ["method", "status"], registry=self.registry,
        )  # fmt: skip
        self.seconds = prometheus_client.Histogram(
            "simclr_med_request_seconds", "From a request's first byte to its answer.",
            ["method"], registry=self.registry,
        )  # fmt: skip
        self.running = prometheus_client.Gauge(
            "simclr_med_requests_running", "Requests that are read, wait or are answered.",
            registry=self.registry,
        )  # fmt: skip
        self.batches = prometheus_client.Histogram(
            "simclr_med_batch_images", "Images that were answered together.",
            buckets=IMAGES, registry=self.registry,
        )  # fmt: skip

    @contextlib.contextmanager
    def request(self, method: str) -> Iterator[None]:
        """Count a request, answered or failed, from here to the block's end."""
        begin = time.perf_counter()
        try:
            with self.running.track_inprogress():
                yield
        finally:
            self.seconds.labels(method).observe(time.perf_counter() - begin)

    def text(self) -> bytes:
        """Return all of them as Prometheus reads them, bytes."""
        return prometheus_client.generate_latest(self.registry)
