"""Which price of an offer an event has, and which discounts, where conditions decide."""

from __future__ import annotations

from decimal import Decimal
from itertools import compress
from typing import NamedTuple

import msgspec

from rating.catalogue.compiled import Entry, Offer, Rule
from rating.conditions.condition import Condition
from rating.conditions.names import Holder
from schemas.decimals import to_text
from schemas.ledger import ExplanationStep
from schemas.refusal import RefusalReason, Refused
from schemas.usage import UsageEvent


class Asked(NamedTuple):
    """What conditions are asked of: an event, its units of the product, and whose it is."""

    event: UsageEvent
    used: Decimal
    holder: Holder

    def answer(self, condition: Condition) -> bool:
        """Return whether a condition holds."""
        return condition.holds(self.event, self.used, self.holder)


def choose_entry(offer: Offer, asked: Asked, plan_code: str) -> Entry | Refused | None:
    """Return the first price whose destinations and condition match; None where no destination
    does, and a refusal where one does and no condition."""
    destination = asked.event.destination
    missed = False
    for entry in offer.entries:
        if not entry.destinations or (destination and destination.startswith(entry.destinations)):
            if entry.when is None or asked.answer(entry.when):
                return entry
            missed = True
    return _nothing_holds(plan_code, offer.product) if missed else None


def _nothing_holds(plan_code: str, product: str) -> Refused:
    return Refused(
        RefusalReason.NO_CONDITION_HOLDS,
        f"plan {plan_code} has prices for {product}, but the condition of none holds. Operator "
        "action: publish a catalogue with a last price that has no condition, or correct the "
        "attributes of account or subscription; then recycle.",
    )


def with_chosen_discounts(rule: Rule, asked: Asked) -> tuple[Rule, tuple[ExplanationStep, ...]]:
    """Return the rule with the discounts that are given, and the steps that say why they are."""
    conditional = rule.discounts_when
    if conditional is None:
        return rule, ()
    given = tuple([each is None or asked.answer(each) for each in conditional.conditions])
    steps: list[ExplanationStep] = []
    pairs = zip(conditional.percents, conditional.conditions, strict=True)
    for percent, condition in compress(pairs, given):
        if condition is not None:
            said = condition.explained(asked.holder)
            steps.append(("discount_condition", to_text(percent), *said))
    chosen = msgspec.structs.replace(rule, adjusting=conditional.adjusting[given])
    return chosen, tuple(steps)


def condition_step(entry: Entry, asked: Asked) -> tuple[ExplanationStep, ...]:
    """Return the step that says why a price has the event; none where it asks for nothing."""
    if entry.when is None:
        return ()
    return (("condition", entry.price_id, *entry.when.explained(asked.holder)),)
