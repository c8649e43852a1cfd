"""`ratemill catalogue test`: the scenarios beside a catalogue, run on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.catalogue import Folder, catalogue, catalogue_files
from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import results, tell, write_json

if TYPE_CHECKING:
    from rating.scenario import Failure, FolderResult


def add_to(_app: typer.Typer) -> None:
    """Add the command to those of the catalogue."""
    catalogue.command(
        "test",
        epilog=examples(
            "ratemill catalogue test tariffs/", "ratemill catalogue test tariffs/ --json"
        ),
    )(run_scenarios)


def run_scenarios(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Run the scenarios beside a catalogue: usage in words, and what it must cost.

    A scenario is text in a file that ends in .scenario: 'Account on plan basic in EUR, zone
    Europe/Berlin', then 'Scenario: the first call', and below it, indented, lines such as '61 s of
    voice to 4930, charge 0.20 EUR' and at its end 'total 0.20 EUR'. Nothing is published and nothing
    is kept.

    Needs no broker and no database. A line that comes out otherwise is shown with what came and why.
    Exit code 1 when one does, when a line cannot be read, and when there is no scenario.
    """
    from rating.scenario import run_folder

    result = run_folder(catalogue_files(folder))
    if as_json:
        write_json(_document(result))
    else:
        _show(result, folder)
    if not result.passed:
        raise typer.Exit(Exit.FAILED)


def _show(result: FolderResult, folder: Path) -> None:
    for error in result.errors:
        results().print(str(error), markup=False)
    for failure in result.failures:
        for line in _lines(failure):
            results().print(line, markup=False)
    tell(_closing_line(result, folder))


def _lines(failure: Failure) -> list[str]:
    return [
        str(failure),
        f"  scenario: {failure.scenario}",
        f"  {failure.text}",
        *(f"  {number}. {text}" for number, text in enumerate(failure.explanation, start=1)),
        "",
    ]


def _closing_line(result: FolderResult, folder: Path) -> str:
    if result.errors:
        return f"{folder}: {_counted(len(result.errors), 'error')}, no scenario was run."
    if not result.results:
        return (
            f"{folder}: there is no scenario. To do: write what usage must cost into a file that "
            "ends in .scenario, beside the plans; `ratemill catalogue test --help` shows how."
        )
    lines = sum(len(each.scenario.statements) for each in result.results)
    of_what = (
        f"{_counted(len(result.results), 'scenario')} with {_counted(lines, 'line')} in "
        f"{_counted(result.texts, 'file')}"
    )
    failed = sum(bool(each.failures) for each in result.results)
    if not failed:
        return f"{of_what}: all is as written."
    return (
        f"{of_what}: {_counted(failed, 'scenario')} failed, at "
        f"{_counted(len(result.failures), 'line')}."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _document(result: FolderResult) -> dict[str, object]:
    return {
        "passed": result.passed,
        "texts": result.texts,
        "scenarios": len(result.results),
        "failed": sum(bool(each.failures) for each in result.results),
        "lines": sum(len(each.scenario.statements) for each in result.results),
        "errors": [error._asdict() for error in result.errors],
        "failures": [
            {**failure._asdict(), "mismatches": [one._asdict() for one in failure.mismatches]}
            for failure in result.failures
        ],
    }
