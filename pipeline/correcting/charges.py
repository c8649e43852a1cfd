"""The charges of a correction: those that are taken back, and what is left of the difference."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from pipeline.correcting.counters import decimals_of
from pipeline.correcting.history import RERATED, History
from pipeline.correcting.others import corrected as corrected_ratings
from pipeline.correcting.others import taken_back as taken_back_ratings
from pipeline.correcting.replay import Replayed
from pipeline.correcting.sums import Price, Sum, of_month, sums_of
from pipeline.errors import CannotCorrect
from schemas.correction import CORRECTIONS, CorrectedCharge, CorrectedCounter
from schemas.decimals import EXACT, to_text
from schemas.ledger import CORRECTION, REVERSAL, Charge, ExplanationStep
from sinks.charge_history import HistoryRow, Under


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be corrected."""

    reverse: frozenset[str] = frozenset()  # charges to take back
    rerate: Under | None = None  # versions to rate the month anew under
    reason: str = ""


def charges_of(
    history: History,
    before: Replayed,
    after: Replayed,
    taken_back: tuple[HistoryRow, ...],
    asked: Asked,
) -> Iterable[CorrectedCharge]:
    """Yield the charges taken back, and for each price what is left of the difference."""
    was, now = sums_of(of_month(history, before)), sums_of(of_month(history, after))
    because: tuple[ExplanationStep, ...] = (("because", asked.reason),) if asked.reason else ()
    reversed_sums: dict[Price, Sum] = {}
    for row in taken_back:
        charge = _reversal(row, because)
        yield charge
        (price,) = sums_of([row])
        reversed_sums[price] = reversed_sums.get(price, Sum()).plus(charge)
    for price in sorted(was.keys() | now.keys() | reversed_sums.keys(), key=str):
        difference = now.get(price, Sum()).minus(was.get(price, Sum()))
        rest = difference.minus(reversed_sums.get(price, Sum()))
        if any(rest):
            earlier = now.get(price, Sum()).minus(rest)
            yield _corrected(history, price, rest, earlier, asked, because, before, after)


def _reversal(row: HistoryRow, because: tuple[ExplanationStep, ...]) -> CorrectedCharge:
    def less(text: str) -> str:
        value = Decimal(text)
        return to_text(value.copy_negate() if value else value)

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


def _where(row: HistoryRow) -> Iterable[ExplanationStep]:
    """Return the step that says which destination a charge was for, as cards and matrices call it."""
    return [step for step in row.explanation if step[0] in ("prefix", "matrix")]


def _corrected(
    history: History,
    price: Price,
    rest: Sum,
    earlier: Sum,
    asked: Asked,
    because: tuple[ExplanationStep, ...],
    before: Replayed,
    after: Replayed,
) -> CorrectedCharge:
    under = asked.rerate
    catalogue_version = under.catalogue if under else _version_of(history, price, after, before)
    steps: list[ExplanationStep] = [
        ("corrected", to_text(earlier.amount), to_text(EXACT.add(earlier.amount, rest.amount)))
    ]
    if len(rest.others) > 1:
        chains = " and ".join(", ".join(chain) for chain in rest.others)
        raise CannotCorrect(
            f"{history.account_id}: usage charged under {price.price_id} would be also rated as other "
            f"ratings, or in another order, than it was: {chains}. Operator action: publish a catalogue "
            "in which the plan is also_rated as in that month; nothing was corrected."
        )
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
        explanation=(*steps, *because),
        other_ratings=tuple(
            rating
            for chain in rest.others
            for rating in corrected_ratings(chain, rest.others, earlier.others)
        ),
    )


def _version_of(history: History, price: Price, *replays: Replayed) -> int:
    """Return the newest version under which the price was charged."""
    charges: list[Charge | HistoryRow] = [*history.rows]
    for replayed in replays:
        charges += replayed.charges
    return max(each.catalogue_version for each in charges if each.price_id == price.price_id)


def carrying(
    history: History,
    counters: tuple[CorrectedCounter, ...],
    before: Replayed,
    after: Replayed,
    asked: Asked,
) -> Iterable[CorrectedCharge]:
    """Yield a charge of nothing where only counters change: tiers or allowances go on as they are now."""
    figures = [(decimals_of(each.before), decimals_of(each.after)) for each in counters]
    if all(
        was == now for (was, now), each in zip(figures, counters, strict=True) if _is_of_price(each)
    ):
        return
    price = min(sums_of(history.rows), key=str)
    yield _corrected(history, price, Sum(), Sum(), asked, (), before, after)


def _is_of_price(counter: CorrectedCounter) -> bool:
    return counter.counter != CORRECTIONS
