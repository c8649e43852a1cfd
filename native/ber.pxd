"""Tags and lengths of BER, as `mediation/decode/ber.py` reads them.

Nothing at ``end`` or behind it is looked at. Whatever is no BER, or leads past ``end``, is not read:
why it is not, the Python twin says.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef enum:
    SEQUENCE = 0x30
    CONSTRUCTED = 0x20
    LONG_TAG = 0x1F
    INDEFINITE = 0x80
    MOST_LENGTH_OCTETS = 4
    MOST_TAG_OCTETS = 4
    MOST_LEVELS = 32


cdef struct Outer:
    uint32_t tag
    Py_ssize_t begin  # of the contents
    Py_ssize_t stop  # of the contents
    Py_ssize_t after


cdef inline Py_ssize_t after_tag(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t end, uint32_t *tag
) noexcept nogil:
    """Return where the length begins; -1 where the tag does not end before."""
    cdef int octets
    tag[0] = data[at]
    at += 1
    if tag[0] & LONG_TAG != LONG_TAG:
        return at if at < end else -1
    for octets in range(1, MOST_TAG_OCTETS):
        if at >= end:
            return -1
        tag[0] = tag[0] << 8 | data[at]
        at += 1
        if data[at - 1] < 0x80:
            return at if at < end else -1
    return -1


cdef inline Py_ssize_t after_length(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t *size
) noexcept nogil:
    """Return where the contents begin, of a length at ``at`` that is stated; -1 where they do not
    fit before ``end``."""
    cdef uint64_t length = data[at]
    cdef int octets
    at += 1
    if length > INDEFINITE:
        octets = <int>(length & 0x7F)
        if octets > MOST_LENGTH_OCTETS or octets > end - at:
            return -1
        length = 0
        while octets:
            length = length << 8 | data[at]
            at += 1
            octets -= 1
    if length > <uint64_t>(end - at):
        return -1
    size[0] = <Py_ssize_t>length
    return at


cdef inline Py_ssize_t end_of_contents(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t end, uint8_t first, int level
) noexcept nogil:
    """Return where the contents end whose length is not stated; -1 where they do not."""
    cdef uint32_t tag
    cdef uint8_t inner
    cdef Py_ssize_t size
    if not first & CONSTRUCTED or level > MOST_LEVELS:
        return -1
    while end - at >= 2:
        if data[at] == 0 and data[at + 1] == 0:
            return at
        inner = data[at]
        at = after_tag(data, at, end, &tag)
        if at < 0:
            return -1
        if data[at] == INDEFINITE:
            at = end_of_contents(data, at + 1, end, inner, level + 1)
            if at < 0:
                return -1
            at += 2
        else:
            at = after_length(data, at, end, &size)
            if at < 0:
                return -1
            at += size
    return -1


cdef inline bint read_outer(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t end, Outer *found
) noexcept nogil:
    """Return whether a whole value begins at ``at``, and which."""
    cdef Py_ssize_t size = 0
    cdef uint8_t first
    if at >= end:
        return False
    first = data[at]
    at = after_tag(data, at, end, &found.tag)
    if at < 0:
        return False
    if data[at] == INDEFINITE:
        found.begin = at + 1
        found.stop = end_of_contents(data, at + 1, end, first, 0)
        found.after = found.stop + 2
        return found.stop >= 0
    found.begin = after_length(data, at, end, &size)
    found.stop = found.after = found.begin + size
    return found.begin >= 0
