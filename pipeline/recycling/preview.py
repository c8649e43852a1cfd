"""What would become of records in suspense now: sent through both steps themselves, in memory.

Nothing that the stream knows is asked: months begin without other usage, so tiers and allowances are
those of a first record, as with `ratemill rate`; and a copy that was charged meanwhile is not seen.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from mediation.changes import MARK_KEY
from mediation.dedup import Mark, MarkState, mark_to_bytes
from mediation.normalise import NormaliseStep
from mediation.recycling import Back, Waiting
from pipeline.rate_step import RateStep
from schemas import ledger, suspense, usage
from schemas.flow import Append, Channel, SourceRecord, StateChange
from schemas.ledger import Charge
from schemas.proof import NORMALISE, RATE, Proof, sealed
from schemas.refusal import RefusalReason
from schemas.usage import UsageEvent

_FAR = 1 << 40  # offsets of what is tried: those of no record that waits


class Tried(NamedTuple):
    """What a record would come to: an outcome, or a reason for each of its items."""

    accounts: frozenset[str]  # of its events; empty where nobody knows whose it is
    outcomes: tuple[str, ...]  # "charged", "filtered", "duplicate", "ignored", or why it is refused
    amounts: tuple[tuple[str, Decimal], ...]  # currency and amount of each charge
    refused: bool  # all of it that is usage: sending it changes nothing but the number of tries


class Preview:
    """Tries one record after the other; what an earlier one counts, a later one finds."""

    def __init__(self, normalise: NormaliseStep, rate: RateStep, *, now_ms: int) -> None:
        self._normalise = normalise
        self._rate = rate
        self._now_ms = now_ms
        self._marks: dict[bytes, bytes] = {}
        self._counters: dict[bytes, bytes] = {}
        self._tried = 0

    def tried(self, waiting: Waiting, back: Back, *, partition: int) -> Tried:
        """Return what a record would come to; ``partition`` is that of its key."""
        try:
            return self._sent_through(waiting, back, partition)
        except Exception:  # as a stage would: it refuses the record and goes on
            return Tried(frozenset(), (RefusalReason.INTERNAL_ERROR.value,), (), refused=True)

    def _sent_through(self, waiting: Waiting, back: Back, partition: int) -> Tried:
        self._tried += 1
        if waiting.identity is not None and waiting.stage == NORMALISE:
            mark = Mark(bytes(8), 0, 0, MarkState.SUSPENDED, waiting.offset, waiting.item)
            key = MARK_KEY + bytes.fromhex(waiting.identity)
            self._marks.setdefault(key, mark_to_bytes(mark))
        record = SourceRecord(
            partition, _FAR + self._tried, self._now_ms, back.key.encode(), back.value, back.headers
        )
        batch = self._normalise.prepare([record])
        decided = self._normalise.decide(
            batch, self._marks, previous=_nothing(NORMALISE, partition)
        )
        _apply(decided.changes, self._marks)
        proof = decided.proof
        outcomes = _repeated(proof.refusals)
        outcomes += _repeated(
            {name: proof.outcomes.get(name, 0) for name in ("duplicate", "ignored")}
        )
        events = [each for each in decided.appends if each.channel is Channel.NORMALISED]
        accounts, amounts = set(), list[tuple[str, Decimal]]()
        refusals, passing = bool(proof.refusals), False
        for event in events:
            read = usage.from_wire(event.value)
            assert isinstance(read, UsageEvent)
            accounts.add(read.account_id)
            outcome, charges = self._rated(event)
            outcomes.append(outcome)
            amounts += charges
            passes = bool(charges) or outcome == "filtered"
            refusals, passing = refusals or not passes, passing or passes
        return Tried(frozenset(accounts), tuple(outcomes), tuple(amounts), refusals and not passing)

    def _rated(self, event: Append) -> tuple[str, list[tuple[str, Decimal]]]:
        record = SourceRecord(
            event.partition, self._tried, self._now_ms, event.key, event.value, event.headers
        )
        batch = self._rate.prepare([record])
        decided = self._rate.decide(batch, self._counters, previous=_nothing(RATE, event.partition))
        _apply(decided.changes, self._counters)
        amounts: list[tuple[str, Decimal]] = []
        for append in decided.appends:
            if append.channel is Channel.SUSPENSE:
                return suspense.from_wire(append.value).reason, []
            said = ledger.from_wire(append.value)
            if isinstance(said, Charge):
                amounts.append((said.currency, Decimal(said.amount)))
        return ("charged" if amounts else "filtered"), amounts


def _repeated(counts: dict[str, int]) -> list[str]:
    return [name for name, count in counts.items() for _ in range(count)]


def _apply(changes: list[StateChange], state: dict[bytes, bytes]) -> None:
    for key, value in changes:
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value


def _nothing(stage: str, partition: int) -> Proof:
    return sealed(
        Proof(
            stage=stage,
            installation="",
            genesis_id="",
            cluster_id="",
            source_topic="",
            source_partition=partition,
            batch=0,
            first=0,
            next=0,
        )
    )
