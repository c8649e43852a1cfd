"""A condition as rating uses it: parsed once for a catalogue, its answers kept."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from decimal import Decimal

from rating.conditions.names import QUANTITY, SUBSCRIPTION_MONTH, Holder, symbol, value_of
from schemas.decimals import ZERO
from schemas.usage import UsageEvent

_MOST_ANSWERS = 4_096  # that are kept of one condition, some 1 MB; then it begins anew
_LONG_NUMBER = re.compile(r"[0-9]{7,}")
_SHOWN_DIGITS = 4  # of a number that may be a subscriber's: enough to see the country


class Condition:
    """What must hold of an event and its holder. A pure function of the values it names, so an
    answer that was found once is right for ever."""

    __slots__ = (
        "_answers",
        "_asks",
        "_quantity_at",
        "_rule",
        "_shown",
        "_thresholds",
        "names",
        "text",
    )

    def __init__(self, text: str) -> None:
        """Raise `ConditionError` where the text is none."""
        # The library takes half a second to load: only with catalogues that have conditions.
        from rating.conditions.parse import parse

        self.text = text
        parsed = parse(text)
        self._rule = parsed.rule
        self._thresholds = parsed.thresholds
        self.names = parsed.names
        self._shown = without_numbers(text)
        self._asks = tuple([value_of(name) for name in self.names if name != QUANTITY])
        self._quantity_at = self.names.index(QUANTITY) if QUANTITY in self.names else None
        self._answers: dict[tuple[str | Decimal | int, ...], tuple[str, ...] | None] = {}

    @property
    def asks_month(self) -> bool:
        """Return whether it asks for the month of the subscription."""
        return SUBSCRIPTION_MONTH in self.names

    @property
    def asks_only_holder(self) -> bool:
        """Return whether it can be answered without an event."""
        return all(name.is_of_holder for name in self.names)

    def holds(self, event: UsageEvent | None, used: Decimal, holder: Holder) -> bool:
        """Return whether it holds of an event of ``used`` units of its product."""
        return self.why(event, used, holder) is not None

    def holds_of(self, holder: Holder) -> bool:
        """Return whether one that asks only for the holder holds."""
        assert self.asks_only_holder
        return self.holds(None, ZERO, holder)

    def why(
        self, event: UsageEvent | None, used: Decimal, holder: Holder
    ) -> tuple[str, ...] | None:
        """Return how a charge says that it holds, or None where it does not: the condition, then
        each attribute of account and subscription that it asks for, with its value. No number of
        a subscriber is among it."""
        key: tuple[str | Decimal | int, ...] = tuple([ask(event, holder) for ask in self._asks])
        if self._quantity_at is not None:
            # Not the quantity itself, which never comes again: its place among those that the
            # condition compares it with says as much.
            place = bisect_left(self._thresholds, used) + bisect_right(self._thresholds, used)
            key = (*key, place)
        answers = self._answers
        if key in answers:
            return answers[key]
        if len(answers) >= _MOST_ANSWERS:
            answers.clear()
        answer = self._explained(holder) if self.evaluate(event, used, holder) else None
        answers[key] = answer
        return answer

    def evaluate(self, event: UsageEvent | None, used: Decimal, holder: Holder) -> bool:
        """Return whether it holds, found anew: ten times as slow."""
        values: list[str | Decimal] = [ask(event, holder) for ask in self._asks]
        if self._quantity_at is not None:
            values.insert(self._quantity_at, used)
        answer = self._rule.evaluate({symbol(place): each for place, each in enumerate(values)})
        assert isinstance(answer, bool), "checked when it was parsed"
        return answer

    def _explained(self, holder: Holder) -> tuple[str, ...]:
        said = [self._shown]
        for name in self.names:
            if name.is_of_holder:
                said += [name.written, without_numbers(str(value_of(name)(None, holder)))]
        return tuple(said)


def without_numbers(text: str) -> str:
    """Return a text without the end of each long number in it."""
    return _LONG_NUMBER.sub(lambda match: f"{match[0][:_SHOWN_DIGITS]}...", text)
