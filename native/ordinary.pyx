# cython: language_level=3, boundscheck=False, wraparound=False
"""Ordinary usage made into its event: what `mediation/ordinary.py` does, byte for byte.

It knows no rule of its own. What is not within its reach (a number beyond 64 bits) it leaves to the
Python twin, and `tests/property/test_native_laws.py` holds both to the same bytes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from native.wire cimport (
    Bytes, drop, make_room, pack_array_head, pack_bytes, pack_int, pack_map_head, pack_none,
    pack_text, pack_text_or_none, put, put_big, put_byte, put_field, put_utf8, taken,
)


cdef extern from "blake2b.h" nogil:
    void blake2b(uint8_t *out, size_t size, const uint8_t *message, size_t length)


cdef enum:
    IDENTITY = 16  # bytes; `schemas.ids.ID_BYTES`
    CONTENT = 8  # `mediation.dedup.CONTENT_HASH_BYTES`
    DAY_MS = 86_400_000
    EVENT_FIELDS = 26


cdef class OrdinaryItems:
    """`OrdinaryUsage.items`, given what it makes and what it must not do without asking."""

    cdef object decoded, ready, received
    cdef bytes mark_key
    cdef str kind, run
    cdef Py_ssize_t largest
    cdef uint8_t passed

    def __init__(
        self,
        *,
        decoded,
        ready,
        received,
        mark_key: bytes,
        kind: str,
        run: str,
        passed: int,
        largest: int,
    ) -> None:
        """``largest``: bytes that an event may have; the others are the constants of the twin."""
        self.decoded, self.ready, self.received = decoded, ready, received
        self.mark_key, self.kind, self.run = mark_key, kind, run
        self.passed, self.largest = passed, largest

    def items(self, record, origin, items, owner_of, int64_t oldest_ms, int64_t newest_ms) -> list:
        """Return what the twin's `items` returns. ``owner_of`` finds an owner as `Owners.find`."""
        cdef Bytes to, begin
        cdef list made = []
        to.at = begin.at = NULL
        to.used = to.room = begin.used = begin.room = 0
        try:
            self._make(made, record, origin, items, owner_of, oldest_ms, newest_ms, &to, &begin)
        finally:
            drop(&to)
            drop(&begin)
        return made

    cdef int _make(
        self, list made, record, origin, items, owner_of,
        int64_t oldest_ms, int64_t newest_ms, Bytes *to, Bytes *begin,
    ) except -1:
        cdef int64_t partition = record.partition, offset = record.offset
        cdef int64_t appended_at_ms = record.appended_at_ms
        cdef int64_t started_ms, index
        cdef str tenant = origin.tenant, source = origin.source, format_name = origin.format
        cdef str record_id
        cdef bytes content, identity, hashed, line
        cdef tuple owner
        cdef uint8_t digest[IDENTITY]
        cdef uint8_t hash_of_content[CONTENT]
        cdef Py_ssize_t before
        put_field(begin, tenant)
        put_field(begin, source)
        before = begin.used
        for index, line, usage in items:
            if type(usage) is not self.decoded:
                made.append(self.received(index, line, usage))
                continue
            record_id = usage.record_id
            begin.used = before
            put_field(begin, record_id)
            blake2b(digest, IDENTITY, begin.at, begin.used)
            content = usage.content
            blake2b(
                hash_of_content, CONTENT, <uint8_t *>PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content)
            )
            started_at_ms = usage.started_at_ms
            started_ms = appended_at_ms if started_at_ms is None else started_at_ms
            if oldest_ms <= started_ms <= newest_ms:
                found = owner_of(tenant, usage.identifiers, started_ms)
                if found is not None:
                    owner = <tuple>found  # a subclass, which a typed name would refuse
                    self._event(
                        to, usage, owner, tenant, source, record_id, digest, hash_of_content, started_ms,
                        partition, offset, index, format_name, appended_at_ms,
                    )
                    if to.used <= self.largest:
                        made.append(
                            self._ready(
                                to, usage, owner, digest, hash_of_content, started_ms, offset, index, line
                            )
                        )
                        continue
            made.append(
                self.received(
                    index,
                    line,
                    usage,
                    self.mark_key + digest[:IDENTITY],
                    <bytes>hash_of_content[:CONTENT],
                )
            )
        return 0

    cdef int _event(
        self, Bytes *to, usage, tuple owner, str tenant, str source, str record_id,
        const uint8_t *identity, const uint8_t *hash_of_content, int64_t started_ms,
        int64_t partition, int64_t offset, int64_t index, str format_name, int64_t appended_at_ms,
    ) except -1:
        cdef dict quantities = usage.quantities, attributes = usage.attributes
        to.used = 0
        pack_array_head(to, EVENT_FIELDS)
        pack_text(to, self.kind)
        pack_text(to, tenant)
        pack_bytes(to, identity, IDENTITY)
        pack_bytes(to, hash_of_content, CONTENT)
        pack_text(to, self.run)
        pack_text(to, <str>owner[2])
        pack_text(to, source)
        pack_text(to, record_id)
        pack_text(to, <str>owner[5])
        pack_text(to, <str>owner[6])
        pack_text(to, <str>usage.product)
        pack_text(to, <str>usage.usage_kind)
        pack_int(to, started_ms)
        ended_at_ms = usage.ended_at_ms
        if ended_at_ms is None:
            pack_none(to)
        else:
            pack_int(to, ended_at_ms)
        pack_text(to, <str>owner[7])
        pack_map_head(to, len(quantities))
        for unit, quantity in quantities.items():
            pack_text(to, <str>unit)
            pack_text(to, str(quantity))
        pack_text_or_none(to, <str>usage.origin)
        pack_text_or_none(to, <str>usage.destination)
        pack_text_or_none(to, <str>usage.service_class)
        pack_map_head(to, len(attributes))
        for name, value in attributes.items():
            pack_text(to, <str>name)
            pack_text(to, <str>value)
        pack_array_head(to, 5)
        pack_int(to, partition)
        pack_int(to, offset)
        pack_int(to, index)
        pack_text(to, format_name)
        pack_int(to, appended_at_ms)
        # No batch yet, no correlation id, no part, the last part, not recycled.
        return put(to, b"\x00\xc0\xc0\xc3\xc0", 5)

    cdef object _ready(
        self, Bytes *to, usage, tuple owner, const uint8_t *identity, const uint8_t *hash_of_content,
        int64_t started_ms, int64_t offset, int64_t index, bytes line,
    ):
        cdef bytes event = taken(to)
        cdef bytes in_digest = owner[8]
        cdef bytes mark, key
        cdef uint8_t member[IDENTITY]
        to.used = 0
        put(to, hash_of_content, CONTENT)
        put_big(to, <int>usage.content_version, 2)
        put_big(to, <int64_t>(started_ms // DAY_MS), 4)
        put_byte(to, self.passed)
        put_big(to, offset, 8)
        put_big(to, index, 4)
        mark = taken(to)
        to.used = 0
        put_big(to, IDENTITY, 4)
        put(to, identity, IDENTITY)
        put(to, PyBytes_AS_STRING(in_digest), PyBytes_GET_SIZE(in_digest))
        put(to, hash_of_content, CONTENT)
        blake2b(member, IDENTITY, to.at, to.used)
        to.used = 0
        put(to, PyBytes_AS_STRING(self.mark_key), PyBytes_GET_SIZE(self.mark_key))
        put(to, identity, IDENTITY)
        key = taken(to)
        return self.ready(index, line, key, mark, owner, event, <bytes>member[:IDENTITY])
