"""A condition as rating uses it: parsed once for a catalogue, its answers kept."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from decimal import Decimal

from rating.conditions.names import QUANTITY, Holder, NameOf, text_of
from rating.conditions.parse import parse, symbol
from schemas.decimals import ZERO
from schemas.usage import UsageEvent

_MOST_ANSWERS = 4_096  # that are kept of one condition, some 1 MB; then it begins anew
_LONG_NUMBER = re.compile(r"[0-9]{7,}")
_SHOWN_DIGITS = 4  # of a number that may be a subscriber's: enough to see the country


class Condition:
    """What must hold of an event and its holder. A pure function of the values it names, so an
    answer that was found once is right for ever."""

    __slots__ = ("_answers", "_asked", "_quantity_at", "_rule", "_thresholds", "names", "text")

    def __init__(self, text: str) -> None:
        """Raise `ConditionError` where the text is none."""
        self.text = text
        parsed = parse(text)
        self._rule = parsed.rule
        self._thresholds = parsed.thresholds
        self.names = parsed.names
        texts = [name for name in self.names if name != QUANTITY]
        self._asked = tuple((symbol(self.names.index(name)), text_of(name)) for name in texts)
        self._quantity_at = symbol(self.names.index(QUANTITY)) if QUANTITY in self.names else None
        self._answers: dict[tuple[str | int, ...], bool] = {}

    @property
    def asks_only_holder(self) -> bool:
        """Return whether it can be answered without an event."""
        return all(name.is_of_holder for name in self.names)

    def holds(self, event: UsageEvent, used: Decimal, holder: Holder) -> bool:
        """Return whether it holds of an event of ``used`` units of its product."""
        return self._answer(event, used, holder)

    def holds_of(self, holder: Holder) -> bool:
        """Return whether one that asks only for the holder holds."""
        assert self.asks_only_holder
        return self._answer(None, ZERO, holder)

    def _answer(self, event: UsageEvent | None, used: Decimal, holder: Holder) -> bool:
        key: tuple[str | int, ...] = tuple([ask(event, holder) for _, ask in self._asked])
        if self._quantity_at is not None:
            # Not the quantity itself, which never comes again: its place among those that the
            # condition compares it with says as much.
            place = bisect_left(self._thresholds, used) + bisect_right(self._thresholds, used)
            key = (*key, place)
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            answer = self._answers[key] = self.evaluate(event, used, holder)
        return answer

    def evaluate(self, event: UsageEvent | None, used: Decimal, holder: Holder) -> bool:
        """Return the answer, found anew: a hundred times as slow."""
        values: dict[str, str | Decimal] = {place: ask(event, holder) for place, ask in self._asked}
        if self._quantity_at is not None:
            values[self._quantity_at] = used
        answer = self._rule.evaluate(values)
        assert isinstance(answer, bool), "checked when it was parsed"
        return answer

    def explained(self, holder: Holder) -> tuple[str, ...]:
        """Return how a charge says what was asked: the condition, then each attribute of account
        and subscription with its value. No number of a subscriber is among it."""
        said = [without_numbers(self.text)]
        for name in self.names:
            if name.of in (NameOf.ACCOUNT, NameOf.SUBSCRIPTION):
                said += [name.written, without_numbers(text_of(name)(None, holder))]
        return tuple(said)


def without_numbers(text: str) -> str:
    """Return a text without the end of each long number in it."""
    return _LONG_NUMBER.sub(lambda match: f"{match[0][:_SHOWN_DIGITS]}...", text)
