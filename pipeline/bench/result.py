"""What a benchmark came to: the one line of JSON, and what it is read back from."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.bench.targets import TARGETS, Target
from pipeline.errors import RatemillError

Figures = dict[str, int | float]
"""Name -> number; the unit is the end of the name."""

FIRST_FORMATS = "60 % CSV rows, 40 % CloudEvents"
"""Of the workload of results that name no formats: there were no charging files yet."""

Point = tuple[float, ...]


class BenchResult(msgspec.Struct, frozen=True, kw_only=True):
    """The line of `ratemill bench --json`."""

    figures: Figures
    targets: dict[str, Target]
    hardware: dict[str, str]
    versions: dict[str, str]
    command: str
    workload: dict[str, int | str]
    parts: tuple[str, ...]
    series: dict[str, list[Point]] = {}  # how the figures of a part moved
    exact: bool | None = None  # whether all of it reconciled; None where nothing ran end to end
    measured_at: str = ""


class Findings:
    """Figures and series, as the parts of a run find them."""

    def __init__(self) -> None:
        self.figures: Figures = {}
        self.series: dict[str, list[Point]] = {}
        self.exact: bool | None = None

    def note(self, **figures: float) -> None:
        """Keep figures, with as many digits as mean something."""
        for name, value in figures.items():
            self.figures[name] = rounded(value)

    def reconciled(self, exact: bool) -> None:
        """Keep whether one more installation reconciled."""
        self.exact = exact if self.exact is None else self.exact and exact


def rounded(value: float) -> float:
    """Return a number with four digits that mean something; whole ones stay as they are."""
    if isinstance(value, int):
        return value
    shown = float(f"{value:.4g}")
    return int(shown) if shown == int(shown) else shown


def targets_of(figures: Figures) -> dict[str, Target]:
    """Return the targets of the figures that were measured."""
    return {name: target for name, target in TARGETS.items() if name in figures}


def read_result(path: Path) -> BenchResult:
    """Return the result in a file that `--json` wrote; `NotAResult` where it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=BenchResult)
    except (OSError, msgspec.MsgspecError) as error:
        raise NotAResult(
            f"{path} is no result of a benchmark: {error}. Operator action: name a file that "
            "`ratemill bench --json` wrote."
        ) from error


class NotAResult(RatemillError):
    """A file that should hold an earlier result holds something else."""
