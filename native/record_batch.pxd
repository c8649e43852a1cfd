"""A record batch of Kafka, version 2: where its fields lie, and whole numbers as it has them."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "crc32c.h" nogil:
    void crc32c_prepare()
    uint32_t crc32c(const void *of, size_t size)
    uint32_t crc32c_by_table(const void *of, size_t size)


cdef enum:  # where each field begins
    BASE_OFFSET = 0
    LENGTH = 8  # of what follows it
    LEADER_EPOCH = 12
    MAGIC = 16
    CRC = 17  # of what follows it
    ATTRIBUTES = 21
    LAST_OFFSET_DELTA = 23
    FIRST_TIMESTAMP = 27
    MAX_TIMESTAMP = 35
    PRODUCER_ID = 43
    PRODUCER_EPOCH = 51
    BASE_SEQUENCE = 53
    RECORD_COUNT = 57
    RECORDS = 61


cdef enum:
    VERSION = 2
    COMPRESSION = 0x07  # of the attributes
    LOG_APPEND_TIME = 0x08
    TRANSACTIONAL = 0x10
    MOST_VARINT = 10  # bytes


cdef inline void set_big(uint8_t *to, uint64_t value, int size) noexcept:
    """Write a whole number of so many bytes, the highest first."""
    cdef int at
    for at in range(size):
        to[at] = <uint8_t>(value >> (8 * (size - 1 - at)))


cdef inline uint64_t big(const uint8_t *of, int size) noexcept:
    """Read a whole number of so many bytes, the highest first."""
    cdef uint64_t value = 0
    cdef int at
    for at in range(size):
        value = value << 8 | of[at]
    return value


cdef inline uint64_t zigzag(int64_t value) noexcept:
    """Return a number whose size is that of ``value``, above zero or below."""
    return (<uint64_t>value << 1) ^ <uint64_t>(value >> 63)


cdef inline int size_of_varint(int64_t value) noexcept:
    cdef uint64_t left = zigzag(value) >> 7
    cdef int size = 1
    while left:
        left >>= 7
        size += 1
    return size


cdef inline uint8_t *put_varint(uint8_t *to, int64_t value) noexcept:
    """Write a number and return where it ends."""
    cdef uint64_t left = zigzag(value)
    while left > 0x7F:
        to[0] = <uint8_t>(left | 0x80)
        to += 1
        left >>= 7
    to[0] = <uint8_t>left
    return to + 1


cdef inline const uint8_t *read_varint(
    const uint8_t *at, const uint8_t *end, int64_t *value
) noexcept:
    """Read a number and return where it ends; NULL: it is cut off, or longer than any."""
    cdef uint64_t found = 0
    cdef int shift = 0
    while at < end and shift < 7 * MOST_VARINT:
        found |= <uint64_t>(at[0] & 0x7F) << shift
        if at[0] < 0x80:
            value[0] = <int64_t>(found >> 1) ^ -<int64_t>(found & 1)
            return at + 1
        at += 1
        shift += 7
    return NULL
