"""MessagePack read where it lies: no object is made, and nothing past the end is looked at.

Each function says whether there was what it reads, in a form that the twin takes too. What is written
in some other form, or is broken, is the twin's to take or to refuse.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef extern from "Python.h":
    PyObject *PyUnicode_DecodeUTF8(const char *at, Py_ssize_t size, const char *errors)
    void PyErr_Clear()
    void Py_DECREF(PyObject *)


cdef struct Reading:
    const uint8_t *at
    const uint8_t *end


cdef struct Text:
    const uint8_t *at  # NULL: there is none
    Py_ssize_t size


cdef inline bint _big(Reading *of, int size, uint64_t *value) noexcept:
    cdef int at
    if of.end - of.at < size:
        return False
    value[0] = 0
    for at in range(size):
        value[0] = value[0] << 8 | of.at[at]
    of.at += size
    return True


cdef inline bint _byte(Reading *of, uint8_t *byte) noexcept:
    if of.at >= of.end:
        return False
    byte[0] = of.at[0]
    of.at += 1
    return True


cdef inline bint _is_utf8(const uint8_t *at, Py_ssize_t size) noexcept:
    cdef Py_ssize_t done = 0
    cdef uint64_t word
    cdef uint8_t seen = 0
    cdef PyObject *text
    while size - done >= 8:
        memcpy(&word, at + done, 8)
        if word & 0x8080808080808080ULL:
            seen = 0x80
            break
        done += 8
    while done < size and seen < 0x80:
        seen |= at[done]
        done += 1
    if seen < 0x80:
        return True
    text = PyUnicode_DecodeUTF8(<const char *>at, size, NULL)
    if text == NULL:
        PyErr_Clear()
        return False
    Py_DECREF(text)
    return True


cdef inline bint read_text(Reading *of, Text *text) noexcept:
    cdef uint8_t head
    cdef uint64_t size = 0
    if not _byte(of, &head):
        return False
    if head & 0xE0 == 0xA0:
        size = head & 0x1F
    elif head == 0xD9:
        if not _big(of, 1, &size):
            return False
    elif head == 0xDA:
        if not _big(of, 2, &size):
            return False
    elif head == 0xDB:
        if not _big(of, 4, &size):
            return False
    else:
        return False
    if <uint64_t>(of.end - of.at) < size:
        return False
    text.at, text.size = of.at, <Py_ssize_t>size
    of.at += size
    return _is_utf8(text.at, text.size)


cdef inline bint read_none(Reading *of) noexcept:
    if of.at < of.end and of.at[0] == 0xC0:
        of.at += 1
        return True
    return False


cdef inline bint read_text_or_none(Reading *of, Text *text) noexcept:
    if read_none(of):
        text.at, text.size = NULL, 0
        return True
    return read_text(of, text)


cdef inline bint read_bytes(Reading *of, Text *found) noexcept:
    """Read bytes, up to 255 of them."""
    cdef uint8_t head
    cdef uint64_t size = 0
    if not _byte(of, &head) or head != 0xC4 or not _big(of, 1, &size):
        return False
    if <uint64_t>(of.end - of.at) < size:
        return False
    found.at, found.size = of.at, <Py_ssize_t>size
    of.at += size
    return True


cdef inline bint read_int(Reading *of, int64_t *value) noexcept:
    """Read a whole number of 64 bits with its sign."""
    cdef uint8_t head
    cdef uint64_t found = 0
    cdef int size
    if not _byte(of, &head):
        return False
    if head < 0x80:
        value[0] = head
        return True
    if head >= 0xE0:
        value[0] = <int8_t>head
        return True
    if not 0xCC <= head <= 0xD3:
        return False
    size = 1 << ((head - 0xCC) & 3)
    if not _big(of, size, &found):
        return False
    if head <= 0xCF:
        value[0] = <int64_t>found
        return value[0] >= 0
    if size == 1:
        value[0] = <int8_t>found
    elif size == 2:
        value[0] = <int16_t>found
    elif size == 4:
        value[0] = <int32_t>found
    else:
        value[0] = <int64_t>found
    return True


cdef inline bint read_int_or_none(Reading *of, int64_t *value) noexcept:
    return read_none(of) or read_int(of, value)


cdef inline bint read_bool(Reading *of) noexcept:
    cdef uint8_t head
    return _byte(of, &head) and (head == 0xC2 or head == 0xC3)


cdef inline bint read_array_head(Reading *of, uint64_t *count) noexcept:
    cdef uint8_t head
    if not _byte(of, &head):
        return False
    if head & 0xF0 == 0x90:
        count[0] = head & 0x0F
        return True
    return head == 0xDC and _big(of, 2, count)


cdef inline bint read_map_head(Reading *of, uint64_t *count) noexcept:
    cdef uint8_t head
    if not _byte(of, &head):
        return False
    if head & 0xF0 == 0x80:
        count[0] = head & 0x0F
        return True
    return head == 0xDE and _big(of, 2, count)
