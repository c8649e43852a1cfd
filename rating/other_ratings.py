"""The same usage under other plans: what it costs, what a reseller pays.

Nothing of it is counted: prices that ask for what the month holds are refused by the check. So each
other rating of an event is what the event comes to under that plan alone.
"""

from __future__ import annotations

from rating.catalogue.compiled import Offer, OtherOffer
from rating.charging import charge_after
from rating.conditions.names import Holder
from rating.selection import Selected, select_price
from schemas.decimals import to_text
from schemas.ledger import OtherRating
from schemas.refusal import Refused
from schemas.usage import UsageEvent


def other_ratings(
    offer: Offer, event: UsageEvent, holder: Holder | None = None
) -> tuple[OtherRating, ...] | Refused:
    """Return what an event that has a price in an offer comes to under the other plans, in their
    order; or why one of them has no price for it. ``holder``: as for `select_price`.

    A refusal has the reason that the other plan gives, and names the rating: what an event costs is
    never nothing because nobody knows it.
    """
    found = []
    for other in offer.others:
        rating = _rated(other, event, holder)
        if isinstance(rating, Refused):
            return rating
        found.append(rating)
    return tuple(found)


def _rated(other: OtherOffer, event: UsageEvent, holder: Holder | None) -> OtherRating | Refused:
    selected = select_price(other.offer, event, other.plan, holder)
    if isinstance(selected, Refused):
        detail = f"rating {other.name}, under plan {other.plan}: {selected.detail}"
        return Refused(selected.reason, detail)
    # Whether an event is filtered its product says, so its own price has done so before.
    assert isinstance(selected, Selected), "what is charged is not filtered"
    priced = charge_after(selected, ())
    return OtherRating(
        name=other.name,
        plan=other.plan,
        price_id=selected.rule.price_id,
        billed=to_text(priced.billed),
        amount=to_text(priced.amount),
        currency=other.offer.currency,
        explanation=priced.explanation,
    )
