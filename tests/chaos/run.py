"""One run of one scenario: what was asked, what was done, what was found."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.verify import to_text, verify
from tests.chaos.hits import Hits
from tests.chaos.play import Play
from tests.chaos.states import compare_states
from tests.chaos.usage import SAMPLE
from tests.chaos.verifier.compare import Case, compare
from tests.chaos.verifier.reading import Where
from tests.chaos.verifier.verdict import Verdict


@dataclass
class Run:
    """What a scenario is asked for, and what it has found so far."""

    records: int
    faults: int
    seed: int
    folder: Path
    short: bool = False  # faults last as long as it takes, not as long as the table asks
    hits: Hits = field(default_factory=Hits)
    verdict: Verdict = field(default_factory=Verdict)
    restored: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def new_folder(self) -> Path:
        """Return an empty folder of this run."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    async def check(
        self,
        play: Play,
        *,
        catalogues: Mapping[int, Path] | None = None,
        states: bool = True,
    ) -> None:
        """Compare everything, once all is through; the workers are stopped for it."""
        here, settings = play.here, play.settings
        await play.watch.look()
        self.restored += play.watch.restored()
        self.stops += play.watch.stops()
        self.restarts += play.workers.restarts()
        await play.workers.stop()
        found = await compare(
            Where(
                here.endpoints.kafka_bootstrap, here.endpoints.postgres_dsn, settings.installation
            ),
            Case(
                truth=play.generated.truth(),
                catalogues=catalogues or {await version_of(here): SAMPLE},
                accounts=play.generated.accounts,
                horizon_ms=settings.dedup_horizon_ms,
                future_ms=settings.future_ms,
                sent=play.feed.sent,
            ),
        )
        if states:
            await compare_states(here, found)
        report = await verify(settings, here.endpoints.kafka_bootstrap, here.endpoints.postgres_dsn)
        found.compared["reconciliations"] += 1
        if not (report.consistent and report.complete):
            found.wrong_is(to_text(report))
        self.verdict.add(found)

    def result(self) -> dict[str, Any]:
        """Return what the run comes to; exact only where its faults bit too."""
        never = self.hits.never_bit()
        return {
            "exact": self.verdict.exact and not never,
            "lost": self.verdict.lost,
            "doubled": self.verdict.doubled,
            "wrong": self.verdict.wrong,
            "compared": dict(sorted(self.verdict.compared.items())),
            "examples": self.verdict.examples,
            "hits": self.hits.json(),
            "never bit": never,
            "restored": dict(sorted(self.restored.items())),
            "stops": dict(sorted(self.stops.items())),
            "restarts": self.restarts,
            "notes": self.notes,
        }


async def version_of(here: Any) -> int:
    """Return the number of the catalogue version that was published last."""
    said = await here.rows("SELECT max(version) FROM catalogue_versions")
    return int(said[0][0])
