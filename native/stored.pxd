"""Values of the state read: MessagePack as `msgspec` writes it, and nothing else.

A `Place` moves on over what is read. Where something else stands there, `ok` is False from then on.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef struct Place:
    const uint8_t *at
    const uint8_t *end
    bint ok


cdef inline uint64_t big(Place *place, int size) noexcept:
    """Take a whole number of so many bytes, the highest first."""
    cdef uint64_t value = 0
    cdef int each
    if place.end - place.at < size:
        place.ok = False
        return 0
    for each in range(size):
        value = value << 8 | place.at[each]
    place.at += size
    return value


cdef inline int64_t stored_int(Place *place) noexcept:
    cdef uint8_t mark = <uint8_t>big(place, 1)
    cdef uint64_t value
    if mark < 0x80:
        return mark
    if mark >= 0xE0:
        return <int64_t>mark - 256
    if 0xCC <= mark <= 0xCF:
        value = big(place, 1 << (mark - 0xCC))
        if value >> 63:
            place.ok = False
        return <int64_t>value
    if mark == 0xD0:
        return <signed char>big(place, 1)
    if mark == 0xD1:
        return <short>big(place, 2)
    if mark == 0xD2:
        return <int>big(place, 4)
    if mark == 0xD3:
        return <int64_t>big(place, 8)
    place.ok = False
    return 0


cdef inline const char *stored_text(Place *place, Py_ssize_t *length) noexcept:
    """Take a text and return where it begins."""
    cdef uint8_t mark = <uint8_t>big(place, 1)
    cdef const char *begin
    if 0xA0 <= mark <= 0xBF:
        length[0] = mark & 0x1F
    elif 0xD9 <= mark <= 0xDB:
        length[0] = <Py_ssize_t>big(place, 1 << (mark - 0xD9))
    else:
        length[0] = 0
        place.ok = False
    if not place.ok or place.end - place.at < length[0]:
        length[0] = 0
        place.ok = False
        return b""
    begin = <const char *>place.at
    place.at += length[0]
    return begin


cdef inline Py_ssize_t stored_array(Place *place) noexcept:
    """Take the head of an array and return how many values follow."""
    cdef uint8_t mark = <uint8_t>big(place, 1)
    if 0x90 <= mark <= 0x9F:
        return mark & 0x0F
    if mark == 0xDC:
        return <Py_ssize_t>big(place, 2)
    if mark == 0xDD:
        return <Py_ssize_t>big(place, 4)
    place.ok = False
    return 0
