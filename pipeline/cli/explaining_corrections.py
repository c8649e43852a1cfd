"""What an explanation says of corrections: those of a charge, and what a correction stems from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from pipeline.cli.output import money
from schemas.decimals import EXACT, ZERO, DecimalText, to_text
from schemas.ledger import CORRECTION, REVERSAL, Charge
from sinks.correction_queries import CorrectedBy


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """A charge that corrects the one that is explained, or takes it back."""

    charge_id: str
    kind: str  # correction or reversal
    amount: DecimalText
    currency: str
    bill_month: str
    invoice: str | None  # its number; None: not invoiced yet
    together: DecimalText  # the charge and all up to this one, in the currency of this one


class CorrectedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a correction or reversal stems from; a correction of a whole price has no one charge."""

    charge_id: str | None
    source: str
    record_id: str


def corrections_with_sums(charge: Charge, found: Iterable[CorrectedBy]) -> tuple[Correction, ...]:
    """Return the corrections of a charge, each with what it and all before it come to."""
    sums = {charge.currency: Decimal(charge.amount)}
    said = []
    for each in found:
        # Rated anew, usage may have moved to a price in another currency.
        sums[each.currency] = EXACT.add(sums.get(each.currency, ZERO), Decimal(each.amount))
        said.append(
            Correction(
                charge_id=each.charge_id,
                kind=each.usage_kind,
                amount=each.amount,
                currency=each.currency,
                bill_month=each.bill_month,
                invoice=each.invoice_number,
                together=to_text(sums[each.currency]),
            )
        )
    return tuple(said)


def corrected_usage(charge: Charge) -> CorrectedUsage | None:
    """Return what a charge corrects; None of a charge that is no correction."""
    if charge.usage_kind not in (CORRECTION, REVERSAL):
        return None
    has_record = charge.corrects is not None
    return CorrectedUsage(
        charge_id=charge.corrects,
        source=charge.source if has_record else "",
        record_id=charge.record_id if has_record else "",
    )


def correction_lines(corrections: Sequence[Correction]) -> list[str]:
    """Return a line for each correction, for a reader."""
    return [_line(each) for each in corrections]


def _line(each: Correction) -> str:
    amount = Decimal(each.amount)
    sign = "+" if amount > 0 else ""
    done = "Taken back" if each.kind == REVERSAL else "Corrected"
    on = f"on invoice {each.invoice}" if each.invoice else f"billed with {each.bill_month}"
    return (
        f"{done} by {each.charge_id}: {sign}{money(amount, each.currency, places=2)}, {on}; "
        f"together {money(Decimal(each.together), each.currency, places=2)}."
    )


def corrected_usage_line(usage: CorrectedUsage) -> str:
    """Return where to look for the record behind a correction, for a reader."""
    if usage.charge_id is None:
        return "It is of no one record: it corrects what was charged under the price in the month."
    of_record = f" of record {usage.record_id}, source {usage.source}" if usage.source else ""
    return (
        f"It corrects charge {usage.charge_id}{of_record}; `ratemill explain {usage.charge_id}` shows "
        "where that came from."
    )
