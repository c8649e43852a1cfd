"""The sentences of a correction: what it corrects, with what, and why."""

from __future__ import annotations

from decimal import Decimal

from rating.counting import CounterKind
from rating.explain_wording import Sentences, money
from rating.units import readable
from schemas.ledger import Charge

SHOULD_BE = "should_be"
"""The step that says what a corrected charge should have billed."""


def _reversed(_charge: Charge, fields: list[str]) -> str:
    return f"Takes back charge {fields[0]}."


def _should_be(charge: Charge, fields: list[str]) -> str:
    _billed, *used = fields
    of_usage = f" for {readable(Decimal(used[0]), charge.unit)} of {charge.product}" if used else ""
    return f"Charge {charge.corrects}{of_usage} should have been:"


def _of_charges(_charge: Charge, fields: list[str]) -> str:
    (count,) = fields
    those = "charge comes" if count == "1" else "charges come"
    return f"It is the sum of what {int(count):,} {those} to more or less."


def _corrected(charge: Charge, fields: list[str]) -> str:
    was, now = (money(amount, charge.currency) for amount in fields)
    if charge.corrects is not None:
        return f"Under price {charge.price_id} charge {charge.corrects} came to {was}, and comes to {now}."
    return f"Under price {charge.price_id} what was charged for the month came to {was}, and comes to {now}."


def _corrected_with(_charge: Charge, fields: list[str]) -> str:
    month, *shared = fields
    names: dict[str, list[str]] = {}
    for kind, name in zip(shared[::2], shared[1::2], strict=True):
        names.setdefault(kind, []).append(name)
    said = [_named_alike(*each) for each in names.items()]
    of = " and ".join(said) or "allowances or discounts"
    return f"Corrected with {month}, which takes of the same {of}."


def _named_alike(kind: str, names: list[str]) -> str:
    """Return ``allowance p/minutes``, or the names of several."""
    one, many = {
        CounterKind.ALLOWANCE: ("allowance", "allowances"),
        CounterKind.DISCOUNTED: ("discount of price", "discounts of prices"),
    }[CounterKind(kind)]
    return f"{one if len(names) == 1 else many} {', '.join(names)}"


def _charge_rerated(_charge: Charge, fields: list[str]) -> str:
    catalogue, reference = fields
    return (
        f"The charge was rated anew by catalogue version {catalogue} and version {reference} of the "
        "reference data, the rest of the month as it was."
    )


def _rerated(_charge: Charge, fields: list[str]) -> str:
    catalogue, reference = fields
    return (
        f"The month was rated anew by catalogue version {catalogue} and version {reference} of the "
        "reference data."
    )


def _because(_charge: Charge, fields: list[str]) -> str:
    return f"Reason: {fields[0].rstrip('.')}."


SENTENCES: Sentences = {
    "reversed": _reversed,
    SHOULD_BE: _should_be,
    "corrected": _corrected,
    "of_charges": _of_charges,
    "corrected_with": _corrected_with,
    "charge_rerated": _charge_rerated,
    "rerated": _rerated,
    "because": _because,
}
