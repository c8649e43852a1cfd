"""The metrics of single sources; `docs/metrics.md` says what each is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.metrics import MetricName
from pipeline.watching.sources import SourceView

_LABELS = ("source",)


class SourceMetrics(Collector):
    """Shows the sources as they were told last; a source that is not told any more is gone.

    Told by the worker's event loop, read by the threads of its HTTP server.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._views: tuple[SourceView, ...] = ()
        registry.register(self)

    def tell(self, views: Iterable[SourceView]) -> None:
        """Show these sources from now on."""
        self._views = tuple(views)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of all sources."""
        views = self._views
        rate = _gauge("ratemill_source_records_per_minute", "Records of the last whole minute.")
        refused = _gauge(
            "ratemill_source_refused_ratio", "Share of the last 15 minutes that was refused."
        )
        last = _gauge(
            "ratemill_source_last_seen_timestamp_seconds",
            "When the newest proof with the source was appended, in seconds since 1970.",
        )
        missed = CounterMetricFamily(
            _name("ratemill_source_sequence_gaps_total"),
            "Sequence numbers of the source that did not come.",
            labels=_LABELS,
        )
        for view in views:
            labels = (view.source,)
            rate.add_metric(labels, view.records_per_minute)
            if view.refused_ratio is not None:
                refused.add_metric(labels, view.refused_ratio)
            last.add_metric(labels, view.last_at_ms / 1000)
            missed.add_metric(labels, view.missed)
        yield from (rate, refused, last, missed)


def _gauge(name: MetricName, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=_LABELS)


def _name(name: MetricName) -> str:
    return name
