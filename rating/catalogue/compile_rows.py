"""Compiles the rows of rate cards and matrices: each price, number and name is there once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from rating.catalogue import document as doc
from rating.dimensions import holds_prefixes
from rating.local_time import day_number
from rating.price.increments import Increments
from rating.price.matrix import Matrix, MatrixRow
from rating.price.per_unit import PerUnitPrice, per_unit_price
from rating.price.rate_card import FIRST_DAY, LAST_DAY, RateCard, RateCardRow

_encode = msgspec.msgpack.Encoder().encode


class _Shared:
    """What rows have in common. A card has a few hundred different prices, numbers and names; one
    object for each saves most of the memory, and the processor finds it in its cache."""

    def __init__(self) -> None:
        # By their texts: 0.10 equals 0.1, but the explanation shows each as it is written.
        self._prices: dict[bytes, PerUnitPrice] = {}
        self._increments: dict[tuple[str, ...], Increments] = {}
        self._numbers: dict[str, Decimal] = {}
        self._names: dict[str, str] = {}

    def name(self, text: str) -> str:
        return self._names.setdefault(text, text)

    def price(self, row: doc.CardRow | doc.MatrixRow) -> PerUnitPrice:
        stated = (row.amount, row.per_units, row.first_units, row.following_units, row.connect_fee)
        key = _encode(stated)  # in half the time that its five texts take
        price = self._prices.get(key)
        if price is None:
            texts = tuple(map(str, stated))
            amount, per_units, first, following, fee = (
                self._numbers.setdefault(text, number)
                for text, number in zip(texts, stated, strict=True)
            )
            increments = self._increments.setdefault(texts[2:4], Increments(first, following))
            price = per_unit_price(amount, per_units, increments, fee)
            self._prices[key] = price
        return price


def compile_card(code: str, rows: Iterable[doc.CardRow]) -> RateCard:
    """Return the card that finds the rows of a document's by prefix."""
    shared = _Shared()
    found = []
    prefix = ""
    for row in rows:
        if row.prefix != prefix:  # rows are sorted by it, and each band has one
            prefix = row.prefix
        band = row.band
        found.append(
            RateCardRow(
                prefix,
                shared.name(row.destination),
                shared.price(row),
                None if band is None else shared.name(band),
                first_day(row.valid_from),
                last_day(row.valid_to),
            )
        )
    return RateCard(code, found)


def compile_matrix(matrix: doc.Matrix, rows: Iterable[doc.MatrixRow]) -> Matrix:
    """Return the matrix that finds the rows of a document's by what an event says."""
    shared = _Shared()
    found = []
    values: tuple[str, ...] = ()
    for row in rows:
        if row.values != values:  # rows are sorted by them
            values = tuple(map(shared.name, row.values))
        band = row.band
        found.append(
            MatrixRow(
                values,
                shared.name(row.name),
                shared.price(row),
                None if band is None else shared.name(band),
                first_day(row.valid_from),
                last_day(row.valid_to),
            )
        )
    return Matrix(matrix.code, [holds_prefixes(each) for each in matrix.dimensions], found)


def first_day(date: dt.date | None) -> int:
    """Return the first local day on which something holds; without a date it held always."""
    return FIRST_DAY if date is None else day_number(date)


def last_day(date: dt.date | None) -> int:
    """Return the local day from which on something does not hold any more."""
    return LAST_DAY if date is None else day_number(date)
