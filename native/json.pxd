"""Values behind each other as JSON, as `msgspec` writes them."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from native.wire cimport Bytes, make_room, put


cdef extern from *:
    """
    /* 0: as it is; 1: by its number; else the letter behind the backslash. */
    static const unsigned char json_escapes[256] = {
        1, 1, 1, 1, 1, 1, 1, 1, 'b', 't', 'n', 1, 'f', 'r', 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        ['"'] = '"', ['\\\\'] = '\\\\',
    };
    """
    const unsigned char json_escapes[256]


cdef inline int put_json_text(Bytes *to, const char *text, Py_ssize_t length) except -1:
    """Put UTF-8 in quotation marks."""
    cdef Py_ssize_t at, plain = 0
    cdef uint8_t escape, byte
    cdef const char *digits = b"0123456789abcdef"
    make_room(to, 6 * length + 2)
    cdef uint8_t *out = to.at + to.used
    out[0] = 34
    out += 1
    for at in range(length):
        byte = <uint8_t>text[at]
        escape = json_escapes[byte]
        if escape == 0:
            out[0] = byte
            out += 1
            continue
        out[0] = 92
        if escape > 1:
            out[1] = escape
            out += 2
            continue
        memcpy(out + 1, b"u00", 3)
        out[4] = <uint8_t>digits[byte >> 4]
        out[5] = <uint8_t>digits[byte & 15]
        out += 6
    out[0] = 34
    to.used = out + 1 - to.at
    return 0


cdef inline int put_json_int(Bytes *to, int64_t value) except -1:
    cdef char reversed[20]
    cdef int count = 0
    cdef uint64_t left = <uint64_t>value
    make_room(to, 21)
    if value < 0:
        left = 0 - left
        to.at[to.used] = 45
        to.used += 1
    while True:
        reversed[count] = <char>(48 + left % 10)
        count += 1
        left //= 10
        if left == 0:
            break
    while count:
        count -= 1
        to.at[to.used] = <uint8_t>reversed[count]
        to.used += 1
    return 0
