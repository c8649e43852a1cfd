"""What was meant by the names of an event that was written by hand, where rating refuses it."""

from __future__ import annotations

import dataclasses

from rating.catalogue.compiled import Catalogue
from rating.meant import meant_name, meant_unit
from schemas.refusal import RefusalReason, Refused
from schemas.usage import UsageEvent


def with_hint(refused: Refused, catalogue: Catalogue, event: UsageEvent, plan: str) -> Refused:
    """Return the refusal; its detail ends in the name that is much like the one which was unknown."""
    hint = ""
    if refused.reason is RefusalReason.UNKNOWN_PLAN:
        hint = meant_name(plan, catalogue.plans)
    elif refused.reason is RefusalReason.UNKNOWN_PRODUCT:
        # A product that another plan has is written as it is called.
        if not any(event.product in other.offers for other in catalogue.plans.values()):
            hint = meant_name(event.product, catalogue.plans[plan].offers)
    elif refused.reason is RefusalReason.MISSING_QUANTITY:
        unit = catalogue.plans[plan].offers[event.product].unit
        found = [meant for name in event.quantities if (meant := meant_unit(name, unit=unit))]
        hint = f" Did you mean {found[0]}?" if found else ""
    return dataclasses.replace(refused, detail=refused.detail + hint)
