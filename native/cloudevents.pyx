# cython: language_level=3, boundscheck=False, wraparound=False
"""Ordinary CloudEvents, from their JSON to their events, and no object between.

An event is ordinary where its JSON (RFC 8259) has no escapes and no arrays, and each of its fields is what
`mediation/decode/ordinary_event.py` takes for ordinary. All others, and those that are no event in the end,
are read by the full way. That both give the same is a law (`tests/property/test_native_cloudevents.py`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from native.ordinary cimport Maker, Usage, clear, free
from native.owners cimport Held
from native.texts cimport TextRule, holds, is_utf8, packed, str_of, utc_instant
from native.wire cimport (
    Bytes, Text, drop, pack_array_head, pack_int, pack_map_head, pack_none, pack_str, pack_text,
    pack_text_or_none, put, put_byte, text_of,
)

from decimal import Decimal

cdef enum:
    MOST = 64  # members of an event, of its data and what lies in that
    DEEPEST = 16
    LONGEST = 100_000  # bytes
    PLAIN_DIGITS = 18  # `mediation.decode.quantity.PLAIN_DIGITS`
    MOST_DIGITS = 1000  # of a number, wherever it is; the full way's parser has a bound of its own
    TEXTS = 3  # origin, destination, service class

cdef enum Kind:
    NOTHING  # null
    STRING
    WHOLE  # a number of digits alone, few of them
    NUMBER  # any other
    TRUTH
    OBJECT

cdef object decimal_type = Decimal


cdef struct Member:
    Text key
    Text value  # of a string what lies between its quotes
    int within  # the member that it lies in; -1: the event
    Kind kind


cdef struct Reader:
    const uint8_t *at
    const uint8_t *end
    int count
    bint beyond  # ASCII
    Member members[MOST]


cdef inline void blanks(Reader *reader) noexcept:
    while reader.at < reader.end and (
        reader.at[0] == 32 or reader.at[0] == 10 or reader.at[0] == 13 or reader.at[0] == 9
    ):
        reader.at += 1


cdef inline bint take(Reader *reader, uint8_t character) noexcept:
    if reader.at < reader.end and reader.at[0] == character:
        reader.at += 1
        return True
    return False


cdef inline bint string(Reader *reader, Text *to) noexcept:
    """Read a string without escapes."""
    if not take(reader, 34):
        return False
    to.at = reader.at
    while reader.at < reader.end and reader.at[0] != 34:
        if reader.at[0] < 32 or reader.at[0] == 92:
            return False
        reader.beyond |= reader.at[0] > 126
        reader.at += 1
    to.length = reader.at - to.at
    return take(reader, 34)


cdef inline int digits(Reader *reader) noexcept:
    cdef const uint8_t *begin = reader.at
    while reader.at < reader.end and 48 <= reader.at[0] <= 57:
        reader.at += 1
    return <int>(reader.at - begin)


cdef inline bint number(Reader *reader, Member *to) noexcept:
    cdef bint is_negative = take(reader, 45)
    cdef const uint8_t *begin = reader.at
    cdef int count = digits(reader)
    if count == 0 or count > MOST_DIGITS or (count > 1 and begin[0] == 48):
        return False
    to.kind = WHOLE if count <= PLAIN_DIGITS and not is_negative else NUMBER
    if take(reader, 46):
        to.kind = NUMBER
        if digits(reader) == 0:
            return False
    if take(reader, 101) or take(reader, 69):
        to.kind = NUMBER
        if not take(reader, 43):
            take(reader, 45)
        if digits(reader) == 0:
            return False
    return True


cdef inline bint word(Reader *reader, const char *letters, int length) noexcept:
    if reader.end - reader.at < length or memcmp(reader.at, letters, length) != 0:
        return False
    reader.at += length
    return True


cdef bint members(Reader *reader, int within, int depth) noexcept:
    """Read an object's members, and what lies in them; False where something is not ordinary."""
    cdef Member *member
    cdef int place
    if depth > DEEPEST or not take(reader, 123):
        return False
    blanks(reader)
    if take(reader, 125):
        return True
    while True:
        if reader.count == MOST:
            return False
        place = reader.count
        member = &reader.members[place]
        reader.count += 1
        member.within = within
        blanks(reader)
        if not string(reader, &member.key):
            return False
        blanks(reader)
        if not take(reader, 58):
            return False
        blanks(reader)
        if reader.at == reader.end:
            return False
        member.value.at = reader.at
        if reader.at[0] == 34:
            member.kind = STRING
            if not string(reader, &member.value):
                return False
        else:
            if reader.at[0] == 123:
                member.kind = OBJECT
                if not members(reader, place, depth + 1):
                    return False
            elif reader.at[0] == 110:
                member.kind = NOTHING
                if not word(reader, "null", 4):
                    return False
            elif reader.at[0] == 116 or reader.at[0] == 102:
                member.kind = TRUTH
                if not (word(reader, "true", 4) or word(reader, "false", 5)):
                    return False
            elif not number(reader, member):
                return False
            member.value.length = reader.at - member.value.at
        blanks(reader)
        if take(reader, 44):
            continue
        return take(reader, 125)


cdef class Path:
    """Where a value is: an attribute of the event, or what lies in its data."""

    cdef tuple keys

    def __init__(self, path) -> None:
        self.keys = tuple([key.encode() for key in path])

    cdef int find(self, Reader *reader) noexcept:
        """Return the member; -1 where there is none, -2 where there are two of them."""
        cdef int within = -1, place, found
        cdef Py_ssize_t length
        cdef const char *text
        for key in self.keys:
            length, text = PyBytes_GET_SIZE(<bytes>key), PyBytes_AS_STRING(<bytes>key)
            found = -1
            for place in range(within + 1, reader.count):
                if (
                    reader.members[place].within == within
                    and reader.members[place].key.length == length
                    and memcmp(reader.members[place].key.at, text, length) == 0
                ):
                    if found >= 0:
                        return -2
                    found = place
            if found < 0:
                return -1
            within = found
        return within


cdef class QuantityRule:
    cdef bytes unit  # MessagePack
    cdef bytes constant  # MessagePack of the value, then of the canonical one; None: of the event
    cdef bytes canonical_constant
    cdef Path path
    cdef bint is_plain
    cdef object rule

    def __init__(self, rule, canonical) -> None:
        self.unit, self.rule = packed(rule.unit), rule
        self.is_plain = rule.path is not None and rule.factor is None
        self.path = self.constant = self.canonical_constant = None
        if rule.path is not None:
            self.path = Path(rule.path)
        else:
            self.constant = packed(str(rule.constant))
            self.canonical_constant = packed(canonical(rule.constant))


cdef class Named:
    cdef bytes name  # MessagePack
    cdef Path path

    def __init__(self, name, path) -> None:
        self.name, self.path = packed(name), Path(path)


cdef class Rule:
    """The rule of one type of events."""

    cdef bytes event_type  # MessagePack
    cdef list quantities, identifiers, attributes
    cdef Path origin_path, destination_path, class_path, ended_at
    cdef TextRule origin, destination, service_class
    cdef object held
    cdef Text product, usage_kind

    def __init__(self, event_type, rule, *, canonical, separations) -> None:
        """``rule`` is a `TypeRule`; ``separations`` say of origin and destination what `separation` does."""
        self.event_type = packed(event_type)
        self.quantities = [QuantityRule(each, canonical) for each in rule.quantities]
        self.identifiers = [Path(path) for path in rule.identifiers]
        self.attributes = [Named(name, path) for name, path in rule.attributes]
        self.origin_path, self.origin = text_of_rule(rule.origin, separations[0])
        self.destination_path, self.destination = text_of_rule(rule.destination, separations[1])
        self.class_path, self.service_class = text_of_rule(rule.service_class, None)
        self.ended_at = None if rule.ended_at is None else Path(rule.ended_at)
        self.held = rule.product, rule.usage_kind
        self.product, self.usage_kind = text_of(rule.product), text_of(rule.usage_kind)


cdef tuple text_of_rule(text, is_separated):
    if text is None:
        return None, None
    return Path(text.path), TextRule(text.remove, text.strip, is_separated)


cdef class OrdinaryEvents:
    """Reads the events of a mapping."""

    cdef dict rules
    cdef list attributes
    cdef Path specversion, id, source, type, time
    cdef bint append_time_if_missing
    cdef int longest_text, content_version
    cdef object full_quantity, exact_number, canonical, iso_time
    cdef Bytes content, record_id, attribute_pairs, canonical_quantities

    def __dealloc__(self) -> None:
        drop(&self.content)
        drop(&self.record_id)
        drop(&self.attribute_pairs)
        drop(&self.canonical_quantities)

    def __init__(
        self, rules, *, attributes, bint append_time_if_missing, int longest_text, int content_version,
        full_quantity, exact_number, canonical, iso_time, separations,
    ) -> None:
        """``rules`` are pairs of a type and its `TypeRule`; ``attributes`` those that must be texts."""
        self.rules = {
            event_type.encode(): Rule(event_type, rule, canonical=canonical, separations=separations(rule))
            for event_type, rule in rules
        }
        self.attributes = [Path((name,)) for name in attributes]
        self.specversion, self.id, self.source = Path(("specversion",)), Path(("id",)), Path(("source",))
        self.type, self.time = Path(("type",)), Path(("time",))
        self.append_time_if_missing, self.longest_text = append_time_if_missing, longest_text
        self.content_version = content_version
        self.full_quantity, self.exact_number = full_quantity, exact_number
        self.canonical, self.iso_time = canonical, iso_time

    def items(
        self, Maker maker, record, origin, int64_t horizon_ms, int64_t future_ms, parts, in_full
    ) -> list:
        """Return the items of a raw record. ``parts`` are its events' bytes with their index, and an outcome
        where there is one already; ``in_full`` says what an event is that is not ordinary."""
        cdef Usage usage
        cdef Reader reader
        cdef list made = []
        cdef int64_t index
        cdef bytes line
        maker.open(record, origin, horizon_ms, future_ms)
        clear(&usage)
        try:
            for index, line, outcome in parts:
                item = None
                if outcome is None:
                    if self._parted(line, &reader):
                        item = self._item(maker, &usage, &reader, index, line)
                    if item is None:
                        outcome = in_full(line)
                if item is None:
                    item = maker.from_outcome(&usage, outcome, index, line)
                made.append(item)
        finally:
            free(&usage)
        return made

    cdef bint _parted(self, bytes line, Reader *reader) except -1:
        cdef Text whole
        cdef Path path
        cdef int at
        whole.at, whole.length = <const uint8_t *>PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line)
        if whole.length > LONGEST:
            return False
        reader.at, reader.end, reader.count, reader.beyond = whole.at, whole.at + whole.length, 0, False
        blanks(reader)
        if not members(reader, -1, 0):
            return False
        blanks(reader)
        if reader.at != reader.end or (reader.beyond and not is_utf8(whole)):
            return False
        for path in self.attributes:
            at = path.find(reader)
            if at == -2 or (
                at >= 0 and reader.members[at].kind != STRING and reader.members[at].kind != NOTHING
            ):
                return False
        return True

    cdef int _text(self, Path path, Reader *reader, Text *to) noexcept:
        """Put the text at a path there, NULL where there is none, and return 1; 0 where it is another value,
        or too long."""
        cdef int at = path.find(reader)
        to.at, to.length = NULL, 0
        if at == -1 or (at >= 0 and reader.members[at].kind == NOTHING):
            return 1
        if at == -2 or reader.members[at].kind != STRING:
            return 0
        if reader.members[at].value.length > self.longest_text:
            return 0
        to[0] = reader.members[at].value
        return 1

    cdef object _item(self, Maker maker, Usage *usage, Reader *reader, int64_t index, bytes line):
        """Return the event; None where the full way must tell what it is."""
        cdef Text specversion, id, source, event_type, time, text
        cdef Rule rule
        cdef Path path
        cdef Bytes *content = &self.content
        cdef const Held *owner
        cdef Text identifiers[MOST]
        cdef Py_ssize_t known = 0, each
        cdef bint has_start
        if not (
            self._text(self.specversion, reader, &specversion)
            and self._text(self.id, reader, &id)
            and self._text(self.source, reader, &source)
            and self._text(self.type, reader, &event_type)
            and self._text(self.time, reader, &time)
        ):
            return None
        if specversion.length != 3 or memcmp(specversion.at, "1.0", 3) != 0:
            return None
        if id.length == 0 or source.length == 0 or event_type.length == 0:
            return None
        found = self.rules.get(PyBytes_FromStringAndSize(<const char *>event_type.at, event_type.length))
        if found is None:
            return None
        rule = <Rule>found
        has_start = time.length > 0
        if has_start:
            if not self._instant(time, &usage.started_ms):
                return None
        elif self.append_time_if_missing:
            usage.started_ms = maker.appended_at_ms
        else:
            return None
        usage.has_end, usage.ended_ms = False, 0
        if rule.ended_at is not None:
            if not self._text(rule.ended_at, reader, &text):
                return None
            if text.at != NULL:
                usage.has_end = True
                if not self._instant(text, &usage.ended_ms):
                    return None
        if not self._record_id(usage, source, id) or not self._quantities(usage, rule, reader):
            return None
        if not (
            self._cleaned(rule.origin_path, rule.origin, reader, &usage.origin)
            and self._cleaned(rule.destination_path, rule.destination, reader, &usage.destination)
            and self._cleaned(rule.class_path, rule.service_class, reader, &usage.service_class)
        ):
            return None
        for path in rule.identifiers:
            if not self._text(path, reader, &text):
                return None
            if text.length:
                if known == MOST:
                    return None
                identifiers[known] = text
                known += 1
        if not known or not self._attributes(usage, rule, reader):
            return None
        maker.owners.soon(maker.tenant_number, identifiers[0])
        content.used = 0
        pack_array_head(content, 6)
        put(content, PyBytes_AS_STRING(rule.event_type), PyBytes_GET_SIZE(rule.event_type))
        if has_start:
            pack_int(content, usage.started_ms)
        else:
            pack_none(content)
        pack_array_head(content, known)
        for each in range(known):
            pack_text(content, identifiers[each])
        put(content, self.canonical_quantities.at, self.canonical_quantities.used)
        pack_array_head(content, TEXTS)
        pack_text_or_none(content, usage.origin)
        pack_text_or_none(content, usage.destination)
        pack_text_or_none(content, usage.service_class)
        put(content, self.attribute_pairs.at, self.attribute_pairs.used)
        usage.product, usage.usage_kind = rule.product, rule.usage_kind
        usage.content_version = self.content_version
        maker.owners.sooner(maker.tenant_number, identifiers[0])
        maker.identify(usage.record_id, content.at, content.used)
        owner = maker.owner(identifiers, known, usage.started_ms)
        if owner == NULL:
            return None
        return maker.item(usage, owner, index, line)

    cdef int _instant(self, Text text, int64_t *to) except -1:
        if utc_instant(text, to):
            return 1
        time = self.iso_time(str_of(text))
        if time is None or not time[1]:
            return 0
        to[0] = time[0]
        return 1

    cdef int _record_id(self, Usage *usage, Text source, Text id) except -1:
        """Join source and id as `record_id_of` does."""
        cdef Bytes *to = &self.record_id
        cdef bint escaped = (
            holds(source, 126) or holds(id, 126) or holds(source, 47) or holds(id, 47)
        )
        to.used = 0
        put_part(to, source, escaped)
        put_byte(to, 47)
        put_part(to, id, escaped)
        usage.record_id.at, usage.record_id.length = to.at, to.used
        return to.used <= self.longest_text

    cdef int _quantities(self, Usage *usage, Rule rule, Reader *reader) except -1:
        """Write the map of quantities, and the pairs of the canonical ones."""
        cdef Bytes *to = &usage.quantities
        cdef Bytes *canonical = &self.canonical_quantities
        cdef QuantityRule quantity
        cdef Member *member
        cdef int at
        to.used = canonical.used = 0
        pack_map_head(to, len(rule.quantities))
        pack_array_head(canonical, len(rule.quantities))
        for quantity in rule.quantities:
            put(to, PyBytes_AS_STRING(quantity.unit), PyBytes_GET_SIZE(quantity.unit))
            pack_array_head(canonical, 2)
            put(canonical, PyBytes_AS_STRING(quantity.unit), PyBytes_GET_SIZE(quantity.unit))
            if quantity.path is None:
                put(to, PyBytes_AS_STRING(quantity.constant), PyBytes_GET_SIZE(quantity.constant))
                put(
                    canonical,
                    PyBytes_AS_STRING(quantity.canonical_constant),
                    PyBytes_GET_SIZE(quantity.canonical_constant),
                )
                continue
            at = quantity.path.find(reader)
            if at < 0:
                return 0
            member = &reader.members[at]
            if quantity.is_plain and member.kind == WHOLE:
                pack_text(to, member.value)
                pack_text(canonical, member.value)
                continue
            if member.kind == STRING:
                value = str_of(member.value)
            elif member.kind == WHOLE:
                value = int(str_of(member.value))
            elif member.kind == NUMBER and (holds(member.value, 46) or holds(member.value, 101)):
                value = self.exact_number(str_of(member.value))
            else:
                return 0
            found = self.full_quantity(value, quantity.rule)
            if type(found) is not decimal_type:
                return 0
            pack_str(to, str(found))
            pack_str(canonical, self.canonical(found))
        return 1

    cdef int _cleaned(self, Path path, TextRule rule, Reader *reader, Text *to) except -1:
        cdef Text text
        to.at, to.length = NULL, 0
        if path is None:
            return 1
        if not self._text(path, reader, &text):
            return 0
        return 1 if text.at == NULL else rule.cleaned(text, to)

    cdef int _attributes(self, Usage *usage, Rule rule, Reader *reader) except -1:
        """Write the map of attributes, and their pairs."""
        cdef Bytes *to = &usage.attributes
        cdef Bytes *pairs = &self.attribute_pairs
        cdef Named named
        cdef Text text
        cdef int count = 0
        for named in rule.attributes:
            if not self._text(named.path, reader, &text):
                return 0
            count += text.length > 0
        to.used = pairs.used = 0
        pack_map_head(to, count)
        pack_array_head(pairs, count)
        for named in rule.attributes:
            self._text(named.path, reader, &text)
            if text.length:
                put(to, PyBytes_AS_STRING(named.name), PyBytes_GET_SIZE(named.name))
                pack_text(to, text)
                pack_array_head(pairs, 2)
                put(pairs, PyBytes_AS_STRING(named.name), PyBytes_GET_SIZE(named.name))
                pack_text(pairs, text)
        return 1


cdef int put_part(Bytes *to, Text text, bint escaped) except -1:
    cdef Py_ssize_t at
    if not escaped:
        return put(to, text.at, text.length)
    for at in range(text.length):
        if text.at[at] == 126:
            put(to, b"~0", 2)
        elif text.at[at] == 47:
            put(to, b"~1", 2)
        else:
            put_byte(to, text.at[at])
    return 0
