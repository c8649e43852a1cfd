"""Which prices of a plan usage can reach, and what their conditions can be asked of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rating.catalogue.document import PlanPrice, PriceVersion
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Node
from rating.conditions.condition import Condition


def hiding(before: Iterable[PlanPrice], price: PlanPrice) -> PlanPrice | None:
    """Return the price, of those before it, that takes all usage which would reach ``price``."""
    return next((other for other in before if _hides(other, price)), None)


def _hides(other: PlanPrice, price: PlanPrice) -> bool:
    if other.product != price.product or (other.when and other.when != price.when):
        return False
    if not other.destinations:
        return True
    return bool(price.destinations) and all(
        destination.startswith(other.destinations) for destination in price.destinations
    )


def what_of(price: PlanPrice) -> str:
    """Return the usage that a price is for, in words."""
    where = f" to {' '.join(price.destinations)}" if price.destinations else ""
    return f"{price.product}{where}{f' when {price.when}' if price.when else ''}"


def refuse_close_of_events(
    reader: Reader,
    node: Node,
    field: str,
    condition: Condition,
    versions: Sequence[PriceVersion],
) -> None:
    """Complain where the close of a month asks for something, and the condition for an event: a
    close has none, so it could not know whom to ask."""
    asks = any(
        version.least_month is not None
        or version.first_fee_without_usage
        or (version.commitment is not None and version.commitment.true_up)
        for version in versions
    )
    if asks and not condition.asks_only_holder:
        names = [name.written for name in condition.names if not name.is_of_holder]
        reader.complain(
            node,
            field,
            expected="only account.<attribute>, subscription.<attribute> and subscription_month, since "
            "the close of a month charges by this price, too",
            found=", ".join(names),
        )
