"""What a price model says, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rating.catalogue.differences.parts import Part, money, percent, price, words
from rating.catalogue.document import (
    Call,
    CallRate,
    Flat,
    Graduated,
    MatrixPrice,
    Package,
    Percentage,
    PerUnit,
    PriceModel,
    RateCardPrice,
    Volume,
)
from rating.price.bands import BandChoice
from rating.price.increments import Increments
from rating.price.rate_card import CardChoice
from rating.price.tier import Tier
from rating.rounding import RoundingRule
from rating.units import plain, readable
from schemas.decimals import to_text
from schemas.money import Rounding

_HUNDRED = Decimal(100)
_RULES = {
    Rounding.HALF_UP: "half up",
    Rounding.HALF_EVEN: "half to even",
    Rounding.UP: "up",
    Rounding.DOWN: "down",
}
_LAST = "last"


def shape_of(model: PriceModel) -> tuple[str, bool]:
    """Return what two models must have in common for their parts to be compared one by one."""
    match model:
        case Graduated() | Volume():
            return "tiers", False
        case PerUnit() | Call():
            return type(model).__name__, model.bands is not None
        case _:
            return type(model).__name__, False


def model_parts(
    model: PriceModel, currency: str, unit: str, tier_keys: Sequence[str] = ()
) -> list[Part]:
    """Return what a model says. ``tier_keys``: what the tiers are known by, from `aligned_tiers`."""
    match model:
        case PerUnit():
            return [
                *_per_unit(model, currency, unit),
                *_bands(model.bands, model.bands_by),
                _increments(model.increments),
                money("connect fee", model.connect_fee or None, currency),
            ]
        case RateCardPrice():
            longest = model.choose is CardChoice.LONGEST
            return [
                words("rate card", ", then ".join(model.cards)),
                words("choose", "the longest prefix" if longest else "", default="the first"),
                _bands_by(model.bands_by),
            ]
        case MatrixPrice():
            return [words("matrix", model.matrix), _bands_by(model.bands_by)]
        case Flat():
            number = to_text(model.amount)
            said = f"{number} {currency} per event"
            return [Part("amount", "", said, number, (model.amount, Decimal(1)))]
        case Percentage():
            share = percent("percent", model.percent)
            share = share._replace(said=f"{share.said} of the value")
            return [share, money("fee", model.fee or None, currency, name="fee of each event")]
        case Graduated() | Volume():
            keys = tier_keys or _own_keys(model.tiers)
            return [
                *_tiers(model, keys, currency, unit),
                _increments(model.increments),
            ]
        case Package():
            number = to_text(model.amount)
            size = model.packages.to_units
            said = f"{number} {currency} per package of {readable(size, unit)}"
            rule = model.packages.rule.value.replace("_", " ")
            return [
                Part("amount", "", said, number, (model.amount, size)),
                words("a part of a package", f"rounded {rule}", default="rounded up"),
                _increments(model.increments),
            ]
        case Call():
            return [
                *_call_rates(model, currency, unit),
                *_bands(model.bands, model.bands_by),
                money("connect fee", model.connect_fee or None, currency),
                *(
                    money(f"connect fee {band}", fee, currency)
                    for band, fee in model.connect_fees.items()
                ),
                words("rounding of each increment", rounding_said(model.increment_rounding)),
            ]


def _per_unit(model: PerUnit, currency: str, unit: str) -> Iterator[Part]:
    amounts: Mapping[str, Decimal] = model.amounts
    if model.amount is not None:
        amounts = {"": model.amount, **amounts}
    for band, amount in amounts.items():
        yield price(
            f"amount {band}", amount, model.per_units, currency=currency, unit=unit, name=band
        )
    if not amounts:
        yield words("per", readable(model.per_units, unit))


def _bands(code: str | None, choice: BandChoice) -> Iterator[Part]:
    if code is not None:
        yield words("bands", code)
    yield _bands_by(choice)


def _bands_by(choice: BandChoice) -> Part:
    said = {"start": "that of its start", "end": "that of its end", "split": "each part by its own"}
    name = "band of a record that lies in several"
    return words("bands by", said[choice.value], name=name, default=said["start"])


def _increments(increments: Increments | None) -> Part:
    return words("increments", increments.notation if increments else "")


def _call_rates(model: Call, currency: str, unit: str) -> Iterator[Part]:
    bands: Mapping[str, tuple[CallRate, ...]] = model.rates_of
    if model.rates:
        bands = {"": model.rates, **bands}
    for band, rates in bands.items():
        for rate in rates:
            begins = f"from {readable(rate.from_units, unit)} on" if rate.from_units else ""
            part = price(
                f"rate {band} {plain(rate.from_units)}",
                rate.amount,
                rate.per_units,
                currency=currency,
                unit=unit,
                name=f"{band} {begins}".strip(),
            )
            yield part._replace(said=f"{part.said} by {readable(rate.increment_units, unit)}")
        if not rates:
            yield words(f"rates {band}", "", name=f"rates {band}".strip())


def _own_keys(tiers: Sequence[Tier]) -> list[str]:
    return [_LAST if tier.upto_units is None else plain(tier.upto_units) for tier in tiers]


def aligned_tiers(before: PriceModel, after: PriceModel) -> tuple[list[str], list[str]]:
    """Return what the tiers of two models are known by: their ends. Where as many ends are gone as
    are new, they are the same tiers with other ends, in their order."""
    if not isinstance(before, Graduated | Volume) or not isinstance(after, Graduated | Volume):
        return [], []
    olds, news = _own_keys(before.tiers), _own_keys(after.tiers)
    gone = [key for key in olds if key not in news]
    new = [key for key in news if key not in olds]
    if len(gone) == len(new):
        known_as = dict(zip(new, gone, strict=True))
        news = [known_as.get(key, key) for key in news]
    return olds, news


def _tiers(
    model: Graduated | Volume, keys: Sequence[str], currency: str, unit: str
) -> Iterator[Part]:
    how = "volume (all units at the price of the tier that they reach)"
    if isinstance(model, Graduated):
        how = "graduated (each unit at the price of its own tier)"
    yield Part("tiers", "", how)
    end = ""
    for tier, key in zip(model.tiers, keys, strict=True):
        below = end
        if tier.upto_units is not None:
            end = readable(tier.upto_units, unit)
            name = f"to {end}"
        else:
            name = f"above {below}" if below else ""
        yield from _tier(tier, key, name, model.per_units, currency, unit)
    if not any(tier.per_units is None for tier in model.tiers):
        # No tier shows it.
        yield words("per", readable(model.per_units, unit))._replace(default=True)


def _tier(
    tier: Tier, key: str, name: str, per_units: Decimal, currency: str, unit: str
) -> Iterator[Part]:
    per = per_units if tier.per_units is None else tier.per_units
    if tier.per_units == _HUNDRED and unit == currency:
        part = percent(f"tier {key}", tier.amount, name=name)
    else:
        part = price(f"tier {key}", tier.amount, per, currency=currency, unit=unit, name=name)
    yield part._replace(default=not tier.amount and bool(tier.flat))
    if tier.upto_units is not None:
        said = f"to {readable(tier.upto_units, unit)}"
        yield Part(f"tier {key} end", "tier", said, default=True)
    fee = f"{name}, fee".removeprefix(", ")
    yield money(f"tier {key} fee", tier.flat or None, currency, name=fee)
    whole = f"{name}, what is started costs all of it".removeprefix(", ")
    yield words(f"tier {key} whole", "yes" if tier.whole else "", name=whole, default="no")


def rounding_said(rule: RoundingRule | None) -> str:
    """Return a rounding in words; empty where there is none."""
    if rule is None:
        return ""
    kept = f"{rule.decimal_places} places"
    if rule.to is not None:
        kept = f"multiples of {to_text(rule.to)}"
    times = f"times {to_text(rule.times)}, " if rule.times is not None else ""
    said = f"{times}{_RULES[rule.rule]} to {kept}"
    return said if rule.then is None else f"{said}, then {rounding_said(rule.then)}"
