"""Runs all scenarios that lie beside a catalogue, on that catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rating.catalogue import CatalogueError, check, compile
from rating.catalogue.bounds import MAX_SCENARIO_EVENTS, too_large
from rating.catalogue.check_files import SCENARIO_ENDING
from rating.catalogue.errors import quoted
from rating.scenario.read import read_scenarios
from rating.scenario.run import Failure, ScenarioResult, run_scenario
from rating.scenario.statements import Scenario, UsageLine
from rating.trial import NOT_PUBLISHED


class FolderResult(NamedTuple):
    """What became of the scenarios of a folder."""

    errors: tuple[CatalogueError, ...]  # of the catalogue, and of texts; with any, nothing is run
    texts: int
    results: tuple[ScenarioResult, ...]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Return all lines that did not come out as written."""
        return tuple(failure for result in self.results for failure in result.failures)

    @property
    def passed(self) -> bool:
        """Return whether there are scenarios, and all is as written."""
        return bool(self.results) and not self.errors and not self.failures


def run_folder(files: Mapping[str, bytes]) -> FolderResult:
    """Return what became of the scenarios among the files of a catalogue."""
    checked = check(files)
    errors = list(checked.errors)
    if any(too_large(files)):
        return FolderResult(tuple(errors), 0, ())
    scenarios: list[Scenario] = []
    names = sorted(name for name in files if name.endswith(SCENARIO_ENDING))
    for name in names:
        read = read_scenarios(name, _text(name, files[name], errors), with_catalogue=False)
        errors += read.errors
        scenarios += read.scenarios
    events = sum(_events(scenario) for scenario in scenarios)
    if events > MAX_SCENARIO_EVENTS:
        expected = f"at most {MAX_SCENARIO_EVENTS:,} events in all scenarios"
        errors.append(CatalogueError("(folder)", 1, "(files)", expected, f"{events:,}"))
    if checked.document is None or errors:
        return FolderResult(tuple(errors), len(names), ())
    catalogue = compile(checked.document, NOT_PUBLISHED)
    units = {product.code: product.unit for product in checked.document.products}
    results = [run_scenario(each, catalogue, units=units) for each in scenarios]
    return FolderResult((), len(names), tuple(results))


def _events(scenario: Scenario) -> int:
    return sum(each.usage.times for each in scenario.statements if isinstance(each, UsageLine))


def _text(name: str, content: bytes, errors: list[CatalogueError]) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = quoted(f"0x{content[error.start]:02x}")
        errors.append(CatalogueError(name, line, "(file)", "UTF-8", found))
        return content.decode("utf-8", "replace")
