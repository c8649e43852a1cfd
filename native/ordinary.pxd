"""Ordinary usage as C has it: texts where they lie, and what is made of them."""

from libc.stdint cimport int64_t, uint8_t

from native.owners cimport Held, OwnersAtHand
from native.wire cimport Bytes, Text

cdef enum:
    IDENTITY = 16  # bytes; `schemas.ids.ID_BYTES`
    CONTENT = 8  # `mediation.dedup.CONTENT_HASH_BYTES`


cdef struct Usage:  # what `DecodedItem` has; its identifiers are looked up by then
    Text record_id
    Text product
    Text usage_kind
    int64_t started_ms
    int64_t ended_ms
    bint has_end
    Bytes quantities  # MessagePack of the map
    Bytes attributes  # the same
    Text origin
    Text destination
    Text service_class
    int content_version


cdef void clear(Usage *usage) noexcept
cdef void free(Usage *usage) noexcept


cdef class Maker:
    """Makes items of one raw record; its constants are those of `mediation/ordinary.py`."""

    cdef object decoded, ready, received
    cdef OwnersAtHand owners
    cdef bytes mark_key
    cdef Py_ssize_t largest
    cdef uint8_t passed
    cdef Bytes head, after_hash  # of every event
    # Of the record at hand.
    cdef Bytes identity_of, begin, tail, event, small
    cdef Py_ssize_t identity_head
    cdef str tenant
    cdef int64_t tenant_number
    cdef Text source
    cdef int64_t partition, offset, appended_at_ms, oldest_ms, newest_ms
    # Of the item at hand.
    cdef uint8_t identity[IDENTITY]
    cdef uint8_t hash_of_content[CONTENT]

    cdef int open(self, record, origin, int64_t horizon_ms, int64_t future_ms) except -1
    cdef int identify(self, Text record_id, const uint8_t *content, Py_ssize_t length) except -1
    cdef const Held *owner(self, const Text *identifiers, Py_ssize_t count, int64_t at_ms) except? NULL
    cdef object from_outcome(self, Usage *usage, outcome, int64_t index, bytes line)
    cdef object _decoded(self, Usage *usage, decoded, int64_t index, bytes line)
    cdef object item(self, Usage *usage, const Held *owner, int64_t index, bytes line)
