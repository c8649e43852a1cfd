"""`ratemill catalogue versions` and `show`: what was published when, and what a version says."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, NamedTuple, NoReturn

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import Settings
    from rating.catalogue import CatalogueDocument, Difference

SHOW_EPILOG = examples(
    "ratemill catalogue show",
    "ratemill catalogue show --plan business --at 2026-10-15",
    "ratemill catalogue show --version 7 --json",
)
VERSIONS_EPILOG = examples("ratemill catalogue versions", "ratemill catalogue versions --json")

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document.")]


class Version(NamedTuple):
    """A version that was published: when, and how many things it has."""

    version: int
    published_at: dt.datetime | None
    products: int | None
    plans: int | None
    rows: int | None
    readable: bool


def versions(context: typer.Context, as_json: Json = False) -> None:
    """List the published versions, the newest first.

    A charge names the version that it was made with; numbers grow, not by one.
    """
    found = run_to_end(_versions(session_of(context).settings))
    if as_json:
        write_json([each._asdict() for each in found])
        return
    if not found:
        tell("Nothing is published yet: ratemill catalogue publish FOLDER")
        return
    results().print(
        table(
            None,
            [">Version", "Published", ">Products", ">Plans", ">Rows of cards", ""],
            [[*each[:5], "" if each.readable else "written by another release"] for each in found],
        )
    )


def show(
    context: typer.Context,
    version: Annotated[
        int | None, typer.Option(min=0, help="A version of the past (default: the newest).")
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Of this plan only, by its code.")] = None,
    at: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Only prices in force on this day, in the account's zone.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a published catalogue says, in words: products, cards, prices, limits.

    A rate card is one line, and so is a matrix; their rows are in the files that were published.
    """
    from rating.catalogue import said

    number, document = run_to_end(_published(session_of(context).settings, version))
    if document is None:
        _nothing(number, version)
    if plan is not None and plan not in (codes := [each.code for each in document.plans]):
        raise typer.BadParameter(
            f"version {number} has no plan {plan!r}, but {', '.join(sorted(codes))}",
            param_hint="--plan",
        )
    day = None if at is None else at.date()
    lines = [each for each in said(document) if _is_asked_for(each, plan, day)]
    if as_json:
        write_json({"version": number, "says": [_fields(each) for each in lines]})
        return
    before = ""
    for each in lines:
        section = _section(each)
        if section != before:
            results().print(f"\n[bold]{section}[/]" if before else f"[bold]{section}[/]")
        results().print(f"  {str(each).partition(': ')[2]}", markup=False)
        before = section
    tell(f"Catalogue version {number}.")


def _section(line: Difference) -> str:
    """Return what a line stands under: ``plans business`` of all that a plan has, else its kind."""
    kind, _, rest = line.at.partition(".")
    return f"{kind} {rest.partition('.')[0]}" if kind == "plans" else kind


def _is_asked_for(line: Difference, plan: str | None, day: dt.date | None) -> bool:
    of_plan = plan is None or f"{line.at}.".startswith(f"plans.{plan}.")
    in_force = day is None or (
        (line.valid_from is None or line.valid_from <= day)
        and (line.valid_to is None or day < line.valid_to)
    )
    return of_plan and in_force


def _fields(line: Difference) -> dict[str, object]:
    import msgspec

    fields = {"text": str(line).partition(": ")[2], **msgspec.to_builtins(line)}
    del fields["kind"]
    return fields


def _nothing(newest: int | None, asked: int | None) -> NoReturn:
    if newest is None:
        tell("Nothing is published yet: ratemill catalogue publish FOLDER")
    else:
        tell(
            f"There is no version {newest if asked is None else asked} that this release can read: "
            "`ratemill catalogue versions` lists them."
        )
    raise typer.Exit(Exit.FAILED)


async def _published(
    settings: Settings, version: int | None
) -> tuple[int | None, CatalogueDocument | None]:
    """Return the number that is asked for and its document; None for what there is not."""
    from pipeline.cli.versions import every_catalogue

    found = await every_catalogue(settings, bootstrap=(await connect(settings)).kafka_bootstrap)
    number = max(found, default=None) if version is None else version
    return number, None if number is None else found.get(number)


async def _versions(settings: Settings) -> list[Version]:
    from pipeline.cli.versions import every_catalogue
    from sinks.connection import open_pool
    from sinks.versions import catalogues_published_at

    endpoints = await connect(settings)
    found = await every_catalogue(settings, bootstrap=endpoints.kafka_bootstrap)
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        published = await catalogues_published_at(pool)
    return [_version(number, found, published) for number in sorted(found, reverse=True)]


def _version(
    number: int,
    found: Mapping[int, CatalogueDocument | None],
    published: Mapping[int, dt.datetime],
) -> Version:
    document, when = found[number], published.get(number)
    if document is None:
        return Version(number, when, None, None, None, readable=False)
    rows = sum(len(card.rows) for card in document.cards)
    rows += sum(len(matrix.rows) for matrix in document.matrices)
    return Version(number, when, len(document.products), len(document.plans), rows, readable=True)
