"""The records of a run in the order in which they are written, each with the truth about it."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import NamedTuple

from schemas.period import to_ms
from schemas.refusal import RefusalReason
from sources.generate.calls import Switch
from sources.generate.destinations import Destinations
from sources.generate.draw import Draw, Weighted, skewed
from sources.generate.population import Identifier, Offers, Population, unknown_identifier
from sources.generate.scenario import Scenario
from sources.generate.shares import Kind, Shares, counts_of, kinds_in_order
from sources.generate.usage import REASONS, Broken, Usage, Writer

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# How much is used in each hour of the day, UTC.
_HOURS = (8, 5, 4, 3, 3, 5, 12, 26, 44, 56, 60, 58, 52, 54, 58, 60, 58, 54, 50, 46, 40, 30, 20, 12)

_LATE_DAYS = (1, 20)  # younger than any horizon that is sensible, when it is read in time
_PAST_HORIZON_DAYS = (2, 30)  # on top of the horizon
_OUT_OF_ORDER_MS = (5 * 60_000, 6 * HOUR_MS)


class NobodyUsesIt(ValueError):
    """A scenario has usage that nobody among the accounts could have."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to generate. The same request gives the same bytes on every machine."""

    scenario: Scenario
    seed: int
    records: int
    start: dt.date  # in UTC; the first of `days`
    days: int
    accounts: int
    offers: Offers
    prefixes: Sequence[str]
    shares: Shares
    moves: int = 10
    horizon_days: int = 62


class Record(NamedTuple):
    """One record as it is written, and what is true of it."""

    writer: Writer
    written_at_ms: int
    line: bytes
    kind: Kind
    usage: Usage
    identifier: Identifier | None  # None: nobody has it
    reason: RefusalReason | None = None
    broken: Broken | None = None
    copy_of: int | None = None


class _Past(NamedTuple):
    """A record that may be written again."""

    number: int
    usage: Usage
    line: bytes
    identifier: Identifier


@dataclass(slots=True)
class _Element:
    """A network element, who uses it, and what it wrote before."""

    writer: Writer
    users: Weighted[Identifier]
    recent: deque[_Past] = field(default_factory=lambda: deque(maxlen=512))
    # One in 64: a copy of one of these lies files apart from it.
    older: deque[_Past] = field(default_factory=lambda: deque(maxlen=512))

    def remember(self, past: _Past) -> None:
        self.recent.append(past)
        if past.number % 64 == 0:
            self.older.append(past)


class Stream:
    """The records of a request; `population` is whose usage it is."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.counts = counts_of(request.shares, records=request.records)
        self.population = Population(
            accounts=request.accounts,
            moves=request.moves,
            offers=request.offers,
            start=request.start,
            days=request.days,
            draw=Draw(request.seed, "population"),
        )
        self._draw = Draw(request.seed, "usage")
        self._elements = self._build_elements()
        self.writers = tuple(element.writer for element in self._elements)
        weights = [weight for _, weight in request.scenario.writers]
        self._busy = Weighted(self._elements, weights)
        self._switches = self._weighted_switches(weights)
        self._broken = cycle(self._ways_to_break())
        self._number = 0
        self._last_ordinary: _Element | None = None

    def records(self) -> Iterator[Record]:
        """Yield the records, in the order in which the elements write them."""
        kinds = kinds_in_order(self.counts, Draw(self.request.seed, "kinds"))
        for kind, at_ms in zip(kinds, self._instants(), strict=True):
            self._number += 1
            yield self._record(kind, at_ms)

    def _record(self, kind: Kind, at_ms: int) -> Record:
        match kind:
            case Kind.ORDINARY:
                return self._usage(kind, at_ms, at_ms)
            case Kind.UNANSWERED | Kind.UNKNOWN_DESTINATION:
                return self._call(kind, at_ms)
            case Kind.OUT_OF_ORDER:
                return self._usage(kind, at_ms, at_ms - self._draw.between(*_OUT_OF_ORDER_MS))
            case Kind.LATE:
                return self._usage(kind, at_ms, at_ms - self._days(_LATE_DAYS))
            case Kind.PAST_HORIZON:
                ago_ms = self.request.horizon_days * DAY_MS + self._days(_PAST_HORIZON_DAYS)
                return self._usage(kind, at_ms, at_ms - ago_ms)
            case Kind.DUPLICATE | Kind.CONFLICT:
                return self._copy(kind, at_ms)
            case Kind.UNKNOWN_SUBSCRIBER:
                return self._stranger(at_ms)
            case Kind.BROKEN:
                return self._break(at_ms)

    def _usage(self, kind: Kind, written_at_ms: int, used_at_ms: int) -> Record:
        element = self._busy.pick(self._draw)
        identifier = element.users.pick(self._draw)
        usage = element.writer.usage(identifier.text, used_at_ms, self._draw)
        line = element.writer.line(usage)
        reason = RefusalReason.OLDER_THAN_DEDUP_HORIZON if kind is Kind.PAST_HORIZON else None
        if reason is None:
            element.remember(_Past(self._number, usage, line, identifier))
            self._last_ordinary = element
        return Record(element.writer, written_at_ms, line, kind, usage, identifier, reason)

    def _call(self, kind: Kind, at_ms: int) -> Record:
        assert self._switches is not None, "a scenario without calls has no share of these"
        element, switch = self._switches.pick(self._draw)
        identifier = element.users.pick(self._draw)
        reason = None
        if kind is Kind.UNANSWERED:
            usage = switch.unanswered(identifier.text, at_ms, self._draw)
        else:
            usage = switch.to_nowhere(identifier.text, at_ms, self._draw)
            reason = RefusalReason.UNKNOWN_DESTINATION
        return Record(switch, at_ms, switch.line(usage), kind, usage, identifier, reason)

    def _copy(self, kind: Kind, at_ms: int) -> Record:
        element = self._busy.pick(self._draw)
        if not element.recent:
            assert self._last_ordinary is not None, "the first record is an ordinary one"
            element = self._last_ordinary
        from_older = element.older and self._draw.below(4) == 0
        past = self._draw.one_of(element.older if from_older else element.recent)
        usage, line, reason = past.usage, past.line, None
        if kind is Kind.CONFLICT:
            usage = element.writer.altered(usage)
            line = element.writer.line(usage)
            reason = RefusalReason.CONFLICT
        return Record(
            element.writer,
            at_ms,
            line,
            kind,
            usage,
            past.identifier,
            reason,
            copy_of=past.number,
        )

    def _stranger(self, at_ms: int) -> Record:
        writer = self._busy.pick(self._draw).writer
        nobody = unknown_identifier(writer.service, self._draw)
        usage = writer.usage(nobody, at_ms, self._draw)
        reason = RefusalReason.UNKNOWN_SUBSCRIBER
        kind = Kind.UNKNOWN_SUBSCRIBER
        return Record(writer, at_ms, writer.line(usage), kind, usage, None, reason)

    def _break(self, at_ms: int) -> Record:
        element, how = next(self._broken)
        identifier = element.users.pick(self._draw)
        usage = element.writer.usage(identifier.text, at_ms, self._draw)
        line = element.writer.broken_line(usage, how)
        return Record(
            element.writer,
            at_ms,
            line,
            Kind.BROKEN,
            usage,
            identifier,
            REASONS[how],
            broken=how,
        )

    def _instants(self) -> Iterator[int]:
        """Yield when each record is written: never back in time, busy by day, quiet by night."""
        start = dt.datetime.combine(self.request.start, dt.time(), dt.UTC)
        start_ms, records = to_ms(start), self.request.records
        whole = sum(_HOURS) * self.request.days
        done = weight = 0
        for hour in range(24 * self.request.days):
            weight += _HOURS[hour % 24]
            count = records * weight // whole - done
            done += count
            for place in range(count):
                within_ms = (place * HOUR_MS + self._draw.below(HOUR_MS)) // count
                yield start_ms + hour * HOUR_MS + within_ms

    def _days(self, bounds: tuple[int, int]) -> int:
        return self._draw.between(bounds[0] * DAY_MS, bounds[1] * DAY_MS)

    def _build_elements(self) -> tuple[_Element, ...]:
        draw = Draw(self.request.seed, "destinations")
        destinations = Destinations(self.request.prefixes, draw)
        writers = [make(destinations) for make, _ in self.request.scenario.writers]
        elements = []
        for writer in writers:
            peers = [other for other in writers if other.service is writer.service]
            held = self.population.identifiers(writer.service)
            users = held[peers.index(writer) :: len(peers)]
            if not users:
                raise NobodyUsesIt(
                    f"too few accounts for the scenario {self.request.scenario.name}: nobody has "
                    f"a subscription of the kind {writer.service}, or no plan is offered for it"
                )
            elements.append(_Element(writer, skewed(users, head=10)))
        return tuple(elements)

    def _weighted_switches(self, weights: list[int]) -> Weighted[tuple[_Element, Switch]] | None:
        found = [
            ((element, element.writer), weight)
            for element, weight in zip(self._elements, weights, strict=True)
            if isinstance(element.writer, Switch)
        ]
        if found:
            return Weighted([pair for pair, _ in found], [weight for _, weight in found])
        calls = (Kind.UNANSWERED, Kind.UNKNOWN_DESTINATION)
        if any(self.counts[kind] for kind in calls):
            raise ValueError(
                f"the scenario {self.request.scenario.name} has no calls: "
                "set the shares of unanswered and unknown_destination to 0"
            )
        return None

    def _ways_to_break(self) -> Iterator[tuple[_Element, Broken]]:
        """Yield every way in turn, first of all the one record that is too large."""
        first = self._elements[0]
        assert Broken.TOO_LARGE in first.writer.breaks
        yield first, Broken.TOO_LARGE
        ways = [
            (element, how)
            for element in self._elements
            for how in element.writer.breaks
            if how is not Broken.TOO_LARGE
        ]
        # By the way first: few records are then broken in many ways.
        ways.sort(key=lambda way: list(Broken).index(way[1]))
        yield from cycle(ways)
