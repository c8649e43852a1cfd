"""Bytes written one behind the other: MessagePack and big-endian fields, as `msgspec` writes them.

A `Bytes` grows as it is written to. Whoever has one frees it: `drop` in a ``finally``.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy


cdef struct Bytes:
    uint8_t *at
    Py_ssize_t used
    Py_ssize_t room


cdef struct Text:  # UTF-8 where it lies, in an object that somebody holds; `at` is NULL for None
    const uint8_t *at
    Py_ssize_t length


cdef inline Text text_of(text):
    """Return a str, or None, where it lies; for as long as the caller holds it."""
    cdef Text found
    found.at = NULL
    found.length = 0
    if text is not None:
        found.at = <const uint8_t *>PyUnicode_AsUTF8AndSize(text, &found.length)
    return found


cdef inline void no_bytes(Bytes *to) noexcept:
    to.at = NULL
    to.used = to.room = 0


cdef inline void drop(Bytes *to) noexcept:
    PyMem_Free(to.at)
    to.at = NULL
    to.used = to.room = 0


cdef inline int make_room(Bytes *to, Py_ssize_t more) except -1:
    cdef Py_ssize_t room
    cdef void *at
    if to.room - to.used >= more:
        return 0
    room = 2 * (to.used + more) + 512
    at = PyMem_Realloc(to.at, room)
    if at == NULL:
        raise MemoryError
    to.at = <uint8_t *>at
    to.room = room
    return 0


cdef inline int put(Bytes *to, const void *at, Py_ssize_t length) except -1:
    make_room(to, length)
    memcpy(to.at + to.used, at, length)
    to.used += length
    return 0


cdef inline int put_byte(Bytes *to, uint8_t byte) except -1:
    make_room(to, 1)
    to.at[to.used] = byte
    to.used += 1
    return 0


cdef inline uint64_t whole_of(const uint8_t *at) noexcept:
    """Return the whole number of eight bytes, the highest first."""
    cdef uint64_t value = 0
    cdef int each
    for each in range(8):
        value = value << 8 | at[each]
    return value


cdef inline int put_big(Bytes *to, uint64_t value, int size) except -1:
    """Put a whole number of so many bytes, the highest first."""
    cdef int at
    make_room(to, size)
    for at in range(size):
        to.at[to.used + at] = <uint8_t>(value >> (8 * (size - 1 - at)))
    to.used += size
    return 0


cdef inline int put_marked(Bytes *to, uint8_t mark, uint64_t value, int size) except -1:
    put_byte(to, mark)
    return put_big(to, value, size)


cdef inline int put_bytes(Bytes *to, const Bytes *others) except -1:
    return put(to, others.at, others.used)


cdef inline int put_str(Bytes *to, str text) except -1:
    """Put a text as it is."""
    cdef Text found = text_of(text)
    return put(to, found.at, found.length)


cdef inline int put_field(Bytes *to, Text text) except -1:
    """Put a text behind its length in four bytes."""
    put_big(to, text.length, 4)
    return put(to, text.at, text.length)


cdef inline int put_str_field(Bytes *to, str text) except -1:
    return put_field(to, text_of(text))


# MessagePack, each value in the shortest of its forms. ----------------------------------------


cdef inline int pack_none(Bytes *to) except -1:
    return put_byte(to, 0xC0)


cdef inline int pack_int(Bytes *to, int64_t value) except -1:
    if value >= 0:
        if value < 0x80:
            return put_byte(to, <uint8_t>value)
        if value <= 0xFF:
            return put_marked(to, 0xCC, value, 1)
        if value <= 0xFFFF:
            return put_marked(to, 0xCD, value, 2)
        if value <= 0xFFFFFFFF:
            return put_marked(to, 0xCE, value, 4)
        return put_marked(to, 0xCF, value, 8)
    if value >= -0x20:
        return put_byte(to, <uint8_t>value)
    if value >= -0x80:
        return put_marked(to, 0xD0, <uint64_t>value, 1)
    if value >= -0x8000:
        return put_marked(to, 0xD1, <uint64_t>value, 2)
    if value >= -0x80000000LL:
        return put_marked(to, 0xD2, <uint64_t>value, 4)
    return put_marked(to, 0xD3, <uint64_t>value, 8)


cdef inline int pack_text_head(Bytes *to, Py_ssize_t length) except -1:
    if length < 32:
        return put_byte(to, <uint8_t>(0xA0 | length))
    if length <= 0xFF:
        return put_marked(to, 0xD9, length, 1)
    if length <= 0xFFFF:
        return put_marked(to, 0xDA, length, 2)
    return put_marked(to, 0xDB, length, 4)


cdef inline int pack_text(Bytes *to, Text text) except -1:
    pack_text_head(to, text.length)
    return put(to, text.at, text.length)


cdef inline int pack_text_or_none(Bytes *to, Text text) except -1:
    return pack_none(to) if text.at == NULL else pack_text(to, text)


cdef inline int pack_str(Bytes *to, str text) except -1:
    return pack_text(to, text_of(text))


cdef inline int pack_bytes(Bytes *to, const void *at, Py_ssize_t length) except -1:
    if length <= 0xFF:
        put_marked(to, 0xC4, length, 1)
    elif length <= 0xFFFF:
        put_marked(to, 0xC5, length, 2)
    else:
        put_marked(to, 0xC6, length, 4)
    return put(to, at, length)


cdef inline int pack_array_head(Bytes *to, Py_ssize_t count) except -1:
    if count < 16:
        return put_byte(to, <uint8_t>(0x90 | count))
    if count <= 0xFFFF:
        return put_marked(to, 0xDC, count, 2)
    return put_marked(to, 0xDD, count, 4)


cdef inline int pack_map_head(Bytes *to, Py_ssize_t count) except -1:
    if count < 16:
        return put_byte(to, <uint8_t>(0x80 | count))
    if count <= 0xFFFF:
        return put_marked(to, 0xDE, count, 2)
    return put_marked(to, 0xDF, count, 4)


cdef inline bytes taken(Bytes *to):
    """Return what was written."""
    return PyBytes_FromStringAndSize(<char *>to.at, to.used)
