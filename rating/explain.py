"""Why this amount? The steps of a charge as sentences that can be read to a customer."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating import (
    explain_amounts,
    explain_corrections,
    explain_free,
    explain_levels,
    explain_month,
    explain_prices,
    explain_samples,
    explain_selection,
)
from rating.explain_amounts import EXCHANGE
from rating.explain_corrections import SHOULD_BE
from rating.explain_wording import Sentences, money
from rating.units import readable
from schemas.ledger import Charge, ExplanationStep, records_of

_SENTENCES: Sentences = {
    **explain_selection.SENTENCES,
    **explain_free.SENTENCES,
    **explain_prices.SENTENCES,
    **explain_levels.SENTENCES,
    **explain_samples.SENTENCES,
    **explain_month.SENTENCES,
    **explain_amounts.SENTENCES,
    **explain_corrections.SENTENCES,
}


def sentences(charge: Charge) -> list[str]:
    """Return one sentence per step of a charge, the amount last.

    A step that this build does not know (a later one wrote it) is shown as it stands.
    """
    found = []
    if records_of(charge.usage_kind) == 1:
        found.append(f"Used: {readable(Decimal(charge.used), charge.unit)} of {charge.product}.")
    # A correction says of its charge what it should have been, and is itself what that differs by.
    billed = [step[1] for step in charge.explanation if step[0] == SHOULD_BE]
    whole = msgspec.structs.replace(charge, billed=billed[0]) if billed else charge
    # Up to the exchange amounts are in the price's own currency.
    sources = [step[1] for step in charge.explanation if step[0] == EXCHANGE]
    priced = msgspec.structs.replace(whole, currency=sources[0]) if sources else whole
    for step in charge.explanation:
        code, *fields = step
        if code == EXCHANGE:
            priced = whole
        say = _SENTENCES.get(code)
        found.append(_as_it_stands(step) if say is None else say(priced, fields))
    found.append(f"Charge: {money(charge.amount, charge.currency)}.")
    return found


def _as_it_stands(step: ExplanationStep) -> str:
    return f"{' '.join(step)}."
