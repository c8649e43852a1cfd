"""The catalogue as a document: what the files say, once checked, and its form on the wire.

Plain values, in the units that usage is measured in. Everything but the plans' prices, whose order
decides, is sorted by its code, so that the same catalogue in other files is the same document.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from rating.price.graduated import Tier
from rating.price.increments import Increments
from rating.price.units import RoundUnits
from schemas.decimals import ZERO
from schemas.limit import ChargeLimit
from schemas.money import RATED_DECIMAL_PLACES, Rounding

FORMAT = 1
"""Of the head and the chunks; a reader of another format must not guess."""

MAX_CHUNK_BYTES = 500_000  # below the size at which the broker refuses a record


class ZeroUsage(StrEnum):
    """What becomes of an event without usage, such as an unanswered call."""

    RATE = "rate"  # a charge of zero, in the ledger
    FILTER = "filter"  # counted as filtered, no charge


class Consume(StrEnum):
    """What of an event an allowance takes."""

    EXACT = "exact"  # the units that were used
    INCREMENTS = "increments"  # the units that increments make of them


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What is used: its code is on every event, its unit is among the event's quantities."""

    code: str
    name: str
    product_type: str
    usage_kind: str
    unit: str
    zero_usage: ZeroUsage = ZeroUsage.RATE
    tax_code: str | None = None


class Window(msgspec.Struct, frozen=True, array_like=True):
    """[from, to) of one weekday by the wall clock, in minutes since midnight."""

    weekday: int  # Monday is 0
    from_minute: int
    to_minute: int


class Band(msgspec.Struct, frozen=True):
    """A part of the week with a price of its own."""

    code: str
    windows: tuple[Window, ...]


class BandSet(msgspec.Struct, frozen=True):
    """Bands that cover the week without overlap."""

    code: str
    bands: tuple[Band, ...]


class CardRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of a rate card, as in its file."""

    prefix: str
    destination: str
    amount: Decimal
    per_units: Decimal
    first_units: Decimal
    following_units: Decimal
    connect_fee: Decimal = ZERO
    band: str | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None  # exclusive


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A rate card: prices of one unit in one currency, by destination prefix."""

    code: str
    currency: str
    unit: str
    bands: str | None = None
    rows: tuple[CardRow, ...]  # sorted by prefix, band and validity


class PerUnit(msgspec.Struct, frozen=True, tag_field="model", tag="per_unit", kw_only=True):
    """One price for every unit, or one for each band."""

    amount: Decimal | None = None  # None: it depends on the band
    bands: str | None = None
    amounts: dict[str, Decimal] = {}  # by band
    per_units: Decimal
    increments: Increments | None = None
    connect_fee: Decimal = ZERO


class RateCardPrice(msgspec.Struct, frozen=True, tag_field="model", tag="rate_card", kw_only=True):
    """The price that a rate card has for the destination."""

    card: str


class Flat(msgspec.Struct, frozen=True, tag_field="model", tag="flat", kw_only=True):
    """One price for each event."""

    amount: Decimal


class Graduated(msgspec.Struct, frozen=True, tag_field="model", tag="graduated", kw_only=True):
    """A price for each tier of the month's usage."""

    tiers: tuple[Tier, ...]
    per_units: Decimal
    increments: Increments | None = None


PriceModel = PerUnit | RateCardPrice | Flat | Graduated


class PriceVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A price in force for [valid_from, valid_to), from local midnight to local midnight."""

    valid_from: dt.date | None = None  # None: always was
    valid_to: dt.date | None = None  # exclusive; None: until the next version
    model: PriceModel
    allowance: str | None = None
    round_units: RoundUnits | None = None
    rounding: Rounding = Rounding.HALF_UP
    decimal_places: int = RATED_DECIMAL_PLACES


class PlanPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a product costs in a plan, where the destination begins with one of a list."""

    code: str
    product: str
    destinations: tuple[str, ...] = ()  # empty: whatever the destination
    versions: tuple[PriceVersion, ...]


class PlanAllowance(msgspec.Struct, frozen=True, kw_only=True):
    """Free units per subscription and calendar month."""

    code: str
    units: Decimal
    unit: str
    consume: Consume = Consume.EXACT


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription is on. Of its prices for a product, the first that matches wins."""

    code: str
    name: str
    currency: str
    allowances: tuple[PlanAllowance, ...] = ()
    prices: tuple[PlanPrice, ...]


class CatalogueDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A whole catalogue, checked."""

    products: tuple[Product, ...]
    bands: tuple[BandSet, ...] = ()
    cards: tuple[Card, ...] = ()
    plans: tuple[Plan, ...]
    limits: tuple[ChargeLimit, ...] = ()


class _CardHead(msgspec.Struct, frozen=True, kw_only=True):
    """A card without its rows: they are in chunks of these hashes, in this order."""

    code: str
    currency: str
    unit: str
    bands: str | None = None
    chunks: tuple[str, ...]


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    products: tuple[Product, ...]
    bands: tuple[BandSet, ...]
    cards: tuple[_CardHead, ...]
    plans: tuple[Plan, ...]
    limits: tuple[ChargeLimit, ...]


class MissingChunk(Exception):
    """A chunk that the head names is not among those given."""


_encoder = msgspec.json.Encoder(order="sorted")
_head_decoder = msgspec.json.Decoder(_Head)
_rows_decoder = msgspec.json.Decoder(tuple[CardRow, ...])


def document_to_parts(document: CatalogueDocument) -> tuple[bytes, dict[str, bytes]]:
    """Return the head as JSON, and the rows of the cards as chunks by their SHA-256 in hex.

    Equal documents give equal bytes. A chunk has at most `MAX_CHUNK_BYTES`.
    """
    chunks: dict[str, bytes] = {}
    cards = []
    for card in document.cards:
        names = []
        for chunk in _chunks_of(card.rows):
            name = hashlib.sha256(chunk).hexdigest()
            chunks[name] = chunk
            names.append(name)
        cards.append(
            _CardHead(
                code=card.code,
                currency=card.currency,
                unit=card.unit,
                bands=card.bands,
                chunks=tuple(names),
            )
        )
    head = _Head(
        format=FORMAT,
        products=document.products,
        bands=document.bands,
        cards=tuple(cards),
        plans=document.plans,
        limits=document.limits,
    )
    return _encoder.encode(head), chunks


def chunk_names(head_json: bytes) -> list[str]:
    """Return the hashes of the chunks that a head needs; an empty list where it has no cards."""
    return [name for card in _head_decoder.decode(head_json).cards for name in card.chunks]


def document_from_parts(head_json: bytes, chunks: Mapping[str, bytes]) -> CatalogueDocument:
    """Return the document of its parts.

    Raises `MissingChunk`, and `msgspec.ValidationError` where the parts are not ours.
    """
    head = _head_decoder.decode(head_json)
    if head.format != FORMAT:
        raise msgspec.ValidationError(
            f"the catalogue is of format {head.format}, this build reads {FORMAT}. "
            "Operator action: publish it again with this build."
        )
    cards = []
    for card in head.cards:
        rows: list[CardRow] = []
        for name in card.chunks:
            if name not in chunks:
                raise MissingChunk(
                    f"card {card.code}: chunk {name} is missing. "
                    "Operator action: publish the catalogue again."
                )
            rows.extend(_rows_decoder.decode(chunks[name]))
        cards.append(
            Card(
                code=card.code,
                currency=card.currency,
                unit=card.unit,
                bands=card.bands,
                rows=tuple(rows),
            )
        )
    return CatalogueDocument(
        products=head.products,
        bands=head.bands,
        cards=tuple(cards),
        plans=head.plans,
        limits=head.limits,
    )


def content_digest(document: CatalogueDocument) -> str:
    """Return the SHA-256 of a document, in hex: the same for the same content, however it is
    spread over files and in whatever order its rows come."""
    head, _chunks = document_to_parts(document)
    return hashlib.sha256(head).hexdigest()


def _chunks_of(rows: tuple[CardRow, ...]) -> list[bytes]:
    """Return the rows as JSON arrays of at most `MAX_CHUNK_BYTES`."""
    chunks: list[bytes] = []
    pending: list[bytes] = []
    size = 2  # the brackets
    for row in rows:
        encoded = _encoder.encode(row)
        if pending and size + len(encoded) + 1 > MAX_CHUNK_BYTES:
            chunks.append(b"[" + b",".join(pending) + b"]")
            pending, size = [], 2
        pending.append(encoded)
        size += len(encoded) + 1
    if pending:
        chunks.append(b"[" + b",".join(pending) + b"]")
    return chunks
