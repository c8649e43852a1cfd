"""Decimals of at most 38 digits, `scaled.h`: read from texts and from decimals, and put as texts."""

from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_FromStringAndSize
from libc.stdint cimport int32_t, uint64_t

from native.wire cimport Bytes, make_room, pack_text_head, put, put_byte


cdef extern from "scaled.h" nogil:
    ctypedef struct scaled:
        uint64_t high, low
        int32_t places, negative
    const int SCALED_TEXT
    void scaled_zero(scaled *to)
    bint scaled_read(scaled *to, const void *text, size_t length)
    bint scaled_sum(scaled *to, const scaled *left, const scaled *right)
    bint scaled_difference(scaled *to, const scaled *left, const scaled *right)
    int scaled_at_least(const scaled *value, const scaled *least)
    int scaled_text(char *to, const scaled *value)


cdef inline bint is_zero(const scaled *value) noexcept:
    return value.high == 0 and value.low == 0


cdef inline bint read_number(scaled *to, str text) except -1:
    cdef Py_ssize_t size
    cdef const char *at = PyUnicode_AsUTF8AndSize(text, &size)
    return scaled_read(to, at, size)


cdef inline bint read_decimal(scaled *to, number, to_text) except -1:
    """Read a decimal; ``to_text``: of `schemas.decimals`."""
    return read_number(to, str(number)) or read_number(to, <str>to_text(number))


cdef inline str str_of(const scaled *value):
    cdef char text[128]
    return PyUnicode_FromStringAndSize(text, scaled_text(text, value))


cdef inline int put_scaled(Bytes *to, const scaled *value) except -1:
    make_room(to, SCALED_TEXT)
    to.used += scaled_text(<char *>to.at + to.used, value)
    return 0


cdef inline int put_json_scaled(Bytes *to, const scaled *value) except -1:
    put_byte(to, c'"')
    put_scaled(to, value)
    return put_byte(to, c'"')


cdef inline int pack_scaled(Bytes *to, const scaled *value) except -1:
    cdef char text[128]
    cdef int length = scaled_text(text, value)
    pack_text_head(to, length)
    return put(to, text, length)
