"""What `python -m benchmarks.compare --keep` has measured: the same rating in other programs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.bench.result import Figures
from pipeline.bench.targets import Target

KEPT = Path(__file__).resolve().parents[2] / "benchmarks" / "compared.json"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison, both sides in the same run."""

    program: str
    figures: Figures
    hardware: dict[str, str]
    command: str
    measured_at: str


class Comparison(NamedTuple):
    """A row of what must be reached: our CPU as a part of that of a program."""

    program: str
    about: str
    target: Target | None  # of ``times_our_cpu``; None: nothing here measures it
    unmeasured: str  # why there is no figure

    @property
    def reason_name(self) -> str:
        """Return how reasons.toml calls why the target is missed."""
        return f"compared_{self.program}"


_QUIET_LOAD = 0.5
_COMMAND = "not measured here: `python -m benchmarks.compare {} --keep` does it"

COMPARISONS = (
    Comparison(
        "kafka-streams",
        "the same work in Kafka Streams (Java, exactly_once_v2)",
        Target(1, 2, "higher"),
        _COMMAND.format("kafka-streams"),
    ),
    Comparison(
        "quix",
        "the same work in Quix Streams (exactly once)",
        Target(3, 4, "higher"),
        _COMMAND.format("quix"),
    ),
    Comparison(
        "bytewax",
        "the same work in Bytewax (at least once)",
        Target(1, 2, "higher"),
        _COMMAND.format("bytewax"),
    ),
    Comparison(
        "cgrates",
        "the same work in CGRateS, rated and stored in Postgres",
        None,
        "not measured here: needs a Go server built from source, and the tariff in its own form",
    ),
)


def read_compared(path: Path = KEPT) -> dict[str, Compared]:
    """Return the kept comparisons by program; none where there is no file, as in an installation."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Compared])
    except FileNotFoundError:
        return {}


def keep(found: Compared, path: Path = KEPT) -> None:
    """Put a comparison into the file, in place of an earlier one of its program."""
    kept = read_compared(path) | {found.program: found}
    text = msgspec.json.format(msgspec.json.encode(dict(sorted(kept.items()))), indent=2)
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(text + b"\n")
    unfinished.rename(path)


def circumstances(found: Compared) -> str:
    """Return in words what the multiple is of, and where it was measured."""
    figures, hardware = found.figures, found.hardware
    return (
        f"theirs takes {figures['theirs_us_per_event']:g} us of CPU per event, ours "
        f"{figures['ours_us_per_event']:g}; {figures['events']:,} events, {found.measured_at}, "
        f"{hardware['processor']}, {hardware['cores']} cores{_busy(figures)}"
    )


def _busy(figures: Figures) -> str:
    """Return that others wanted the processor too, where they did: both sides are dearer then."""
    load = figures.get("load_before", 0)
    return f", not quiet (load {load:.1f} before)" if load > _QUIET_LOAD else ""
