"""Texts as their sources wrote them: what rows and events have in common."""

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcmp

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from native.wire cimport Text


cdef inline str str_of(Text text):
    return PyUnicode_DecodeUTF8(<const char *>text.at, text.length, NULL)


cdef inline bint digits_alone(Text text) noexcept:
    """Return whether a text is ASCII digits, one at least."""
    cdef Py_ssize_t at
    for at in range(text.length):
        if text.at[at] < 48 or text.at[at] > 57:
            return False
    return text.length > 0


cdef inline bint is_ascii(Text text) noexcept:
    cdef Py_ssize_t at
    for at in range(text.length):
        if text.at[at] > 127:
            return False
    return True


cdef inline bint is_utf8(Text text) except -1:
    try:
        PyUnicode_DecodeUTF8(<const char *>text.at, text.length, NULL)
    except UnicodeDecodeError:
        return False
    return True


cdef inline bint holds(Text text, uint8_t character) noexcept:
    return memchr(text.at, character, text.length) != NULL


cdef inline bint begins(Text text, bytes prefix) noexcept:
    cdef Py_ssize_t length = PyBytes_GET_SIZE(prefix)
    return text.length >= length and memcmp(text.at, PyBytes_AS_STRING(prefix), length) == 0


cdef inline bint is_same(Text text, bytes other) noexcept:
    return text.length == PyBytes_GET_SIZE(other) and begins(text, other)


cdef class TextRule:
    """Origin, destination or service class: what is taken out of it and off it, and what it may not be."""

    cdef bytes remove
    cdef bint removes_others
    cdef tuple strip
    cdef object is_separated  # None: it is no number

    cdef int cleaned(self, Text text, Text *to) except -1


cdef bytes packed(text)
cdef bint utc_instant(Text text, int64_t *to) noexcept
