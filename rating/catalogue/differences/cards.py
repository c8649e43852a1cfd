"""What differs in rate cards: of each prefix and band, on which days it costs something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from rating.catalogue.differences.card_lines import Happened, What, lines_of
from rating.catalogue.differences.dates import Dated, said_span, spans
from rating.catalogue.differences.difference import Difference, Kind
from rating.catalogue.differences.parts import Change, Part, changes, described, money, price, words
from rating.catalogue.differences.things import of_change, whole
from rating.catalogue.document import Card, CardRow, CatalogueDocument
from schemas.decimals import to_text

Figures = tuple[Decimal, ...]
"""What a row costs, whichever it is."""

Key = tuple[str, str | None]
"""Prefix and band: of these one row holds on a day."""


def card_differences(old: CatalogueDocument, new: CatalogueDocument) -> Iterator[Difference]:
    """Yield what differs in cards, in the order of their codes."""
    olds = {card.code: card for card in old.cards}
    news = {card.code: card for card in new.cards}
    for code in sorted(olds.keys() | news.keys()):
        was, is_now = olds.get(code), news.get(code)
        at, thing = f"cards.{code}", f"card {code}"
        if was is None or is_now is None:
            yield whole(at, thing, _whole_card(was), _whole_card(is_now))
            continue
        for change in changes(_card(was), _card(is_now)):
            yield of_change(at, thing, change)
        if was.rows != is_now.rows:
            yield from _Rows(is_now, was.rows, is_now.rows).differences()


def _whole_card(card: Card | None) -> str | None:
    if card is None:
        return None
    destinations = len({row.destination for row in card.rows})
    size = f"{len(card.rows):,} rows of {destinations:,} destinations"
    return f"{described(_card(card))}, {size}"


def _card(card: Card) -> list[Part]:
    return [
        words("currency", card.currency),
        words("unit", card.unit),
        words("bands", card.bands or ""),
    ]


class _Rows:
    """Compares the rows of two states of a card."""

    def __init__(self, card: Card, old: Iterable[CardRow], new: Iterable[CardRow]) -> None:
        self._card = card
        self._old, self._new = self._both = _by_key(old), _by_key(new)
        self._changes: dict[tuple[Figures, Figures], tuple[Change, ...]] = {}
        self._said: dict[Figures, str] = {}

    def differences(self) -> Iterator[Difference]:
        """Yield what happened, by destination and then by band and date."""
        before, after = (_prefixes(rows) for rows in self._both)
        yield from lines_of(self._card, self._happened(), before=before, after=after)

    def _happened(self) -> Iterator[Happened]:
        bands = _bands_of((*self._old, *self._new))
        for prefix in sorted(bands):
            found = [
                each
                for band in bands[prefix]
                for each in self._of(
                    prefix, band, *(rows.get((prefix, band), []) for rows in self._both)
                )
            ]
            yield from _with_bands_as_one(found, len(bands[prefix]))

    def _of(
        self, prefix: str, band: str | None, olds: list[CardRow], news: list[CardRow]
    ) -> Iterator[Happened]:
        """Yield what happened to the rows of one prefix and band."""
        if olds == news:
            return
        old, new = _dated(olds), _dated(news)
        is_same = True
        for since, until, was, is_now in spans(old, new):
            is_same = False
            if was is not None and is_now is not None:
                for change in self._between(was, is_now):
                    yield Happened(
                        prefix, was.destination, What(Kind.CHANGED, band, since, until, change)
                    )
            elif was is not None:
                change = Change("", self._row(was), None, None)
                yield Happened(
                    prefix, was.destination, What(Kind.REMOVED, band, since, until, change)
                )
            elif is_now is not None:
                change = Change("", None, self._row(is_now), None)
                yield Happened(
                    prefix, is_now.destination, What(Kind.ADDED, band, since, until, change)
                )
        if is_same:
            before, after = (
                "; ".join(said_span(each.since, each.until) or "always" for each in rows)
                for rows in (old, new)
            )
            change = Change("rows of the same price", before, after, None)
            yield Happened(
                prefix, old[0].value.destination, What(Kind.CHANGED, band, None, None, change)
            )

    def _between(self, old: CardRow, new: CardRow) -> Iterator[Change]:
        """Yield what differs between two rows."""
        if old.destination != new.destination:
            yield Change("destination", old.destination, new.destination, None)
        both = (_figures(old), _figures(new))
        if both not in self._changes:  # a card has a few hundred
            self._changes[both] = tuple(changes(self._parts(old), self._parts(new)))
        yield from self._changes[both]

    def _row(self, row: CardRow) -> str:
        figures = _figures(row)
        if figures not in self._said:
            self._said[figures] = described(self._parts(row))
        return self._said[figures]

    def _parts(self, row: CardRow) -> list[Part]:
        currency, unit = self._card.currency, self._card.unit
        steps = f"{to_text(row.first_units)}/{to_text(row.following_units)}"
        return [
            price("price", row.amount, row.per_units, currency=currency, unit=unit),
            words("increments", steps),
            money("connect fee", row.connect_fee or None, currency),
        ]


def _figures(row: CardRow) -> Figures:
    fee = row.connect_fee
    return row.amount, row.per_units, row.first_units, row.following_units, fee


def _by_key(rows: Iterable[CardRow]) -> dict[Key, list[CardRow]]:
    """Return the rows of each prefix and band."""
    found: dict[Key, list[CardRow]] = {}
    for row in rows:
        found.setdefault((row.prefix, row.band), []).append(row)
    return found


def _dated(rows: list[CardRow]) -> list[Dated[CardRow]]:
    """Return rows with their dates apart."""
    return [
        Dated(
            row.valid_from,
            row.valid_to,
            msgspec.structs.replace(row, valid_from=None, valid_to=None),
        )
        for row in rows
    ]


def _bands_of(keys: Iterable[Key]) -> dict[str, list[str | None]]:
    """Return the bands in which a prefix has rows, each once; those of all bands first."""
    found: dict[str, dict[str | None, None]] = {}
    for prefix, band in keys:
        found.setdefault(prefix, {})[band] = None
    return {prefix: sorted(bands, key=lambda band: band or "") for prefix, bands in found.items()}


def _prefixes(rows: dict[Key, list[CardRow]]) -> dict[str, int]:
    """Return how many prefixes each destination has."""
    found: dict[str, set[str]] = {}
    for (prefix, _band), dated in rows.items():
        for row in dated:
            found.setdefault(row.destination, set()).add(prefix)
    return {name: len(prefixes) for name, prefixes in found.items()}


def _with_bands_as_one(found: list[Happened], bands: int) -> list[Happened]:
    """Return the same; what happened to all bands of a prefix alike is there once, without one."""
    if bands == 1:
        return found
    bare = [each._replace(what=each.what._replace(band=None)) for each in found]
    merged = [
        one if bare.count(one) == bands else each for one, each in zip(bare, found, strict=True)
    ]
    return list(dict.fromkeys(merged))
