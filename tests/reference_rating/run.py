"""Many pairs one after the other, and what a person reads of one that failed."""

import datetime as dt
from collections import Counter
from typing import NamedTuple

from tests.reference_rating import words
from tests.reference_rating.pairs import first_difference, pair_of
from tests.reference_rating.rate import Outcome

SHOWN_EVERY = 1000


class Result(NamedTuple):
    """What was compared, and where the two differ."""

    pairs: int
    outcomes: Counter  # of events, by what became of them
    met: Counter  # charges by the models and steps that they had
    failures: list  # the report of each pair

    @property
    def never_drawn(self):
        """Return the models and steps that no charge had."""
        return [word for word in words.MODELS if not self.met[word]]

    def __str__(self):
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.outcomes.most_common())
        found = f"{self.pairs:,} pairs, {len(self.failures)} with a difference; events: {kinds}"
        drawn = ", ".join(f"{self.met[word]:,} {word}" for word in words.MODELS)
        return f"{found}; charges: {drawn}"


def run(seeds, *, most_failures=3, show=None):
    """Return what became of the pairs of these seeds; it stops after so many failures."""
    outcomes, met, failures, pairs = Counter(), Counter(), [], 0
    for seed in seeds:
        tariff, events = pair_of(seed)
        difference, compared, drawn = first_difference(tariff, events)
        pairs += 1
        met.update(drawn)
        outcomes.update(_kind(outcome) for outcome in compared)
        if difference is not None:
            failures.append(report(seed, tariff, events, difference))
            if len(failures) >= most_failures:
                break
        if show is not None and pairs % SHOWN_EVERY == 0:
            show(str(Result(pairs, Counter(), Counter(), failures)).partition(";")[0])
    return Result(pairs, outcomes, met, failures)


def _kind(outcome):
    if not isinstance(outcome, Outcome):
        return "closed"
    if outcome.reason:
        return outcome.reason
    return "charged" if outcome.amount else "free of charge"


def report(seed, tariff, events, difference):
    """Return a pair that failed: its catalogue, its events, and both explanations."""
    what = f"event {difference.place + 1} of {len(events)}"
    if difference.place == len(events):
        what = difference.event
    lines = [f"=== seed {seed}: {what} differs"]
    for name, text in tariff.files.items():
        lines += [f"--- {name}", text.rstrip()]
    lines.append("--- events")
    for place, event in enumerate(events):
        started = dt.datetime.fromtimestamp(event["started_ms"] / 1000, dt.UTC).isoformat()
        lines.append(f"{place + 1}. {started} {event}")
    lines += [
        "--- engine",
        _shown(difference.engine),
        "--- reference",
        _shown(difference.reference),
    ]
    lines += ["--- explanations", difference.explanations, ""]
    return "\n".join(lines)


def _shown(outcome):
    if isinstance(outcome, dict):
        return str({key: str(amount) for key, amount in outcome.items()})
    return ", ".join(f"{name} {value}" for name, value in outcome._asdict().items())
