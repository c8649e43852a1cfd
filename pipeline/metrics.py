"""Every metric of the product, and the server that shows them to Prometheus."""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from schemas.proof import Proof

MetricName = Literal[
    "ratemill_source_records_total",  # source records that a stage has committed
    "ratemill_outcomes_total",  # items (normalise) or events (rate), by outcome
    "ratemill_refusals_total",  # suspended, by reason
    "ratemill_lag_records",  # source records between the position and the end
    "ratemill_batches_total",  # transactions committed
    "ratemill_batch_seconds",  # of one load transaction
    "ratemill_partition_stops_total",  # sessions that ended in doubt, by kind of error
    "ratemill_restored_records",  # changelog records folded by the last restore
    "ratemill_snapshots_total",  # of state, taken and failed
    "ratemill_loaded_rows_total",  # rows that load wrote, by table
    "ratemill_invoices_total",  # immediate invoices built
]

_BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class StageMetrics:
    """The metrics of one stage in one process."""

    def __init__(self, stage: str, registry: CollectorRegistry) -> None:
        self._stage = stage
        labels = ["stage", "partition"]
        self._records = _counter(
            registry, "ratemill_source_records_total", "Source records committed.", labels
        )
        self._outcomes = _counter(
            registry, "ratemill_outcomes_total", "Items or events by outcome.", [*labels, "outcome"]
        )
        self._refusals = _counter(
            registry, "ratemill_refusals_total", "Suspended records by reason.", ["stage", "reason"]
        )
        self._batches = _counter(
            registry, "ratemill_batches_total", "Transactions committed.", labels
        )
        self._stops = _counter(
            registry,
            "ratemill_partition_stops_total",
            "Sessions of a partition that ended in doubt.",
            [*labels, "error"],
        )
        self._lag = _gauge(
            registry, "ratemill_lag_records", "Source records behind the end.", labels
        )
        self._restored = _gauge(
            registry, "ratemill_restored_records", "Changelog records folded on restore.", labels
        )
        self._snapshots = _counter(
            registry, "ratemill_snapshots_total", "Snapshots of state.", [*labels, "result"]
        )
        self._loaded = _counter(
            registry, "ratemill_loaded_rows_total", "Rows written to Postgres.", ["table"]
        )
        self._invoices = _counter(
            registry, "ratemill_invoices_total", "Immediate invoices built.", []
        )
        self._seconds = Histogram(
            _name("ratemill_batch_seconds"),
            "Seconds of one load transaction.",
            ["stage"],
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )

    def batch(self, partition: int | str, proof: Proof, *, behind: int) -> None:
        """Count one committed batch."""
        number = str(partition)
        self._records.labels(self._stage, number).inc(proof.records)
        self._batches.labels(self._stage, number).inc()
        for outcome, count in proof.outcomes.items():
            self._outcomes.labels(self._stage, number, outcome).inc(count)
        for reason, count in proof.refusals.items():
            self._refusals.labels(self._stage, reason).inc(count)
        self.caught_up(partition, behind=behind)

    def caught_up(self, partition: int | str, *, behind: int) -> None:
        """Say how far the end is."""
        self._lag.labels(self._stage, str(partition)).set(behind)

    def doubt(self, partition: int | str, error: str) -> None:
        """Count a session that ended in doubt."""
        self._stops.labels(self._stage, str(partition), error).inc()

    def restored(self, partition: int, records: int) -> None:
        """Say how many changelog records the running restore has folded."""
        self._restored.labels(self._stage, str(partition)).set(records)

    def snapshot(self, partition: int, result: Literal["taken", "failed"]) -> None:
        """Count a snapshot of a partition's state."""
        self._snapshots.labels(self._stage, str(partition), result).inc()

    def loaded(
        self, partition: int | str, *, records: int, rows: dict[str, int], seconds: float
    ) -> None:
        """Count one transaction of load."""
        number = str(partition)
        self._records.labels(self._stage, number).inc(records)
        self._batches.labels(self._stage, number).inc()
        self._seconds.labels(self._stage).observe(seconds)
        for table, count in rows.items():
            self._loaded.labels(table).inc(count)

    def invoiced(self, count: int) -> None:
        """Count immediate invoices."""
        self._invoices.inc(count)


def _name(name: MetricName) -> str:
    return name


def _counter(
    registry: CollectorRegistry, name: MetricName, text: str, labels: list[str]
) -> Counter:
    return Counter(name, text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: MetricName, text: str, labels: list[str]) -> Gauge:
    return Gauge(name, text, labels, registry=registry)


def serve(registry: CollectorRegistry, *, port: int) -> int:
    """Serve the metrics on loopback; return the port (a free one where ``port`` is 0)."""
    server, _thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    return int(server.server_port)
