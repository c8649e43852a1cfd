"""The parts of a benchmark; `--only` takes them one by one."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Part(StrEnum):
    """One part; what needs an installation with the events in it measures end to end first."""

    STAGES = "stages"  # normalise, rate and load alone, in a process each, without Kafka
    CATALOGUE = "catalogue"  # checked, compiled, looked up in
    END_TO_END = "end-to-end"  # real processes, from the raw topic to the commit in Postgres
    LATENCY = "latency"  # at a fixed offered rate, and at low load
    RESTORE = "restore"  # of RocksDB folders that are gone
    PASS_THROUGH = "pass-through"  # the same records through aiokafka, untouched
    FAUST = "faust"  # the same work as a stock Faust agent
    SCALING = "scaling"  # 1, 2 and 4 partitions, a process each


ON_FLOW = frozenset({Part.LATENCY, Part.RESTORE, Part.PASS_THROUGH})
"""Parts that are measured on the installation that was filled end to end."""

NEEDS_FLOW = ON_FLOW | {Part.FAUST}  # which is compared with it
