"""What a run must have come to, worked out without the product: from the raw log and the truth.

Prices are fractions by a reading of the catalogue of its own; where order decides (tiers, limits) it
is that of the normalised log. It reads the logs as bytes and decodes them by the published contract.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import msgspec

from tests.simulation.broker import Log, Stored
from tests.simulation.workload import FEBRUARY_MS, MARCH_MS, Item

_TIER_B = 40
_FIRST_TIER = Fraction("0.01")
_CARD = {  # prefix: price per minute, first and following increment in seconds
    "49": (Fraction("0.06"), 60, 1),
    "4930": (Fraction("0.07"), 30, 6),
    "44": (Fraction("0.11"), 1, 1),
}
_LIMIT_RECORDS = 4
_PLACES = 10

Place = tuple[int, int, int]
"""Raw partition, raw offset, index of the item."""


class NotExact(AssertionError):
    """The run did not come to what it must."""


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise NotExact(what)


@dataclass
class Expected:
    """What becomes of every item that lies in the raw log."""

    normalised: dict[Place, Item] = field(default_factory=dict)
    suspended: set[Place] = field(default_factory=set)
    duplicates: set[Place] = field(default_factory=set)
    commands: set[Place] = field(default_factory=set)
    again: Counter[Place] = field(default_factory=Counter)  # rate refused it, and it came back


def expected_of(raw: Mapping[int, Sequence[tuple[int, Sequence[Item]]]]) -> Expected:
    """Return the outcomes. ``raw``: by partition, offset and truth of each record, in order."""
    expected = Expected()
    for partition, records in raw.items():
        first: dict[tuple[str, str], str] = {}
        for offset, items in records:
            for index, item in enumerate(items):
                place = (partition, offset, index)
                content = item.content
                if item.what == "end":
                    expected.commands.add(place)
                elif item.what == "broken":
                    expected.suspended.add(place)
                elif item.key in first:
                    same = first[item.key] == content
                    (expected.duplicates if same else expected.suspended).add(place)
                else:
                    first[item.key] = content
                    if item.account is None:
                        expected.suspended.add(place)
                    else:
                        expected.normalised[place] = item
                    if item.what == "close":
                        expected.commands.add(place)
    return expected


def committed(log: Log) -> list[Stored]:
    """Return the committed records of a log; everything in it must be decided."""
    _expect(not log.open, f"{log.place}: a transaction was left open")
    return [stored for stored in log.records if stored.committed and not stored.is_marker]


def check_normalised(logs: Iterable[Log], expected: Expected) -> dict[int, list[tuple[int, Place]]]:
    """Return, by partition, offset and origin of each event: each expected one exactly once, and
    all of an account in one partition, where its counters are."""
    order: dict[int, list[tuple[int, Place]]] = {}
    homes: dict[str | None, set[int]] = defaultdict(set)
    seen: Counter[Place] = Counter()
    for log in logs:
        mine = order.setdefault(log.place.partition, [])
        for stored in committed(log):
            event = msgspec.msgpack.decode(stored.value or b"")
            # The fields of a usage event and of a command, in the order of the contract.
            place = tuple(event[20 if event[0] == "usage" else 9][:3])
            seen[place] += 1
            mine.append((stored.offset, place))
    doubled = [place for place, count in seen.items() if count != 1 + expected.again[place]]
    _expect(not doubled, f"normalised more or less often than once: {doubled[:3]}")
    lost = expected.normalised.keys() - seen.keys()
    _expect(not lost, f"lost by normalise: {sorted(lost)[:3]} ({len(lost)})")
    extra = seen.keys() - expected.normalised.keys()
    _expect(not extra, f"normalised for nothing: {sorted(extra)[:3]}")
    for partition, events in order.items():
        for _, place in events:
            homes[expected.normalised[place].account].add(partition)
    spread = {account: found for account, found in homes.items() if len(found) > 1}
    _expect(not spread, f"accounts in several partitions: {spread}")
    return order


def check_suspense(logs: Iterable[Log], expected: Expected) -> dict[str, str]:
    """Return the class of each record in suspense by its id: each expected one exactly once."""
    found: dict[str, Counter[Place]] = defaultdict(Counter)
    by_id: dict[str, str] = {}
    for log in logs:
        for stored in committed(log):
            record = msgspec.msgpack.decode(stored.value or b"")
            place = (record["partition"], record["offset"], record["index"])
            if record["stage"] == "normalise":
                found[record["suspense_class"]][place] += 1
            by_id[record["suspense_id"]] = record["suspense_class"]
    for name, places in (("suspended", expected.suspended), ("duplicate", expected.duplicates)):
        _expect(
            found[name] == Counter(places),
            f"{name}: {sorted(found[name].items() ^ Counter(places).items())[:3]}",
        )
    return by_id


class Rating:
    """Prices the events of one normalised partition in their order, and says what the ledger has."""

    def __init__(self, second_tier_of: Callable[[int], Fraction]) -> None:
        self._second_tier_of = second_tier_of  # by version of the catalogue
        self._used: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
        # Of each account: product, month that bills it, and amount of each charge.
        self._unbilled: dict[str, list[tuple[str, int, Fraction]]] = defaultdict(list)
        self._closed: set[str] = set()  # accounts whose February is over
        self._sequences: Counter[str] = Counter()
        self._totals: dict[tuple[str, str, int], tuple[int, Fraction, Fraction]] = {}

    def check(
        self, order: Sequence[tuple[int, Place]], items: Mapping[Place, Item], log: Log
    ) -> int:
        """Return how many limits were reached; the ledger must hold exactly what is due."""
        records = [json.loads(stored.value or b"") for stored in committed(log)]
        stated = iter(record for record in records if record["kind"] != "proof")
        reached = 0
        for offset, place in order:
            item = items[place]
            if item.what == "close":
                self._close(stated, item)
                continue
            charge = next(stated, None)
            _expect(charge is not None, f"{log.place}: lost: the charge of {place}")
            assert charge is not None
            _expect(
                charge["kind"] == "usage" and tuple(charge["raw"]) == place,
                f"{log.place}: {charge['kind']} of {charge.get('raw')} where {place} was due",
            )
            _expect(charge["source_offset"] == offset, f"{place}: another normalised record")
            if self._charge(charge, item, place):
                reached += 1
                self._limit(next(stated, None), charge, item)
        left = next(stated, None)
        _expect(left is None, f"{log.place}: rated for nothing, or twice: {left}")
        return reached

    def _charge(self, charge: dict[str, object], item: Item, place: Place) -> bool:
        account, amount = item.account, self._price(charge, item)
        assert account is not None
        self._sequences[account] += 1
        _expect(charge["sequence"] == self._sequences[account], f"{place}: sequence {charge}")
        _expect(charge["account_id"] == account, f"{place}: account {charge}")
        _expect(charge["amount"] == _text(amount), f"{place}: {charge['amount']}, not {amount}")
        product = "iot-data" if item.what == "data" else "voice"
        name = (account, product, item.month)
        records, used, total = self._totals.get(name, (0, Fraction(0), Fraction(0)))
        total += Fraction(str(charge["amount"]))
        after = self._totals[name] = (records + 1, used + item.quantity, total)
        counters = charge["counters_after"]
        assert isinstance(counters, list)
        of_product = [
            (number, Fraction(quantity), Fraction(sum_))
            for counter, _, number, quantity, sum_ in counters
            if counter.startswith(f"product:{product}:")
        ]
        _expect(of_product == [after], f"{place}: counter {of_product}, not {after}")
        month = 3 if account in self._closed else item.month
        starts_ms = {2: FEBRUARY_MS, 3: MARCH_MS}
        _expect(charge["usage_period_ms"] == starts_ms[item.month], f"{place}: period {charge}")
        _expect(charge["bill_period_ms"] == starts_ms[month], f"{place}: billed in {charge}")
        unbilled = self._unbilled[account]
        unbilled.append((product, starts_ms[month], amount))
        _expect_sums(charge["unbilled"], unbilled, f"{place}: unbilled")
        return item.what == "data" and len(unbilled) == _LIMIT_RECORDS

    def _close(self, stated: Iterator[dict[str, object]], item: Item) -> None:
        """The close of February: a record of the ledger, the first time."""
        account = item.account
        assert account is not None
        if account in self._closed:
            return
        record = next(stated, None)
        _expect(
            record is not None and record["kind"] == "period_closed",
            f"February of {account} was to be closed, and this is there: {record}",
        )
        assert record is not None
        self._closed.add(account)
        self._sequences[account] += 1
        _expect(record["account_id"] == account, f"another account: {record}")
        _expect(record["sequence"] == self._sequences[account], f"sequence of {record}")
        unbilled = self._unbilled[account]
        closed = [entry for entry in unbilled if entry[1] == FEBRUARY_MS]
        _expect_sums(record["closed"], closed, f"closed of {account}")
        self._unbilled[account] = [entry for entry in unbilled if entry[1] != FEBRUARY_MS]

    def _limit(
        self, record: dict[str, object] | None, charge: dict[str, object], item: Item
    ) -> None:
        _expect(
            record is not None and record["kind"] == "limit_reached",
            f"a limit was reached by {charge['charge_id']}, and this follows: {record}",
        )
        assert record is not None
        assert item.account is not None
        self._sequences[item.account] += 1
        _expect(record["crossing_charge_id"] == charge["charge_id"], f"another crossing: {record}")
        _expect(record["sequence"] == self._sequences[item.account], f"sequence of {record}")
        _expect(record["invoice_up_to"] == charge["sequence"], f"invoiced up to: {record}")
        unbilled = self._unbilled[item.account]
        _expect_sums(record["invoiced"], unbilled, f"invoiced of {item.account}")
        unbilled.clear()
        _expect(not record["unbilled"], f"a reset that resets not all: {record}")

    def _price(self, charge: dict[str, object], item: Item) -> Fraction:
        assert item.account is not None
        if item.what == "data":
            month = (item.account, item.month)
            before = self._used[month]
            after = self._used[month] = before + item.quantity
            version = charge["catalogue_version"]
            assert isinstance(version, int)
            second = self._second_tier_of(version)
            return _round(_tiers(after, second)) - _round(_tiers(before, second))
        prefix = max((p for p in _CARD if item.destination.startswith(p)), key=len)
        per_minute, first, following = _CARD[prefix]
        seconds = max(item.quantity, Fraction(first))
        beyond = seconds - first
        billed = first + -(-beyond // following) * following
        return _round(per_minute * billed / 60)


def _expect_sums(stated: object, entries: Sequence[tuple[str, int, Fraction]], what: str) -> None:
    """Sums by product and month must be stated as the charges make them, and no others."""
    due: dict[tuple[str, int], tuple[int, Fraction]] = {}
    for product, month, amount in entries:
        records, total = due.get((product, month), (0, Fraction(0)))
        due[product, month] = records + 1, total + amount
    assert isinstance(stated, list)
    found = {
        (product, month): (records, Fraction(amount))
        for product, _, month, _, records, amount in stated
    }
    _expect(found == due and len(found) == len(stated), f"{what}: {stated}, not {due}")


def _tiers(used: Fraction, second: Fraction) -> Fraction:
    return min(used, Fraction(_TIER_B)) * _FIRST_TIER + max(used - _TIER_B, Fraction(0)) * second


def _round(amount: Fraction) -> Fraction:
    scaled = amount * 10**_PLACES
    return Fraction(
        (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator), 10**_PLACES
    )


def _text(amount: Fraction) -> str:
    scaled = amount * 10**_PLACES
    assert scaled.denominator == 1
    whole, part = divmod(scaled.numerator, 10**_PLACES)
    return f"{whole}.{part:0{_PLACES}}"


def check_proofs(
    log: Log, decode: Callable[[bytes], Mapping[str, object]], *, source_end: int
) -> None:
    """The proofs of a log must follow each other without a gap, up to the end of the source."""
    position, batch, chain = 0, 0, None
    for stored in committed(log):
        value = stored.value or b""
        proof = decode(value)
        if proof is None:
            continue
        if chain is not None:
            _expect(
                proof["batch"] == batch + 1, f"{log.place}: batch {proof['batch']} after {batch}"
            )
            _expect(proof["first"] == position, f"{log.place}: a gap before {proof['first']}")
            _expect(proof["previous"] == chain, f"{log.place}: the chain is broken")
        position, batch, chain = int(str(proof["next"])), int(str(proof["batch"])), proof["chain"]
    _expect(position >= source_end, f"{log.place}: stayed behind, at {position} of {source_end}")
