"""`ratemill catalogue`: the tariff files, checked, compared and published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import catalogue_schema, catalogue_show
from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import results, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of
from pipeline.clock import Clock, SystemClock

if TYPE_CHECKING:
    from pipeline.cli.versions import Published
    from pipeline.settings import Settings
    from rating.catalogue import CatalogueDocument, CatalogueError, Checked, Difference

_MOST_SHOWN = 30  # changes when publishing
_MOST_PLANS = 5  # in one line

catalogue = typer.Typer(
    no_args_is_help=True,
    help="Plans, prices, rate cards and limits: check, compare, publish, show.",
)

Folder = Annotated[
    Path,
    typer.Argument(
        exists=True,
        file_okay=False,
        help="Folder with the catalogue: .yaml for plans, .csv for rate cards.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON document.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(catalogue, name="catalogue", rich_help_panel="Set up")


@catalogue.command(epilog=examples("ratemill catalogue check tariffs/"))
def check(folder: Folder, as_json: Json = False) -> None:
    """Say everything that is wrong with a catalogue: file, line, field, what was expected.

    Needs no broker and no database. Exit code 1 when something is wrong.
    """
    checked = _checked(folder)
    if as_json:
        write_json({"valid": not checked.errors, "errors": [e._asdict() for e in checked.errors]})
    else:
        _show_errors(checked.errors)
        if checked.document is not None:
            tell(_contents(checked.document) + ". Nothing is wrong.")
            _tell_units(checked.document)
            _tell_asked(checked.document)
            _tell_also_rated(checked.document)
            _tell_levels(checked.document)
    if checked.errors:
        raise typer.Exit(Exit.FAILED)


@catalogue.command(
    epilog=examples(
        "ratemill catalogue diff tariffs/",
        "ratemill catalogue diff old/ new/",
        "ratemill catalogue diff new/ --from old/ --json",
    )
)
def diff(
    context: typer.Context,
    folder: Folder,
    new: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="A second folder: what it changes of the first one. Needs no services.",
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            file_okay=False,
            help="Compare with this folder, instead of what is published.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what publishing a catalogue would change: what each thing was and is, and from when.

    One folder is compared with what is published, two with each other: the old one first. Rows of
    a rate card that change alike are one line; `--json` has every prefix, and the parts of each
    line by themselves.
    """
    from rating.catalogue import diff as differences

    if new is not None and before is not None:
        raise typer.BadParameter("either two folders, or one and --from", param_hint="--from")
    undone = "nothing was compared"
    now = _document_or_exit(folder if new is None else new, undone, as_json=as_json)
    was = before if new is None else folder
    if was is not None:
        old: CatalogueDocument | None = _document_or_exit(was, undone, as_json=as_json)
    else:
        old = run_to_end(_published(session_of(context).settings))
    found = differences(old or _nothing(), now)
    if as_json:
        write_json({"differences": [difference_fields(each) for each in found]})
        return
    for each in found:
        results().print(str(each), markup=False)
    tell(_count(len(found)))


@catalogue.command(epilog=examples("ratemill catalogue publish tariffs/"))
def publish(
    context: typer.Context,
    folder: Folder,
    within_a_month: Annotated[
        bool,
        typer.Option(
            "--within-a-month",
            help="Publish also what changes a least, a true-up, a first fee, a discount by usage, a "
            "volume price or a latest level of months that have begun: it is meant so.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Publish a catalogue as a new version; workers use it from their next batch on.

    Refused with exit code 4 while anything is wrong with it, and where it changes what looks at a
    month as a whole in months that have begun. Publishing what is published already makes no new
    version. Charges name the version that they were made with.
    """
    undone = "nothing was published"
    document = _document_or_exit(folder, undone, code=Exit.REFUSED, as_json=as_json)
    old = run_to_end(_published(session_of(context).settings))
    if old is not None and not within_a_month:
        refuse_within_a_month(old, document, clock=SystemClock(), as_json=as_json)
    if not as_json:
        _show_changes(old, document)
    published = run_to_end(_publish(session_of(context).settings, document))
    if as_json:
        write_json({"version": published.version, "new": published.new})
    elif published.new:
        tell(f"Published {_contents(document)} as version {published.version}.")
    else:
        tell(f"This is what version {published.version} says already: nothing to publish.")


def refuse_within_a_month(
    old: CatalogueDocument, new: CatalogueDocument, *, clock: Clock, as_json: bool
) -> None:
    """Say what a catalogue would change within months that have begun, and end the command; return
    where there is nothing of it."""
    from rating.catalogue import changed_within_months

    found = changed_within_months(old, new, at=clock.now())
    if not found:
        return
    if as_json:
        fields = [{"at": each.at, "thing": each.thing, "text": str(each)} for each in found]
        write_json({"within_a_month": fields})
    else:
        for each in found:
            results().print(str(each), markup=False)
    tell(
        f"{len(found):,} changes within months that have begun, nothing was published. Where it is "
        "meant, publish with --within-a-month."
    )
    raise typer.Exit(Exit.REFUSED)


def _show_changes(old: CatalogueDocument | None, new: CatalogueDocument) -> None:
    """Say what publishing changes, where something is published."""
    from rating.catalogue import diff as differences

    if old is None:
        return
    lines = differences(old, new)
    for line in lines[:_MOST_SHOWN]:
        results().print(str(line), markup=False)
    if len(lines) > _MOST_SHOWN:
        tell(f"... and {len(lines) - _MOST_SHOWN:,} more: `ratemill catalogue diff` shows all.")


catalogue.command(epilog=catalogue_schema.EPILOG)(catalogue_schema.schema)
catalogue.command(epilog=catalogue_show.SHOW_EPILOG)(catalogue_show.show)
catalogue.command(epilog=catalogue_show.VERSIONS_EPILOG)(catalogue_show.versions)


async def _published(settings: Settings) -> CatalogueDocument | None:
    from pipeline.cli.versions import published_catalogue

    endpoints = await connect(settings)
    newest = await published_catalogue(settings, bootstrap=endpoints.kafka_bootstrap)
    return None if newest is None else newest.document


async def _publish(settings: Settings, document: CatalogueDocument) -> Published:
    from pipeline.cli.versions import publish_catalogue

    return await publish_catalogue(settings, await connect(settings), document)


def catalogue_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a catalogue's folder by their names in it; hidden ones are left out. Of what
    is too large there is a byte more than a check takes, which then says so."""
    from rating.catalogue.bounds import MAX_FILES, bytes_to_read

    files: dict[str, bytes] = {}
    read = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        with path.open("rb") as file:
            files[str(name)] = file.read(bytes_to_read(str(name), read))
        read += len(files[str(name)])
        if len(files) > MAX_FILES:
            break
    return files


def _checked(folder: Path) -> Checked:
    from rating.catalogue import check as check_files

    return check_files(catalogue_files(folder))


def _document_or_exit(
    folder: Path, undone: str, *, code: Exit = Exit.FAILED, as_json: bool
) -> CatalogueDocument:
    checked = _checked(folder)
    if checked.document is not None:
        return checked.document
    if as_json:
        write_json({"valid": False, "errors": [e._asdict() for e in checked.errors]})
    else:
        _show_errors(checked.errors)
    tell(f"{folder}: {len(checked.errors):,} errors, {undone}.")
    raise typer.Exit(code)


def _nothing() -> CatalogueDocument:
    from rating.catalogue import CatalogueDocument

    return CatalogueDocument(products=(), bands=(), cards=(), plans=(), limits=())


def _count(differences: int) -> str:
    match differences:
        case 0:
            return "No difference."
        case 1:
            return "1 difference."
        case _:
            return f"{differences:,} differences."


def difference_fields(difference: Difference) -> dict[str, object]:
    """Return a difference as JSON has it: its line, and the parts that there are."""
    import msgspec

    return {"text": str(difference), **msgspec.to_builtins(difference)}


def _show_errors(errors: tuple[CatalogueError, ...]) -> None:
    for error in errors:
        results().print(str(error), markup=False)


def _tell_units(document: CatalogueDocument) -> None:
    """Say which units have a shorter name, which is how the shipped mappings call a quantity."""
    from rating.units import short_name

    for product in document.products:
        meant = short_name(product.unit)
        if meant != product.unit:
            tell(
                f"Product {product.code} is in {product.unit}: the mapping of its source must have a "
                f"quantity of that name. Did you mean {meant}?"
            )


def _tell_asked(document: CatalogueDocument) -> None:
    """Say which attributes conditions ask for: one that is misspelt is among them."""
    from rating.catalogue import asked_attributes

    asked = asked_attributes(document)
    if asked:
        tell(f"Conditions ask for {', '.join(asked)}.")


def _tell_levels(document: CatalogueDocument) -> None:
    """Say which levels can only rise: what falls is refused where the product does not take it."""
    from rating.catalogue import levels_that_only_rise

    for product, prices in levels_that_only_rise(document).items():
        tell(
            f"The level of {', '.join(prices)} can only rise: product {product} has no below_zero: "
            "mirror, so what falls is refused."
        )


def _tell_also_rated(document: CatalogueDocument) -> None:
    """Say what has other ratings, and what has none: once for all plans that are rated alike."""
    alike: dict[str, list[str]] = {}
    for plan in document.plans:
        for rating in plan.also_rated or ():
            products = dict.fromkeys(price.product for price in plan.prices)
            without = [product for product in products if not rating.plan_of(product)]
            codes = rating.plan or ", ".join(dict.fromkeys(rating.plans.values()))
            but = f", but for {', '.join(without)}" if without else ""
            alike.setdefault(f"as {rating.name} under {codes}{but}", []).append(plan.code)
    for how, plans in alike.items():
        more = f" and {len(plans) - _MOST_PLANS:,} more" if len(plans) > _MOST_PLANS else ""
        named = f"plan{'s' if len(plans) > 1 else ''} {', '.join(plans[:_MOST_PLANS])}{more}"
        tell(f"Usage of {named} is also rated {how}.")


def _contents(document: CatalogueDocument) -> str:
    rows = sum(len(card.rows) for card in document.cards)
    cells = sum(len(matrix.rows) for matrix in document.matrices)
    found = [
        _counted(len(document.plans), "plan"),
        _counted(len(document.products), "product"),
    ]
    if document.cards:
        found.append(f"{_counted(len(document.cards), 'rate card')} with {_counted(rows, 'row')}")
    if document.matrices:
        matrices = _counted(len(document.matrices), "matrix", "matrices")
        found.append(f"{matrices} with {_counted(cells, 'row')}")
    if document.limits:
        found.append(_counted(len(document.limits), "limit"))
    return ", ".join(found)


def _counted(number: int, one: str, many: str | None = None) -> str:
    """Return how many there are: 1 plan, 2 plans."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
