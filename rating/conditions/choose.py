"""Which price of an offer an event has, and which discounts, where conditions decide."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from rating.catalogue.compiled import Entry, Offer, Rule
from rating.conditions.names import Holder
from schemas.decimals import to_text
from schemas.ledger import ExplanationStep
from schemas.refusal import STAYS, RefusalReason, Refused
from schemas.usage import UsageEvent

Steps = tuple[ExplanationStep, ...]


class Chosen(NamedTuple):
    """A price, and the step that says why the event has it; None where no destination matches."""

    entry: Entry | None
    steps: Steps = ()


def choose_entry(
    offer: Offer, event: UsageEvent, used: Decimal, holder: Holder, plan_code: str
) -> Chosen | Refused:
    """Return the first price whose destinations and condition match; a refusal where a destination
    does and no condition."""
    destination = event.destination
    missed = False
    for entry in offer.entries:
        if not entry.destinations or (destination and destination.startswith(entry.destinations)):
            if entry.when is None:
                return Chosen(entry)
            why = entry.when.why(event, used, holder)
            if why is not None:
                return Chosen(entry, (("condition", entry.price_id, *why),))
            missed = True
    return _nothing_holds(plan_code, offer.product) if missed else Chosen(None)


def _nothing_holds(plan_code: str, product: str) -> Refused:
    return Refused(
        RefusalReason.NO_CONDITION_HOLDS,
        f"plan {plan_code} has prices for {product}, but the condition of none holds. Operator "
        "action: publish a catalogue with a last price that has no condition, or correct the "
        f"attributes of account or subscription; {STAYS}",
    )


def with_chosen_discounts(
    rule: Rule, event: UsageEvent, used: Decimal, holder: Holder
) -> tuple[Rule, Steps]:
    """Return the rule with the discounts that are given, and the steps that say why they are."""
    conditional = rule.discounts_when
    assert conditional is not None, "all its discounts are always given"
    given: list[Decimal] = []
    steps: list[ExplanationStep] = []
    for percent, condition in zip(conditional.percents, conditional.conditions, strict=True):
        why = () if condition is None else condition.why(event, used, holder)
        if why is not None:
            given.append(percent)
        if why:
            steps.append(("discount_condition", to_text(percent), *why))
    adjusting, limited = rule.adjusting, rule.limited
    if adjusting is not None:
        adjusting = msgspec.structs.replace(adjusting, discounts=tuple(given))
    if conditional.of_limited is not None:
        assert limited is not None
        why = conditional.of_limited.why(event, used, holder)
        # Whether it is given is not known yet: it may be used up, and then nothing is said of it.
        limited = msgspec.structs.replace(limited, gives=why is not None, why=why or ())
    chosen = msgspec.structs.replace(rule, adjusting=adjusting, limited=limited)
    return chosen, tuple(steps)
