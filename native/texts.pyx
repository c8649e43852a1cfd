# cython: language_level=3, boundscheck=False, wraparound=False
"""Texts as their sources wrote them: `mediation/decode/written_number.py` and `local_time.iso_time`."""

from native.wire cimport Bytes, drop, no_bytes, pack_str, taken


cdef class TextRule:
    def __init__(self, remove, strip, is_separated) -> None:
        self.is_separated = is_separated
        self.remove = "".join([each for each in remove if each.isascii()]).encode()
        self.removes_others = not "".join(remove).isascii()
        self.strip = tuple([each.encode() for each in strip])

    cdef int cleaned(self, Text text, Text *to) except -1:
        """Put there what is left of a text, NULL where nothing is, and return 1; 0 where the full way must
        tell it."""
        cdef Py_ssize_t at
        to.at, to.length = NULL, 0
        for at in range(PyBytes_GET_SIZE(self.remove)):
            if holds(text, <uint8_t>PyBytes_AS_STRING(self.remove)[at]):
                return 0
        if self.removes_others and not is_ascii(text):
            return 0
        for prefix in self.strip:
            if begins(text, <bytes>prefix):
                text.at += PyBytes_GET_SIZE(<bytes>prefix)
                text.length -= PyBytes_GET_SIZE(<bytes>prefix)
                break
        if text.length == 0:
            return 1
        # Most are digits, most others a name: neither is worth a call.
        if (
            self.is_separated is not None
            and (48 <= text.at[0] <= 57 or text.at[0] > 127)  # there are digits beyond ASCII
            and not digits_alone(text)
            and self.is_separated(str_of(text))
        ):
            return 0
        to[0] = text
        return 1


cdef bytes packed(text):
    """Return the MessagePack of a text."""
    cdef Bytes to
    no_bytes(&to)
    try:
        pack_str(&to, text)
        return taken(&to)
    finally:
        drop(&to)


cdef enum:
    MOST_OF_INSTANT = 30  # bytes: nine digits of a second


cdef int number(const uint8_t *at, int digits) noexcept:
    """Return the number that so many digits are; a negative one where they are none."""
    cdef int place, value = 0
    for place in range(digits):
        if at[place] < 48 or at[place] > 57:
            return -1
        value = 10 * value + at[place] - 48
    return value


cdef bint utc_instant(Text text, int64_t *to) noexcept:
    """Put the milliseconds since 1970 of ``2026-03-01T12:00:05Z`` or ``2026-03-01T12:00:05.250Z`` there, of more
    digits the first three; False where it is anything else."""
    cdef const uint8_t *at = text.at
    cdef const uint8_t *last = text.at + text.length - 1
    cdef int year, month, day, hour, minute, second, days, era, of_era, of_year, milliseconds = 0
    cdef Py_ssize_t place
    if text.length < 20 or text.length > MOST_OF_INSTANT or at[4] != 45 or at[7] != 45 or at[13] != 58 or at[16] != 58:
        return False
    if (at[10] != 84 and at[10] != 116 and at[10] != 32) or (last[0] != 90 and last[0] != 122):
        return False
    if text.length > 20:
        if at[19] != 46 or text.length == 21:
            return False
        for place in range(20, text.length - 1):
            if at[place] < 48 or at[place] > 57:
                return False
        for place in range(20, 23):
            milliseconds = 10 * milliseconds + (at[place] - 48 if at + place < last else 0)
    year, month, day = number(at, 4), number(at + 5, 2), number(at + 8, 2)
    hour, minute, second = number(at + 11, 2), number(at + 14, 2), number(at + 17, 2)
    if year < 1 or month < 1 or month > 12 or day < 1:
        return False
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return False
    days = 31
    if month == 2:
        days = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    elif month == 4 or month == 6 or month == 9 or month == 11:
        days = 30
    if day > days:
        return False
    # Days since 1970, the year beginning in March: then what a leap day moves lies behind it.
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    to[0] = ((<int64_t>days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + milliseconds
    return True
