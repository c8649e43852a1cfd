# cython: language_level=3, boundscheck=False, wraparound=False
"""The rows of a rate card by prefix: what `RateCard.find_in_python` does, with a memory access or
two for each length of prefix that there is."""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.unicode cimport PyUnicode_AsUTF8AndSize


cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *) nogil


cdef enum:
    LONGEST = 16  # digits of a prefix: four bits for each


cdef inline uint64_t _place(Table table, uint64_t key) noexcept:
    return (key * 0x9E3779B97F4A7C15ULL) >> (64 - table.bits)


cdef inline uint64_t _rows(Table table, uint64_t key) noexcept:
    """Return what is under a key; 0: nothing."""
    cdef uint64_t at = _place(table, key)
    cdef uint64_t last = (<uint64_t>1 << table.bits) - 1
    while table.slots[at].key:
        if table.slots[at].key == key:
            return table.slots[at].rows
        at = (at + 1) & last
    return 0


cdef class Table:
    """Rows by the digits of a prefix; of one band, or of all. The rows are somebody else's."""

    def __cinit__(self, size_t count):
        self.bits = 4
        while (<size_t>1 << self.bits) * 2 < count * 3:
            self.bits += 1
        self.slots = <Slot *>PyMem_Calloc(<size_t>1 << self.bits, sizeof(Slot))
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.slots)


cdef int _put(Table table, uint64_t key, object rows, bint always) except -1:
    cdef uint64_t at = _place(table, key)
    cdef uint64_t last = (<uint64_t>1 << table.bits) - 1
    while table.slots[at].key:
        at = (at + 1) & last
    table.slots[at].key = key
    table.slots[at].rows = <uint64_t><PyObject *>rows | always
    table.used += 1
    return 0


cdef class CardIndex:
    """The index of a card; `index_of` makes it."""

    def find(self, str destination not None, *, int64_t day, band):
        """Return what `RateCard.find_in_python` returns."""
        cdef Py_ssize_t size
        cdef int length
        cdef const char *number = PyUnicode_AsUTF8AndSize(destination, &size)
        return self.row_of(<const uint8_t *>number, size, day, band, &length)

    cdef object row_of(
        self, const uint8_t *number, Py_ssize_t size, int64_t day, object band, int *digits_of_prefix
    ):
        cdef Table of_band = None, of_all = self.of_all
        cdef uint64_t keys[LONGEST + 1]
        cdef uint64_t key = 0, rows
        cdef uint32_t lengths
        cdef int digits = 0, head = 0, length
        if band is not None:
            of_band = <Table>self.of_band.get(band)
        while digits < LONGEST and digits < size and 0x30 <= number[digits] <= 0x39:
            key = key << 4 | <uint64_t>(number[digits] - 0x2F)
            digits += 1
            keys[digits] = key
            if digits <= 3:
                head = 10 * head + (number[digits - 1] - 0x30)
        lengths = self.lengths[head] if digits >= 3 else 0xFFFFFFFF
        lengths &= (<uint32_t>2 << digits) - 2
        if of_band is not None:
            for length in range(digits, 0, -1):
                if lengths >> length & 1:
                    prefetch(of_band.slots + _place(of_band, keys[length]))
        for length in range(digits, 0, -1):
            if not lengths >> length & 1:
                continue
            digits_of_prefix[0] = length
            if of_band is not None:
                rows = _rows(of_band, keys[length])
                if rows:
                    row = _in_force(rows, day)
                    if row is not None:
                        return row
            if of_all is not None:
                rows = _rows(of_all, keys[length])
                if rows:
                    row = _in_force(rows, day)
                    if row is not None:
                        return row
        return None


cdef object _in_force(uint64_t found, int64_t day):
    rows = <object><PyObject *>(found & ~<uint64_t>1)
    if found & 1:
        return rows
    for row in rows if type(rows) is tuple else (rows,):
        if row.from_day <= day < row.to_day:
            return row
    return None


cdef uint64_t _key_of(str prefix) except? 0:
    """Return the key of a prefix; 0: it has other than digits, or too many."""
    cdef Py_ssize_t size
    cdef const char *at = PyUnicode_AsUTF8AndSize(prefix, &size)
    cdef uint64_t key = 0
    cdef Py_ssize_t place
    if size > LONGEST:
        return 0
    for place in range(size):
        if not 0x30 <= <uint8_t>at[place] <= 0x39:
            return 0
        key = key << 4 | <uint64_t>(<uint8_t>at[place] - 0x2F)
    return key


def index_of(dict of_all_bands, dict of_band, int64_t first_day, int64_t last_day):
    """Return the `CardIndex` of the rows of a `RateCard`, which it keeps; None where a prefix has
    other than digits, or more than sixteen. ``first_day`` and ``last_day``: of a row that is always
    in force."""
    cdef CardIndex index = CardIndex()
    index.kept = {None: of_all_bands, **of_band}
    index.of_band = {}
    cdef Table table
    cdef uint64_t key
    cdef int first, head, low, times
    for band, rows_of in index.kept.items():
        if not rows_of:
            continue
        table = Table(len(rows_of))
        for prefix, rows in rows_of.items():
            key = _key_of(prefix)
            if key == 0:
                return None
            single = type(rows) is not tuple
            always = single and rows.from_day == first_day and rows.to_day == last_day
            _put(table, key, rows, always)
            low, times = 0, 1000
            for first in range(min(<int>len(prefix), 3)):
                times //= 10
                low += times * (ord(prefix[first]) - 0x30)
            for head in range(low, low + times):
                index.lengths[head] |= <uint32_t>1 << <int>len(prefix)
        if band is None:
            index.of_all = table
        else:
            index.of_band[band] = table
    return index
