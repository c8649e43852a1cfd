# cython: language_level=3, boundscheck=False, wraparound=False
"""The part of deciding about a batch of normalise that is the same for most of its items.

Twins: `take_items` in `mediation/outcomes.py`, `pack_in_python` and `by_day` in
`mediation/changes.py`, `add_digests` in `schemas/sethash.py`. Held to them by `tests/property/test_native_deciding.py`.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Contains, PyDict_GetItem, PyDict_SetItem
from cpython.list cimport PyList_Append, PyList_GET_ITEM
from cpython.object cimport PyObject
from cpython.set cimport PySet_Add
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

from native.fields cimport field, field_at, is_exactly, offset_of, soon
from native.wire cimport Bytes, drop, no_bytes, put, put_byte, taken, whole_of

cdef enum:
    IDENTITY = 16
    IS_MARK = 105  # "i"
    IS_FILE = 102
    IS_SETTLED = 115
    DAY_AT = 10  # of the event day in the bytes of a mark
    DAY_BYTES = 4


cdef class Handing:
    """Hands on what is ready."""

    cdef object ready, append, channel, new_tuple
    cdef Py_ssize_t end_bytes, key, mark, partition, rating_key, event, member

    def __init__(self, *, ready, append, channel, Py_ssize_t end_bytes) -> None:
        """``end_bytes`` of an event are replaced; `TypeError` where the fields of ``ready`` do not lie in it."""
        self.ready, self.append, self.channel, self.end_bytes = ready, append, channel, end_bytes
        self.new_tuple = tuple.__new__
        self.key, self.mark = offset_of(ready, "key"), offset_of(ready, "mark")
        self.partition, self.rating_key = offset_of(ready, "partition"), offset_of(ready, "rating_key")
        self.event, self.member = offset_of(ready, "event"), offset_of(ready, "member")

    def put_keys(self, set keys, items) -> None:
        """Put the state keys of items into a set."""
        for item in items:
            if is_exactly(item, self.ready):
                PySet_Add(keys, field(item, self.key))
            else:
                PySet_Add(keys, item.key)

    def hand_on(
        self, items, Py_ssize_t first, *, state, dict changed, list appends, members, bytes end
    ) -> int:
        """Decide items from ``first`` on as long as they are ready and came never before; return the index of
        the first one that is not or did, or how many there are.

        What was handed on is let go of in ``items``: at once it is still at hand, all of it at the end would be
        waited for once more. ``state`` is a dict, or a kind of it that looks its keys up as a dict does;
        ``members`` make the list of a partition that they miss; an event ends with ``end``.
        """
        cdef Py_ssize_t at, count = len(items), length
        cdef bytes event, value
        cdef PyObject *found
        cdef PyObject *coming
        cdef list of_partition
        cdef bint lets_go = type(items) is list
        for at in range(first, count):
            item = items[at]
            if not is_exactly(item, self.ready):
                return at
            if lets_go and at + 1 < count:
                coming = <PyObject *>PyList_GET_ITEM(items, at + 1)
                if is_exactly(<object>coming, self.ready):
                    soon(field_at(coming, self.event))
                    soon(field_at(coming, self.mark))
            key = field(item, self.key)
            if PyDict_Contains(state, key) or PyDict_Contains(changed, key):
                return at
            event = <bytes>field(item, self.event)
            length = PyBytes_GET_SIZE(event) - self.end_bytes
            value = PyBytes_FromStringAndSize(NULL, length + PyBytes_GET_SIZE(end))
            memcpy(PyBytes_AS_STRING(value), PyBytes_AS_STRING(event), length)
            memcpy(PyBytes_AS_STRING(value) + length, PyBytes_AS_STRING(end), PyBytes_GET_SIZE(end))
            to = field(item, self.partition)
            PyDict_SetItem(changed, key, field(item, self.mark))
            PyList_Append(
                appends,
                self.new_tuple(
                    self.append, (self.channel, to, field(item, self.rating_key), value, ())
                ),
            )
            found = PyDict_GetItem(members, to)
            if found == NULL:
                of_partition = members[to]
            else:
                of_partition = <list>found
            PyList_Append(of_partition, field(item, self.member))
            if lets_go:
                (<list>items)[at] = None
        return count


def sum_of(list digests) -> int:
    """Return the sum of digests modulo 2^128, as `sethash.add_digests` adds them to nothing."""
    cdef uint64_t high = 0, low = 0, more
    cdef const uint8_t *digest
    for each in digests:
        digest = <const uint8_t *>PyBytes_AS_STRING(<bytes>each)
        more = whole_of(digest + 8)
        low += more
        high += whole_of(digest) + (low < more)
    return (<object>high << 64) | low


def pack(dict changed) -> bytes:
    """Return what the twin returns; `KeyError` for a key that is none of the state's."""
    cdef Bytes to
    cdef bytes key
    cdef const char *at
    cdef int kind
    no_bytes(&to)
    try:
        for key, value in changed.items():
            at = PyBytes_AS_STRING(key)
            kind = at[0]
            if value is None:
                assert kind == IS_FILE, "a mark is never taken back, only replaced"
                put_byte(&to, 3)
            elif kind == IS_MARK:
                put_byte(&to, 1)
            elif kind == IS_FILE:
                put_byte(&to, 2)
            elif kind == IS_SETTLED:
                put_byte(&to, 4)
            else:
                raise KeyError(kind)
            put(&to, at + 1, PyBytes_GET_SIZE(key) - 1)
            if value is not None:
                put(&to, PyBytes_AS_STRING(<bytes>value), PyBytes_GET_SIZE(<bytes>value))
        return taken(&to)
    finally:
        drop(&to)


def by_day(list changes) -> dict:
    """Return the identities of the marks in a list of changes, one behind the other, by the bytes of their day."""
    cdef dict found = {}
    cdef const char *day
    cdef const char *last_day = NULL
    cdef Py_ssize_t size
    cdef bytearray identities = None
    for key, value in changes:
        if PyBytes_AS_STRING(key)[0] == IS_MARK and value is not None:
            day = PyBytes_AS_STRING(<bytes>value) + DAY_AT
            if last_day == NULL or memcmp(day, last_day, DAY_BYTES) != 0:
                last_day = day
                identities = found.setdefault(PyBytes_FromStringAndSize(day, DAY_BYTES), bytearray())
            size = PyByteArray_GET_SIZE(identities)
            PyByteArray_Resize(identities, size + PyBytes_GET_SIZE(<bytes>key) - 1)
            memcpy(
                PyByteArray_AS_STRING(identities) + size,
                PyBytes_AS_STRING(<bytes>key) + 1,
                PyBytes_GET_SIZE(<bytes>key) - 1,
            )
    return {of: bytes(each) for of, each in found.items()}
