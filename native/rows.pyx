# cython: language_level=3, boundscheck=False, wraparound=False
"""Ordinary rows, from the bytes of a block to their events: most of all rows, and no object between.

A row is ordinary where it is UTF-8 without control characters, its cells are whole within their quotes, and
each of its fields is what `mediation/decode/ordinary_row.py` takes for ordinary. All others, and those that are no
event in the end, are read by the full way, one by one. That both give the same is a law
(`tests/property/test_mediation_short_ways.py`, `test_native_rows.py`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcpy

from native.ordinary cimport Maker, Usage, clear, free
from native.owners cimport Held
from native.texts cimport TextRule, begins, digits_alone, holds, is_same, is_utf8, packed, str_of
from native.wire cimport (
    Bytes, Text, drop, make_room, pack_array_head, pack_map_head, pack_str, pack_text, put, put_byte, text_of,
)

from decimal import Decimal

cdef enum:
    MOST = 256  # columns; of a mapping with more no row is ordinary
    LONGEST = 100_000  # bytes of a row; the full way's parser has a bound of its own
    PLAIN_DIGITS = 18  # `mediation.decode.quantity.PLAIN_DIGITS`
    MINUTE = 16  # characters of "2026-03-01 12:00"
    PRINTED = 19  # with the seconds
    SLOTS = 1024  # minutes at hand, a power of two
    FEW = 12  # values that are compared one by one
    CLOCKS = 64
    MOST_SECONDS = 12  # digits
    # `mediation.decode.local_time`, where they are private.
    QUARTER_MS = 900_000
    MOST_WEST_MS = -43_200_000
    MOST_EAST_MS = 50_400_000

MOST_COLUMNS = MOST
cdef object decimal_type = Decimal
cdef bytes BYTE_ORDER_MARK = b"\xef\xbb\xbf"


cdef struct Places:
    int count
    int at[MOST]


cdef struct Cells:
    int count
    Text at[MOST + 1]


cdef int placed(Places *places, columns) except -1:
    places.count = 0
    for at in columns:
        if places.count == MOST:
            raise OverflowError(f"more than {MOST} columns in a list")
        places.at[places.count] = at
        places.count += 1
    return 0


cdef class Minutes:
    """What `PrintedMinutes` knows, with those of late at hand: by the sixteen characters."""

    cdef object printed
    cdef uint64_t keys[2 * SLOTS]
    cdef int64_t values[SLOTS]
    cdef uint8_t known[SLOTS]

    def __init__(self, printed) -> None:
        self.printed = printed

    cdef int instant(self, Text text, int64_t *to) except -1:
        """Put the instant of a printed time there, and return 1; 0 where this way does not tell it."""
        cdef uint64_t first, second
        cdef int slot, tens, ones
        if text.length != PRINTED or text.at[MINUTE] != 58:
            return 0
        tens, ones = text.at[MINUTE + 1] - 48, text.at[MINUTE + 2] - 48
        if tens < 0 or tens > 5 or ones < 0 or ones > 9:
            return 0
        memcpy(&first, text.at, 8)
        memcpy(&second, text.at + 8, 8)
        slot = <int>(((first * 0x9E3779B97F4A7C15ULL) ^ (second * 0xC2B2AE3D27D4EB4FULL)) >> 54)
        if not (self.known[slot] and self.keys[2 * slot] == first and self.keys[2 * slot + 1] == second):
            found = self.printed[PyUnicode_DecodeUTF8(<const char *>text.at, MINUTE, "replace")]
            if found is None:
                return 0
            self.values[slot] = found
            self.keys[2 * slot], self.keys[2 * slot + 1], self.known[slot] = first, second, 1
        to[0] = self.values[slot] + (tens * 10 + ones) * 1000
        return 1


cdef class LearntOffset:
    """What `offset_reader` tells of a row, where its pattern is `SecondsBehind`: `learnt_offset_ms` too."""

    cdef uint8_t separator
    cdef int fewest, most
    cdef int64_t within_ms

    def __init__(self, seconds, int64_t within_ms) -> None:
        self.separator, self.fewest, self.most = ord(seconds.separator), seconds.fewest, seconds.most
        self.within_ms = within_ms

    cdef bint seconds(self, Text text, int64_t *to) noexcept:
        """Put the seconds that a text has there; False where it does not match."""
        cdef Py_ssize_t dot = text.length, begin, at
        while dot > 0 and is_digit(text.at[dot - 1]):
            dot -= 1
        if dot == text.length or dot == 0 or text.at[dot - 1] != 46:
            return False
        dot -= 1
        begin = dot
        while begin > 0 and is_digit(text.at[begin - 1]):
            begin -= 1
        if begin > 0 and text.at[begin - 1] != self.separator:
            return False
        if dot - begin < self.fewest or dot - begin > self.most or dot - begin > MOST_SECONDS:
            return False
        to[0] = 0
        for at in range(begin, dot):
            to[0] = 10 * to[0] + text.at[at] - 48
        return True

    cdef int tell(self, Text learn, Text against, Minutes minutes, int64_t started_ms, int64_t *to) except -1:
        """Put the offset of a wall clock there, and return 1; 0 where the row does not tell it."""
        cdef int64_t epoch_s, wall_ms, difference
        if not self.seconds(learn, &epoch_s):
            return 0
        if not minutes.instant(against, &wall_ms) or started_ms < wall_ms:
            return 0
        difference = wall_ms - epoch_s * 1000
        to[0] = (difference + QUARTER_MS // 2) // QUARTER_MS * QUARTER_MS
        if not MOST_WEST_MS <= to[0] <= MOST_EAST_MS:
            return 0
        return -self.within_ms <= difference - to[0] <= self.within_ms


cdef inline bint is_digit(uint8_t character) noexcept:
    return 48 <= character <= 57


cdef class Values:
    """The values that a column may have, or may not."""

    cdef int at
    cdef tuple few
    cdef frozenset many

    def __init__(self, int at, values) -> None:
        self.at = at
        self.many = frozenset([each.encode() for each in values])
        self.few = tuple(self.many)

    cdef bint hold(self, Cells *cells) except -1:
        cdef Text text = cells.at[self.at]
        if len(self.few) > FEW:
            return PyBytes_FromStringAndSize(<const char *>text.at, text.length) in self.many
        for value in self.few:
            if is_same(text, <bytes>value):
                return True
        return False


cdef class Quantity:
    cdef bytes unit  # MessagePack
    cdef bytes constant  # MessagePack; None: of the column
    cdef int at
    cdef bint is_plain
    cdef object rule

    def __init__(self, bytes unit, bytes constant, int at, rule) -> None:
        self.unit, self.constant, self.at, self.rule = unit, constant, at, rule
        self.is_plain = rule.factor is None


cdef class OrdinaryRows:
    """Reads the rows of a mapping whose columns stand in a known order."""

    cdef uint8_t delimiter
    cdef int quote  # -1: none
    cdef bint is_utf8
    cdef int fewest, most, longest_text
    cdef Places started_at, ended_at, identifiers, content
    cdef list ways, allowed, ignore, quantities, attributes
    cdef TextRule origin, destination, service_class
    cdef int texts_at[3]  # -1: there is none
    cdef int product_at, learn_at, against_at
    cdef dict products, clocks
    cdef Text product_otherwise, usage_kind
    cdef object offset_of, quantity_of_text, held
    cdef LearntOffset learnt  # None: `offset_of` tells it
    cdef Minutes wall_minutes
    cdef int content_version
    cdef Bytes content_bytes, joined, unquoted

    def __dealloc__(self) -> None:
        drop(&self.content_bytes)
        drop(&self.joined)
        drop(&self.unquoted)

    def __init__(
        self, columns, *, str delimiter, quote, bint is_utf8, int fewest, int most, int longest_text, products,
        product_otherwise, usage_kind, int content_version, quantity_of_text, offset_of, wall_minutes, learnt,
    ) -> None:
        """``columns`` are `ordinary_row.Columns` of at most `MOST` columns, with ASCII ``delimiter`` and
        ``quote``; the encoding has all of ASCII, ``is_utf8`` says that it is UTF-8. ``offset_of`` is None where
        rows do not tell the zone; else ``wall_minutes`` are what the wall clock's minutes are, and ``learnt``,
        if its pattern is one of `SecondsBehind`, that and the milliseconds within which both clocks agree."""
        if most > MOST:
            raise OverflowError(f"{most} columns")
        self.delimiter, self.quote = ord(delimiter), -1 if quote is None else ord(quote)
        self.is_utf8 = is_utf8
        self.fewest, self.most, self.longest_text = fewest, most, longest_text
        placed(&self.started_at, columns.started_at)
        placed(&self.ended_at, columns.ended_at)
        placed(&self.identifiers, columns.identifiers)
        placed(&self.content, columns.content)
        self.ways = list(columns.identity)
        self.allowed = [Values(*each) for each in columns.allowed]
        self.ignore = [Values(*each) for each in columns.ignore]
        self.quantities = [
            Quantity(packed(rule.unit), constant_of(rule), at, rule) for rule, at in columns.quantities
        ]
        self.attributes = [(packed(name), at) for name, at in columns.attributes]
        self.texts_at = [at for at, *_ in columns.texts]
        origin, destination, service_class = [rule for _, *rule in columns.texts]
        self.origin, self.destination = TextRule(*origin), TextRule(*destination)
        self.service_class = TextRule(*service_class[:2], None)
        self.product_at = columns.product
        self.learn_at, self.against_at = columns.learn
        self.products = {text.encode(): name for text, name in products.items()}
        self.held = product_otherwise, usage_kind
        self.product_otherwise, self.usage_kind = text_of(product_otherwise), text_of(usage_kind)
        self.content_version = content_version
        self.quantity_of_text, self.offset_of = quantity_of_text, offset_of
        self.wall_minutes = Minutes(wall_minutes)
        self.learnt = None if learnt is None else LearntOffset(*learnt)
        self.clocks = {}

    def items(
        self, Maker maker, record, origin, int64_t horizon_ms, int64_t future_ms, bytes value, clock,
        in_full, int64_t header_row,
    ) -> list:
        """Return the items of a block. ``clock`` None: no zone is known; ``in_full(index, line)`` says what a
        line is that is not ordinary; the line at ``header_row`` is none that is, and neither is the first
        where a byte order mark stands before it."""
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(value)
        cdef const uint8_t *end = at + PyBytes_GET_SIZE(value)
        cdef const uint8_t *line_end
        cdef int64_t index = 0
        cdef Minutes minutes
        cdef Usage usage
        cdef Cells cells
        cdef Text whole
        cdef bint marked
        cdef list made = []
        cdef bytes line
        whole.at, whole.length = at, end - at
        marked = begins(whole, BYTE_ORDER_MARK)
        minutes = self.wall_minutes if self.offset_of is not None else self._minutes(clock)
        maker.open(record, origin, horizon_ms, future_ms)
        clear(&usage)
        usage.usage_kind, usage.content_version = self.usage_kind, self.content_version
        try:
            while at < end:
                line_end = <const uint8_t *>memchr(at, 10, end - at)
                if line_end == NULL:
                    line_end = end
                line = PyBytes_FromStringAndSize(<const char *>at, line_end - at)
                item = None
                if (
                    minutes is not None
                    and index != header_row
                    and not (marked and index == 0)
                    and self._parted(at, line_end, &cells)
                ):
                    item = self._item(maker, &usage, &cells, minutes, index, line)
                if item is None:
                    item = maker.from_outcome(&usage, in_full(index, line), index, line)
                    usage.usage_kind, usage.content_version = self.usage_kind, self.content_version
                made.append(item)
                at = line_end + 1
                index += 1
        finally:
            free(&usage)
        return made

    cdef Minutes _minutes(self, clock):
        if clock is None:
            return None
        found = self.clocks.get(clock)
        if found is None:
            if len(self.clocks) >= CLOCKS:
                self.clocks.clear()
            found = self.clocks[clock] = Minutes(clock.printed)
        return <Minutes>found

    cdef bint _parted(self, const uint8_t *at, const uint8_t *end, Cells *cells) except -1:
        """Part a line into its cells; False where that is not ordinary."""
        cdef const uint8_t *begin
        cdef uint8_t delimiter = self.delimiter
        cdef int quote = self.quote, count = 0
        cdef bint blank = True, beyond = False
        cdef uint8_t *doubled
        cdef uint8_t *written = NULL
        cdef Text whole
        whole.at, whole.length = at, end - at
        if end > at and (end - 1)[0] == 13:
            end -= 1
        if end == at or end - at > LONGEST:
            return False
        self.unquoted.used = 0
        make_room(&self.unquoted, end - at)  # for all of it: cells point there
        while True:
            if count == self.most:
                return False
            if at < end and at[0] == quote:
                at += 1
                begin = at
                doubled = NULL
                while at < end and (at[0] != quote or (at + 1 < end and at[1] == quote)):
                    if at[0] < 32 or at[0] == 127:
                        return False
                    if at[0] == quote:  # two of them are one of the cell
                        if doubled == NULL:
                            doubled = self.unquoted.at + self.unquoted.used
                            written = doubled
                            memcpy(written, begin, at - begin)
                            written += at - begin
                        at += 1
                    if doubled != NULL:
                        written[0] = at[0]
                        written += 1
                    beyond |= at[0] > 127
                    at += 1
                if at == end:
                    return False
                if doubled != NULL:
                    self.unquoted.used += written - doubled
                    cells.at[count].at, cells.at[count].length = doubled, written - doubled
                else:
                    cells.at[count].at, cells.at[count].length = begin, at - begin
                at += 1
                blank = False
                if at < end and at[0] != delimiter:
                    return False
            else:
                begin = at
                while at < end and at[0] != delimiter:
                    if at[0] < 32 or at[0] == 127 or at[0] == quote:
                        return False
                    beyond |= at[0] > 127
                    if at[0] != 32:
                        blank = False
                    at += 1
                cells.at[count].at, cells.at[count].length = begin, at - begin
            if cells.at[count].length > self.longest_text:
                return False
            count += 1
            if at == end:
                break
            at += 1
            if delimiter != 32:
                blank = False
        if blank or count < self.fewest:
            return False
        if beyond and not (self.is_utf8 and is_utf8(whole)):
            return False
        cells.count = count
        # A column that the row does not have is read as empty.
        for count in range(count, self.most + 1):
            cells.at[count].at, cells.at[count].length = end, 0
        return True

    cdef object _item(
        self, Maker maker, Usage *usage, Cells *cells, Minutes minutes, int64_t index, bytes line
    ):
        """Return the event of a row; None where the full way must tell what it is."""
        cdef Values values
        cdef Text text
        cdef int place
        cdef const Held *owner
        cdef int64_t offset_ms
        cdef Text identifiers[MOST]
        cdef Py_ssize_t known
        cdef Bytes *content = &self.content_bytes
        for values in self.ignore:
            if values.hold(cells):
                return None
        for values in self.allowed:
            if not values.hold(cells):
                return None
        if not minutes.instant(first_of(cells, &self.started_at), &usage.started_ms):
            return None
        text = first_of(cells, &self.ended_at)
        usage.has_end = text.length > 0
        usage.ended_ms = 0
        if usage.has_end:
            if not minutes.instant(text, &usage.ended_ms) or usage.ended_ms < usage.started_ms:
                return None
        if self.learnt is not None:
            if not self.learnt.tell(
                cells.at[self.learn_at], cells.at[self.against_at], minutes, usage.started_ms, &offset_ms
            ):
                return None
            usage.started_ms -= offset_ms
            usage.ended_ms -= offset_ms
        elif self.offset_of is not None:
            offset = self.offset_of(
                str_of(cells.at[self.learn_at]), str_of(cells.at[self.against_at]), usage.started_ms
            )
            if offset is None:
                return None
            usage.started_ms -= <int64_t>offset
            usage.ended_ms -= <int64_t>offset
        if not self._quantities(usage, cells):
            return None
        usage.product = self.product_otherwise
        if self.product_at >= 0:
            text = cells.at[self.product_at]
            product = self.products.get(PyBytes_FromStringAndSize(<const char *>text.at, text.length))
            if product is not None:
                usage.product = text_of(product)  # held by the table
        if usage.product.at == NULL or not self._record_id(usage, cells):
            return None
        known = self._identifiers(cells, identifiers)
        if not known:
            return None
        if not (
            self._text(cells, 0, self.origin, &usage.origin)
            and self._text(cells, 1, self.destination, &usage.destination)
            and self._text(cells, 2, self.service_class, &usage.service_class)
        ):
            return None
        maker.owners.soon(maker.tenant_number, identifiers[0])
        content.used = 0
        pack_array_head(content, self.content.count)
        for place in range(self.content.count):
            pack_text(content, cells.at[self.content.at[place]])
        maker.owners.sooner(maker.tenant_number, identifiers[0])
        maker.identify(usage.record_id, content.at, content.used)
        owner = maker.owner(identifiers, known, usage.started_ms)
        if owner == NULL:
            return None
        self._attributes(usage, cells)
        return maker.item(usage, owner, index, line)

    cdef int _text(self, Cells *cells, int which, TextRule rule, Text *to) except -1:
        if self.texts_at[which] >= 0:
            return rule.cleaned(cells.at[self.texts_at[which]], to)
        to.at, to.length = NULL, 0
        return 1

    cdef bint _quantities(self, Usage *usage, Cells *cells) except -1:
        cdef Quantity quantity
        cdef Text text
        cdef Bytes *to = &usage.quantities
        to.used = 0
        pack_map_head(to, len(self.quantities))
        for quantity in self.quantities:
            put(to, PyBytes_AS_STRING(quantity.unit), PyBytes_GET_SIZE(quantity.unit))
            if quantity.constant is not None:
                put(to, PyBytes_AS_STRING(quantity.constant), PyBytes_GET_SIZE(quantity.constant))
                continue
            text = cells.at[quantity.at]
            if quantity.is_plain and text.length <= PLAIN_DIGITS and digits_alone(text):
                while text.length > 1 and text.at[0] == 48:
                    text.at += 1
                    text.length -= 1
                pack_text(to, text)
                continue
            found = self.quantity_of_text(quantity.rule, str_of(text))
            if type(found) is not decimal_type:
                return False
            pack_str(to, str(found))
        return True

    cdef bint _record_id(self, Usage *usage, Cells *cells) except -1:
        cdef Bytes *to = &self.joined
        cdef Text text
        cdef int at
        for way in self.ways:
            to.used = 0
            for at in <tuple>way:
                text = cells.at[at]
                if text.length == 0:
                    break
                if holds(text, 47) or holds(text, 126):  # "/" and "~" are written in another way
                    return False
                if to.used:
                    put_byte(to, 47)
                put(to, text.at, text.length)
            else:
                usage.record_id.at, usage.record_id.length = to.at, to.used
                return to.used > 0
        return False

    cdef Py_ssize_t _identifiers(self, Cells *cells, Text *found) noexcept:
        """Put those that are not empty there, and return how many they are."""
        cdef int place
        cdef Text text
        cdef Py_ssize_t count = 0
        for place in range(self.identifiers.count):
            text = cells.at[self.identifiers.at[place]]
            if text.length:
                found[count] = text
                count += 1
        return count

    cdef int _attributes(self, Usage *usage, Cells *cells) except -1:
        cdef Bytes *to = &usage.attributes
        cdef int at, count = 0
        cdef bytes name
        for _, at in self.attributes:
            count += cells.at[at].length > 0
        to.used = 0
        pack_map_head(to, count)
        for name, at in self.attributes:
            if cells.at[at].length:
                put(to, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
                pack_text(to, cells.at[at])
        return 0


cdef inline Text first_of(Cells *cells, Places *places) noexcept:
    """Return the first cell of some columns that is not empty; else it is empty."""
    cdef int place
    cdef Text text
    text.at, text.length = NULL, 0
    for place in range(places.count):
        text = cells.at[places.at[place]]
        if text.length:
            break
    return text


cdef bytes constant_of(rule):
    return None if rule.column is not None else packed(str(rule.constant))
