"""Every metric of the product; `docs/metrics.md` says what each is for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.clock import Clock, SystemClock
from pipeline.health import Health, Phase
from schemas.proof import Proof

MetricName = Literal[
    "ratemill_build_info",  # always 1, with the version
    "ratemill_source_records_total",  # source records that a stage has committed
    "ratemill_items_total",  # what they held: items (normalise) or events (rate)
    "ratemill_outcomes_total",  # what became of these, by outcome
    "ratemill_refusals_total",  # suspended, by reason
    "ratemill_unaccounted_total",  # items without one outcome, refusals without one reason: 0
    "ratemill_events_handed_on",  # since the genesis, to rate, by raw partition
    "ratemill_events_read",  # since the genesis, by rate, by partition
    "ratemill_partitions_owned",  # of the group, by this process
    "ratemill_partition_working",  # 1 once restored; 0 while it is not, or has stopped
    "kafka_consumergroup_lag",  # source offsets between the position and the end
    "ratemill_lag_seconds",  # age of the newest record that was committed, while others wait
    "ratemill_event_timestamp_seconds",  # event time of the newest usage that was committed
    "ratemill_last_commit_timestamp_seconds",  # when the last batch was committed
    "ratemill_batches_total",  # transactions committed
    "ratemill_batch_seconds",  # of one load transaction
    "ratemill_partition_stops_total",  # sessions that ended in doubt, by kind of error
    "ratemill_restored_records",  # changelog records folded by the last restore
    "ratemill_snapshots_total",  # of state, taken and failed
    "ratemill_loaded_rows_total",  # rows that load wrote, by table
    "ratemill_invoices_total",  # immediate invoices built
    "ratemill_side_work_failures_total",  # of load beside loading, by kind of error
    "ratemill_database_up",  # whether the database has answered
    "ratemill_source_records_per_minute",  # of one source, in the last whole minute
    "ratemill_source_refused_ratio",  # of one source, over 15 minutes
    "ratemill_source_last_seen_timestamp_seconds",  # when a source was in a proof last
    "ratemill_source_sequence_gaps_total",  # numbers of a source that did not come
]

_BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PARTITION = ("stage", "partition")
_GROUP = ("consumergroup", "topic", "partition")


@dataclass(slots=True)
class _Place:
    """How far an owned partition is; its lag in seconds grows between two batches too."""

    behind: int = 0
    appended_at_ms: int | None = None  # of the newest record that was committed


class StageMetrics:
    """The metrics of one stage in one process. All are set once a batch, none once a record.

    A partition is a number, or of load its topic and number: `topic/3`. What is known of an owned
    partition alone is gone with it, so that two processes never speak of the same one.
    """

    def __init__(
        self,
        stage: str,
        registry: CollectorRegistry,
        *,
        health: Health | None = None,
        clock: Clock | None = None,
        group: str = "",
        source_topic: str = "",
    ) -> None:
        """``group`` and ``source_topic`` are labels of the lag; a partition of load says its topic."""
        self._stage = stage
        self._health = health or Health()
        self._clock = clock or SystemClock()
        self._group = group
        self._source_topic = source_topic
        self._places: dict[str, _Place] = {}
        self._records = _counter(
            registry, "ratemill_source_records_total", "Source records committed.", _PARTITION
        )
        self._items = _counter(
            registry, "ratemill_items_total", "Items or events committed.", _PARTITION
        )
        self._outcomes = _counter(
            registry,
            "ratemill_outcomes_total",
            "Items or events by outcome.",
            (*_PARTITION, "outcome"),
        )
        self._refusals = _counter(
            registry, "ratemill_refusals_total", "Suspended records by reason.", ("stage", "reason")
        )
        self._unaccounted = _counter(
            registry,
            "ratemill_unaccounted_total",
            "Items without exactly one outcome, refusals without exactly one reason.",
            _PARTITION,
        )
        self._handed_on = _gauge(
            registry,
            "ratemill_events_handed_on",
            "Events that normalise has handed on since the genesis, by raw partition.",
            ("partition",),
        )
        self._read = _gauge(
            registry,
            "ratemill_events_read",
            "Events that rate has read since the genesis.",
            ("partition",),
        )
        self._owned = _gauge(
            registry, "ratemill_partitions_owned", "Partitions that the group assigns.", ("stage",)
        )
        self._working = _gauge(
            registry,
            "ratemill_partition_working",
            "Whether an owned partition is restored and at work.",
            _PARTITION,
        )
        self._lag = _gauge(
            registry, "kafka_consumergroup_lag", "Source offsets behind the end.", _GROUP
        )
        self._lag_s = _gauge(
            registry,
            "ratemill_lag_seconds",
            "Age of the newest committed record while others wait behind it, else 0.",
            _PARTITION,
        )
        self._event_time = _gauge(
            registry,
            "ratemill_event_timestamp_seconds",
            "Event time of the newest usage that was committed, in seconds since 1970.",
            _PARTITION,
        )
        self._last_commit = _gauge(
            registry,
            "ratemill_last_commit_timestamp_seconds",
            "When the last batch was committed, in seconds since 1970.",
            _PARTITION,
        )
        self._batches = _counter(
            registry, "ratemill_batches_total", "Transactions committed.", _PARTITION
        )
        self._seconds = Histogram(
            _name("ratemill_batch_seconds"),
            "Seconds of one load transaction.",
            ["stage"],
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self._stops = _counter(
            registry,
            "ratemill_partition_stops_total",
            "Sessions of a partition that ended in doubt.",
            (*_PARTITION, "error"),
        )
        self._restored = _gauge(
            registry,
            "ratemill_restored_records",
            "Changelog records folded on restore.",
            _PARTITION,
        )
        self._snapshots = _counter(
            registry, "ratemill_snapshots_total", "Snapshots of state.", (*_PARTITION, "result")
        )
        self._loaded = _counter(
            registry, "ratemill_loaded_rows_total", "Rows written to Postgres.", ("table",)
        )
        self._invoices = _counter(registry, "ratemill_invoices_total", "Immediate invoices built.")
        self._side_work = _counter(
            registry,
            "ratemill_side_work_failures_total",
            "Failures of building invoices and of relaying commands.",
            ("work", "error"),
        )
        self._database = _gauge(
            registry,
            "ratemill_database_up",
            "Whether the database answered when asked last.",
            ("stage",),
        )

    def assigned(self, count: int) -> None:
        """Say how many partitions the group assigns to this process."""
        self._health.assigned()
        self._owned.labels(self._stage).set(count)

    def owned(self, partition: int | str) -> None:
        """Say that a partition is ours; it is not at work yet."""
        number = str(partition)
        self._places[number] = _Place()
        self._health.owned(self._named(partition))
        self._working.labels(self._stage, number).set(0)
        # A counter that begins at 1 has never grown, for those who ask how much it grew.
        self._unaccounted.labels(self._stage, number).inc(0)

    def released(self, partition: int | str) -> None:
        """Say that a partition is another's from now on."""
        number = str(partition)
        self._places.pop(number, None)
        self._health.released(self._named(partition))
        for gauge in (self._working, self._lag_s, self._event_time, self._last_commit):
            _forget(gauge, self._stage, number)
        for gauge in (self._handed_on, self._read):
            _forget(gauge, number)
        _forget(self._lag, *self._group_labels(partition))

    def working(self, partition: int | str, proof: Proof | None = None) -> None:
        """Say that an owned partition is restored; ``proof`` is its last one, if it has any."""
        self._health.phase(self._named(partition), Phase.WORKING)
        self._working.labels(self._stage, str(partition)).set(1)
        if proof is not None:
            self._tell_totals(str(partition), proof)

    def batch(
        self,
        partition: int | str,
        proof: Proof,
        *,
        behind: int,
        appended_at_ms: int | None = None,
        event_time_ms: int | None = None,
    ) -> None:
        """Count one committed batch; the times are those of its last record and usage."""
        number = str(partition)
        self._items.labels(self._stage, number).inc(proof.items)
        for outcome, count in proof.outcomes.items():
            self._outcomes.labels(self._stage, number, outcome).inc(count)
        for reason, count in proof.refusals.items():
            self._refusals.labels(self._stage, reason).inc(count)
        self._unaccounted.labels(self._stage, number).inc(unaccounted(proof))
        self._tell_totals(number, proof)
        self._committed(
            partition,
            proof.records,
            appended_at_ms=appended_at_ms,
            event_time_ms=event_time_ms,
        )
        self._tell_behind(partition, behind, committed=True)

    def caught_up(self, partition: int | str, *, behind: int) -> None:
        """Say how far the end is."""
        self._tell_behind(partition, behind, committed=False)

    def followed(self, partition: int | str, *, behind: int, moved: bool) -> None:
        """Say how far the end is of one who commits nothing; ``moved``: that it has read since."""
        self._tell_behind(partition, behind, committed=moved)

    def doubt(self, partition: int | str, error: str) -> None:
        """Count a session that ended in doubt."""
        number = str(partition)
        self._stops.labels(self._stage, number, error).inc()
        self._health.phase(self._named(partition), Phase.STOPPED, error)
        if number in self._places:
            self._working.labels(self._stage, number).set(0)

    def restored(self, partition: int, records: int) -> None:
        """Say how many changelog records the running restore has folded."""
        self._restored.labels(self._stage, str(partition)).set(records)
        self._health.phase(
            self._named(partition), Phase.RESTORING, f"{records} changelog records folded"
        )

    def snapshot(self, partition: int, result: Literal["taken", "failed"]) -> None:
        """Count a snapshot of a partition's state."""
        self._snapshots.labels(self._stage, str(partition), result).inc()

    def loaded(
        self,
        partition: int | str,
        *,
        records: int,
        rows: dict[str, int],
        seconds: float,
        appended_at_ms: int | None = None,
        event_time_ms: int | None = None,
    ) -> None:
        """Count one transaction of load."""
        self._seconds.labels(self._stage).observe(seconds)
        for table, count in rows.items():
            self._loaded.labels(table).inc(count)
        self._committed(
            partition, records, appended_at_ms=appended_at_ms, event_time_ms=event_time_ms
        )

    def invoiced(self, count: int) -> None:
        """Count immediate invoices."""
        self._invoices.inc(count)

    def side_work_failed(self, work: str, error: str) -> None:
        """Count a failure of what load does beside loading."""
        self._side_work.labels(work, error).inc()

    def database(self, problem: str | None) -> None:
        """Say why the database does not answer; None: it does."""
        self._health.database(problem)
        self._database.labels(self._stage).set(0 if problem else 1)

    def _committed(
        self,
        partition: int | str,
        records: int,
        *,
        appended_at_ms: int | None,
        event_time_ms: int | None,
    ) -> None:
        number = str(partition)
        self._records.labels(self._stage, number).inc(records)
        self._batches.labels(self._stage, number).inc()
        place = self._places.get(number)
        if place is None:
            return
        self._last_commit.labels(self._stage, number).set(self._clock.now().timestamp())
        if event_time_ms is not None:
            self._event_time.labels(self._stage, number).set(event_time_ms / 1000)
        if appended_at_ms is not None:
            if place.appended_at_ms is None:
                self._lag_s.labels(self._stage, number).set_function(self._age_of(place))
            place.appended_at_ms = appended_at_ms

    def _tell_behind(self, partition: int | str, behind: int, *, committed: bool) -> None:
        self._lag.labels(*self._group_labels(partition)).set(behind)
        self._health.moved(self._named(partition), behind=behind, committed=committed)
        if (place := self._places.get(str(partition))) is not None:
            place.behind = behind

    def _tell_totals(self, number: str, proof: Proof) -> None:
        if proof.handed_on:
            handed_on = sum(each.count for each in proof.handed_on.values())
            self._handed_on.labels(number).set(handed_on)
        if proof.read:
            self._read.labels(number).set(sum(each.so_far.count for each in proof.read.values()))

    def _age_of(self, place: _Place) -> Callable[[], float]:
        """Return what is asked at each scrape: it grows while nothing is committed."""

        def age_s() -> float:
            if not place.behind or place.appended_at_ms is None:
                return 0.0
            return max(0.0, self._clock.now().timestamp() - place.appended_at_ms / 1000)

        return age_s

    def _named(self, partition: int | str) -> str:
        return f"{self._stage}/{partition}"

    def _group_labels(self, partition: int | str) -> tuple[str, str, str]:
        topic, _, number = str(partition).rpartition("/")
        return self._group, topic or self._source_topic, number


def unaccounted(proof: Proof) -> int:
    """Return how many items of a batch have not one outcome, and refusals not one reason; 0."""
    items = abs(proof.items - sum(proof.outcomes.values()))
    return items + abs(proof.outcomes.get("suspended", 0) - sum(proof.refusals.values()))


def build_info(registry: CollectorRegistry, *, version: str) -> None:
    """Say which build this is."""
    info = _gauge(registry, "ratemill_build_info", "The build that runs.", ("version",))
    info.labels(version).set(1)


def _name(name: MetricName) -> str:
    return name


def _counter(
    registry: CollectorRegistry, name: MetricName, text: str, labels: tuple[str, ...] = ()
) -> Counter:
    return Counter(name, text, labels, registry=registry)


def _gauge(
    registry: CollectorRegistry, name: MetricName, text: str, labels: tuple[str, ...] = ()
) -> Gauge:
    return Gauge(name, text, labels, registry=registry)


def _forget(gauge: Gauge, *labels: str) -> None:
    with suppress(KeyError):
        gauge.remove(*labels)
