"""The charges of a correction: those that are taken back, and what is left of the difference."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from pipeline.correcting.asked import Asked, Detail
from pipeline.correcting.differences import (
    Difference,
    Differences,
    Key,
    rests_by_price,
)
from pipeline.correcting.history import CHARGE_RERATED, RERATED, History
from pipeline.correcting.others import Others, unchanged, unchanged_sums
from pipeline.correcting.others import corrected as corrected_ratings
from pipeline.correcting.others import taken_back as taken_back_ratings
from pipeline.correcting.replay import Replayed
from pipeline.correcting.shared import Shared
from pipeline.correcting.sums import Price, Sum, of_month, price_of, sums_of, whole_month
from pipeline.errors import CannotCorrect
from schemas.correction import CorrectedCharge
from schemas.decimals import EXACT, to_text
from schemas.ledger import (
    CORRECTION,
    REVERSAL,
    Charge,
    ExplanationStep,
    OtherRating,
    records_of,
)
from sinks.charge_history import HistoryRow


def reversals_of(taken_back: Iterable[HistoryRow], asked: Asked) -> list[CorrectedCharge]:
    """Return the charges that take back these."""
    return [_reversal(row, _because(asked)) for row in taken_back]


def charges_of(
    history: History,
    before: Replayed,
    after: Replayed,
    found: Differences,
    asked: Asked,
    detail: Detail,
) -> Iterable[CorrectedCharge]:
    """Yield what is left of the differences: of each charge as far as the detail goes, else of each
    price. Charges that were asked for have one each, also where they come to the same: it says what they
    count under."""
    rows = {row.charge_id: row for row in history.rows}
    was, now = ({one.charge_id: one for one in of_month(history, each)} for each in (before, after))
    apart: dict[Key, Difference] = {}
    summed: dict[Key, Difference] = {}
    for key, each in found.items():
        is_asked = key.original in asked.only
        if is_asked and not any(each.rest):
            # It says under what it counts, once: not under the price that it had as well.
            rated_anew = now.get(key.original or "")
            is_asked = rated_anew is None or price_of(rated_anew) == key.price
        has_own = key.original is not None and any(each.rest) and detail is not Detail.SUMS
        (apart if is_asked or has_own else summed)[key] = each
    for key in sorted(apart, key=lambda key: (rows[key.original or ""].sequence, str(key.price))):
        row = rows[key.original or ""]
        rated = now.get(row.charge_id), was.get(row.charge_id)
        yield _of_charge(history, row, key.price, apart[key], asked, detail, *rated)
    comes_to = sums_of(whole_month(history, after))
    for price, (rest, originals) in sorted(rests_by_price(summed).items(), key=str):
        if any(rest):
            difference = Difference(comes_to.get(price, Sum()), rest)
            yield _of_price(history, price, difference, asked, before, after, len(originals))


def carrying(
    history: History, before: Replayed, after: Replayed, asked: Asked
) -> Iterable[CorrectedCharge]:
    """Yield a charge of nothing where only counters change: tiers or allowances go on as they are now."""
    # Of a product that still has usage: of one that was taken back nothing is counted.
    price = min(sums_of(of_month(history, before)), key=str)
    yield _of_price(history, price, Difference(Sum(), Sum()), asked, before, after, 0)


def of_another_month(
    charge: CorrectedCharge,
    month_start_ms: int,
    *,
    with_month: str,
    shared: Shared,
) -> CorrectedCharge:
    """Return the charge of a month that is corrected with another one; it says that one's name, and what
    both take of."""
    named = shared.of(price_of(charge), month_start_ms)
    step = ("corrected_with", with_month, *(part for each in named for part in each))
    return msgspec.structs.replace(
        charge, usage_period_ms=month_start_ms, explanation=(step, *charge.explanation)
    )


def _because(asked: Asked) -> tuple[ExplanationStep, ...]:
    return (("because", asked.reason),) if asked.reason else ()


def _reversal(row: HistoryRow, because: tuple[ExplanationStep, ...]) -> CorrectedCharge:
    def less(text: str) -> str:
        value = Decimal(text)
        return to_text(value.copy_negate() if value else value.copy_abs())

    return CorrectedCharge(
        kind=REVERSAL,
        corrects=row.charge_id,
        subscription_id=row.subscription_id,
        product=row.product,
        product_type=row.product_type,
        source=row.source,
        record_id=row.record_id,
        started_at_ms=row.started_at_ms,
        origin=row.origin,
        destination=row.destination,
        used=less(row.used),
        billed=less(row.billed),
        free=less(row.free),
        unit=row.unit,
        amount=less(row.amount),
        currency=row.currency,
        catalogue_version=row.catalogue_version,
        price_id=row.price_id,
        tax_code=row.tax_code,
        explanation=(("reversed", row.charge_id), *_where(row), *because),
        other_ratings=taken_back_ratings(row.other_ratings or (), (("reversed", row.charge_id),)),
    )


def _where(charge: HistoryRow | Charge) -> Iterable[ExplanationStep]:
    """Return the step that says which destination a charge was for, as cards and matrices call it."""
    return [step for step in charge.explanation if step[0] in ("prefix", "matrix")]


def _of_charge(
    history: History,
    row: HistoryRow,
    price: Price,
    difference: Difference,
    asked: Asked,
    detail: Detail,
    now: Charge | None,
    was: Charge | None,
) -> CorrectedCharge:
    rated = now or was
    steps: list[ExplanationStep] = []
    has_price = now is not None and price_of(now) == price
    if now is not None and has_price and detail is Detail.STEPS:
        used = (now.used,) if records_of(now.usage_kind) == 1 else ()
        steps += [("should_be", now.billed, *used), *now.explanation]
    else:
        steps += _where(rated or row)
    steps.append(_corrected_step(difference))
    under = asked.under(row.charge_id)
    if under is not None:
        code = CHARGE_RERATED if asked.only else RERATED
        steps.append((code, str(under.catalogue), str(under.reference)))
    return CorrectedCharge(
        kind=CORRECTION,
        corrects=row.charge_id,
        subscription_id=price.subscription_id,
        product=price.product,
        product_type=price.product_type,
        source=row.source,
        record_id=row.record_id,
        started_at_ms=row.started_at_ms,
        origin=row.origin,
        destination=row.destination,
        used="0",
        billed=to_text(difference.rest.billed),
        free=to_text(difference.rest.free),
        unit=price.unit,
        amount=to_text(difference.rest.amount),
        currency=price.currency,
        catalogue_version=(rated or row).catalogue_version,
        price_id=price.price_id,
        tax_code=price.tax_code,
        explanation=(*steps, *_because(asked)),
        # Also where what it costs stays: what is charged more or less of it is margin.
        other_ratings=_ratings(history, price, difference)
        or (unchanged(now.other_ratings or ()) if now is not None and has_price else ()),
    )


def _corrected_step(difference: Difference) -> ExplanationStep:
    now, rest = difference.now.amount, difference.rest.amount
    return ("corrected", to_text(EXACT.subtract(now, rest)), to_text(now))


def _of_price(
    history: History,
    price: Price,
    difference: Difference,
    asked: Asked,
    before: Replayed,
    after: Replayed,
    originals: int,
) -> CorrectedCharge:
    rest = difference.rest
    under = None if asked.only else asked.rerate
    catalogue_version = under.catalogue if under else _version_of(history, price, after, before)
    steps = [_corrected_step(difference)]
    if originals:
        steps.append(("of_charges", str(originals)))
    if under is not None:
        steps.append((RERATED, str(under.catalogue), str(under.reference)))
    return CorrectedCharge(
        kind=CORRECTION,
        corrects=None,
        subscription_id=price.subscription_id,
        product=price.product,
        product_type=price.product_type,
        source="",
        record_id="",
        started_at_ms=history.month_end_ms - 1,
        origin=None,
        destination=None,
        used="0",
        billed=to_text(rest.billed),
        free=to_text(rest.free),
        unit=price.unit,
        amount=to_text(rest.amount),
        currency=price.currency,
        catalogue_version=catalogue_version,
        price_id=price.price_id,
        tax_code=price.tax_code,
        explanation=(*steps, *_because(asked)),
        other_ratings=_ratings(history, price, difference) or unchanged_sums(difference.now.others),
    )


def _ratings(history: History, price: Price, difference: Difference) -> tuple[OtherRating, ...]:
    """Return what other ratings change by; `CannotCorrect` where they are others than they were."""
    changed: Others = difference.rest.others
    if len(changed) > 1:
        chains = " and ".join(", ".join(chain) for chain in changed)
        raise CannotCorrect(
            f"{history.account_id}: usage charged under {price.price_id} would be also rated as other "
            f"ratings, or in another order, than it was: {chains}. Operator action: publish a catalogue "
            "in which the plan is also_rated as in that month; nothing was corrected."
        )
    earlier = difference.now.minus(difference.rest).others
    return tuple(
        rating for chain in changed for rating in corrected_ratings(chain, changed, earlier)
    )


def _version_of(history: History, price: Price, *replays: Replayed) -> int:
    """Return the newest version under which the price was charged."""
    charges: list[Charge | HistoryRow] = [*history.rows]
    for replayed in replays:
        charges += replayed.charges
    return max(each.catalogue_version for each in charges if each.price_id == price.price_id)
