"""Runs every scenario in the text files beside this one, through the real catalogue."""

import pathlib

import pytest

from rating.catalogue import check, compile
from rating.scenario import read_scenarios, run_scenario
from rating.scenario.read import in_text

HERE = pathlib.Path(__file__).parent


def scenarios_of(file, text):
    """Return the scenarios of a text that brings its catalogue, each with what it runs on."""
    read = read_scenarios(file, text, with_catalogue=True)
    checked = check(read.files)
    wrong = [
        *read.errors,
        *(in_text(error, file=file, lines=read.lines) for error in checked.errors),
    ]
    assert not wrong, "\n".join(map(str, wrong))
    document = checked.document
    units = {product.code: product.unit for product in document.products}
    return [(scenario, compile(document, 1), units) for scenario in read.scenarios]


SCENARIOS = [
    pytest.param(*ready, id=f"{path.stem}: {ready[0].title}")
    for path in sorted(HERE.glob("*.txt"))
    for ready in scenarios_of(path.name, path.read_text())
]


@pytest.mark.parametrize(("scenario", "catalogue", "units"), SCENARIOS)
def test_scenario(scenario, catalogue, units):
    failures = run_scenario(scenario, catalogue, units=units).failures
    assert not failures, "\n".join(map(str, failures))
