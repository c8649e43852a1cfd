"""What the verifier found: how much was looked at, and everything that is not as it must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

_EXAMPLES = 20


@dataclass
class Verdict:
    """Counts of what was compared and of what is lost, doubled or wrong, with the first examples."""

    compared: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Return whether nothing is lost, doubled or wrong."""
        return not (self.lost or self.doubled or self.wrong)

    def once(self, what: str, *, expected: Iterable[Hashable], found: Iterable[Hashable]) -> None:
        """Compare two bags: what is missing is lost, what is there too often is doubled."""
        wanted, there = Counter(iter(expected)), Counter(iter(found))
        self.compared[what] += sum(wanted.values())
        for each, count in (wanted - there).items():
            self.lost += count
            self._say(f"{what}: lost {each}")
        for each, count in (there - wanted).items():
            self.doubled += count
            self._say(f"{what}: too often, or never to be: {each}")

    def equal(self, what: str, *, expected: Mapping, found: Mapping) -> None:
        """Compare values by key; a key on one side only is wrong too."""
        self.compared[what] += len(expected)
        for key in expected.keys() | found.keys():
            if expected.get(key) != found.get(key):
                self.wrong_is(f"{what} of {key}: {found.get(key)}, not {expected.get(key)}")

    def wrong_is(self, text: str) -> None:
        """Note something wrong."""
        self.wrong += 1
        self._say(text)

    def add(self, other: Verdict) -> None:
        """Take over what another comparison found."""
        self.compared.update(other.compared)
        self.lost += other.lost
        self.doubled += other.doubled
        self.wrong += other.wrong
        self.examples += other.examples

    def text(self) -> str:
        """Return the verdict in one paragraph."""
        seen = ", ".join(f"{count:,} {what}" for what, count in sorted(self.compared.items()))
        found = f"{self.lost} lost, {self.doubled} doubled, {self.wrong} wrong"
        return "\n".join([f"{seen}: {found}", *self.examples])

    def _say(self, text: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(text)
