"""Worked examples of other rating engines, in figures: our arithmetic must give theirs.

The files in tests/data/vectors/ hold the figures of examples that the price models here cover,
each with its source and written as a price of our catalogue. Where a source is known to be wrong,
the exact figure stands in its place (`published_wrong`).
"""

import json
import pathlib
from decimal import Decimal

import pytest

from rating.catalogue import compile
from rating.rate import RatedUsage
from schemas.refusal import Refused
from tests.rating_builders import CARD_HEADER, Month, document_of, event

VECTORS = pathlib.Path(__file__).parents[1] / "data" / "vectors"
READ = [
    json.loads(line)
    for path in sorted(VECTORS.glob("*.jsonl"))
    for line in path.read_text().splitlines()
]


def catalogue_of(vector):
    """Return the vector's price as a catalogue, through YAML (of which JSON is a part)."""
    price = dict(vector["price"])
    plan = {"currency": "EUR", "prices": {"x": {"product": "unit", "price": price}}}
    sections = {
        "products": {"unit": {"type": "unit", "usage_kind": "unit", "unit": "unit"}},
        "plans": {"p": plan},
    }
    if "allowance" in price:
        plan["allowances"] = {"free": {"units": f"{price['allowance']} unit"}}
        price["allowance"] = "free"
    if "bands" in vector:
        sections["bands"] = {"hours": vector["bands"]}
    files = {}
    if "card" in vector:
        price["card"] = "card"
        sections["cards"] = {"card": {"file": "card.csv", "currency": "EUR", "unit": "unit"}}
        rows = [",".join([row[0], "somewhere", *row[1:]]) for row in vector["card"]]
        fee = ",connect_fee" if len(vector["card"][0]) > 5 else ""
        files["card.csv"] = "\n".join([CARD_HEADER + fee, *rows]).encode()
    files["plans.yaml"] = json.dumps(sections).encode()
    return compile(document_of(files), 1)


def usage_of(stated):
    local = stated.get("at", "2026-10-05T12:00")
    return event("unit", to=stated.get("to"), local=local, unit=stated["used"])


@pytest.mark.parametrize("vector", READ, ids=[vector["id"] for vector in READ])
def test_vector(vector):
    month = Month(catalogue_of(vector))
    rated = [month.rate(usage_of(stated)) for stated in vector["usage"]]
    expected = vector["expected"]
    assert expected, "a vector without a figure proves nothing"
    if "refused" in expected:
        assert isinstance(rated[-1], Refused)
        assert rated[-1].reason == expected["refused"]
        return
    assert all(isinstance(one, RatedUsage) for one in rated)
    asked = rated[vector.get("before", 0) :]
    if "amount" in expected:
        assert sum(one.amount for one in asked) == Decimal(expected["amount"])
    if "billed" in expected:
        assert sum(one.billed for one in asked) == Decimal(expected["billed"])
    if "free" in expected:
        assert [one.free for one in asked] == [Decimal(units) for units in expected["free"]]
    if "prefix" in expected:
        assert ("prefix", expected["prefix"], "somewhere", "card") in asked[0].explanation
