"""What the usage of a month comes to under other plans: summed by the chain of ratings, so that what a
correction changes of it has the order in which one is paid from the other."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep, OtherRating


class Rated(NamedTuple):
    """The sum of one rating. Plan and price are those of the newest charge in it."""

    plan: str
    price_id: str
    currency: str
    billed: Decimal
    amount: Decimal


Chain = tuple[str, ...]
"""The names of ratings, in the order of a plan."""

Others = Mapping[Chain, tuple[Rated, ...]]
"""Sums by chain, one for each of its ratings; a chain whose sums are all zero is not there."""

NO_OTHERS: Others = {}


def others_of(ratings: tuple[OtherRating, ...]) -> Others:
    """Return what one charge says."""
    chain = tuple(each.name for each in ratings)
    return _kept(
        {
            chain: tuple(
                Rated(
                    *(each.plan, each.price_id, each.currency),
                    *(Decimal(each.billed), Decimal(each.amount)),
                )
                for each in ratings
            )
        }
    )


def added(one: Others, more: Others) -> Others:
    """Return the sums of both; ``more`` is the newer one."""
    found = dict(one)
    for chain, ratings in more.items():
        was = found.get(chain)
        if was is not None:
            ratings = tuple(
                now._replace(
                    billed=EXACT.add(old.billed, now.billed),
                    amount=EXACT.add(old.amount, now.amount),
                )
                for old, now in zip(was, ratings, strict=True)
            )
        found[chain] = ratings
    return _kept(found)


def negated(others: Others) -> Others:
    """Return the sums below zero."""
    return {
        chain: tuple(
            each._replace(billed=_less(each.billed), amount=_less(each.amount)) for each in ratings
        )
        for chain, ratings in others.items()
    }


def taken_back(
    ratings: tuple[OtherRating, ...], steps: tuple[ExplanationStep, ...]
) -> tuple[OtherRating, ...]:
    """Return the other ratings of the charge that takes one back: the same amounts below zero."""
    return tuple(
        OtherRating(
            name=each.name,
            plan=each.plan,
            price_id=each.price_id,
            billed=to_text(_less(Decimal(each.billed))),
            amount=to_text(_less(Decimal(each.amount))),
            currency=each.currency,
            explanation=steps,
        )
        for each in ratings
    )


def corrected(chain: Chain, rest: Others, earlier: Others) -> tuple[OtherRating, ...]:
    """Return the other ratings of a correction: what the sums of one chain change by, also where one of
    them stays; ``earlier``: what they came to."""
    before = earlier.get(chain) or (None,) * len(chain)
    found = []
    for name, each, was in zip(chain, rest[chain], before, strict=True):
        came = ZERO if was is None else was.amount
        step = ("corrected", to_text(came), to_text(EXACT.add(came, each.amount)))
        found.append(
            OtherRating(
                name=name,
                plan=each.plan,
                price_id=each.price_id,
                billed=to_text(each.billed),
                amount=to_text(each.amount),
                currency=each.currency,
                explanation=(step,),
            )
        )
    return tuple(found)


def unchanged(ratings: tuple[OtherRating, ...]) -> tuple[OtherRating, ...]:
    """Return the other ratings of a correction that changes none of them."""
    return tuple(
        msgspec.structs.replace(
            each, billed="0", amount="0", explanation=(("corrected", each.amount, each.amount),)
        )
        for each in ratings
    )


def unchanged_sums(others: Others) -> tuple[OtherRating, ...]:
    """Return the other ratings of a correction of a price that changes none of its sums; none where its
    charges have other ratings than one another."""
    if len(others) != 1:
        return ()
    ((chain, ratings),) = others.items()
    return corrected(
        chain, {chain: tuple(each._replace(billed=ZERO, amount=ZERO) for each in ratings)}, others
    )


def _kept(others: Others) -> Others:
    return {
        chain: ratings
        for chain, ratings in others.items()
        if any(each.billed or each.amount for each in ratings)
    }


def _less(value: Decimal) -> Decimal:
    return value.copy_negate() if value else value.copy_abs()
