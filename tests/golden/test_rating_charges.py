"""No amount moves unnoticed: a fixed set of usage, and what each event of it was charged.

A difference here is a difference on somebody's invoice. Where it is meant, write the file anew with
`python -m tests.golden.test_rating_charges`, and say why in docs/decisions/ and docs/changes/.
"""

import csv
import io
import pathlib

from rating.catalogue import compile
from rating.rate import RatedUsage
from schemas.decimals import to_text
from tests.rating_builders import Month, document_of, event

HERE = pathlib.Path(__file__).parent / "rating"
USAGE, CHARGES = HERE / "usage.csv", HERE / "charges.csv"
CATALOGUE = pathlib.Path(__file__).parents[1] / "data" / "catalogue"
COLUMNS = ("usage", "outcome", "free", "billed", "amount", "price", "explanation")


def rated_lines():
    """Return the charges of the usage file, as CSV."""
    files = {str(path.relative_to(CATALOGUE)): path.read_bytes() for path in CATALOGUE.rglob("*.*")}
    catalogue = compile(document_of(files), 1)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    months = {}
    with USAGE.open(newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=1):
            plan, currency = row["plan"], row["currency"]
            month = months.setdefault((plan, currency), Month(catalogue, plan, currency))
            writer.writerow([number, *outcome(month.rate(usage(row)))])
    return out.getvalue()


def usage(row):
    quantities = {row["unit"]: row["quantity"]} if row["unit"] else {}
    return event(
        row["product"],
        to=row["to"] or None,
        local=row["at"],
        zone=row["zone"],
        subscription=row["subscription"],
        **quantities,
    )


def outcome(rated):
    if not isinstance(rated, RatedUsage):
        return [getattr(rated, "reason", "filtered"), "", "", "", "", ""]
    return [
        "charged",
        to_text(rated.free),
        to_text(rated.billed),
        f"{to_text(rated.amount)} {rated.currency}",
        rated.price_id,
        "; ".join(" ".join(step) for step in rated.explanation),
    ]


def test_every_charge_is_what_it_was():
    assert rated_lines() == CHARGES.read_text()


def test_the_usage_meets_every_kind_of_outcome():
    charges = CHARGES.read_text()
    for word in ("charged", "filtered", "rating.", "tier", "allowance", "band", "connect_fee"):
        assert word in charges


if __name__ == "__main__":
    CHARGES.write_text(rated_lines())
