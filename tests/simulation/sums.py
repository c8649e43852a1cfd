"""What runs of many seeds came to, summed; a long run is kept in parts, so that it can go on."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.chaos.machine import machine
from tests.simulation.schedule import POINTS
from tests.simulation.simulate import Outcome

PART_SEEDS = 500


class Sums:
    """The outcomes of some seeds, as they come in."""

    def __init__(self) -> None:
        self.seeds = 0
        self.deaths = 0
        self.torn = 0
        self.bitten: Counter[str] = Counter()
        self.not_exact: list[int] = []

    def add(self, outcome: Outcome) -> None:
        """Count the outcome of one seed."""
        self.seeds += 1
        self.deaths += outcome.deaths
        self.torn += outcome.torn
        self.bitten += outcome.bitten
        if outcome.wrong is not None:
            self.not_exact.append(outcome.seed)

    def add_report(self, report: dict[str, Any]) -> None:
        """Count what `report` made of other seeds."""
        self.seeds += report["seeds"]
        self.deaths += report["deaths"]
        self.torn += report["open_transactions_torn"]
        self.bitten += Counter(report["faults"])
        self.not_exact += report["not_exact"]

    def report(self, *, first: int) -> dict[str, Any]:
        """Return what `docs/reliability.md` and `--json` say of them."""
        return {
            "seeds": self.seeds,
            "first": first,
            "not_exact": self.not_exact,
            "deaths": self.deaths,
            "open_transactions_torn": self.torn,
            "faults": dict(sorted(self.bitten.items())),
            "points_never_killed_at": [p for p in POINTS if not self.bitten[f"kill {p}"]],
        }


class Kept:
    """The parts of a run in a folder: seeds that are there already are not run again.

    A part counts for the code it ran with; whoever wants all of it anew removes the folder. A part
    with a seed that was not exact is run again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts = folder / "seeds"

    def missing(self, seeds: range) -> Iterator[range]:
        """Yield the parts of ``seeds`` that nobody has run, the first ones first."""
        for part in _parts_of(seeds):
            file = self._file(part)
            if not file.exists() or json.loads(file.read_text())["not_exact"]:
                yield part

    def keep(self, part: range, report: dict[str, Any], *, began_s: float) -> None:
        """Keep what a part came to; it is whole or not there."""
        self._parts.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"seconds": time.monotonic() - began_s, **machine(), **report}, indent=1)
        unfinished = self._parts / "unfinished"
        unfinished.write_text(text + "\n")
        unfinished.replace(self._file(part))

    def sum(self, seeds: range) -> Sums:
        """Return the sum of all parts of ``seeds``, and keep it for the document."""
        reports = [json.loads(self._file(part).read_text()) for part in _parts_of(seeds)]
        sums = Sums()
        for report in reports:
            sums.add_report(report)
        first = f" --first {seeds.start}" if seeds.start else ""
        whole = {
            "name": "simulation",
            "command": f"python -m tests.simulation --seeds {len(seeds)}{first}",
            "seconds": round(sum(report["seconds"] for report in reports), 1),
            **machine(),
            "commit": ", ".join(_in_order(report["commit"] for report in reports)),
            **sums.report(first=seeds.start),
        }
        (self._folder / "simulation.json").write_text(json.dumps(whole, indent=1) + "\n")
        return sums

    def _file(self, part: range) -> Path:
        return self._parts / f"{part.start}-{part.stop - 1}.json"


def _parts_of(seeds: range) -> list[range]:
    return [seeds[at : at + PART_SEEDS] for at in range(0, len(seeds), PART_SEEDS)]


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
