"""JSON written one value behind the other, as `msgspec` writes it: texts as they are, in UTF-8, but
for the quote, the backslash and the control characters."""

from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from native.fields cimport is_exactly
from native.wire cimport Bytes, make_room, put, put_byte


cdef inline bint _is_plain(uint64_t word) noexcept nogil:
    """Return whether eight bytes are written as they are. It may say no of some that are."""
    cdef uint64_t ones = 0x0101010101010101ULL
    cdef uint64_t tops = 0x8080808080808080ULL
    cdef uint64_t quote = word ^ (0x22 * ones)
    cdef uint64_t slash = word ^ (0x5C * ones)
    cdef uint64_t found = (word - 0x20 * ones) & ~word
    found |= (quote - ones) & ~quote
    found |= (slash - ones) & ~slash
    return found & tops == 0


cdef inline int put_json(Bytes *to, const uint8_t *text, Py_ssize_t size) except -1:
    """Put a text in its quotes."""
    cdef uint8_t *at
    cdef Py_ssize_t done = 0
    cdef uint64_t word
    cdef uint8_t byte
    make_room(to, 6 * size + 16)
    at = to.at + to.used
    at[0] = 0x22
    at += 1
    while done < size:
        if size - done >= 8:
            memcpy(&word, text + done, 8)
            if _is_plain(word):
                memcpy(at, &word, 8)
                at += 8
                done += 8
                continue
        byte = text[done]
        done += 1
        if byte >= 0x20 and byte != 0x22 and byte != 0x5C:
            at[0] = byte
            at += 1
            continue
        at[0] = 0x5C
        at[1] = byte
        at += 2
        if byte >= 0x20:
            continue
        if byte == 0x08:
            at[-1] = c"b"
        elif byte == 0x09:
            at[-1] = c"t"
        elif byte == 0x0A:
            at[-1] = c"n"
        elif byte == 0x0C:
            at[-1] = c"f"
        elif byte == 0x0D:
            at[-1] = c"r"
        else:
            at[-1] = c"u"
            at[0] = at[1] = c"0"
            at[2] = c"0" + (byte >> 4)
            at[3] = b"0123456789abcdef"[byte & 15]
            at += 4
    at[0] = 0x22
    to.used = at + 1 - to.at
    return 0


cdef inline int put_json_str(Bytes *to, str text) except -1:
    cdef Py_ssize_t size
    cdef const char *at = PyUnicode_AsUTF8AndSize(text, &size)
    return put_json(to, <const uint8_t *>at, size)


cdef inline bint put_texts(Bytes *to, texts) except -1:
    """Put a tuple of texts as an array; say whether it is one, and has no more than texts."""
    cdef Py_ssize_t place
    if not is_exactly(texts, tuple):
        return False
    put_byte(to, 0x5B)
    for place in range(PyTuple_GET_SIZE(texts)):
        text = (<tuple>texts)[place]
        if not is_exactly(text, str):
            return False
        if place:
            put_byte(to, 0x2C)
        put_json_str(to, <str>text)
    put_byte(to, 0x5D)
    return True


cdef inline int put_json_or_null(Bytes *to, const uint8_t *text, Py_ssize_t size) except -1:
    return put(to, b"null", 4) if text == NULL else put_json(to, text, size)


cdef inline int put_hex(Bytes *to, const uint8_t *bytes_, Py_ssize_t size) except -1:
    """Put the hex digits of bytes, without quotes."""
    cdef const char *digits = b"0123456789abcdef"
    cdef Py_ssize_t at
    cdef uint8_t *out
    make_room(to, 2 * size)
    out = to.at + to.used
    for at in range(size):
        out[2 * at] = digits[bytes_[at] >> 4]
        out[2 * at + 1] = digits[bytes_[at] & 15]
    to.used += 2 * size
    return 0


cdef extern from *:
    """
    static const char ratemill_pairs[] =
        "00010203040506070809101112131415161718192021222324"
        "25262728293031323334353637383940414243444546474849"
        "50515253545556575859606162636465666768697071727374"
        "75767778798081828384858687888990919293949596979899";
    """
    const char *PAIRS "ratemill_pairs"


cdef inline int put_decimal(Bytes *to, int64_t value) except -1:
    """Put the digits of a whole number."""
    cdef uint8_t digits[24]
    cdef int at = 24
    cdef uint64_t left = <uint64_t>value
    if value < 0:
        left = -left
    while left >= 100:
        at -= 2
        memcpy(digits + at, PAIRS + 2 * (left % 100), 2)
        left //= 100
    at -= 1
    digits[at] = PAIRS[2 * left + 1]
    if left >= 10:
        at -= 1
        digits[at] = PAIRS[2 * left]
    if value < 0:
        at -= 1
        digits[at] = 0x2D
    return put(to, digits + at, 24 - at)
