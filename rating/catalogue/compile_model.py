"""Compiles price models, and the allowances before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from rating.catalogue import document as doc
from rating.catalogue.compile_rows import first_day, last_day
from rating.catalogue.compiled import BandedCall, CardPrice, CardsPrice, MatrixPrice, Model
from rating.conditions.condition import Condition
from rating.price.aggregate import Aggregation
from rating.price.allowance import Allowance, OnlyFor, RollOver
from rating.price.bands import BandedPrice, Bands
from rating.price.call import CallPrice, Rate, Stretch
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice, per_unit_price
from rating.price.rate_card import FIRST_DAY, LAST_DAY
from rating.price.volume import VolumePrice
from rating.rounding import RoundingRule

_HUNDRED = Decimal(100)


class CompileModel:
    """Makes what rating uses of the model that a document states."""

    def __init__(
        self,
        bands: dict[str, Bands],
        cards: dict[str, CardPrice],
        matrices: dict[str, MatrixPrice],
    ) -> None:
        self.bands = bands
        self._cards = cards
        self._matrices = matrices

    def __call__(self, model: doc.PriceModel) -> Model:
        """Return the compiled model."""
        match model:
            case doc.PerUnit():
                return self._per_unit(model)
            case doc.RateCardPrice():
                return self._rate_card(model)
            case doc.MatrixPrice():
                found = self._matrices[model.matrix]
                return MatrixPrice(found.matrix, found.dimensions, found.bands, model.bands_by)
            case doc.Flat():
                return FlatPrice(model.amount)
            case doc.Percentage():
                return per_unit_price(model.percent, _HUNDRED, None, model.fee, step="percent")
            case doc.Graduated():
                return GraduatedPrice(model.tiers, model.per_units, model.increments)
            case doc.Volume():
                return VolumePrice(model.tiers, model.per_units, model.increments)
            case doc.Package():
                return PackagePrice(model.amount, model.packages, model.increments)
            case doc.Call():
                return self._call(model)

    def _rate_card(self, model: doc.RateCardPrice) -> CardPrice | CardsPrice:
        found = [self._cards[code] for code in model.cards]
        cards = tuple(CardPrice(each.card, each.bands, model.bands_by) for each in found)
        return cards[0] if len(cards) == 1 else CardsPrice(cards, model.choose)

    def _per_unit(self, model: doc.PerUnit) -> PerUnitPrice | BandedPrice:
        def price(amount: Decimal) -> PerUnitPrice:
            return per_unit_price(amount, model.per_units, model.increments, model.connect_fee)

        if model.bands is None:
            assert model.amount is not None, "an amount, or bands"
            return price(model.amount)
        return BandedPrice(
            self.bands[model.bands],
            {band: price(amount) for band, amount in model.amounts.items()},
            model.bands_by,
        )

    def _call(self, model: doc.Call) -> CallPrice | BandedCall:
        rounding = model.increment_rounding
        if model.bands is None:
            return CallPrice(_stretches(model.rates, rounding), model.connect_fee)
        rates = {band: _stretches(found, rounding) for band, found in model.rates_of.items()}
        fees = {band: model.connect_fees.get(band, model.connect_fee) for band in rates}
        return BandedCall(self.bands[model.bands], model.bands_by, rates, fees)


def _stretches(rates: Iterable[doc.CallRate], rounding: RoundingRule | None) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(rate.from_units, Rate(rate.amount, rate.per_units, rate.increment_units, rounding))
        for rate in rates
    )


def is_of_the_month(version: doc.PriceVersion) -> bool:
    """Return whether what is priced is the month, whatever the events in it: a model that looks at
    the whole of it, or what is asked of a month's whole cost."""
    return (
        isinstance(version.model, doc.Graduated | doc.Volume | doc.Package)
        or version.aggregation is not Aggregation.SUM
        or version.commitment is not None
        or version.sampling is not None
    )


def grows(version: doc.PriceVersion, *, has_allowances: bool) -> bool:
    """Return whether a price is charged as the month grows: one of the month, and a per-unit price
    above an allowance. A card has a price per destination, a call its own, and a share of an event's
    value is that event's: nothing there that could grow over the month."""
    if is_of_the_month(version):
        return True
    return has_allowances and isinstance(version.model, doc.PerUnit)


def allowance_of(
    plan_code: str,
    allowance: doc.PlanAllowance,
    bands: Mapping[str, Bands],
    when: Condition | None,
) -> Allowance:
    """Return an allowance as rating takes of it. ``when``: its condition, compiled."""
    return Allowance(
        f"{plan_code}/{allowance.code}",
        allowance.units,
        allowance.consume is doc.Consume.INCREMENTS,
        allowance.step_units,
        allowance.period,
        allowance.shared_by is doc.Sharing.ACCOUNT,
        _roll_over(allowance),
        allowance.times,
        _only_for(allowance, bands, when),
    )


def _only_for(
    allowance: doc.PlanAllowance, bands: Mapping[str, Bands], when: Condition | None
) -> OnlyFor | None:
    found = OnlyFor(
        first_day(allowance.valid_from),
        last_day(allowance.valid_to),
        bands[allowance.bands] if allowance.bands else None,
        allowance.only_in,
        when,
    )
    return None if found == OnlyFor(FIRST_DAY, LAST_DAY) else found


def _roll_over(allowance: doc.PlanAllowance) -> RollOver | None:
    stated = allowance.rolls_over
    if stated is None:
        return None
    upto = allowance.units if stated.upto is None else stated.upto
    return RollOver(stated.months, upto, stated.order, stated.since)
