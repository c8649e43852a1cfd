# cython: language_level=3, boundscheck=False, wraparound=False
"""The part of deciding about a batch of normalise that is the same for most of its items.

Twins: the loop of `_Decision.take` in `mediation/normalise.py`, `pack` and `state_changes` in
`mediation/changes.py`. Held to them by `tests/property/test_native_deciding.py`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Contains, PyDict_GetItem, PyDict_SetItem
from cpython.list cimport PyList_Append
from cpython.object cimport PyObject
from libc.string cimport memcpy

from native.wire cimport Bytes, drop, no_bytes, put, put_byte, taken

cdef enum:
    IDENTITY = 16
    IS_MARK = 105  # "i"
    IS_FILE = 102
    IS_SETTLED = 115
    DAY_AT = 10  # of the event day in the bytes of a mark
    DAY_END = 14


def hand_on(
    items, Py_ssize_t first, *, ready, state, dict changed, list appends, members, bytes end,
    Py_ssize_t end_bytes, append, channel,
) -> int:
    """Decide items from ``first`` on as long as they are ``ready`` and came never before; return the index of
    the first one that is not or did, or how many there are.

    What was handed on is let go of in ``items``: at once it is still at hand, all of it at the end would be
    waited for once more. ``state`` is a dict, or a kind of it that looks its keys up as a dict does; ``members`` make the list of a
    partition that they miss; ``end_bytes`` of an event are replaced by ``end``.
    """
    cdef Py_ssize_t at, count = len(items), length
    cdef bytes key, event, value
    cdef PyObject *found
    cdef list of_partition
    cdef object new_tuple = tuple.__new__
    cdef bint lets_go = type(items) is list
    for at in range(first, count):
        item = items[at]
        if type(item) is not ready:
            return at
        key = item.key
        if PyDict_Contains(state, key) or PyDict_Contains(changed, key):
            return at
        event = item.event
        length = PyBytes_GET_SIZE(event) - end_bytes
        value = PyBytes_FromStringAndSize(NULL, length + PyBytes_GET_SIZE(end))
        memcpy(PyBytes_AS_STRING(value), PyBytes_AS_STRING(event), length)
        memcpy(PyBytes_AS_STRING(value) + length, PyBytes_AS_STRING(end), PyBytes_GET_SIZE(end))
        to = item.partition
        PyDict_SetItem(changed, key, item.mark)
        PyList_Append(appends, new_tuple(append, (channel, to, item.rating_key, value, ())))
        found = PyDict_GetItem(members, to)
        if found == NULL:
            of_partition = members[to]
        else:
            of_partition = <list>found
        PyList_Append(of_partition, item.member)
        if lets_go:
            (<list>items)[at] = None
    return count


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
    """Return the identities of the marks in a list of changes, by the bytes of their day, in order."""
    cdef dict found = {}
    cdef bytes key, day, last_day = None
    cdef list identities = None
    for key, value in changes:
        if PyBytes_AS_STRING(key)[0] == IS_MARK and value is not None:
            day = (<bytes>value)[DAY_AT:DAY_END]
            if last_day is None or day != last_day:
                last_day = day
                if day not in found:
                    found[day] = []
                identities = <list>found[day]
            identities.append(key[1:])
    return found
