"""What the documents say is what the code does."""

import pathlib
import re
from decimal import Decimal

import msgspec

from rating.catalogue import compile
from rating.catalogue.check_files import SECTIONS
from rating.catalogue.read_card import COLUMNS, OPTIONAL_COLUMNS
from rating.catalogue.read_matrix import NAME_AND_PRICE
from rating.dimensions import ATTRIBUTE, FIELDS
from rating.explain import sentences
from rating.scenario import run_folder
from tests.rating_builders import Month, catalogue_of, charge_of, document_of, event

ROOT = pathlib.Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "catalogue.md").read_text()
README = (ROOT / "rating" / "README.md").read_text()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_reference_are_a_catalogue_without_errors():
    card, matrix = blocks(REFERENCE, "csv")
    files = {
        "all.yaml": "".join(blocks(REFERENCE, "yaml")),
        "cards/world.csv": card,
        "matrices/roaming.csv": matrix,
    }
    document = document_of({name: text.encode() for name, text in files.items()})
    month = Month(compile(document, 1), "business")
    assert month.rate(event("data", B=15_000_000_000)).price_id == "business/data"
    roamed = msgspec.structs.replace(
        event("roaming", to="442079", s=60), origin="491512", service_class="premium"
    )
    assert month.rate(roamed).amount == Decimal("0.40")


def test_the_scenario_of_the_reference_is_as_the_blocks_cost():
    card, matrix = blocks(REFERENCE, "csv")
    scenario = next(text for text in blocks(REFERENCE, "text") if "Scenario: " in text)
    yaml = "".join(blocks(REFERENCE, "yaml"))
    files = {"all.yaml": yaml, "cards/world.csv": card, "matrices/roaming.csv": matrix}
    files["a.scenario"] = scenario
    result = run_folder({name: text.encode() for name, text in files.items()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]


def test_the_example_of_pricing_is_a_catalogue_without_errors():
    (text,) = blocks((ROOT / "docs" / "pricing.md").read_text(), "yaml")
    month = Month(compile(document_of({"plans.yaml": text.encode()}), 1), "everything")
    rated = month.rate(event("data", B=15_000_000_000))
    assert (rated.free, rated.amount) == (5_000_000_000, 15)


def test_the_reference_has_every_section_and_every_column():
    assert re.findall(r"^## `(\w+)`$", REFERENCE, flags=re.MULTILINE) == list(SECTIONS)
    card, matrix = blocks(REFERENCE, "csv")
    assert card.splitlines()[0] == ",".join(COLUMNS)
    assert all(f"`{column}`" in REFERENCE for column in COLUMNS)
    dimensions = (*FIELDS, f"{ATTRIBUTE}zone")
    columns = (*dimensions, *NAME_AND_PRICE, *OPTIONAL_COLUMNS)
    assert matrix.splitlines()[0] == ",".join(columns)


def test_the_sample_catalogue_has_no_errors():
    folder = ROOT / "deploy" / "sample" / "catalogue"
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
    assert {plan.currency for plan in document_of(files).plans} == {"EUR", "GBP"}


def test_the_example_of_the_readme_is_what_explain_says():
    month = Month(
        catalogue_of(
            """
            plans:
              business:
                currency: EUR
                allowances: {minutes: {units: 3 min}}
                prices:
                  national:
                    product: voice
                    versions:
                      - valid_from: 2026-10-01
                        price: {model: per_unit, amount: 0.08, per: 1 min, increments: 60/1,
                                allowance: minutes}
            """
        ),
        "business",
    )
    month.rate(event(s=150))
    (example,) = blocks(README, "text")
    assert example.splitlines() == sentences(charge_of(month.rate(event(s=100))))
