"""Roll-over: what a month leaves of its allowance, and what later months take of it.

Each month has an amount of its own, its grant, and what is taken of it, at whatever time of processing
and by usage of whichever month, is counted in that month. So usage that comes late finds what is left of
its month, and nothing is free twice. What has expired is not deleted: usage only looks at the months
whose grants are valid at its own time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from rating.counting import Count, Counter, CounterKind, Counting, Totals
from rating.price.allowance import Allowance, TakenFirst, take_of
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep


class EarlierMonths(NamedTuple):
    """The months before that of an event, the last one first: each by its name, such as 2026-09, where
    the plan was there in it, else empty."""

    of_subscription: tuple[str, ...] = ()
    of_account: tuple[str, ...] = ()  # any of its subscriptions


NO_EARLIER = EarlierMonths()


class Given(NamedTuple):
    """What an allowance gives of a record."""

    free: Decimal
    counts: tuple[Count, ...]  # for each of its counters
    steps: tuple[ExplanationStep, ...]


def counters_of(allowance: Allowance, *, currency: str = "") -> Counting:
    """Return the counters of an allowance: what is taken of its month; where earlier months leave
    something, for each of them, the last one first, what is taken of it, and what later months have
    of that."""
    of, period, shared = allowance.allowance_id, allowance.period, allowance.shared
    roll = allowance.rolls_over
    kinds = (CounterKind.ALLOWANCE, CounterKind.ROLLED)
    return (
        Counter(CounterKind.ALLOWANCE, of, period, shared, currency),
        *(
            Counter(kind, of, period, shared, currency, months_back=back)
            for back in range(1, 1 + (0 if roll is None else roll.months))
            for kind in kinds
        ),
    )


def give(
    allowance: Allowance,
    earlier: EarlierMonths,
    before: Sequence[Totals],
    wanted: Decimal,
    codes: tuple[str, str],
) -> Given:
    """Return what an allowance that rolls over gives of ``wanted``; ``before``: what its counters
    counted; ``codes``: of the steps that explain what its own month gives, and an earlier one."""
    counts: list[Count] = [None] * allowance.counted
    steps: list[ExplanationStep] = []
    of_own, of_earlier = codes
    free, rest = ZERO, wanted
    for back, name in _in_order(allowance, earlier):
        if not rest and (back or free):
            continue
        place = _place(back)
        taken_before = before[place].quantity
        left = EXACT.subtract(allowance.size, taken_before)
        if back:
            left = min(left, _left_to_later(allowance, before[place + 1].quantity))
        given = take_of(allowance, left=left, wanted=rest)
        if back and given.free:
            step = (of_earlier, allowance.allowance_id, name, to_text(left), to_text(given.free))
            steps.append(step)
        elif not back:
            said = (to_text(allowance.size), to_text(taken_before), to_text(given.free))
            steps.append((of_own, allowance.allowance_id, *said))
        if given.taken:
            counts[place] = (given.taken, None)
            if back:
                counts[place + 1] = (given.taken, None)
        free, rest = EXACT.add(free, given.free), EXACT.subtract(rest, given.free)
    return Given(free, tuple(counts), tuple(steps))


def _place(back: int) -> int:
    """Return where among the counters that of a month's grant is."""
    return 2 * back - 1 if back else 0


def _left_to_later(allowance: Allowance, rolled_before: Decimal) -> Decimal:
    """Return what later months may still have of a month, whatever it has left."""
    assert allowance.rolls_over is not None
    return EXACT.subtract(allowance.rolls_over.upto, rolled_before)


def _in_order(allowance: Allowance, earlier: EarlierMonths) -> Iterator[tuple[int, str]]:
    """Yield the months whose grants are valid, in the order in which they are taken: how many months
    back, and the name. That of the usage, which is zero back, is always among them."""
    roll = allowance.rolls_over
    assert roll is not None
    names = earlier.of_account if allowance.shared else earlier.of_subscription
    if roll.order is TakenFirst.CURRENT_FIRST:
        yield 0, ""
    for back in range(min(roll.months, len(names)), 0, -1):
        name = names[back - 1]
        if name and name >= roll.since:
            yield back, name
    if roll.order is TakenFirst.OLDEST_FIRST:
        yield 0, ""
