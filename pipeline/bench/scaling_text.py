"""The measured block of docs/scaling.md: the curve, the cost model, what it comes to on paper."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from pipeline.bench.markdown import figure, md_table, section
from pipeline.bench.result import BenchResult, Figures
from pipeline.bench.scaling import STEPS

# What a machine is loaded with on paper: the rest is for peaks, restarts and catching up.
_BUSY = 0.6
_GOALS = (10_000, 100_000, 1_000_000)  # events/s
_PEAK_TO_MEAN = 3  # the rate is that of the busiest hour: a day's mean is a third of it
_REPLICAS = 3
_DAY_S = 86_400
_TB = 1_000_000_000_000
_MB = 1_000_000


def scaling_text(result: BenchResult) -> str:
    """Return the block; a part that was not measured has no section."""
    sections = [_curve(result), _cost_model(result.figures), _on_paper(result.figures)]
    return "\n".join(one for one in sections if one)


def _curve(result: BenchResult) -> str:
    figures = result.figures
    rows = [
        [
            str(step),
            figure(figures, f"scaling_{step}_events_per_s"),
            figure(figures, f"scaling_{step}_cpu_ours_us_per_event"),
            figure(figures, f"scaling_{step}_cpu_us_per_event"),
            figure(figures, f"scaling_{step}_cores_busy"),
        ]
        for step in STEPS
        if f"scaling_{step}_events_per_s" in figures
    ]
    if not rows:
        return ""
    return section(
        "The curve",
        f"{result.measured_at}, {result.hardware['processor']}, {result.hardware['cores']} cores "
        "for workers, broker and database together.",
        md_table(
            [
                ">partitions, and processes of each stage",
                ">events/s",
                ">us CPU of ours",
                ">us CPU in all",
                ">cores busy",
            ],
            rows,
        ),
    )


def _cost_model(figures: Figures) -> str:
    if "cpu_all_us_per_event" not in figures:
        return ""
    kafka_in, kafka_out = network_bytes(figures)
    rows = [
        [
            "CPU, seconds",
            *(
                figure(figures, f"cpu_{name}_us_per_event")
                for name in ("normalise", "rate", "load", "kafka", "postgres")
            ),
        ],
        [
            "transactions",
            *(
                figure(figures, f"transactions_{name}_per_million_events")
                for name in ("normalise", "rate", "load")
            ),
            "",
            "",
        ],
        [
            "written to disk, MB",
            "",
            "",
            "",
            figure(figures, "written_kafka_bytes_per_event"),
            figure(figures, "written_postgres_bytes_per_event"),
        ],
        ["network in, MB", "", "", "", f"{kafka_in:,.0f}", ""],
        ["network out, MB", "", "", "", f"{kafka_out:,.0f}", ""],
        [
            "stays on disk, MB",
            "",
            "",
            "",
            f"{kafka_in:,.0f}",
            figure(figures, "disk_tables_bytes_per_event"),
        ],
    ]
    return section(
        "What a million events cost",
        md_table(["", ">normalise", ">rate", ">load", ">Kafka", ">Postgres"], rows),
        "Network: what producers send to the broker, one copy, and what the stages read from it. "
        "Written to disk is what the system counted, with write-ahead log, full pages and "
        "checkpoints.",
    )


def network_bytes(figures: Figures) -> tuple[float, float]:
    """Return the bytes per event that go into the broker, one copy, and out of it."""
    names = ("usage_raw", "usage_normalised", "usage_rated", "usage_suspense", "normalise_proofs")
    written = sum(figures.get(f"disk_topic_{name}_bytes_per_event", 0) for name in names)
    return written, written  # every topic is read once: by the next stage, or by load


def _on_paper(figures: Figures) -> str:
    if "cpu_all_us_per_event" not in figures:
        return ""
    rows: list[tuple[str, Callable[[int], str]]] = [
        ("cores of normalise", lambda goal: _cores(figures, "normalise", goal)),
        ("cores of rate", lambda goal: _cores(figures, "rate", goal)),
        ("cores of load", lambda goal: _cores(figures, "load", goal)),
        ("cores of Kafka, 3 copies", lambda goal: _cores(figures, "kafka", goal, _REPLICAS)),
        ("cores of Postgres", lambda goal: _cores(figures, "postgres", goal)),
        ("partitions, raw and rated each", lambda goal: f"{_partitions(figures, goal):,}"),
        ("Kafka network in, MB/s, 3 copies", lambda goal: _network(figures, goal)),
        ("ledger a day, TB, 3 copies", lambda goal: _ledger_tb(figures, goal)),
        ("tables a day, TB", lambda goal: _tables_tb(figures, goal)),
    ]
    return section(
        "On paper",
        f"The costs above times the rate, processors {_BUSY:.0%} busy; over a day a third of the "
        "rate on average; a partition for each core of the dearest stage.",
        md_table(
            ["", *(f">{goal:,} events/s" for goal in _GOALS)],
            [[title, *(value(goal) for goal in _GOALS)] for title, value in rows],
        ),
    )


def _cores(figures: Figures, name: str, goal: int, copies: int = 1) -> str:
    return f"{ceil(goal * figures[f'cpu_{name}_us_per_event'] * copies / 1e6 / _BUSY):,}"


def _partitions(figures: Figures, goal: int) -> int:
    dearest = max(figures[f"cpu_{name}_us_per_event"] for name in ("normalise", "rate", "load"))
    return ceil(goal * dearest / 1e6 / _BUSY)


def _network(figures: Figures, goal: int) -> str:
    return f"{goal * network_bytes(figures)[0] * _REPLICAS / _MB:,.0f}"


def _ledger_tb(figures: Figures, goal: int) -> str:
    size = figures.get("disk_topic_usage_rated_bytes_per_event", 0)
    return f"{goal / _PEAK_TO_MEAN * _DAY_S * size * _REPLICAS / _TB:,.2f}"


def _tables_tb(figures: Figures, goal: int) -> str:
    size = figures.get("disk_tables_bytes_per_event", 0)
    return f"{goal / _PEAK_TO_MEAN * _DAY_S * size / _TB:,.2f}"
