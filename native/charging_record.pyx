# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Charging records read from their bytes: what `CdrDecoder` in `mediation/decode/cdr.py` makes of them.

A record is read here where all of it is ordinary: BER to its last byte, each value of its kind and
within 64 bits or ASCII, nothing missing or negative. Any other is left whole to the Python twin,
which says what is wrong with it. `tests/property/test_native_charging_record.py` holds both to the
same items.
"""

from decimal import Decimal as exact

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from native.ber cimport SEQUENCE, Outer, read_outer
from native.charging_values cimport (
    ABSENT, ADDRESS, DAY, DIGITS, HEX, INTEGER, MAX_TEXT, NETWORK, NODE, NUMBER, PLAIN_TEXT,
    SMS_NUMBER, TEXT, TIME, UNKNOWN, UNSIGNED, URI, WHOLE, Kind, Value, convert, is_digit, put_number,
    text_of,
)
from native.wire cimport (
    Bytes, drop, make_room, pack_array_head, pack_int, pack_none, pack_str, pack_text_head, put,
    put_byte, taken,
)

KINDS = {
    "integer": INTEGER, "unsigned": UNSIGNED, "digits": DIGITS, "number": NUMBER,
    "sms_number": SMS_NUMBER, "time": TIME, "day": DAY, "text": PLAIN_TEXT, "hex": HEX,
    "network": NETWORK, "address": ADDRESS, "node": NODE, "uri": URI,
}  # fmt: skip


cdef enum:
    CDR_HEADER_BYTES = 4
    EXTENDED_RELEASE = 7
    BER = 1
    MOST_GROUPS = 64  # of a record's list: they are looked through one by one
    LARGEST = 1_000_000_000_000_000_000  # of a count: two of them have 64 bits


cdef enum Wanted:
    SLOT
    INSIDE
    MEMBERS


cdef struct Entry:
    uint32_t tag
    Wanted wanted
    int at  # the slot, or the table of its inside


cdef struct Table:
    int first
    int after


cdef struct Way:
    int slot
    Kind kind
    int milliseconds  # the slot of the part of its second; -1: none


cdef struct Octets:
    const uint8_t *at  # NULL: not there
    Py_ssize_t length


cdef void *room_for(Py_ssize_t count, size_t size) except NULL:
    cdef void *at = PyMem_Calloc(count + 1, size)
    if at == NULL:
        raise MemoryError
    return at


cdef class Places:
    """Places of values, one after the other."""

    cdef int *at
    cdef int count

    def __cinit__(self, places):
        cdef int index
        self.count = len(places)
        self.at = <int *>room_for(self.count, sizeof(int))
        for index in range(self.count):
            self.at[index] = places[index]

    def __dealloc__(self):
        PyMem_Free(self.at)


cdef class Layout:
    """Where the fields of a record stand, or those of a member of its list: `_Layout` of the twin."""

    cdef Entry *entries
    cdef Table *tables
    cdef Way *ways
    cdef list by_python
    cdef int slots, fields

    def __cinit__(self, *, list tables, int slots, list ways):
        """``tables``: of each the tag, what is wanted of it (`slot`, `inside` or `members`) and the
        slot or table; the first is that of the record. ``ways``: the slot of each field, its kind, the
        function of Python, and the slot of its milliseconds or -1."""
        cdef int at = 0, index
        self.slots, self.fields = slots, len(ways)
        self.entries = <Entry *>room_for(sum(map(len, tables)), sizeof(Entry))
        self.tables = <Table *>room_for(len(tables), sizeof(Table))
        self.ways = <Way *>room_for(len(ways), sizeof(Way))
        wanted = {"slot": SLOT, "inside": INSIDE, "members": MEMBERS}
        for index, entries in enumerate(tables):
            self.tables[index].first = at
            for tag, what, place in entries:
                self.entries[at] = Entry(tag, wanted[what], place)
                at += 1
            self.tables[index].after = at
        for index, (slot, kind, _, milliseconds) in enumerate(ways):
            self.ways[index] = Way(slot, KINDS.get(kind, UNKNOWN), milliseconds)
        self.by_python = [each for _, _, each, _ in ways]

    def __dealloc__(self):
        PyMem_Free(self.entries)
        PyMem_Free(self.tables)
        PyMem_Free(self.ways)

    cdef inline const Entry *find(self, int table, uint32_t tag) noexcept:
        cdef int at
        for at in range(self.tables[table].first, self.tables[table].after):
            if self.entries[at].tag == tag:
                return &self.entries[at]
        return NULL

    cdef int make(self, const Octets *found, Value *values, Bytes *texts) except -1:
        """Make the values of what was found; return whether each was in reach."""
        cdef int place, at
        cdef const Octets *octets
        cdef Way *way
        cdef int64_t of_second
        for place in range(self.fields):
            way = &self.ways[place]
            octets = &found[way.slot]
            if octets.at == NULL:
                values[place].what = ABSENT
                continue
            if not convert(
                way.kind, <object>self.by_python[place], octets.at, octets.length, &values[place], texts
            ):
                return 0
            if way.milliseconds >= 0 and found[way.milliseconds].at != NULL:
                octets = &found[way.milliseconds]
                if octets.length > 4:
                    return 0
                of_second = 0
                for at in range(octets.length):
                    of_second = of_second << 8 | octets.at[at]
                if of_second > 999:
                    return 0
                values[place].number += of_second
        return 1


cdef class Text:
    """A text of the first of some fields: without some characters, and without a prefix."""

    cdef Places places
    cdef tuple prefixes
    cdef bint removes, number
    cdef uint8_t removed[128]

    def __init__(self, *, places, tuple removed, tuple prefixes, bint number):
        """``removed``: characters; ``prefixes``: in the order in which they are tried; ``number``:
        whether one with separators is to be turned down."""
        cdef int at
        self.places = Places(places)
        self.prefixes = tuple(each.encode() for each in prefixes)
        self.removes, self.number = bool(removed), number
        for at in range(128):
            self.removed[at] = chr(at) in removed


cdef class Quantity:
    """A quantity: a constant, the sum of some fields, or the time between two of them."""

    cdef str unit
    cdef Places places
    cdef int ends
    cdef bint optional, is_constant, of_list
    cdef object constant, scaled
    cdef str constant_text

    def __init__(self, *, str unit, places, int ends, bint optional, bint of_list, constant, scaled):
        """``constant``: the quantity and its text in the content, or None. ``scaled`` makes such a
        pair of an amount, or None where it cannot; None: the unit is that of the fields."""
        self.unit, self.places, self.ends = unit, Places(places), ends
        self.optional, self.of_list, self.scaled = optional, of_list, scaled
        self.is_constant = constant is not None
        if self.is_constant:
            self.constant, self.constant_text = constant


cdef class Scratch:
    """What a record is taken apart into: one for each block, so that a rule keeps nothing."""

    cdef Octets *found
    cdef Octets *found_of_member
    cdef Value *record
    cdef Value *member
    cdef Value *groups
    cdef Value keys[MOST_GROUPS]
    cdef int group_count
    cdef Py_ssize_t stop  # where the record ends
    cdef Bytes texts, counted, written

    def __cinit__(self, int slots, int fields, int member_slots, int member_fields):
        self.found = <Octets *>room_for(slots, sizeof(Octets))
        self.found_of_member = <Octets *>room_for(member_slots, sizeof(Octets))
        self.record = <Value *>room_for(fields, sizeof(Value))
        self.member = <Value *>room_for(member_fields, sizeof(Value))
        self.groups = <Value *>room_for(MOST_GROUPS * member_fields, sizeof(Value))
        make_room(&self.texts, 1)
        make_room(&self.counted, 1)
        make_room(&self.written, 1)

    def __dealloc__(self):
        PyMem_Free(self.found)
        PyMem_Free(self.found_of_member)
        PyMem_Free(self.record)
        PyMem_Free(self.member)
        PyMem_Free(self.groups)
        drop(&self.texts)
        drop(&self.counted)
        drop(&self.written)


cdef class Rule:
    """The rule of one type of record: `_Rule` of the twin."""

    cdef Layout record, member
    cdef object decoded
    cdef str name, usage_kind, product
    cdef bytes escaped_name
    cdef int content_version, product_at
    cdef dict products
    cdef list ignore, quantities, attribute_names
    cdef Places by, sums, firsts, lasts, started, ended, identity, needed, identifiers, attributes
    cdef Text origin, destination, service_class

    def __init__(
        self, *, decoded, str name, str usage_kind, int content_version, Layout record,
        Layout member, by, sums, firsts, lasts, started, ended, identity, needed, identifiers,
        product, product_at, dict products, list ignore, list quantities,
        Text origin, Text destination, Text service_class, list attributes,
    ):
        """Places are those of the values of a record and, behind them, of a group of its list; in
        ``by``, ``sums``, ``firsts`` and ``lasts`` those in the list alone. ``ignore``: of a place the
        texts, and what a record with one of them is."""
        self.decoded, self.name, self.usage_kind = decoded, name, usage_kind
        self.escaped_name = name.replace("~", "~0").replace("/", "~1").encode("ascii")
        self.content_version, self.record, self.member = content_version, record, member
        self.by, self.sums, self.firsts, self.lasts = map(Places, (by, sums, firsts, lasts))
        self.started, self.ended, self.identity = map(Places, (started, ended, identity))
        self.needed, self.identifiers = Places(needed), Places(identifiers)
        self.product, self.products = product, products
        self.product_at = -1 if product_at is None else product_at
        self.ignore, self.quantities = ignore, quantities
        self.origin, self.destination, self.service_class = origin, destination, service_class
        self.attribute_names = [each for each, _ in attributes]
        self.attributes = Places([at for _, at in attributes])

    cdef list outcomes(self, Scratch s, const uint8_t *data, Py_ssize_t begin, Py_ssize_t stop):
        """Return the outcomes of a record's contents; None where they are not ordinary."""
        cdef int at
        cdef Value *value
        cdef list made
        s.texts.used = s.group_count = 0
        for at in range(self.record.slots):
            s.found[at].at = NULL
        if not self.walk(self.record, 0, data, begin, stop, s.found, True, s):
            return None
        if not self.record.make(s.found, s.record, &s.texts):
            return None
        for at, texts, ignored in self.ignore:
            if self._str(s, &s.record[at]) in texts:
                return [ignored]
        if not s.group_count:
            for at in range(self.member.fields):
                s.groups[at].what = ABSENT
            s.keys[0].what = ABSENT
            s.group_count = 1
        made = []
        for at in range(s.group_count):
            event = self._event(s, &s.groups[at * self.member.fields], &s.keys[at])
            if event is None:
                return None
            made.append(event)
        return made

    cdef int walk(
        self, Layout layout, int table, const uint8_t *data, Py_ssize_t at, Py_ssize_t end,
        Octets *found, bint once, Scratch s,
    ) except -1:
        """Find the octets of the fields; return whether it was BER, and the list ordinary."""
        cdef Outer outer
        cdef const Entry *entry
        while at < end:
            if not read_outer(data, at, end, &outer):
                return 0
            entry = layout.find(table, outer.tag)
            if entry != NULL:
                if entry.wanted == SLOT:
                    if found[entry.at].at == NULL:
                        found[entry.at].at = data + outer.begin
                        found[entry.at].length = outer.stop - outer.begin
                    elif once:
                        return 0
                elif entry.wanted == INSIDE:
                    if not self.walk(
                        layout, entry.at, data, outer.begin, outer.stop, found, False, s
                    ):
                        return 0
                elif not self._members(data, outer.begin, outer.stop, s):
                    return 0
            at = outer.after
        return 1

    cdef int _members(
        self, const uint8_t *data, Py_ssize_t at, Py_ssize_t end, Scratch s
    ) except -1:
        cdef Outer outer
        cdef int slot
        while at < end:
            if not read_outer(data, at, end, &outer) or outer.tag != SEQUENCE:
                return 0
            for slot in range(self.member.slots):
                s.found_of_member[slot].at = NULL
            if not self.walk(
                self.member, 0, data, outer.begin, outer.stop, s.found_of_member, True, s
            ):
                return 0
            if not self.member.make(s.found_of_member, s.member, &s.texts):
                return 0
            if not self._grouped(s):
                return 0
            at = outer.after
        return 1

    cdef int _grouped(self, Scratch s) except -1:
        """Add the member to those of its group; return whether it was ordinary."""
        cdef Value key
        cdef Value *member = s.member
        cdef Value *group
        cdef int index, at
        key.what = ABSENT
        for index in range(self.by.count):
            key = member[self.by.at[index]]
            if key.what != ABSENT:
                break
        if self.by.count and key.what == ABSENT:
            return 0
        for index in range(self.sums.count):
            at = self.sums.at[index]
            if member[at].what == WHOLE and not 0 <= member[at].number <= <int64_t>LARGEST:
                return 0
        for index in range(s.group_count):
            if same(&s.keys[index], &key, &s.texts):
                break
        else:
            if s.group_count == MOST_GROUPS:
                return 0
            s.keys[s.group_count] = key
            memcpy(
                s.groups + s.group_count * self.member.fields, member,
                self.member.fields * sizeof(Value),
            )
            s.group_count += 1
            return 1
        group = &s.groups[index * self.member.fields]
        for index in range(self.sums.count):
            at = self.sums.at[index]
            if member[at].what == WHOLE and group[at].what == WHOLE:
                group[at].number += member[at].number
                group[at].length = -1
                if group[at].number > <int64_t>LARGEST:
                    return 0
        for index in range(self.firsts.count):
            at = self.firsts.at[index]
            if member[at].what == WHOLE and group[at].what == WHOLE:
                if member[at].number < group[at].number:
                    group[at] = member[at]
        for index in range(self.lasts.count):
            at = self.lasts.at[index]
            if member[at].what == WHOLE and group[at].what == WHOLE:
                if member[at].number > group[at].number:
                    group[at] = member[at]
        for at in range(self.member.fields):
            if group[at].what == ABSENT:
                group[at] = member[at]
        return 1

    cdef inline Value *_value(self, Scratch s, Value *group, int at) noexcept:
        return &s.record[at] if at < self.record.fields else &group[at - self.record.fields]

    cdef inline const Value *_first_time(self, Scratch s, Value *group, Places places) noexcept:
        cdef int index
        cdef Value *value
        for index in range(places.count):
            value = self._value(s, group, places.at[index])
            if value.what == WHOLE:
                return value
        return NULL

    cdef str _str(self, Scratch s, Value *value):
        """Return the text of a value; that of one that is not there as the twin's `str` has it."""
        if value.what == ABSENT:
            return "None"
        text_of(value, &s.texts)
        return PyUnicode_DecodeASCII(<char *>s.texts.at + value.at, value.length, NULL)

    cdef object _event(self, Scratch s, Value *group, Value *key):
        """Return the event of a record and a group of its list; None where it is not ordinary."""
        cdef const Value *started = self._first_time(s, group, self.started)
        cdef const Value *ended = self._first_time(s, group, self.ended)
        cdef Value origin, destination, service_class
        cdef Value *value
        cdef Bytes *to = &s.written
        cdef dict quantities = {}, attributes = {}
        cdef list identifiers = []
        cdef str product = self.product, record_id, text
        cdef int index, counted
        if started == NULL:
            return None
        counted = self._quantities(s, group, quantities)
        if counted < 0:
            return None
        for index in range(self.needed.count):
            if self._value(s, group, self.needed.at[index]).what == ABSENT:
                return None
        if self.product_at >= 0:
            product = <str>self.products.get(
                self._str(s, self._value(s, group, self.product_at)), product
            )
            if product is None:
                return None
        if not (
            self._text(s, group, self.origin, &origin)
            and self._text(s, group, self.destination, &destination)
            and self._text(s, group, self.service_class, &service_class)
        ):
            return None
        record_id = self._record_id(s, group, key)
        if record_id is None:
            return None
        for index in range(self.identifiers.count):
            value = self._value(s, group, self.identifiers.at[index])
            if value.what != ABSENT:
                identifiers.append(self._str(s, value))
        if not identifiers:
            return None
        for index in range(self.attributes.count):
            value = self._value(s, group, self.attributes.at[index])
            if value.what != ABSENT:
                attributes[self.attribute_names[index]] = self._str(s, value)
        to.used = 0
        pack_array_head(to, 8)
        pack_str(to, self.name)
        pack_int(to, started.number)
        if ended == NULL:
            pack_none(to)
        else:
            pack_int(to, ended.number)
        pack_array_head(to, len(identifiers))
        for text in identifiers:
            pack_str(to, text)
        pack_str(to, product)
        pack_array_head(to, counted)
        put(to, s.counted.at, s.counted.used)
        pack_array_head(to, 3)
        pack_value(to, &origin, &s.texts)
        pack_value(to, &destination, &s.texts)
        pack_value(to, &service_class, &s.texts)
        pack_array_head(to, len(attributes))
        for name, text in attributes.items():
            pack_array_head(to, 2)
            pack_str(to, <str>name)
            pack_str(to, text)
        return self.decoded(
            record_id,
            tuple(identifiers),
            started.number,
            None if ended == NULL else ended.number,
            product,
            self.usage_kind,
            quantities,
            None if origin.what == ABSENT else self._str(s, &origin),
            None if destination.what == ABSENT else self._str(s, &destination),
            None if service_class.what == ABSENT else self._str(s, &service_class),
            attributes,
            taken(to),
            self.content_version,
        )

    cdef int _quantities(self, Scratch s, Value *group, dict quantities) except -2:
        """Fill the quantities, and write those of the content; return how many those are, -1 where
        one is not ordinary."""
        cdef Quantity quantity
        cdef Bytes *to = &s.counted
        cdef Value *value
        cdef int64_t total = 0
        cdef Py_ssize_t before
        cdef int index, counted = 0
        cdef bint there
        to.used = 0
        for quantity in self.quantities:
            if quantity.is_constant:
                amount, text = quantity.constant, quantity.constant_text
            else:
                total = 0
                there = quantity.of_list
                if quantity.ends >= 0:
                    value = self._value(s, group, quantity.places.at[0])
                    there = True
                    if value.what != ABSENT:
                        total = -value.number
                        value = self._value(s, group, quantity.ends)
                        there = value.what != ABSENT
                        total += value.number
                else:
                    for index in range(quantity.places.count):
                        value = self._value(s, group, quantity.places.at[index])
                        if value.what == ABSENT:
                            continue
                        if value.what != WHOLE or not 0 <= value.number <= <int64_t>LARGEST:
                            return -1
                        there = True
                        total += value.number
                        if total > <int64_t>LARGEST:
                            return -1
                if not there:
                    if quantity.optional:
                        continue
                    return -1
                if total < 0:
                    return -1
                if quantity.ends >= 0 and total % 1000:
                    before = s.texts.used
                    put_seconds(&s.texts, total)
                    text = PyUnicode_DecodeASCII(
                        <char *>s.texts.at + before, s.texts.used - before, NULL
                    )
                    amount = exact(text)
                else:
                    if quantity.ends >= 0:
                        total //= 1000
                    amount = exact(total)
                    text = None
                if quantity.scaled is not None:
                    pair = quantity.scaled(amount)
                    if pair is None:
                        return -1
                    amount, text = pair
            quantities[quantity.unit] = amount
            counted += 1
            pack_array_head(to, 2)
            pack_str(to, quantity.unit)
            if text is not None:
                pack_str(to, <str>text)
            else:
                before = s.texts.used
                put_number(&s.texts, total)
                pack_text_head(to, s.texts.used - before)
                put(to, s.texts.at + before, s.texts.used - before)
        return counted

    cdef int _text(self, Scratch s, Value *group, Text rule, Value *made) except -1:
        """Make a text; return whether it is ordinary: no number with separators."""
        cdef Value *value
        cdef const uint8_t *octets
        cdef int index
        cdef Py_ssize_t at, before
        cdef uint8_t octet
        cdef bytes prefix
        made.what = ABSENT
        if rule is None:
            return 1
        for index in range(rule.places.count):
            value = self._value(s, group, rule.places.at[index])
            if value.what != ABSENT:
                text_of(value, &s.texts)
                if value.length:
                    break
        else:
            return 1
        made.what, made.at, made.length = TEXT, value.at, value.length
        if rule.removes:
            before = s.texts.used
            make_room(&s.texts, value.length)
            for at in range(value.at, value.at + value.length):
                octet = s.texts.at[at]
                if not rule.removed[octet]:
                    s.texts.at[s.texts.used] = octet
                    s.texts.used += 1
            made.at, made.length = before, s.texts.used - before
        octets = s.texts.at + made.at
        for prefix in rule.prefixes:
            at = PyBytes_GET_SIZE(prefix)
            if at <= made.length and memcmp(octets, PyBytes_AS_STRING(prefix), at) == 0:
                made.at += at
                made.length -= at
                break
        if not made.length:
            made.what = ABSENT
            return 1
        return not (rule.number and may_be_separated(s.texts.at + made.at, made.length))

    cdef str _record_id(self, Scratch s, Value *group, Value *key):
        """Return the record id; None where it would be empty or too long."""
        cdef Bytes *to = &s.written
        cdef Value *value
        cdef int index
        cdef bint there = False
        to.used = 0
        put(to, PyBytes_AS_STRING(self.escaped_name), PyBytes_GET_SIZE(self.escaped_name))
        for index in range(self.identity.count + (self.by.count > 0)):
            put_byte(to, 0x2F)
            if index < self.identity.count:
                value = self._value(s, group, self.identity.at[index])
            else:
                value = key
            if value.what != ABSENT:
                text_of(value, &s.texts)
                there = there or value.length > 0
                put_escaped(to, s.texts.at + value.at, value.length)
        if not there or to.used > MAX_TEXT:
            return None
        return PyUnicode_DecodeASCII(<char *>to.at, to.used, NULL)


cdef class ChargingRecords:
    """The records of a block, read by the rules of a mapping."""

    cdef dict rules, ignored
    cdef object empty
    cdef int slots, fields, member_slots, member_fields

    def __init__(self, *, dict rules, dict ignored, empty):
        """``rules`` and ``ignored``, which has the outcomes, by the tag of a record; ``empty`` is what
        a block without one is."""
        cdef Rule rule
        self.rules, self.ignored, self.empty = rules, ignored, empty
        self.slots = self.fields = self.member_slots = self.member_fields = 0
        for rule in rules.values():
            self.slots = max(self.slots, rule.record.slots)
            self.fields = max(self.fields, rule.record.fields)
            self.member_slots = max(self.member_slots, rule.member.slots)
            self.member_fields = max(self.member_fields, rule.member.fields)

    def each(self, bytes value not None, headers, in_full):
        """Yield the items of a block. ``in_full`` gives for the block, a byte and the headers where
        the record at that byte ends, and its outcomes."""
        cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(value)
        cdef Py_ssize_t at = 0, stop, index = 0, end = PyBytes_GET_SIZE(value)
        cdef Scratch scratch = Scratch(
            self.slots, self.fields, self.member_slots, self.member_fields
        )
        while at < end:
            outcomes = self._ordinary(scratch, data, at, end)
            stop = scratch.stop
            if outcomes is None:
                stop, outcomes = in_full(value, at, headers)
            own = value[at:stop]
            for outcome in outcomes:
                yield index, own, outcome
                index += 1
            at = stop
        if not index:
            yield 0, value, self.empty

    cdef object _ordinary(self, Scratch s, const uint8_t *data, Py_ssize_t at, Py_ssize_t end):
        """Return the outcomes of the record at ``at``; None where it is not ordinary."""
        cdef Py_ssize_t body
        cdef Outer outer
        if end - at <= CDR_HEADER_BYTES or data[at + 3] >> 5 != BER:
            return None
        body = at + CDR_HEADER_BYTES + (data[at + 2] >> 5 == EXTENDED_RELEASE)
        s.stop = body + (data[at] << 8 | data[at + 1])
        if s.stop > end or not read_outer(data, body, s.stop, &outer) or outer.after != s.stop:
            return None
        rule = self.rules.get(outer.tag)
        if rule is not None:
            return (<Rule>rule).outcomes(s, data, outer.begin, outer.stop)
        ignored = self.ignored.get(outer.tag)
        return None if ignored is None else [ignored]


cdef inline bint same(const Value *one, const Value *other, const Bytes *texts) noexcept:
    if one.what != other.what:
        return False
    if one.what == WHOLE:
        return one.number == other.number
    if one.what == ABSENT:
        return True
    return (
        one.length == other.length
        and memcmp(texts.at + one.at, texts.at + other.at, one.length) == 0
    )


cdef inline bint may_be_separated(const uint8_t *octets, Py_ssize_t length) noexcept:
    """Return whether a text is not all digits, but digits first and then those or separators."""
    cdef Py_ssize_t at
    cdef bint all_digits = True
    if not is_digit(octets[0]):
        return False
    for at in range(length):
        if is_digit(octets[at]):
            continue
        all_digits = False
        if octets[at] not in b" \t-.()/":
            return False
    return not all_digits


cdef inline int put_seconds(Bytes *to, int64_t ms) except -1:
    """Put milliseconds as seconds, without a zero at their end."""
    cdef int part = <int>(ms % 1000), size = 100
    put_number(to, ms // 1000)
    put_byte(to, 0x2E)
    while part:
        put_byte(to, <uint8_t>(0x30 + part // size))
        part %= size
        size //= 10
    return 0


cdef inline int put_escaped(Bytes *to, const uint8_t *octets, Py_ssize_t length) except -1:
    """Put a part of a record id: `mediation.identity.record_id_of`."""
    cdef Py_ssize_t at
    make_room(to, 2 * length)
    for at in range(length):
        if octets[at] == 0x7E or octets[at] == 0x2F:
            to.at[to.used] = 0x7E
            to.at[to.used + 1] = 0x30 + (octets[at] == 0x2F)
            to.used += 2
        else:
            to.at[to.used] = octets[at]
            to.used += 1
    return 0


cdef inline int pack_value(Bytes *to, const Value *text, const Bytes *texts) except -1:
    if text.what == ABSENT:
        return pack_none(to)
    pack_text_head(to, text.length)
    return put(to, texts.at + text.at, text.length)

