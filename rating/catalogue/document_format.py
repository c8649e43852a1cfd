"""Which format a published document is of: the first one that says all that is in it.

A build that does not know a format must refuse it rather than price by the part that it reads; a
catalogue that has nothing of it is of the format before, and is read by older builds as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rating.catalogue.asked import conditions_of
from rating.catalogue.document import CatalogueDocument, PlanAllowance, PriceVersion
from rating.catalogue.exchanging import exchanged_ratings
from rating.conditions.names import SUBSCRIPTION_MONTH
from rating.conditions.words import words_of
from rating.counting import CounterPeriod
from rating.price.aggregate import OF_CHANGES

FIRST = 3


def _versions(document: CatalogueDocument) -> Iterator[PriceVersion]:
    for plan in document.plans:
        for price in plan.prices:
            yield from price.versions


def _has_conditions(document: CatalogueDocument) -> bool:
    """An older build would price as if all of them held."""
    return any(price.when for plan in document.plans for price in plan.prices) or any(
        version.discounts_when for version in _versions(document)
    )


def _rolls_over(document: CatalogueDocument) -> bool:
    """An older build would charge what is free, and give nothing of what months have left."""
    return any(each.rolls_over is not None for plan in document.plans for each in plan.allowances)


def _has_other_ratings(document: CatalogueDocument) -> bool:
    """An older build would rate only what is charged, and say nothing of what it costs."""
    return any(plan.also_rated for plan in document.plans)


def _has_levels(document: CatalogueDocument) -> bool:
    """An older build would take the changes of a level for usage."""
    return any(version.aggregation in OF_CHANGES for version in _versions(document))


def _has_samples(document: CatalogueDocument) -> bool:
    """An older build would price the sum of the samples."""
    return any(version.sampling is not None for version in _versions(document))


def _has_fitted_allowances(document: CatalogueDocument) -> bool:
    """An older build would give them once, and to all usage."""
    return any(_is_fitted(each) for plan in document.plans for each in plan.allowances)


def _is_fitted(allowance: PlanAllowance) -> bool:
    stated = (allowance.times, allowance.bands, allowance.when)
    return any(stated) or (allowance.valid_from, allowance.valid_to) != (None, None)


def _discounts_from_then(document: CatalogueDocument) -> bool:
    """An older build would adjust what was charged before."""
    discounts = (version.discount_by_usage for version in _versions(document))
    return any(each is not None and each.from_then for each in discounts)


def _exchanges_ratings(document: CatalogueDocument) -> bool:
    """An older build would take one currency for the other."""
    return any(exchanged_ratings(document))


def _gives_once(document: CatalogueDocument) -> bool:
    """An older build would know neither the discount nor such a period."""
    return any(version.discount_times is not None for version in _versions(document)) or any(
        each.period is CounterPeriod.ONCE for plan in document.plans for each in plan.allowances
    )


def _asks_for_months(document: CatalogueDocument) -> bool:
    """An older build could not read such a condition."""
    return any(
        word.name == SUBSCRIPTION_MONTH
        for text in conditions_of(document)
        for word in words_of(text)
    )


_NEEDED_FOR: tuple[tuple[int, Callable[[CatalogueDocument], bool]], ...] = (
    (8, _gives_once),
    (7, _has_levels),
    (7, _has_samples),
    (7, _has_fitted_allowances),
    (7, _discounts_from_then),
    (7, _exchanges_ratings),
    (7, _asks_for_months),
    (6, _has_other_ratings),
    (5, _rolls_over),
    (4, _has_conditions),
)
NEWEST = _NEEDED_FOR[0][0]
READ = range(FIRST, NEWEST + 1)


def format_of(document: CatalogueDocument) -> int:
    """Return the first format that says all that is in a document."""
    return next((number for number, needs in _NEEDED_FOR if needs(document)), FIRST)
