"""What the stages are doing now: one line each, redrawn on a terminal, repeated elsewhere."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.output import messages, table, tell
from pipeline.cli.workers import StageNumbers, announced_workers, numbers_of

if TYPE_CHECKING:
    from rich.console import RenderableType

STAGES = ("normalise", "rate", "load")
UNITS = {"normalise": "blocks", "rate": "events", "load": "records"}  # of the lag

_EVERY_S = 0.5
_RATE_OVER = 6  # looks: a rate over 3 s is steady enough to read
_LINES_EVERY = 4  # looks: without a terminal, a line for each 2 s


class StageView:
    """Looks at the workers' metrics again and again."""

    def __init__(self, run_folder: Path) -> None:
        self._run_folder = run_folder
        self._looks: deque[tuple[float, dict[str, StageNumbers]]] = deque(maxlen=_RATE_OVER)

    @property
    def latest(self) -> Mapping[str, StageNumbers]:
        """Return what the last look has found."""
        return self._looks[-1][1] if self._looks else {}

    async def look(self) -> None:
        """Ask the workers once."""
        found = await numbers_of(announced_workers(self._run_folder))
        self._looks.append((asyncio.get_running_loop().time(), found))

    def per_second(self, stage: str) -> int:
        """Return the records a second over the last looks."""
        if len(self._looks) < 2:
            return 0
        (first_s, first), (last_s, last) = self._looks[0], self._looks[-1]
        if stage not in first or stage not in last:
            return 0
        done = last[stage].handled - first[stage].handled
        return max(0, round(done / max(last_s - first_s, 0.001)))

    def as_table(self, title: str) -> RenderableType:
        """Return the stages as a table."""
        rows: list[list[object]] = []
        for stage in STAGES:
            numbers = self.latest.get(stage)
            if numbers is None:
                rows.append([stage, "starting", "", "", ""])
                continue
            rows.append(
                [
                    stage,
                    numbers.handled,
                    self.per_second(stage),
                    f"{numbers.lag_records:,} {UNITS[stage]}",
                    outcomes_text(numbers),
                ]
            )
        return table(title, ["Stage", ">Records", ">Per second", ">Behind", "Outcomes"], rows)

    def as_line(self) -> str:
        """Return the stages on one line."""
        parts = []
        for stage in STAGES:
            numbers = self.latest.get(stage)
            if numbers is None:
                parts.append(f"{stage} starting")
            else:
                parts.append(
                    f"{stage} {numbers.handled:,} ({self.per_second(stage):,}/s, "
                    f"{numbers.lag_records:,} {UNITS[stage]} behind)"
                )
        return "; ".join(parts)


def outcomes_text(numbers: StageNumbers) -> str:
    """Return the outcomes of a stage in words, or the rows that it wrote."""
    counted: Counter[str] = numbers.outcomes or numbers.rows
    parts = [f"{count:,} {name}" for name, count in sorted(counted.items()) if count]
    if numbers.invoices:
        parts.append(f"{numbers.invoices:,} immediate invoices")
    if numbers.partition_stops:
        parts.append(f"{numbers.partition_stops:,} restarts of a partition")
    return ", ".join(parts)


async def show_until_cancelled(view: StageView, title: str) -> None:
    """Show the view until the task is cancelled; its last state stays on the screen."""
    if messages().is_terminal:
        await _redraw(view, title)
    else:
        await _repeat(view)


async def _redraw(view: StageView, title: str) -> None:
    from rich.live import Live

    with Live(console=messages(), auto_refresh=False, transient=True) as live:
        while True:
            await view.look()
            live.update(view.as_table(title), refresh=True)
            await asyncio.sleep(_EVERY_S)


async def _repeat(view: StageView) -> None:
    looks, said = 0, ""
    while True:
        await view.look()
        line = view.as_line()
        if looks % _LINES_EVERY == 0 and line != said:  # an idle pipeline says nothing
            tell(line)
            said = line
        looks += 1
        await asyncio.sleep(_EVERY_S)
