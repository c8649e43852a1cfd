"""The usage of a run: by the product's generator, with the truth about every record."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pipeline.cli.catalogue import catalogue_files
from pipeline.cli.generating import request_of
from rating.catalogue import check
from sources.generate.shares import Kind
from sources.generate.write import generate
from tests.chaos.verifier.truth import Truth

SAMPLE = Path(__file__).parents[2] / "deploy" / "sample" / "catalogue"
START = dt.date(2026, 9, 20)  # over the end of a month and a change of prices
_DAYS = 20


class Generated(NamedTuple):
    """A folder of usage."""

    folder: Path

    @property
    def accounts(self) -> Path:
        """Where whose usage it is stands."""
        return self.folder / "reference" / "accounts.jsonl"

    def truth(self) -> Truth:
        """Return what is true of every record."""
        return Truth.of(self.folder / "truth.jsonl")


async def generated(
    folder: Path,
    *,
    records: int,
    seed: int,
    catalogue: Path = SAMPLE,
    start: dt.date = START,
    days: int = _DAYS,
    scenario: str = "mixed",
    accounts: int | None = None,
    shares: Mapping[Kind, int] | None = None,
    horizon_days: int = 62,
) -> Generated:
    """Return new usage in a folder; ``shares`` replace those of the scenario that they name."""
    document = check(catalogue_files(catalogue)).document
    assert document is not None
    request = request_of(
        document,
        records=records,
        seed=seed,
        today=start,
        scenario=scenario,
        start=start,
        days=days,
        accounts=accounts,
        horizon_days=horizon_days,
    )
    if shares is not None:
        request = replace(request, shares={**request.shares, **shares})
    await asyncio.to_thread(generate, request, folder)
    return Generated(folder)
