"""Reads what makes a price one of the month: aggregation, commitment, a fee without usage."""

from __future__ import annotations

from decimal import Decimal

from rating.catalogue.document import Committed
from rating.catalogue.reader import Reader, YesNo
from rating.catalogue.yaml_tree import Node
from rating.price.aggregate import Aggregation

_OF_UNITS = ("per_unit", "graduated", "volume", "package")


def read_aggregate(
    reader: Reader, name: str, values: dict[str, Node], field: str
) -> tuple[Aggregation, str]:
    """Return what makes of a month's records the units that are charged, and the attribute."""
    node, by = values.get("aggregate"), values.get("unique_by")
    aggregation = reader.choice(node, f"{field}.aggregate", Aggregation, Aggregation.SUM)
    if node is not None:
        complain_unless_of_units(reader, node, f"{field}.aggregate", name, values)
    if (by is not None) != (aggregation is Aggregation.UNIQUE):
        at = by if by is not None else node
        assert at is not None, "one of the two is there"
        reader.complain(
            at,
            f"{field}.unique_by",
            expected="the name of an attribute where aggregate is unique, and only there",
            found="none" if by is None else "one",
        )
    return aggregation, reader.text(by, f"{field}.unique_by")


def complain_unless_of_units(
    reader: Reader, node: Node, field: str, name: str, values: dict[str, Node]
) -> None:
    """Note a model, or bands, that have no units of a month to price."""
    if name not in _OF_UNITS or "bands" in values:
        reader.complain(
            node,
            field,
            expected=f"a price of the model {', '.join(_OF_UNITS)}, without bands",
            found=f"{name} with bands" if "bands" in values else name,
        )


def read_commitment(
    reader: Reader, name: str, values: dict[str, Node], field: str, unit: str
) -> Committed | None:
    """Return what a month is promised to come to, if anything is."""
    node = values.get("commitment")
    if node is None:
        return None
    at = f"{field}.commitment"
    complain_unless_of_units(reader, node, at, name, values)
    found = reader.record(node, at, optional=("amount", "units", "overage", "true_up"))
    if found is None:
        return None
    if ("amount" in found) == ("units" in found):
        which = "both" if "amount" in found else "neither"
        reader.complain(node, at, expected="either amount, or units", found=which)
        return None
    amount = units = None
    if "amount" in found:
        amount = reader.amount(found["amount"], f"{at}.amount")
        if not amount:
            reader.complain(
                found["amount"], f"{at}.amount", expected="an amount above zero", found="0"
            )
            return None
    else:
        units = reader.quantity(found["units"], f"{at}.units", unit=unit)
    overage = Decimal(1)
    if "overage" in found:
        overage = reader.amount(found["overage"], f"{at}.overage")
    true_up = reader.choice(found.get("true_up"), f"{at}.true_up", YesNo, YesNo.NO)
    if overage == 1 and true_up is YesNo.NO:
        reader.complain(
            node, at, expected="true_up: yes, or an overage other than 1", found="neither"
        )
    return Committed(amount=amount, units=units, overage=overage, true_up=true_up is YesNo.YES)


def read_first_fee(reader: Reader, values: dict[str, Node], field: str) -> bool:
    """Return whether the first tier's fee is due also where nothing was used."""
    at = f"{field}.first_fee_without_usage"
    choice = reader.choice(values.get("first_fee_without_usage"), at, YesNo, YesNo.NO)
    return choice is YesNo.YES
