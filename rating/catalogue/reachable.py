"""Which cards of a price no destination ever reaches, since those before them take all of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from rating.catalogue.document import BandSet, Card, CardRow
from rating.catalogue.spans import Span, joined, span_of, whole_spans
from rating.price.rate_card import CardChoice

_Index = dict[str, list[CardRow]]  # rows by prefix


class Reach:
    """Tells what is never reached, and remembers what it looked at: cards are large, and prices that
    name the same ones many."""

    def __init__(self, cards: Mapping[str, Card], bands: Mapping[str, BandSet]) -> None:
        self._cards = cards
        self._bands = bands
        self._indexes: dict[str, _Index] = {}
        self._spans: dict[tuple[tuple[str, str], ...], list[Span]] = {}
        self._never: dict[tuple[tuple[str, ...], CardChoice], tuple[str, ...]] = {}

    def never_reached(self, codes: tuple[str, ...], choose: CardChoice) -> tuple[str, ...]:
        """Return the cards that price nothing, on whatever day and at whatever hour.

        None of those returned is ever reached. Where that depends on the band of the card itself,
        it may be that one is not and is not among them.
        """
        key = (codes, choose)
        if key not in self._never:
            self._never[key] = tuple(
                code
                for place, code in enumerate(codes)
                if place and self._is_hidden(code, codes[:place], choose)
            )
        return self._never[key]

    def _is_hidden(self, code: str, before: Sequence[str], choose: CardChoice) -> bool:
        rows = self._cards[code].rows
        return bool(rows) and all(self._is_taken(row, before, choose) for row in rows)

    def _is_taken(self, row: CardRow, before: Sequence[str], choose: CardChoice) -> bool:
        """Return whether numbers of a row have another row at all times: of its prefix or, where the
        order of the cards decides, of a shorter one."""
        shortest = 1 if choose is CardChoice.FIRST else len(row.prefix)
        prefixes = [row.prefix[:length] for length in range(shortest, len(row.prefix) + 1)]
        found = tuple(
            [
                (code, prefix)
                for code in before
                for prefix in prefixes
                if prefix in self._index(code)
            ]
        )
        start, end = span_of(row)
        return any(since <= start and end <= until for since, until in self._taken(found))

    def _taken(self, found: tuple[tuple[str, str], ...]) -> list[Span]:
        """Return when a number with these prefixes on these cards has a row in every band of one of
        them. Many rows have the same ones."""
        spans = self._spans.get(found)
        if spans is None:
            whole: list[Span] = []
            for code, pairs in groupby(found, key=itemgetter(0)):
                rows = [row for _, prefix in pairs for row in self._index(code)[prefix]]
                bands = self._cards[code].bands
                names = [] if bands is None else [band.code for band in self._bands[bands].bands]
                whole += whole_spans(rows, names)
            spans = self._spans[found] = joined(whole)
        return spans

    def _index(self, code: str) -> _Index:
        index = self._indexes.get(code)
        if index is None:
            index = self._indexes[code] = {}
            for row in self._cards[code].rows:
                index.setdefault(row.prefix, []).append(row)
        return index
