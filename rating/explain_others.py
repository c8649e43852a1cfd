"""Why does it cost that much? The other ratings of a charge as sentences, and the margins over them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from rating.explain import sentences
from rating.explain_wording import amount_text
from rating.margins import margins
from schemas.decimals import DecimalText, to_text
from schemas.ledger import Charge, OtherRating


class ShownRating(msgspec.Struct, frozen=True, kw_only=True):
    """Another rating of a charge, and why it is what it is; decimals have all their digits."""

    name: str
    plan: str
    price: str
    billed: DecimalText
    amount: DecimalText
    currency: str
    margin: (
        DecimalText  # what is left of the amount before it: the charge's, or the rating's before
    )
    sentences: tuple[str, ...]


def shown_ratings(charge: Charge) -> tuple[ShownRating, ...]:
    """Return the other ratings of a charge in the order of its plan; none where it has none."""
    found = []
    ratings = charge.other_ratings or ()
    for rating, margin in zip(ratings, margins(Decimal(charge.amount), ratings), strict=True):
        said = list(_steps(charge, rating))
        said.append(f"Margin over {rating.name}: {amount_text(margin.left, rating.currency)}.")
        found.append(
            ShownRating(
                name=rating.name,
                plan=rating.plan,
                price=rating.price_id,
                billed=rating.billed,
                amount=rating.amount,
                currency=rating.currency,
                margin=to_text(margin.left),
                sentences=tuple(said),
            )
        )
    return tuple(found)


def _steps(charge: Charge, rating: OtherRating) -> Iterator[str]:
    """Yield the steps of a rating: those of a charge for the same usage, under its own plan."""
    as_charge = msgspec.structs.replace(
        charge,
        price_id=rating.price_id,
        billed=rating.billed,
        amount=rating.amount,
        currency=rating.currency,
        explanation=rating.explanation,
    )
    yield from sentences(as_charge)[1:-1]  # what was used and what is charged the charge says
    yield f"Rated as {rating.name}: {amount_text(Decimal(rating.amount), rating.currency)}."
