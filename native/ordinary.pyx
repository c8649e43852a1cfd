# cython: language_level=3, boundscheck=False, wraparound=False
"""Ordinary usage made into its event: what `mediation/ordinary.py` does, byte for byte.

It knows no rule of its own. `tests/property/test_native_ordinary.py` holds it to its Python twin.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from native.owners cimport texts_of
from native.wire cimport (
    drop, no_bytes, pack_array_head, pack_bytes, pack_int, pack_map_head, pack_none, pack_str,
    pack_text, pack_text_or_none, put, put_big, put_byte, put_bytes, put_field, put_str_field, taken,
    text_of,
)


cdef extern from "blake2b.h" nogil:
    void blake2b(uint8_t *out, size_t size, const uint8_t *message, size_t length)


cdef enum:
    DAY_MS = 86_400_000
    EVENT_FIELDS = 26
    PROVENANCE_FIELDS = 5


cdef void clear(Usage *usage) noexcept:
    no_bytes(&usage.quantities)
    no_bytes(&usage.attributes)


cdef void free(Usage *usage) noexcept:
    drop(&usage.quantities)
    drop(&usage.attributes)


cdef class Maker:
    def __dealloc__(self) -> None:
        drop(&self.head)
        drop(&self.after_hash)
        drop(&self.identity_of)
        drop(&self.begin)
        drop(&self.tail)
        drop(&self.event)
        drop(&self.small)

    def __init__(
        self, OwnersAtHand owners not None, *, decoded, ready, received, bytes mark_key, str kind, str run, int passed,
        Py_ssize_t largest,
    ) -> None:
        """``largest``: bytes that an event may have."""
        self.owners, self.decoded, self.ready, self.received = owners, decoded, ready, received
        self.mark_key, self.passed, self.largest = mark_key, passed, largest
        pack_array_head(&self.head, EVENT_FIELDS)
        pack_str(&self.head, kind)
        pack_str(&self.after_hash, run)

    def items(self, record, origin, items, int64_t horizon_ms, int64_t future_ms) -> list:
        """Return what the twin's `items_in_python` returns."""
        cdef Usage usage
        cdef list made = []
        cdef int64_t index
        cdef bytes line
        self.open(record, origin, horizon_ms, future_ms)
        clear(&usage)
        try:
            for index, line, outcome in items:
                made.append(self.from_outcome(&usage, outcome, index, line))
        finally:
            free(&usage)
        return made

    cdef object from_outcome(self, Usage *usage, outcome, int64_t index, bytes line):
        """Return the item of an outcome of a decoder."""
        if type(outcome) is self.decoded:
            return self._decoded(usage, outcome, index, line)
        return self.received(index, line, outcome)

    cdef object _decoded(self, Usage *usage, decoded, int64_t index, bytes line):
        cdef bytes content = decoded.content
        cdef const Held *owner = NULL
        cdef Text text
        # What `Text`s point at must live as long: these names hold it.
        record_id, product, usage_kind = decoded.record_id, decoded.product, decoded.usage_kind
        origin, destination = decoded.origin, decoded.destination
        service_class = decoded.service_class
        usage.record_id = text_of(record_id)
        self.identify(usage.record_id, <uint8_t *>PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content))
        started_at_ms, ended_at_ms = decoded.started_at_ms, decoded.ended_at_ms
        usage.started_ms = self.appended_at_ms if started_at_ms is None else started_at_ms
        for identifier in <tuple>decoded.identifiers:
            text = text_of(identifier)
            owner = self.owner(&text, 1, usage.started_ms)
            if owner != NULL:
                break
        if owner != NULL:
            usage.has_end = ended_at_ms is not None
            usage.ended_ms = ended_at_ms if usage.has_end else 0
            usage.product, usage.usage_kind = text_of(product), text_of(usage_kind)
            usage.origin, usage.destination = text_of(origin), text_of(destination)
            usage.service_class = text_of(service_class)
            usage.content_version = decoded.content_version
            pack_texts(&usage.quantities, decoded.quantities)
            pack_texts(&usage.attributes, decoded.attributes)
            made = self.item(usage, owner, index, line)
            if made is not None:
                return made
        return self.received(
            index,
            line,
            decoded,
            self.mark_key + self.identity[:IDENTITY],
            <bytes>self.hash_of_content[:CONTENT],
        )

    cdef int open(self, record, origin, int64_t horizon_ms, int64_t future_ms) except -1:
        """Begin with a raw record."""
        cdef str format_name = origin.format, source = origin.source
        self.tenant = origin.tenant
        self.tenant_number = self.owners.tenant(self.tenant)
        self.partition, self.offset = record.partition, record.offset
        self.appended_at_ms = record.appended_at_ms
        self.oldest_ms = self.appended_at_ms - horizon_ms
        self.newest_ms = self.appended_at_ms + future_ms
        self.identity_of.used = self.begin.used = self.tail.used = 0
        put_str_field(&self.identity_of, self.tenant)
        put_str_field(&self.identity_of, source)
        self.identity_head = self.identity_of.used
        put_bytes(&self.begin, &self.head)
        pack_str(&self.begin, self.tenant)
        self.source = text_of(source)  # held by `origin`, which outlives the record
        pack_str(&self.tail, format_name)
        pack_int(&self.tail, self.appended_at_ms)
        # No batch yet, no correlation id, no part, the last part, not recycled.
        return put(&self.tail, b"\x00\xc0\xc0\xc3\xc0", 5)

    cdef int identify(self, Text record_id, const uint8_t *content, Py_ssize_t length) except -1:
        """Hash the identity and the content of an item."""
        self.identity_of.used = self.identity_head
        put_field(&self.identity_of, record_id)
        blake2b(self.identity, IDENTITY, self.identity_of.at, self.identity_of.used)
        blake2b(self.hash_of_content, CONTENT, content, length)
        return 0

    cdef const Held *owner(self, const Text *identifiers, Py_ssize_t count, int64_t at_ms) except? NULL:
        """Return whose usage it is, until the next one is asked for; NULL where it is out of the window, or
        nobody is known."""
        cdef const Held *found
        cdef Py_ssize_t each
        if not self.oldest_ms <= at_ms <= self.newest_ms:
            return NULL
        for each in range(count):
            found = self.owners.find(self.tenant, &self.tenant_number, identifiers[each], at_ms)
            if found != NULL:
                return found
        return NULL

    cdef object item(self, Usage *usage, const Held *owner, int64_t index, bytes line):
        """Return the event of an item that was identified; None where it is too large."""
        cdef Bytes *to = &self.event
        cdef bytes event, mark, key
        cdef const uint8_t *its = texts_of(owner)
        cdef uint8_t member[IDENTITY]
        to.used = 0
        put_bytes(to, &self.begin)
        pack_bytes(to, self.identity, IDENTITY)
        pack_bytes(to, self.hash_of_content, CONTENT)
        put_bytes(to, &self.after_hash)
        put(to, its, owner.ids_at)
        pack_text(to, self.source)
        pack_text(to, usage.record_id)
        put(to, its + owner.ids_at, owner.zone_at - owner.ids_at)
        pack_text(to, usage.product)
        pack_text(to, usage.usage_kind)
        pack_int(to, usage.started_ms)
        if usage.has_end:
            pack_int(to, usage.ended_ms)
        else:
            pack_none(to)
        put(to, its + owner.zone_at, owner.digest_at - owner.zone_at)
        put_bytes(to, &usage.quantities)
        pack_text_or_none(to, usage.origin)
        pack_text_or_none(to, usage.destination)
        pack_text_or_none(to, usage.service_class)
        put_bytes(to, &usage.attributes)
        pack_array_head(to, PROVENANCE_FIELDS)
        pack_int(to, self.partition)
        pack_int(to, self.offset)
        pack_int(to, index)
        put_bytes(to, &self.tail)
        if to.used > self.largest:
            return None
        event = taken(to)
        to = &self.small
        to.used = 0
        put(to, self.hash_of_content, CONTENT)
        put_big(to, usage.content_version, 2)
        put_big(to, <int64_t>(usage.started_ms // DAY_MS), 4)
        put_byte(to, self.passed)
        put_big(to, self.offset, 8)
        put_big(to, index, 4)
        mark = taken(to)
        to.used = 0
        put_big(to, IDENTITY, 4)
        put(to, self.identity, IDENTITY)
        put(to, its + owner.digest_at, owner.end - owner.digest_at)
        put(to, self.hash_of_content, CONTENT)
        blake2b(member, IDENTITY, to.at, to.used)
        to.used = 0
        put(to, PyBytes_AS_STRING(self.mark_key), PyBytes_GET_SIZE(self.mark_key))
        put(to, self.identity, IDENTITY)
        key = taken(to)
        return self.ready(
            index, line, key, mark, owner.partition, <bytes>owner.key, event, <bytes>member[:IDENTITY]
        )


cdef int pack_texts(Bytes *to, dict texts) except -1:
    """Write a map of texts; a decimal is its text."""
    to.used = 0
    pack_map_head(to, len(texts))
    for name, value in texts.items():
        pack_str(to, <str>name)
        pack_str(to, <str>value if type(value) is str else str(value))
    return 0
