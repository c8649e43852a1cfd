# cython: cdivision=True
"""Values of charging records, as `mediation/decode/cdr_values.py` reads them.

A text is ASCII, written behind others into one `Bytes`; a whole number has 64 bits. What is not of
its kind, or not within that reach, is turned down: the Python twin says which.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from native.ber cimport Outer, read_outer
from native.wire cimport Bytes, make_room, put, put_byte


cdef enum What:
    ABSENT
    WHOLE
    TEXT


cdef enum Kind:
    UNKNOWN
    INTEGER
    UNSIGNED
    DIGITS
    NUMBER
    SMS_NUMBER
    TIME
    DAY
    PLAIN_TEXT
    HEX
    NETWORK
    ADDRESS
    NODE
    URI


cdef enum:
    MAX_TEXT = 256  # `mediation.decode.item`
    DAY_MS = 86_400_000
    MOST_OFFSET_MINUTES = 900
    MOST_NUMBER = 32  # digits of a number in a URI


cdef struct Value:
    What what
    int64_t number
    Py_ssize_t at  # of its text among the texts
    Py_ssize_t length  # -1: of a whole number whose text nobody asked for


cdef inline bint is_digit(uint8_t octet) noexcept nogil:
    return 0x30 <= octet <= 0x39


cdef inline int put_number(Bytes *to, int64_t number) except -1:
    """Put a whole number in decimals."""
    cdef uint8_t digits[20]
    cdef int at = 20
    cdef uint64_t rest = <uint64_t>number
    if number < 0:
        put_byte(to, 0x2D)
        rest = 0 - rest
    while True:
        at -= 1
        digits[at] = <uint8_t>(0x30 + rest % 10)
        rest //= 10
        if not rest:
            return put(to, digits + at, 20 - at)


cdef inline int text_of(Value *value, Bytes *texts) except -1:
    """Have the text of a value written, as `str` writes it."""
    if value.what == WHOLE and value.length < 0:
        value.at = texts.used
        put_number(texts, value.number)
        value.length = texts.used - value.at
    return 0


cdef inline bint whole(
    const uint8_t *octets, Py_ssize_t length, bint signed, int64_t *number
) noexcept nogil:
    """Return whether the octets are a number of 64 bits with its sign, and which."""
    cdef uint64_t made
    cdef Py_ssize_t at
    if not 0 < length <= 8:
        return False
    made = <uint64_t>-1 if signed and octets[0] & 0x80 else 0
    for at in range(length):
        made = made << 8 | octets[at]
    if not signed and made >> 63:
        return False
    number[0] = <int64_t>made
    return True


cdef inline int put_digits(
    Bytes *to, const uint8_t *octets, Py_ssize_t length, Py_ssize_t most
) except -1:
    """Put the digits of a TBCD string, at most so many; return whether there are only digits."""
    cdef Py_ssize_t at
    cdef uint8_t digit
    if length > MAX_TEXT:
        return 0
    make_room(to, 2 * length)
    for at in range(2 * length if 2 * length < most else most):
        digit = octets[at >> 1] >> 4 if at & 1 else octets[at >> 1] & 15
        if digit > 9:
            return 0
        to.at[to.used] = 0x30 + digit
        to.used += 1
    return 1


cdef inline int tbcd(Bytes *to, const uint8_t *octets, Py_ssize_t length) except -1:
    cdef Py_ssize_t count = 2 * length
    if length <= 0:
        return 0
    if octets[length - 1] >> 4 == 15:
        count -= 1
    if count > MAX_TEXT:
        return 0
    return put_digits(to, octets, length, count)


cdef inline int two_digits(uint8_t octet) noexcept nogil:
    """Return the number of two digits; 999 where they are none."""
    return (octet >> 4) * 10 + (octet & 15) if octet >> 4 < 10 and octet & 15 < 10 else 999


cdef inline bint day_ms(const uint8_t *octets, int64_t *began_ms) noexcept nogil:
    """Return whether nine octets have a date and an offset, and the instant that day began."""
    cdef int year = two_digits(octets[0]), month = two_digits(octets[1])
    cdef int day = two_digits(octets[2])
    cdef int hours = two_digits(octets[7]), minutes = two_digits(octets[8])
    cdef int sign, days, longest, of_year
    if octets[6] == 0x2B:
        sign = 1
    elif octets[6] == 0x2D:
        sign = -1
    else:
        return False
    if year > 99 or not 1 <= month <= 12 or minutes > 59:
        return False
    if hours * 60 + minutes > MOST_OFFSET_MINUTES:
        return False
    if month == 2:
        longest = 29 if year % 4 == 0 else 28  # of 2000 to 2099
    elif month == 4 or month == 6 or month == 9 or month == 11:
        longest = 30
    else:
        longest = 31
    if not 1 <= day <= longest:
        return False
    # Days since March 2000: then the day that comes every four years is the last of its year.
    of_year = year if month > 2 else year - 1
    month = month - 3 if month > 2 else month + 9
    days = 365 * of_year + (of_year + 4) // 4 - 1 + (153 * month + 2) // 5 + day - 1
    # 2000-03-01 is day 11,017 since 1970.
    began_ms[0] = <int64_t>(11_017 + days) * DAY_MS - sign * (hours * 60 + minutes) * 60_000
    return True


cdef inline bint instant(const uint8_t *octets, Py_ssize_t length, int64_t *ms) noexcept nogil:
    cdef int hour, minute, second
    if length != 9 or not day_ms(octets, ms):
        return False
    hour, minute, second = two_digits(octets[3]), two_digits(octets[4]), two_digits(octets[5])
    if hour > 23 or minute > 59 or second > 59:
        return False
    ms[0] += (hour * 3600 + minute * 60 + second) * 1000
    return True


cdef inline int put_hex(Bytes *to, const uint8_t *octets, Py_ssize_t length) except -1:
    cdef Py_ssize_t at
    cdef const char *digits = b"0123456789abcdef"
    make_room(to, 2 * length)
    for at in range(length):
        to.at[to.used] = digits[octets[at] >> 4]
        to.at[to.used + 1] = digits[octets[at] & 15]
        to.used += 2
    return 0


cdef inline int put_day(Bytes *to, const uint8_t *octets) except -1:
    put(to, b"20", 2)
    put_hex(to, octets, 1)
    put_byte(to, 0x2D)
    put_hex(to, octets + 1, 1)
    put_byte(to, 0x2D)
    return put_hex(to, octets + 2, 1)


cdef inline bint is_plain(const uint8_t *octets, Py_ssize_t length) noexcept nogil:
    """Return whether the octets are a text that is kept, of ASCII."""
    cdef Py_ssize_t at
    if length > MAX_TEXT:
        return False
    for at in range(length):
        if octets[at] == 0 or octets[at] >= 0x80:
            return False
    return True


cdef inline int put_network(Bytes *to, const uint8_t *octets, Py_ssize_t length) except -1:
    cdef uint8_t digits[6]
    cdef int at
    if length != 3:
        return 0
    for at in range(6):
        digits[at] = octets[at >> 1] >> 4 if at & 1 else octets[at >> 1] & 15
        if digits[at] > 9 and not (at == 3 and digits[at] == 15):
            return 0
        digits[at] += 0x30
    put(to, digits, 3)
    put(to, digits + 4, 2)
    if digits[3] <= 0x39:
        put_byte(to, digits[3])
    return 1


cdef inline int put_ipv4(Bytes *to, const uint8_t *octets, Py_ssize_t length) except -1:
    """Put an IP address of four octets; return whether it is one."""
    cdef Outer found
    cdef int at
    if not read_outer(octets, 0, length, &found) or found.after != length:
        return 0
    if found.tag != 0x80 or found.stop - found.begin != 4:
        return 0
    for at in range(4):
        if at:
            put_byte(to, 0x2E)
        put_number(to, octets[found.begin + at])
    return 1


cdef inline int put_by_python(
    Bytes *to, const uint8_t *octets, Py_ssize_t length, object by_python
) except -1:
    """Put the text that a function of Python makes; return whether it is one of ASCII."""
    made = by_python(PyBytes_FromStringAndSize(<const char *>octets, length))
    if type(made) is not str or not (<str>made).isascii():
        return 0
    cdef bytes written = (<str>made).encode()
    put(to, <const char *>written, len(written))
    return 1


cdef inline bint begins_with(
    const uint8_t *octets, Py_ssize_t length, const char *scheme, Py_ssize_t size
) noexcept nogil:
    """Return whether a text is ``scheme`` and a colon, in whatever case."""
    cdef Py_ssize_t at
    if length <= size or octets[size] != 0x3A:
        return False
    for at in range(size):
        if octets[at] | 0x20 != <uint8_t>scheme[at]:
            return False
    return True


cdef inline int put_uri(Bytes *to, const uint8_t *octets, Py_ssize_t length) except -1:
    cdef Py_ssize_t at, end, begin = 0, before = to.used
    cdef uint8_t octet
    cdef bint plus = False
    if length == 0 or not is_plain(octets, length):
        return 0
    if begins_with(octets, length, b"tel", 3) or begins_with(octets, length, b"sip", 3):
        begin = 4
    elif begins_with(octets, length, b"sips", 4):
        begin = 5
    end = begin
    while end < length and octets[end] != 0x3B and octets[end] != 0x3F:  # ; ?
        end += 1
    make_room(to, length)
    at = begin
    while at < end and octets[at] != 0x40 and octets[at] != 0x3A:  # @ :
        octet = octets[at]
        if octet == 0x2B and to.used == before and not plus:
            plus = True
        elif is_digit(octet):
            to.at[to.used] = octet
            to.used += 1
        elif octet != 0x2D and octet != 0x2E:  # - .
            to.used = before
            break
        at += 1
    if not 0 < to.used - before <= MOST_NUMBER:
        to.used = before
        put(to, octets + begin, end - begin)
    return 1


cdef inline int convert(
    Kind kind, object by_python, const uint8_t *octets, Py_ssize_t length,
    Value *value, Bytes *texts,
) except -1:
    """Make a value of its octets; return whether that was in reach."""
    cdef Outer found
    cdef bint made = False
    value.at = texts.used
    value.length = -1
    value.what = WHOLE
    if kind == INTEGER:
        return whole(octets, length, True, &value.number)
    if kind == UNSIGNED:
        return whole(octets, length, False, &value.number)
    if kind == TIME:
        return instant(octets, length, &value.number)
    value.what = TEXT
    if kind == DIGITS:
        made = tbcd(texts, octets, length)
    elif kind == NUMBER:
        if length:
            if octets[0] & 0x80:
                made = tbcd(texts, octets + 1, length - 1)
            else:
                made = tbcd(texts, octets + 2, length - 2)
    elif kind == SMS_NUMBER:
        if length >= 3 and octets[1] & 0x70 != 0x50 and 0 < octets[0] <= 2 * (length - 2):
            made = put_digits(texts, octets + 2, length - 2, octets[0])
    elif kind == DAY:
        if length == 9 and day_ms(octets, &value.number):
            put_day(texts, octets)
            made = True
    elif kind == PLAIN_TEXT:
        if is_plain(octets, length):
            put(texts, octets, length)
            made = True
    elif kind == HEX:
        if 2 * length <= MAX_TEXT:
            put_hex(texts, octets, length)
            made = True
    elif kind == NETWORK:
        made = put_network(texts, octets, length)
    elif kind == ADDRESS:
        made = put_ipv4(texts, octets, length)
        if not made:
            made = put_by_python(texts, octets, length, by_python)
    elif kind == NODE:
        if read_outer(octets, 0, length, &found) and found.after == length:
            if found.tag == 0xA0:
                made = put_ipv4(texts, octets + found.begin, found.stop - found.begin)
            if not made:
                made = put_by_python(texts, octets, length, by_python)
    elif kind == URI:
        made = put_uri(texts, octets, length)
    value.length = texts.used - value.at
    return made
