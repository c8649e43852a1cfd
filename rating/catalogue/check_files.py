"""Checks a catalogue: all that is wrong with its files, or the document that they state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from rating.catalogue.bounds import MAX_ENTRIES, Errors, too_large
from rating.catalogue.document import (
    BandSet,
    Calendar,
    Card,
    CatalogueDocument,
    ExchangeTable,
    Matrix,
    Plan,
    Product,
)
from rating.catalogue.errors import CatalogueError, quoted
from rating.catalogue.misspelt_units import told_at_units
from rating.catalogue.read_bands import read_band_set, read_calendars
from rating.catalogue.read_exchange import read_exchange_rates
from rating.catalogue.read_files_of_rows import RowFiles
from rating.catalogue.read_limits import read_limits
from rating.catalogue.read_plan import PlanReader
from rating.catalogue.read_plans import read_plans
from rating.catalogue.read_products import read_products
from rating.catalogue.reader import Entry, Reader
from rating.catalogue.yaml_tree import parse_yaml, under
from schemas.limit import ChargeLimit

SECTIONS = (
    *("products", "calendars", "bands", "cards", "matrices", "exchange_rates"),
    *("plans", "limits"),
)
YAML_ENDINGS = (".yaml", ".yml")
ROWS_ENDING = ".csv"
SCENARIO_ENDING = ".scenario"  # texts beside the catalogue that `rating/scenario/` reads

T = TypeVar("T")


class Checked(NamedTuple):
    """A document, or else everything that is wrong: by file and line."""

    document: CatalogueDocument | None
    errors: tuple[CatalogueError, ...]


def check(files: Mapping[str, bytes]) -> Checked:
    """Return what the files of one catalogue state, or all their errors.

    Names are relative to the catalogue's folder. Every ``.yaml`` file may hold any of the
    sections; ``.csv`` files are rate cards and matrices, which a YAML file names.
    """
    errors = Errors(too_large(files))
    if errors:
        return Checked(None, errors.found())
    texts = _decode(files, errors)
    sections, all_read = _sections(texts, errors)
    if not any(name.endswith(YAML_ENDINGS) for name in files):
        errors.append(CatalogueError("(folder)", 1, "(files)", "a .yaml file with plans", "none"))
    products = read_products(sections["products"])
    calendars = read_calendars(sections["calendars"])
    bands = {
        entry.code: read_band_set(
            entry.reader, entry.code, entry.node, entry.field, calendars=calendars
        )
        for entry in sections["bands"]
    }
    exchange, files_of_rates = read_exchange_rates(sections["exchange_rates"], texts, errors)
    rows = {
        name: text
        for name, text in texts.items()
        if name.endswith(ROWS_ENDING) and name not in files_of_rates
    }
    row_files = RowFiles(rows, bands, errors)
    cards = row_files.read_cards(sections["cards"])
    matrices = row_files.read_matrices(sections["matrices"])
    if all_read:  # else what names them may stand in what could not be read
        row_files.complain_about_unnamed()

    def read_by(products: dict[str, Product]) -> tuple[dict[str, Plan], Errors]:
        noted = Errors()
        entries = [
            each._replace(reader=Reader(each.reader.file, noted)) for each in sections["plans"]
        ]
        plan_reader = PlanReader(products, bands, cards, matrices, exchange)
        return read_plans(entries, plan_reader), noted

    plans, noted = read_by(products)
    if noted:
        noted = told_at_units(
            noted, sections["products"], products, lambda corrected: read_by(corrected)[1]
        )
    errors += noted
    limits = read_limits(sections["limits"], products)
    if not sections["plans"] and not errors:
        errors.append(CatalogueError("(folder)", 1, "plans", "at least one plan", "none"))
    # Here, for this charges, and charging is made of what this package compiles.
    from rating.feasible import infeasible, infeasible_exchanged

    document = None
    if not errors:
        document = _document(products, calendars, bands, cards, matrices, exchange, plans, limits)
        for one in infeasible(document):
            stated = next(entry for entry in sections["plans"] if entry.code == one.plan)
            place = under(stated.node, "prices", one.price)
            field = f"{stated.field}.prices.{one.price}"
            stated.reader.complain(place, field, expected=one.expected, found=one.found)
        for one in () if errors else infeasible_exchanged(document):
            stated = next(entry for entry in sections["plans"] if entry.code == one.plan)
            found = f"{one.found}, of {one.price} with its exchange"
            stated.reader.complain(
                stated.node, f"{stated.field}.also_rated", expected=one.expected, found=found
            )
    if errors:
        return Checked(None, errors.found())
    return Checked(document, ())


def _document(
    products: dict[str, Product],
    calendars: dict[str, Calendar],
    bands: dict[str, BandSet],
    cards: dict[str, Card],
    matrices: dict[str, Matrix],
    exchange: dict[str, ExchangeTable],
    plans: dict[str, Plan],
    limits: dict[str, ChargeLimit],
) -> CatalogueDocument:
    return CatalogueDocument(
        products=_by_code(products),
        calendars=_by_code(calendars),
        bands=_by_code(bands),
        cards=_by_code(cards),
        matrices=_by_code(matrices),
        exchange_rates=_by_code(exchange),
        plans=_by_code(plans),
        limits=_by_code(limits),
    )


def _by_code(values: dict[str, T]) -> tuple[T, ...]:
    return tuple(values[code] for code in sorted(values))


def _decode(files: Mapping[str, bytes], errors: list[CatalogueError]) -> dict[str, str]:
    texts = {}
    for name, content in sorted(files.items()):
        if name.endswith(SCENARIO_ENDING):
            continue
        if not name.endswith((*YAML_ENDINGS, ROWS_ENDING)):
            expected = "a .yaml, .csv or .scenario file"
            errors.append(CatalogueError(name, 1, "(file)", expected, quoted(name)))
            continue
        try:
            texts[name] = content.decode("utf-8-sig")  # spreadsheets write a byte order mark
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            found = f"the byte 0x{content[error.start]:02x}"
            errors.append(CatalogueError(name, line, "(file)", "UTF-8", found))
    return texts


def _sections(
    texts: dict[str, str], errors: list[CatalogueError]
) -> tuple[dict[str, list[Entry]], bool]:
    """Return the entries of each section over all YAML files, of which each code is stated once; and
    whether every file could be read."""
    sections: dict[str, list[Entry]] = {name: [] for name in SECTIONS}
    places: dict[tuple[str, str], str] = {}
    all_read = True
    for file, text in texts.items():
        if not file.endswith(YAML_ENDINGS):
            continue
        root = parse_yaml(file, text, errors)
        if root is None:
            all_read = False
            continue
        reader = Reader(file, errors)
        found = reader.record(root, "", optional=SECTIONS) or {}
        for section, node in found.items():
            for key, value in reader.entries(node, section):
                field = f"{section}.{key.text}"
                first = places.setdefault((section, key.text), f"{file}:{key.line}")
                if first != f"{file}:{key.line}":
                    reader.complain(
                        key, field, expected="each code once", found=f"again, first at {first}"
                    )
                    continue
                if len(sections[section]) >= MAX_ENTRIES[section]:
                    expected = f"at most {MAX_ENTRIES[section]:,} entries of {section}"
                    reader.complain(key, field, expected=expected, found="another")
                    break
                sections[section].append(Entry(reader, key.text, value, field))
    return sections, all_read
