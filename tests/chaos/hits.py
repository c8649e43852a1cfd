"""Whether the faults of a run bit: each strike, and what it hit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Hit:
    """One strike of a fault."""

    kind: str  # "kill rate"
    moving: tuple[str, ...] = ()  # partitions that committed records just before
    open: tuple[str, ...] = ()  # partitions whose transaction it left open
    note: str = ""

    @property
    def bit(self) -> bool:
        """Return whether it hit something at work."""
        return bool(self.moving or self.open)


@dataclass
class Hits:
    """All strikes of a run."""

    all: list[Hit] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)  # what a scenario saw besides

    def add(self, hit: Hit) -> None:
        """Note a strike."""
        self.all.append(hit)

    def kinds(self) -> dict[str, dict[str, int]]:
        """Return, by kind, how many strikes there were and what they hit."""
        found: dict[str, Counter[str]] = {}
        for hit in self.all:
            counts = found.setdefault(hit.kind, Counter())
            counts["strikes"] += 1
            counts["while records moved"] += bool(hit.moving)
            counts["with an open transaction"] += bool(hit.open)
        return {kind: dict(counts) for kind, counts in sorted(found.items())}

    def never_bit(self) -> list[str]:
        """Return the kinds of fault of which not one strike hit anything at work."""
        if not self.all:
            return ["nothing was done"]
        bitten = {hit.kind for hit in self.all if hit.bit}
        return sorted({hit.kind for hit in self.all} - bitten)

    def text(self) -> str:
        """Return how often each kind bit."""
        return ", ".join(
            f"{kind} x{counts['strikes']} ({counts['while records moved']} moving, "
            f"{counts['with an open transaction']} open)"
            for kind, counts in self.kinds().items()
        )

    def json(self) -> dict[str, Any]:
        """Return all of it for the result."""
        return {"kinds": self.kinds(), "facts": dict(sorted(self.facts.items()))}
