"""What DESIGN asks of the speed: for each figure what must be reached, and what is aimed at."""

from __future__ import annotations

from typing import Literal

import msgspec

Better = Literal["higher", "lower"]


class Target(msgspec.Struct, frozen=True):
    """What a figure must reach at least, and what it should."""

    must: float
    aim: float
    better: Better

    def reaches(self, figure: float, bound: float) -> bool:
        """Return whether a figure is at a bound or past it, on the better side."""
        return figure >= bound if self.better == "higher" else figure <= bound


# Of two cores that broker and database share with us. Names are those of the figures.
TARGETS: dict[str, Target] = {
    "normalise_without_dedup_events_per_core_s": Target(100_000, 150_000, "higher"),
    "normalise_events_per_core_s": Target(60_000, 90_000, "higher"),
    "rate_events_per_core_s": Target(30_000, 50_000, "higher"),
    "load_rows_per_core_s": Target(35_000, 70_000, "higher"),
    "end_to_end_events_per_s": Target(10_000, 20_000, "higher"),
    "latency_offered_p50_ms": Target(250, 100, "lower"),
    "latency_offered_p99_ms": Target(1_000, 300, "lower"),
    "faust_agent_times_our_cpu": Target(20, 40, "higher"),
    "restore_rate_ledger_records_per_s": Target(50_000, 150_000, "higher"),
    "memory_rate_process_mb": Target(400, 250, "lower"),
    "call_tariff_us_per_record": Target(15, 10, "lower"),
    "catalogue_load_s": Target(2, 1, "lower"),
    "catalogue_check_s": Target(5, 2, "lower"),
    "catalogue_memory_mb": Target(150, 100, "lower"),
}

ABOUT: dict[str, str] = {
    "normalise_without_dedup_events_per_core_s": "normalise without asking for duplicates",
    "normalise_events_per_core_s": "normalise with dedup in RocksDB",
    "rate_events_per_core_s": "rate: price, counters, limits, set hash, explanation, RocksDB",
    "load_rows_per_core_s": "load: rows for a core of ours",
    "end_to_end_events_per_s": "raw topic to Postgres commit, everything on, sustained",
    "latency_offered_p50_ms": "latency raw to Postgres at 2,000/s offered, p50",
    "latency_offered_p99_ms": "the same, p99",
    "faust_agent_times_our_cpu": "CPU of the same work as a stock Faust agent, as a multiple of ours",
    "restore_rate_ledger_records_per_s": "restore of a lost RocksDB, ledger records",
    "memory_rate_process_mb": "memory of the rating process, at the end of the run",
    "call_tariff_us_per_record": "a call of two bands by its tariff, in the rating step: us of CPU",
    "catalogue_load_s": "a card of 170,000 prefixes by band, loaded from what is published, s",
    "catalogue_check_s": "the same from CSV, checked, s",
    "catalogue_memory_mb": "the same card in the rating process, MB",
}
