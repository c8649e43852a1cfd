"""What must not stand together in one price, each part of which is right by itself."""

from __future__ import annotations

from collections.abc import Callable

from rating.catalogue.check_of_changes import check_of_changes
from rating.catalogue.compile_model import is_of_the_month
from rating.catalogue.document import (
    AboveAllowance,
    BelowZero,
    Call,
    Consume,
    Graduated,
    MatrixPrice,
    PerUnit,
    PlanAllowance,
    PriceVersion,
    Product,
    RateCardPrice,
    Volume,
    ZeroUsage,
    restating_discount,
)
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Node
from rating.price.aggregate import LEVELS, OF_CHANGES, READINGS, Aggregation
from rating.price.bands import BandChoice
from rating.rounding import RoundingRule

_ONE_WAY = (
    *("allowance", "free_records", "free_units", "aggregate"),
    *("commitment", "most", "least", "discount_by_usage"),
)
_HAVE_FEES = ("connect_fee", "fee")

_Refuse = Callable[[str, str, str], None]
"""Notes a key: with what was expected, and what was found."""


def check_together(
    reader: Reader,
    values: dict[str, Node],
    field: str,
    version: PriceVersion,
    *,
    product: Product,
    allowances: tuple[PlanAllowance, ...],
) -> None:
    """Note each key of a price that does not go with another one. ``values``: the keys that were
    written, of which ``version`` was read; ``allowances``: those that it names."""

    def refuse(key: str, expected: str, found: str) -> None:
        reader.complain(values[key], f"{field}.{key}", expected=expected, found=found)

    if version.aggregation in OF_CHANGES:
        check_of_changes(refuse, values, version.aggregation)
    elif product.below_zero is BelowZero.MIRROR and version.aggregation not in READINGS:
        for key in _ONE_WAY:
            if key in values:
                expected = f"a product without below_zero: mirror, as {product.code} has"
                refuse(key, expected, f"{key}, which nobody can give back")
        if version.discount_times is not None:
            expected = f"a product without below_zero: mirror, as {product.code} has"
            refuse("discount", expected, "a discount with times, which nobody can give back")
    if isinstance(version.model, PerUnit) and "connect_fee" in values:
        for key in ("commitment", "aggregate"):
            if key in values:
                refuse("connect_fee", f"no {key}, which prices the month as a whole", key)
    may_have_fee = isinstance(version.model, RateCardPrice | MatrixPrice) or any(
        key in values for key in _HAVE_FEES
    )
    if "fee_when_free" in values and not may_have_fee:
        refuse("fee_when_free", f"a price with {' or '.join(_HAVE_FEES)}", "neither")
    if version.first_fee_without_usage and version.above_allowance is AboveAllowance.GOES_ON:
        expected = "tiers that begin above what is free: above_allowance: from_start"
        refuse("first_fee_without_usage", expected, "goes_on")
    if version.above_allowance is AboveAllowance.GOES_ON and _has_tier_fees(version):
        expected = (
            "from_start, or tiers without a fee: that of a tier which begins with free units would "
            "never be charged"
        )
        refuse("above_allowance", expected, "goes_on, and a tier with a fee")
    goes_on = version.above_allowance is AboveAllowance.GOES_ON
    if goes_on and version.aggregation is not Aggregation.SUM:
        expected = "from_start: free units of several records are no place among the tiers"
        refuse("above_allowance", expected, f"goes_on, and the {version.aggregation} of the month")
    _check_commitment(refuse, version)
    if version.sampling is not None and product.zero_usage is ZeroUsage.FILTER:
        expected = f"a product without zero_usage: filter, as {product.code} has"
        refuse("aggregate", expected, "a percentile, of which nothing is a sample like any other")
    if version.exchange is not None:
        _check_exchange(
            refuse, values, version, units_allowed=all(each.money for each in allowances)
        )
    if version.discount_by_usage is not None:
        _check_usage_discount(refuse, version, allowances)
    if _multiplies(version.rounding):
        for key in ("least", "most", "commitment"):
            if key in values:
                refuse(key, "a rounding without times: is it before the exchange, or after?", key)
        for allowance in allowances:
            if allowance.money:
                expected = "a rounding without times, or an allowance in units"
                refuse("allowance", expected, f"{allowance.code} in money")
    if any(allowance.consume is Consume.INCREMENTS for allowance in allowances):
        if isinstance(version.model, Call) or _is_split(version):
            refuse("allowance", "one that takes exact units, where rates change on the way",
                   "consume: increments")  # fmt: skip
        if "minimum_units" in values:
            refuse("minimum_units", "an allowance that takes exact units", "consume: increments")


def _has_tier_fees(version: PriceVersion) -> bool:
    return isinstance(version.model, Graduated) and any(tier.flat for tier in version.model.tiers)


def _check_commitment(refuse: _Refuse, version: PriceVersion) -> None:
    commitment = version.commitment
    if commitment is None:
        return
    if commitment.true_up and version.least_month is not None:
        expected = "either a least of the month, or a commitment with true_up"
        refuse("least", expected, "both")
    most = version.most_month
    if commitment.amount is not None and most is not None and commitment.amount > most:
        refuse("commitment", f"no more than the most of the month, {most}", str(commitment.amount))


def _check_exchange(
    refuse: _Refuse, values: dict[str, Node], version: PriceVersion, *, units_allowed: bool
) -> None:
    """What is exchanged at the rate of a day has no month in it."""
    of_month = is_of_the_month(version) or (
        isinstance(version.model, PerUnit) and not units_allowed
    )
    if of_month:
        refuse(
            "exchange", "a price of each record: rates change within a month", "one of the month"
        )
    for key in ("discount_by_usage", "aggregate"):
        if key in values:
            refuse(key, "no exchange: rates change within a month", key)
    if _multiplies(version.rounding):
        refuse("rounding", "a rounding without times, beside a table of rates", "times")
    for key, bounds in (
        ("least", (version.least_month,)),
        ("most", (version.most_day, version.most_month)),
    ):
        if any(bound is not None for bound in bounds):
            refuse(key, "that of an event, beside a table of rates", "one of a day or a month")


def _check_usage_discount(
    refuse: _Refuse, version: PriceVersion, allowances: tuple[PlanAllowance, ...]
) -> None:
    """What it gives back must have been charged: not capped, and not paid by an allowance. What it
    gives from some usage on must not be restated by another price of it."""
    if restating_discount(version) is None:
        if restates(version):
            expected = "no from_then, where usage changes what earlier usage came to"
            refuse("discount_by_usage", expected, "from_then")
        return
    if version.most_day is not None or version.most_month is not None:
        expected = "a most of an event, beside a discount that changes the month's charges"
        refuse("most", expected, "one of a day or a month")
    for allowance in allowances:
        if allowance.money:
            expected = "units, beside a discount that changes the month's charges"
            refuse("allowance", expected, f"{allowance.code} in money")


def _multiplies(rounding: RoundingRule) -> bool:
    rule: RoundingRule | None = rounding
    while rule is not None:
        if rule.times is not None:
            return True
        rule = rule.then
    return False


def _is_split(version: PriceVersion) -> bool:
    model = version.model
    return isinstance(model, RateCardPrice | MatrixPrice) and model.bands_by is BandChoice.SPLIT


def restates(version: PriceVersion) -> bool:
    """Return whether an event may change what earlier ones of its month came to."""
    return (
        isinstance(version.model, Volume)
        or version.aggregation in LEVELS
        or restating_discount(version) is not None
        or version.sampling is not None
    )
