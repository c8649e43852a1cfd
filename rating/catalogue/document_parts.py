"""The form in which a document is published: a head, and the rows of its cards and matrices in chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from rating.catalogue.document import (
    BandSet,
    Calendar,
    Card,
    CardRow,
    CatalogueDocument,
    ExchangeTable,
    Matrix,
    MatrixRow,
    Plan,
    Product,
)
from rating.catalogue.document_format import FIRST, NEWEST, READ, format_of
from schemas.limit import ChargeLimit

MAX_CHUNK_BYTES = 500_000  # below the size at which the broker refuses a record


class _CardHead(msgspec.Struct, frozen=True, kw_only=True):
    """A card without its rows: they are in chunks of these hashes, in this order."""

    code: str
    currency: str
    unit: str
    bands: str | None = None
    chunks: tuple[str, ...]


class _MatrixHead(msgspec.Struct, frozen=True, kw_only=True):
    """A matrix without its rows, as of a card."""

    code: str
    currency: str
    unit: str
    bands: str | None = None
    dimensions: tuple[str, ...]
    chunks: tuple[str, ...]


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    products: tuple[Product, ...]
    calendars: tuple[Calendar, ...]
    bands: tuple[BandSet, ...]
    cards: tuple[_CardHead, ...]
    matrices: tuple[_MatrixHead, ...]
    exchange_rates: tuple[ExchangeTable, ...]
    plans: tuple[Plan, ...]
    limits: tuple[ChargeLimit, ...]


class _Format(msgspec.Struct, frozen=True):
    format: int


class MissingChunk(Exception):
    """A chunk that the head names is not among those given."""


_encoder = msgspec.json.Encoder(order="sorted")
_head_decoder = msgspec.json.Decoder(_Head)
_format_decoder = msgspec.json.Decoder(_Format)
_card_rows_decoder = msgspec.json.Decoder(tuple[CardRow, ...])
_matrix_rows_decoder = msgspec.json.Decoder(tuple[MatrixRow, ...])


def document_to_parts(document: CatalogueDocument) -> tuple[bytes, dict[str, bytes]]:
    """Return the head as JSON, and the rows of cards and matrices as chunks by their SHA-256 in hex.

    Equal documents give equal bytes. A chunk has at most `MAX_CHUNK_BYTES`.
    """
    chunks: dict[str, bytes] = {}
    cards = [
        _CardHead(
            code=card.code,
            currency=card.currency,
            unit=card.unit,
            bands=card.bands,
            chunks=_named(card.rows, chunks),
        )
        for card in document.cards
    ]
    matrices = [
        _MatrixHead(
            code=matrix.code,
            currency=matrix.currency,
            unit=matrix.unit,
            bands=matrix.bands,
            dimensions=matrix.dimensions,
            chunks=_named(matrix.rows, chunks),
        )
        for matrix in document.matrices
    ]
    head = _Head(
        format=format_of(document),
        products=document.products,
        calendars=document.calendars,
        bands=document.bands,
        cards=tuple(cards),
        exchange_rates=document.exchange_rates,
        matrices=tuple(matrices),
        plans=document.plans,
        limits=document.limits,
    )
    return _encoder.encode(head), chunks


def _named(rows: Iterable[CardRow | MatrixRow], chunks: dict[str, bytes]) -> tuple[str, ...]:
    """Add the chunks of some rows to the others, and return their hashes."""
    names = []
    for chunk in _chunks_of(rows):
        name = hashlib.sha256(chunk).hexdigest()
        chunks[name] = chunk
        names.append(name)
    return tuple(names)


def chunk_names(head_json: bytes) -> list[str]:
    """Return the hashes of the chunks that a head needs; an empty list where it has no cards and no
    matrices."""
    head = _head_of(head_json)
    of_cards = [name for card in head.cards for name in card.chunks]
    return of_cards + [name for matrix in head.matrices for name in matrix.chunks]


def is_of_this_format(head_json: bytes) -> bool:
    """Return whether this build reads a published catalogue."""
    return _format_decoder.decode(head_json).format in READ


def _head_of(head_json: bytes) -> _Head:
    """Return the head; of another format nothing but that is read."""
    found = _format_decoder.decode(head_json).format
    if found not in READ:
        raise msgspec.ValidationError(
            f"the catalogue is of format {found}, this build reads {FIRST} to {NEWEST}. "
            "Operator action: publish it again with this build."
        )
    return _head_decoder.decode(head_json)


class RowsOf(NamedTuple):
    """What gives the rows of a card or a matrix, one after the other."""

    card: Callable[[Card], Iterable[CardRow]]
    matrix: Callable[[Matrix], Iterable[MatrixRow]]


STATED_ROWS = RowsOf(lambda card: card.rows, lambda matrix: matrix.rows)
"""Those that they hold themselves."""


def document_from_parts(head_json: bytes, chunks: Mapping[str, bytes]) -> CatalogueDocument:
    """Return the document of its parts.

    Raises `MissingChunk`, and `msgspec.ValidationError` where the parts are not ours.
    """
    document, rows_of = document_with_rows(head_json, chunks)
    cards = [
        msgspec.structs.replace(card, rows=tuple(rows_of.card(card))) for card in document.cards
    ]
    matrices = [
        msgspec.structs.replace(matrix, rows=tuple(rows_of.matrix(matrix)))
        for matrix in document.matrices
    ]
    return msgspec.structs.replace(document, cards=tuple(cards), matrices=tuple(matrices))


def document_with_rows(
    head_json: bytes, chunks: Mapping[str, bytes]
) -> tuple[CatalogueDocument, RowsOf]:
    """Return the document with cards and matrices that have no rows, and what gives the rows of each.

    A large card is read so without ever being there as a whole: 340,000 rows are 300 MB, of which
    a process gives nothing back. Raises as `document_from_parts`.
    """
    head = _head_of(head_json)
    of_cards = {card.code: card.chunks for card in head.cards}
    of_matrices = {matrix.code: matrix.chunks for matrix in head.matrices}
    for kind, of_all in (("card", of_cards), ("matrix", of_matrices)):
        for code, needed in of_all.items():
            for name in needed:
                if name not in chunks:
                    raise MissingChunk(
                        f"{kind} {code}: chunk {name} is missing. "
                        "Operator action: publish the catalogue again."
                    )

    def rows_of_card(card: Card) -> Iterator[CardRow]:
        for name in of_cards[card.code]:  # the rows of a chunk are gone before the next is read
            yield from _card_rows_decoder.decode(chunks[name])

    def rows_of_matrix(matrix: Matrix) -> Iterator[MatrixRow]:
        for name in of_matrices[matrix.code]:
            yield from _matrix_rows_decoder.decode(chunks[name])

    document = CatalogueDocument(
        products=head.products,
        calendars=head.calendars,
        bands=head.bands,
        cards=tuple(
            Card(code=card.code, currency=card.currency, unit=card.unit, bands=card.bands, rows=())
            for card in head.cards
        ),
        exchange_rates=head.exchange_rates,
        matrices=tuple(
            Matrix(
                code=matrix.code,
                currency=matrix.currency,
                unit=matrix.unit,
                bands=matrix.bands,
                dimensions=matrix.dimensions,
                rows=(),
            )
            for matrix in head.matrices
        ),
        plans=head.plans,
        limits=head.limits,
    )
    return document, RowsOf(rows_of_card, rows_of_matrix)


def content_digest(document: CatalogueDocument) -> str:
    """Return the SHA-256 of a document, in hex: the same for the same content, however it is
    spread over files and in whatever order its rows come."""
    head, _chunks = document_to_parts(document)
    return hashlib.sha256(head).hexdigest()


def _chunks_of(rows: Iterable[CardRow | MatrixRow]) -> list[bytes]:
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
