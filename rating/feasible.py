"""Tries whether a price can be calculated with: some numbers are right one by one, and not together."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from rating.catalogue import document as doc
from rating.catalogue.compile_document import compile
from rating.catalogue.compiled import (
    BandedCall,
    CardPrice,
    CardsPrice,
    MatrixPrice,
    Offer,
    Price,
    Rule,
)
from rating.catalogue.exchanging import exchanged_ratings
from rating.charging import NoCount, charge_after
from rating.closing import close_month, looked_at
from rating.closing_samples import Month as SampledMonth
from rating.closing_samples import close_samples, samples_of
from rating.counting import Counter, CounterKind, Counting, Totals
from rating.days_of_month import MOST_DAYS
from rating.fitting import MOST, of_size, with_allowances
from rating.price.allowance import MOST_MONTHS
from rating.price.bands import BandedPrice
from rating.price.call import CallPrice
from rating.price.increments import Increments
from rating.price.per_unit import per_unit_price
from rating.price.time_weighted import Month
from rating.roll_over import EarlierMonths
from rating.selection import Selected
from schemas.decimals import ZERO

_MONTH = 31
_ONE = Decimal(1)
# As many digits as usage may have, before and after the point: what its month has come to is longer.
_USED = Decimal("98765432109876.54321098765432")
_BEFORE = Decimal("98765432109876543210987654.3210987654321098765432109876")
_LONGEST = Month(0, (31 * 24 + 1) * 3_600_000)  # with the hour that comes twice
_EARLIER = EarlierMonths(*[("2026-09",) * MOST_MONTHS] * 2)


class Infeasible(NamedTuple):
    """A price that cannot be calculated with."""

    plan: str
    price: str
    expected: str
    found: str


def infeasible(document: doc.CatalogueDocument) -> list[Infeasible]:
    """Return the prices of a document that fail where usage has as many digits as it may have.

    The rows of cards and matrices are not among them: each is checked where it is read.
    """
    cards = tuple(msgspec.structs.replace(card, rows=()) for card in document.cards)
    matrices = tuple(msgspec.structs.replace(matrix, rows=()) for matrix in document.matrices)
    # A price alone has no plan beside its own that could rate it too.
    plans = tuple(msgspec.structs.replace(plan, also_rated=UNSET) for plan in document.plans)
    whole = msgspec.structs.replace(document, cards=cards, matrices=matrices, plans=plans)
    if _why(whole) is None:
        return []
    found = []
    for plan in plans:
        for price in plan.prices:
            alone = msgspec.structs.replace(plan, prices=(price,))
            why = _why(msgspec.structs.replace(whole, plans=(alone,)))
            if why is not None:
                found.append(Infeasible(plan.code, price.code, *why))
    return found


def infeasible_exchanged(document: doc.CatalogueDocument) -> list[Infeasible]:
    """Return the other ratings of a document that fail so once they are exchanged; each with its plan
    and the code of the other one."""
    cards = tuple(msgspec.structs.replace(card, rows=()) for card in document.cards)
    matrices = tuple(msgspec.structs.replace(matrix, rows=()) for matrix in document.matrices)
    whole = msgspec.structs.replace(document, cards=cards, matrices=matrices)
    found = []
    for code, other in exchanged_ratings(document):
        why = _why(msgspec.structs.replace(whole, plans=(other,)))
        if why is not None:
            found.append(Infeasible(code, other.code, *why))
    return found


def _why(document: doc.CatalogueDocument) -> tuple[str, str] | None:
    """Return what was expected and what was found, where a price of a document fails."""
    try:
        for plan in compile(document, 0).plans.values():
            for offer in plan.offers.values():
                for entry in offer.entries:
                    for rule in entry.rules:
                        why = _contradiction(rule)
                        if why is not None:
                            return why
                        _try(offer, rule)
    except AssertionError as error:
        return "a price that comes to something", str(error) or "one that cannot be"
    except ArithmeticError as error:
        return (
            "fewer digits, discounts, or different numbers of units in `per`",
            f"more than a hundred digits in an exact result ({type(error).__name__})",
        )
    return None


def _contradiction(rule: Rule) -> tuple[str, str] | None:
    adjusting = rule.adjusting
    if adjusting is None or adjusting.commitment is None or adjusting.most is None:
        return None
    promised, most = adjusting.commitment.amount, adjusting.most
    if promised <= most:
        return None
    return f"a commitment of no more than the most of the month, {most}", str(promised)


def _try(offer: Offer, rule: Rule) -> None:
    rule = with_allowances(rule, lambda each: of_size(each, MOST if each.times else None))
    for price, counting in _prices(rule):
        for used in (_USED, _USED.copy_negate()) if offer.mirrors else (_USED, ZERO):
            selected = Selected(offer, rule, price, used, (), "", counting, 1, _EARLIER, _LONGEST)
            if rule.counting_of_days:
                selected = msgspec.structs.replace(selected, day=1, days=MOST_DAYS)
            charge_after(selected, [NoCount()] * len(counting))
            charge_after(selected, [_before(counter) for counter in counting])
    if rule.sampling is not None:
        _try_samples(offer, rule)
        return
    nothing: dict[CounterKind, Totals] = {each.kind: NoCount() for each in looked_at(rule)}
    close_month(rule, nothing, days=1, days_of_month=_MONTH)


def _try_samples(offer: Offer, rule: Rule) -> None:
    """Try the close of a month whose samples have as many digits as usage of a month may have."""
    assert rule.sampling is not None
    begins = samples_of(rule, subscription_id="")
    samples = {each: [(f"{n}:{offer.unit}", 1, _BEFORE) for n in range(2)] for each in begins}
    month = SampledMonth(1, _MONTH, 2)
    close_samples(rule, offer.unit, NoCount(), NoCount(2 * len(begins)), samples, month)
    close_samples(rule, offer.unit, NoCount(), NoCount(), {}, month)


def _before(counter: Counter) -> Totals:
    # What is off is a percentage; everything else has been counted for long.
    listed = counter.kind is CounterKind.LISTED
    return NoCount(1_000_000, _ONE if listed else _BEFORE, _BEFORE)


def _prices(rule: Rule) -> Iterator[tuple[Price, Counting]]:
    model = rule.model
    if isinstance(model, BandedPrice):
        for band, price in model.prices.items():
            yield price, rule.counting_of_band[band]
    elif isinstance(model, BandedCall):
        for band, rates in model.rates.items():
            yield CallPrice(rates, model.connect_fees[band]), rule.counting
    elif isinstance(model, CardPrice | CardsPrice | MatrixPrice):
        yield per_unit_price(_USED, _ONE, Increments(_ONE, _ONE), _USED), rule.counting
    elif rule.unique_by:
        place = rule.tier_place + 1
        seen = Counter(CounterKind.SEEN, rule.price_id)
        yield model, (*rule.counting[:place], seen, *rule.counting[place:])
    elif rule.sampling is not None:
        sample = Counter(CounterKind.SAMPLE, rule.price_id)
        yield model, (Counter(CounterKind.SAMPLED, rule.price_id), sample)
    else:
        yield model, rule.counting
