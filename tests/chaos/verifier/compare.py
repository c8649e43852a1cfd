"""The whole comparison: log, catalogue and raw topic on one side, what the product made on the other."""

from __future__ import annotations

import datetime as dt
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.chaos.verifier.prices import Charged, Oracle, Outcome
from tests.chaos.verifier.reading import Where
from tests.chaos.verifier.truth import HEADER, Expected, Place, RawRecord, Ref, Truth
from tests.chaos.verifier.verdict import Verdict

NORMALISED, LEDGER, RAW = "usage.normalised.v1", "usage.rated.v1", "usage.raw.v1"
# Where fields lie in the array of a usage event and of a period close: schemas/README.md.
_SOURCE, _RECORD_ID, _PROVENANCE = 6, 7, 20
_CLOSE_ACCOUNT, _CLOSE_END = 6, 8


class Case(NamedTuple):
    """What a run was about: the usage that was sent, and by what it is priced."""

    truth: Truth
    catalogues: Mapping[int, Path]  # by version
    accounts: Path
    horizon_ms: int
    future_ms: int
    sent: Sequence[int] | None = None  # numbers of the log that the broker acknowledged


async def compare(where: Where, case: Case) -> Verdict:
    """Return what is lost, doubled or wrong in the topics and the tables of an installation."""
    verdict = Verdict()
    raw = [record async for record in _raw(where)]
    verdict.compared["raw items"] = sum(len(record.numbers) for record in raw)
    if case.sent is not None:
        there = {number for record in raw for number in record.numbers}
        verdict.once("acknowledged records", expected=set(case.sent), found=there & set(case.sent))
    items = case.truth.expected(raw, horizon_ms=case.horizon_ms, future_ms=case.future_ms)
    by_ref = {one.ref: one.usage for one in items.values() if one.usage is not None}

    events = [event async for event in _events(where)]
    versions = await _versions(where)
    oracle = Oracle(case.catalogues, case.accounts)
    passed: list[Place] = []
    places: dict[Ref, tuple[int, int]] = {}
    for event in events:
        if event.close is not None:
            oracle.close(event.close[0], end=event.close[1])
            continue
        passed.append(event.raw)
        usage = by_ref.get(event.ref)
        if usage is None or event.ref in places:
            continue  # it shows below as one too many
        places[event.ref] = event.partition, event.offset
        oracle.rate(usage, version=versions.at(event.partition, event.offset))
    outcome = oracle.end()
    verdict.once(
        "events",
        expected=(place for place, one in items.items() if one.outcome == "usage"),
        found=passed,
    )
    await _ledger(where, outcome, verdict)
    await _tables(where, outcome, items, places, verdict)
    return verdict


async def _raw(where: Where):
    async for record in where.records(RAW):
        said = dict(record.headers).get(HEADER)
        if said is not None:
            numbers = [int(number) for number in said.split(b",")]
            yield RawRecord(record.partition, record.offset, record.timestamp, numbers)


class _Event(NamedTuple):
    partition: int
    offset: int
    ref: Ref
    raw: Place
    close: tuple[str, dt.datetime] | None = None


async def _events(where: Where):
    """Yield the normalised records, partition by partition, in their order."""
    async for record in where.records(NORMALISED):
        value = msgspec.msgpack.decode(record.value)
        if value[0] == "period_close":
            end = dt.datetime.fromtimestamp(value[_CLOSE_END] // 1000, dt.UTC)
            close = value[_CLOSE_ACCOUNT], end
            yield _Event(record.partition, record.offset, ("", ""), (0, 0, 0), close)
            continue
        provenance = tuple(value[_PROVENANCE][:3])
        ref = value[_SOURCE], value[_RECORD_ID]
        yield _Event(record.partition, record.offset, ref, provenance)


class _Versions:
    """Under which version of the catalogue each normalised record was decided, by the proofs."""

    def __init__(self) -> None:
        self._starts: dict[int, list[int]] = defaultdict(list)
        self._versions: dict[int, list[int]] = defaultdict(list)

    def add(self, partition: int, first: int, version: int) -> None:
        self._starts[partition].append(first)
        self._versions[partition].append(version)

    def at(self, partition: int, offset: int) -> int:
        place = bisect_right(self._starts[partition], offset) - 1
        return self._versions[partition][place]


async def _versions(where: Where) -> _Versions:
    versions = _Versions()
    async for record in where.records(LEDGER):
        if dict(record.headers).get("kind") == b"proof":
            proof = json.loads(record.value)
            if proof["batch"] > 0:
                versions.add(record.partition, proof["first"], proof["versions"]["catalogue"])
    return versions


async def _ledger(where: Where, outcome: Outcome, verdict: Verdict) -> None:
    refs: list[Ref] = []
    counters: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    unbilled: dict[str, dict[str, tuple[int, Fraction]]] = {}
    closes: list[str] = []
    async for record in where.records(LEDGER):
        said = json.loads(record.value)
        kind = said["kind"]
        if kind == "period_closed":
            closes.append(said["account_id"])
        if kind in ("usage", "limit_reached", "period_closed"):
            unbilled[said["account_id"]] = _by_product(said["unbilled"])
        if kind != "usage":
            continue
        ref = said["source"], said["record_id"]
        refs.append(ref)
        if ref in outcome.charged:
            _charge(said, outcome.charged[ref], verdict)
        for name, period_ms, number, quantity, amount in said["counters_after"]:
            if name.startswith("product:"):
                counters[said["account_id"], said["product"], period_ms] = (
                    number,
                    Fraction(quantity),
                    Fraction(amount),
                )
    verdict.once("charges", expected=outcome.charged, found=refs)
    # The product's periods are instants, the oracle's months: compared without their name.
    verdict.once(
        "counters",
        expected=((account, product, *c) for (account, product, _), c in outcome.counters.items()),
        found=((account, product, *c) for (account, product, _), c in counters.items()),
    )
    verdict.equal(
        "unbilled",
        expected=outcome.unbilled,
        found={account: left for account, left in unbilled.items() if left},
    )
    verdict.once("closed periods", expected=(a for a, _ in outcome.closes), found=closes)


def _charge(said: Mapping[str, Any], expected: Charged, verdict: Verdict) -> None:
    for name, wanted in (
        ("amount", expected.amount),
        ("currency", expected.currency),
        ("account_id", expected.account),
        ("subscription_id", expected.subscription),
        ("product", expected.product),
    ):
        if said[name] != wanted:
            verdict.wrong_is(f"{name} of {expected.ref}: {said[name]}, not {wanted}")
    for name in ("used", "free", "billed"):
        if Fraction(said[name]) != getattr(expected, name):
            verdict.wrong_is(
                f"{name} of {expected.ref}: {said[name]}, not {getattr(expected, name)}"
            )


def _by_product(entries: Sequence[Sequence[Any]]) -> dict[str, tuple[int, Fraction]]:
    sums: dict[str, tuple[int, Fraction]] = {}
    for product, _type, _period, _currency, number, amount in entries:
        before = sums.get(product, (0, Fraction(0)))
        sums[product] = before[0] + number, before[1] + Fraction(amount)
    return sums


async def _tables(
    where: Where,
    outcome: Outcome,
    items: Mapping[Place, Expected],
    places: Mapping[Ref, tuple[int, int]],
    verdict: Verdict,
) -> None:
    async with where.tables() as tables:
        rows = await tables.fetch(
            "SELECT source, record_id, amount::text, currency FROM rated_usage"
        )
        verdict.once(
            "rows",
            expected=((*one.ref, one.amount, one.currency) for one in outcome.charged.values()),
            found=map(tuple, rows),
        )
        guards = await tables.fetchval("SELECT count(*) FROM charges")
        if guards != len(outcome.charged):
            verdict.wrong_is(f"{guards} guards for {len(outcome.charged)} charges")
        suspended = await tables.fetch(
            "SELECT stage, source_partition, source_offset, source_index, reason FROM suspense"
        )
        verdict.once(
            "refusals of normalise",
            expected=((*at, one.reason) for at, one in items.items() if one.outcome == "suspended"),
            found=(tuple(row)[1:] for row in suspended if row["stage"] == "normalise"),
        )
        verdict.once(
            "refusals of rate",
            expected=((*places[ref], 0, reason) for ref, reason in outcome.refused.items()),
            found=(tuple(row)[1:] for row in suspended if row["stage"] == "rate"),
        )
        copies = await tables.fetch(
            "SELECT source_partition, source_offset, source_index FROM duplicates"
        )
        verdict.once(
            "duplicates",
            expected=(at for at, one in items.items() if one.outcome == "duplicate"),
            found=map(tuple, copies),
        )
        invoiced = defaultdict(set)
        for number, account, source, record_id in await tables.fetch(
            "SELECT i.number, i.account_id, u.source, u.record_id FROM invoices i "
            "JOIN invoice_charges USING (invoice_id) JOIN rated_usage u USING (charge_id)"
        ):
            invoiced[number, account].add((source, record_id))
        verdict.once(
            "invoices",
            expected=outcome.invoices,
            found=((account, frozenset(refs)) for (_, account), refs in invoiced.items()),
        )
        asked = await tables.fetchrow(
            "SELECT count(*), count(DISTINCT request_id) FROM invoice_requests"
        )
        if tuple(asked) != (len(outcome.invoices),) * 2:
            verdict.wrong_is(f"{tuple(asked)} requests for {len(outcome.invoices)} crossings")
        conflicts = await tables.fetchval("SELECT count(*) FROM charge_conflicts")
        if conflicts:
            verdict.wrong_is(f"{conflicts} charges came again with other content")
