"""Whose usage it is, as C has it: each owner in one piece, with the bytes that its events have of it."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from native.wire cimport Bytes, Text


cdef struct Held:  # an owner; its texts lie behind it, each up to where the next one begins
    int64_t from_ms
    int64_t to_ms  # exclusive
    int64_t partition
    PyObject *key  # held by `OwnersAtHand`
    uint32_t size  # with its texts, to the owner after it
    uint32_t ids_at  # account and subscription, MessagePack; before them the rating key, the same
    uint32_t zone_at  # MessagePack
    uint32_t digest_at  # `Owner.in_digest`
    uint32_t end


cdef struct Entry:  # an identifier of a tenant; its text lies behind it, then its owners
    uint64_t hashed
    int64_t tenant
    uint32_t length
    uint32_t owners
    uint32_t size  # up to its owners


cdef struct Slot:
    uint32_t tag  # of the hash
    uint32_t at  # of the entry, in units of `UNIT`, and one more; 0: nothing is there


cdef class OwnersAtHand:
    cdef object held_by
    cdef Py_ssize_t most_bytes
    cdef dict tenants
    cdef list keys
    cdef Slot *slots
    cdef uint64_t mask
    cdef Py_ssize_t count
    cdef Bytes entries

    cdef int64_t tenant(self, str name) except -2
    cdef void soon(self, int64_t tenant, Text identifier) noexcept
    cdef void sooner(self, int64_t tenant, Text identifier) noexcept
    cdef const Held *find(self, str tenant, int64_t *number, Text identifier, int64_t at_ms) except? NULL
    cdef Entry *_known(self, int64_t tenant, Text identifier, uint64_t hashed) noexcept
    cdef Entry *_learn(self, str tenant, int64_t *number, Text identifier) except? NULL
    cdef int _room_for_slots(self) except -1
    cdef int _put(self, Py_ssize_t at) except -1


cdef inline const uint8_t *texts_of(const Held *owner) noexcept:
    return <const uint8_t *>(owner + 1)
