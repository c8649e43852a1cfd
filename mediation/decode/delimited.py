"""Delimited text: one line, one item. What the columns mean is the mapping's."""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from mediation.decode.delimited_mapping import DelimitedMapping, LearnZone, QuantityRule
from mediation.decode.item import (
    MAX_TEXT,
    DecodedItem,
    Ignored,
    Item,
    MadeCompiled,
    Outcome,
    check_text,
)
from mediation.decode.local_time import (
    PrintedMinutes,
    PrintedTime,
    WallClock,
    iso_time,
    learnt_offset_ms,
    wall_clock,
)
from mediation.decode.ordinary_row import (
    NO_TEXT,
    Columns,
    OrdinaryRow,
    Row,
    SecondsBehind,
    TextAt,
    offset_reader,
    ordinary_row,
    seconds_behind,
)
from mediation.decode.quantity import quantity_of, scaled
from mediation.decode.written_number import cleaned, separated, separation
from mediation.identity import record_id_of, row_record_id
from native import compiled
from schemas import raw
from schemas.refusal import RefusalReason, Refused

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

_BOM = b"\xef\xbb\xbf"
_HEADERS_REMEMBERED = 100
# Of a block, lines behind which the parser is begun anew: each of them may have read all the rest.
_MOST_BROKEN = 8
_LONGEST_QUOTED = 100_000  # characters; the parser refuses a cell of 131,073
_EPOCH_S = re.compile(r"[0-9]{1,12}")  # str.isdigit() takes digits that int() refuses
_EMPTY_LINE = Ignored("an empty line")
_COLUMN_NAMES = Ignored("the line of column names")
_NO_ZONE = Refused(
    RefusalReason.TIME_WITHOUT_ZONE,
    "the time is local; neither the record nor the raw header zone nor the mapping names its zone",
)
_UNKNOWN_ZONE = Refused(
    RefusalReason.TIME_WITHOUT_ZONE, "the raw header zone is not the IANA name of a zone"
)
_pack = msgspec.msgpack.Encoder().encode
_native = compiled("rows")


class DelimitedDecoder:
    """A delimited mapping, compiled to column positions."""

    def __init__(self, mapping: DelimitedMapping) -> None:
        self._mapping = mapping
        self.name = mapping.name
        self.version = mapping.version
        self.digest = mapping.digest
        self.names_columns = mapping.by_header
        self.reads_cdr_files = False
        self._between_quoted = f"{mapping.quote}{mapping.delimiter}{mapping.quote}"
        self._in_order = (
            None if mapping.by_header else _RowReader(mapping, self._columns(), mapping.columns)
        )
        self._by_header: dict[tuple[str, ...], _RowReader | Refused] = {}

    def decode(self, value: bytes, headers: Mapping[str, bytes]) -> list[Item]:
        """Return an item per line; a broken one never reaches into the next."""
        return list(self.each(value, headers))

    def each(self, value: bytes, headers: Mapping[str, bytes]) -> _Block:
        """Return the items of `decode`, one after the other."""
        return _Block(self, value, headers)

    def _columns(self) -> tuple[str, ...]:
        return (*self._mapping.columns, *self._mapping.optional_columns)

    def _rows(self, value: bytes, lines: list[bytes]) -> Iterator[Row | Refused]:
        """Yield the cells of each line; the parser goes over many of them at once where it can."""
        if value.startswith(_BOM):
            value = value[len(_BOM) :]
            lines = [lines[0][len(_BOM) :], *lines[1:]]
        if b"\0" in value:
            yield from map(self._row, lines)
            return
        try:
            texts = value.decode(self._mapping.encoding).split("\n")[: len(lines)]
        except UnicodeDecodeError:
            texts = [self._text_or_empty(line) for line in lines]
        if texts and self._quoted_cells(texts[0]) is not None:
            # Whoever quotes every cell of a line does so in all of them.
            for line, text in zip(lines, texts, strict=True):
                yield self._quoted_cells(text) or self._row(line)
        else:
            yield from self._parsed(lines, texts)

    def _quoted_cells(self, text: str) -> Row | None:
        """Return the cells of a line where each is quoted and none holds a quote; else None.

        The quotes are counted: as many as the cells need, so none is left to be in one. That is
        what the parser gives, in half the time.
        """
        quote = self._mapping.quote
        if quote is None or text[:1] != quote or len(text) > _LONGEST_QUOTED:
            return None
        cells = text[1:-1].split(self._between_quoted)
        return cells if text.count(quote) == 2 * len(cells) and text[-1] == quote else None

    def _parsed(self, lines: list[bytes], texts: list[str]) -> Iterator[Row | Refused]:
        at = 0
        for _ in range(_MOST_BROKEN):
            if at == len(lines):
                return
            parser, begun_at = self._parser(texts[at:] if at else texts), at
            try:
                for row in parser:
                    # A quote that is not closed takes the next lines for its own.
                    if parser.line_num != at - begun_at + 1:
                        break
                    yield row or self._row(lines[at])
                    at += 1
            except csv.Error:
                pass
            if at < len(lines):
                yield self._row(lines[at])
                at += 1
        yield from map(self._row, lines[at:])

    def _text_or_empty(self, line: bytes) -> str:
        try:
            return line.decode(self._mapping.encoding)
        except UnicodeDecodeError:
            return ""  # no cells: it is looked at alone

    def _row(self, line: bytes) -> Row | Refused:
        if b"\0" in line:
            return Refused(RefusalReason.INVALID_FIELD, "the line holds a NUL byte")
        try:
            rows = list(self._parser([line.decode(self._mapping.encoding)]))
        except UnicodeDecodeError as error:
            return Refused(
                RefusalReason.INVALID_ENCODING,
                f"byte {error.start + 1} of the line is not {self._mapping.encoding}",
            )
        except csv.Error as error:
            return Refused(
                RefusalReason.WRONG_COLUMN_COUNT, f"the line does not part into columns: {error}"
            )
        return rows[0]

    def _parser(self, lines: Sequence[str]) -> CsvReader:
        quote = self._mapping.quote
        return csv.reader(
            lines,
            delimiter=self._mapping.delimiter,
            quotechar=quote,
            quoting=csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL,
            strict=True,
        )

    def _clock(self, headers: Mapping[str, bytes]) -> WallClock | Refused:
        stated = headers.get(raw.ZONE)
        zone = self._mapping.zone if stated is None else stated.decode("utf-8", "replace")
        if zone is None:
            return _NO_ZONE
        return wall_clock(zone) or _UNKNOWN_ZONE

    def _reader(
        self, lines: Sequence[bytes], headers: Mapping[str, bytes]
    ) -> tuple[_RowReader | Refused, int]:
        """Return who reads the rows, and the index of the line of column names or -1."""
        if self._in_order is not None:
            return self._in_order, -1
        header_row = -1
        named: Row | Refused
        first = lines[0].removeprefix(_BOM) if lines else None
        if raw.COLUMNS_LINE in headers:
            named = self._row(headers[raw.COLUMNS_LINE].removeprefix(_BOM).rstrip(b"\r\n"))
            if headers.get(raw.FIRST_LINE, b"1") == b"1" and first is not None:
                header_row = 0 if self._row(first) == named else -1
        elif headers.get(raw.FIRST_LINE, b"1") == b"1" and first is not None:
            named, header_row = self._row(first), 0
        else:
            named = Refused(
                RefusalReason.MISSING_HEADER,
                f"the raw header {raw.COLUMNS_LINE} must give the line of column names",
            )
        if isinstance(named, Refused):
            return named, -1
        return self._reader_of(tuple(named)), header_row

    def _reader_of(self, columns: tuple[str, ...]) -> _RowReader | Refused:
        reader = self._by_header.get(columns)
        if reader is None:
            if len(self._by_header) >= _HEADERS_REMEMBERED:
                self._by_header.clear()
            reader = self._by_header[columns] = self._compiled(columns)
        return reader

    def _compiled(self, columns: tuple[str, ...]) -> _RowReader | Refused:
        missing = [name for name in self._mapping.columns if columns.count(name) != 1]
        if missing:
            return Refused(
                RefusalReason.WRONG_COLUMN_COUNT,
                f"the line of column names does not name {', '.join(missing)} once",
            )
        return _RowReader(self._mapping, columns, columns)


class _Block(MadeCompiled):
    """The lines of a raw record; each is an item."""

    def __init__(
        self, decoder: DelimitedDecoder, value: bytes, headers: Mapping[str, bytes]
    ) -> None:
        self._decoder, self._value = decoder, value
        self._lines = value.split(b"\n")
        if not self._lines[-1]:
            self._lines.pop()
        self._clock = decoder._clock(headers)
        self._reader, self._header_row = decoder._reader(self._lines, headers)

    def __iter__(self) -> Iterator[Item]:
        lines = self._lines
        # Row by row, not all rows first: a block's cells are more than a processor keeps at hand.
        rows = self._decoder._rows(self._value, lines)
        for index, (line, row) in enumerate(zip(lines, rows, strict=True)):
            yield index, line, self._outcome(index, line, row)

    def made_compiled(self, maker: object, *about: object) -> list[object] | None:
        """Return what ``maker`` makes of the items, or None where nothing compiled reads them."""
        reader, clock = self._reader, self._clock
        if isinstance(reader, Refused) or reader.compiled is None:
            return None
        known = clock if isinstance(clock, WallClock) else None
        made: list[object] = reader.compiled.items(
            maker, *about, self._value, known, self._outcome_alone, self._header_row
        )
        return made

    def _outcome_alone(self, index: int, line: bytes) -> Outcome:
        text = line.removeprefix(_BOM) if index == 0 else line
        return self._outcome(index, line, self._decoder._row(text))

    def _outcome(self, index: int, line: bytes, row: Row | Refused) -> Outcome:
        if isinstance(row, Refused):
            return row
        if not row or not line.strip():
            return _EMPTY_LINE
        if index == self._header_row:
            return _COLUMN_NAMES
        if isinstance(self._reader, Refused):
            return self._reader
        return self._reader.read(row, self._clock, len(line) > MAX_TEXT)


class _RowReader:
    """Reads rows whose columns stand in a known order."""

    def __init__(
        self, mapping: DelimitedMapping, columns: tuple[str, ...], required: tuple[str, ...]
    ) -> None:
        # A column that is optional and not named in the file is read as empty, past the end.
        self._padding = [""] * (1 + len(columns) - len(required))
        self._fewest, self._most = len(required), len(columns)
        self._names = columns

        def at(name: str) -> int:
            return columns.index(name) if name in columns else len(columns)

        self._mapping = mapping
        self._formats = mapping.time_formats
        learn = mapping.learn_zone
        texts = [
            (at(rule.column), rule.remove, rule.strip, separation(number=rule.number))
            if rule
            else NO_TEXT
            for rule in (mapping.origin, mapping.destination, mapping.service_class)
        ]
        self._columns = Columns(
            started_at=tuple(at(name) for name in mapping.started_at),
            ended_at=tuple(at(name) for name in mapping.ended_at),
            identity=tuple(tuple(at(name) for name in way) for way in mapping.identity),
            identifiers=tuple(at(name) for name in mapping.identifiers),
            quantities=tuple((rule, at(rule.column or "")) for rule in mapping.quantities),
            texts=(texts[0], texts[1], texts[2]),
            attributes=tuple((name, at(column)) for name, column in mapping.attributes),
            allowed=tuple((at(name), values) for name, values in mapping.allowed),
            ignore=tuple((at(name), values) for name, values in mapping.ignore),
            content=tuple(at(name) for name in mapping.content),
            product=at(mapping.product.column) if mapping.product.column else -1,
            learn=(at(learn.column), at(learn.against)) if learn else (0, 0),
        )
        self._products = dict(mapping.product.table)
        self._content_version = int.from_bytes(
            hashlib.blake2b(_pack(["delimited", *mapping.content]), digest_size=2).digest(), "big"
        )
        self._ordinary: OrdinaryRow | None = None
        self.compiled: Any = None
        # There is no short way where another format is tried before `iso_time`.
        if mapping.time_formats[:1] == (iso_time,):
            wall_minutes = PrintedMinutes(lambda wall_ms: wall_ms)
            ways: dict[str, Any] = {
                "products": self._products,
                "product_otherwise": mapping.product.constant,
                "usage_kind": mapping.usage_kind,
                "offset_of": learn and offset_reader(learn, wall_minutes),
                "wall_minutes": wall_minutes,
                "content_version": self._content_version,
                "quantity_of_text": _quantity,
            }
            self._ordinary = ordinary_row(self._columns, full_record_id=self._record_id, **ways)
            if _native is not None and self._can_be_compiled(_native.MOST_COLUMNS):
                self.compiled = _native.OrdinaryRows(
                    self._columns,
                    delimiter=mapping.delimiter,
                    quote=mapping.quote,
                    is_utf8=codecs.lookup(mapping.encoding).name == "utf-8",
                    fewest=self._fewest,
                    most=self._most,
                    longest_text=MAX_TEXT,
                    learnt=_learnt(learn),
                    **ways,
                )

    def _can_be_compiled(self, most_columns: int) -> bool:
        """Return whether bytes of ASCII are what they look like, and nothing else is in the way."""
        mapping = self._mapping
        columns = self._columns
        characters = bytes(range(32, 127))
        units = [rule.unit for rule in mapping.quantities]
        # A mapping may name a column as often as it likes.
        lists = (columns.started_at, columns.ended_at, columns.identifiers, columns.content)
        return (
            max(self._most, *map(len, lists)) <= most_columns
            and (mapping.delimiter + (mapping.quote or "")).isascii()
            and characters.decode(mapping.encoding) == characters.decode("ascii")
            and len(set(units)) == len(units)
        )

    def read(self, row: Row, clock: WallClock | Refused, long: bool) -> Outcome:
        """Return what a row is. ``long``: a cell may be longer than a text may be."""
        cells = len(row)
        if not self._fewest <= cells <= self._most:
            return self._wrong_count(cells)
        row += self._padding
        item: Outcome | None = None
        if self._ordinary is not None:
            item = self._ordinary(row, cells, clock if isinstance(clock, WallClock) else None)
        if item is None:
            item = self.read_in_full(row, cells, clock)
        if long and isinstance(item, DecodedItem) and max(map(len, row)) > MAX_TEXT:
            return _checked(item)
        return item

    def read_in_full(self, row: Row, cells: int, clock: WallClock | Refused) -> Outcome:
        """Return what a padded row is, by every rule there is. Its own cells are the first ones."""
        columns = self._columns
        for at, values in columns.ignore:
            if row[at] in values:
                return Ignored(f"{self._name(at)} is one that the mapping ignores")
        for at, values in columns.allowed:
            if row[at] not in values:
                return Refused(
                    RefusalReason.INVALID_FIELD,
                    f"{self._name(at)} is none of the mapping's values: columns may be shifted",
                )
        times = self._times(row, clock)
        if isinstance(times, Refused):
            return times
        quantities: dict[str, Decimal] = {}
        for rule, at in columns.quantities:
            quantity = _quantity(rule, row[at])
            if isinstance(quantity, Refused):
                return quantity
            if quantity is not None:
                quantities[rule.unit] = quantity
        product = self._product(row)
        if isinstance(product, Refused):
            return product
        record_id = self._record_id(row, cells)
        if isinstance(record_id, Refused):
            return record_id
        identifiers = tuple(row[at] for at in columns.identifiers if row[at])
        if not identifiers:
            names = " and ".join(self._mapping.identifiers)
            return Refused(RefusalReason.MISSING_FIELD, f"{names} are empty: whose usage is it?")
        origin, destination, service_class = (_text(row, text) for text in columns.texts)
        for (at, *_, is_separated), text in zip(columns.texts, (origin, destination), strict=False):
            if text is not None and is_separated(text):
                return separated(text, self._name(at))
        return DecodedItem(
            record_id=record_id,
            identifiers=identifiers,
            started_at_ms=times[0],
            ended_at_ms=times[1],
            product=product,
            usage_kind=self._mapping.usage_kind,
            quantities=quantities,
            origin=origin,
            destination=destination,
            service_class=service_class,
            attributes={name: row[at] for name, at in columns.attributes if row[at]},
            content=_pack([row[at] for at in columns.content]),
            content_version=self._content_version,
        )

    def _name(self, at: int) -> str:
        return self._names[at] if at < len(self._names) else "a column that is not there"

    def _wrong_count(self, cells: int) -> Refused:
        expected = f"{self._fewest}"
        if self._most > self._fewest:
            expected += f" to {self._most}"
        return Refused(
            RefusalReason.WRONG_COLUMN_COUNT, f"{cells} columns where {expected} are expected"
        )

    def _times(self, row: Row, clock: WallClock | Refused) -> tuple[int, int | None] | Refused:
        """Return when the usage began and ended."""
        started = self._printed(row, self._columns.started_at)
        if started is None:
            return Refused(
                RefusalReason.MISSING_FIELD, f"{' and '.join(self._mapping.started_at)} are empty"
            )
        if isinstance(started, Refused):
            return started
        offset: int | None = None
        if self._mapping.learn_zone is not None and not started[1]:
            learnt = self._learnt(row, started)
            if isinstance(learnt, Refused):
                return learnt
            offset = learnt
        started_ms = _instant(started, offset, clock)
        if isinstance(started_ms, Refused):
            return started_ms
        # Nothing is priced by the end, and no duration is made of it. Where the wall clock does
        # not tell it (the hour that happens twice, an end before the start) it is left out.
        ended = self._printed(row, self._columns.ended_at)
        if ended is None or isinstance(ended, Refused):
            return started_ms, None
        ended_ms = _instant(ended, offset, clock)
        if isinstance(ended_ms, Refused) or ended_ms < started_ms:
            return started_ms, None
        return started_ms, ended_ms

    def _printed(self, row: Row, columns: tuple[int, ...]) -> PrintedTime | Refused | None:
        for at in columns:
            text = row[at]
            if text:
                for read in self._formats:
                    time = read(text)
                    if time is not None:
                        return time
                return Refused(
                    RefusalReason.INVALID_TIME,
                    f"{self._name(at)} is not a time in one of the mapping's formats",
                )
        return None

    def _learnt(self, row: Row, started: PrintedTime) -> int | Refused | None:
        """Return the offset that the row tells by itself, or None where it tells none."""
        learn = self._mapping.learn_zone
        assert learn is not None
        epoch_at, against_at = self._columns.learn
        found = learn.pattern.search(row[epoch_at])
        if found is None or not _EPOCH_S.fullmatch(found[1] or ""):
            return None
        against = self._printed(row, (against_at,))
        if against is None or isinstance(against, Refused) or against[1]:
            return None
        if started[0] < against[0]:
            return Refused(
                RefusalReason.INVALID_TIME,
                f"the usage began before {learn.against}: the clocks may have gone back between",
            )
        return learnt_offset_ms(against[0], int(found[1]) * 1000, within_ms=learn.within_ms)

    def _product(self, row: Row) -> str | Refused:
        rule = self._mapping.product
        product = rule.constant
        if self._columns.product >= 0:
            product = self._products.get(row[self._columns.product], product)
        if product is None:
            return Refused(
                RefusalReason.INVALID_FIELD, f"{rule.column} names no product of the mapping"
            )
        return product

    def _record_id(self, row: Row, cells: int) -> str | Refused:
        for way in self._columns.identity:
            values = [row[at] for at in way]
            if all(values):
                return record_id_of(*values)
        if self._mapping.identity_of_row:
            return row_record_id(row[:cells])
        names = " or ".join("+".join(way) for way in self._mapping.identity)
        return Refused(RefusalReason.MISSING_FIELD, f"{names} is empty: which record is it?")


def _instant(time: PrintedTime, offset: int | None, clock: WallClock | Refused) -> int | Refused:
    ms, aware = time
    if aware:
        return ms
    if offset is not None:
        return ms - offset
    return clock if isinstance(clock, Refused) else clock.instant_ms(ms)


def _learnt(zone: LearnZone | None) -> tuple[SecondsBehind, int] | None:
    """Return what `native.rows` needs to tell an offset without the pattern; None where it cannot."""
    seconds = zone and seconds_behind(zone.pattern)
    return (seconds, zone.within_ms) if zone and seconds else None


def _quantity(rule: QuantityRule, text: str) -> Decimal | Refused | None:
    if rule.column is None:
        return rule.constant
    if rule.optional and not text:
        return None
    quantity = quantity_of(text, field=rule.column, signed=rule.signed)
    if rule.factor is None or isinstance(quantity, Refused):
        return quantity
    return scaled(quantity, rule.factor, field=rule.column, signed=rule.signed)


def _text(row: Row, rule: TextAt) -> str | None:
    at, remove, strip, _ = rule
    return cleaned(row[at], remove, strip) or None


def _checked(item: DecodedItem) -> Outcome:
    """Return the item, or a refusal where one of its texts is too long to keep."""
    texts = [("the record id", item.record_id), ("origin", item.origin)]
    texts += [("destination", item.destination), ("service class", item.service_class)]
    texts += [("an identifier", identifier) for identifier in item.identifiers]
    texts += [(f"attribute {name}", text) for name, text in item.attributes.items()]
    for field, text in texts:
        refused = check_text(text, field) if text else None
        if refused is not None:
            return refused
    return item
