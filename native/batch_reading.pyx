# cython: language_level=3, boundscheck=False, wraparound=False
"""The records of one batch of Kafka's, read where they lie: what aiokafka's reader and
`SourceConsumer` make of them one by one.

It refuses nothing. A batch that is compressed, or in which anything is not as it should be, is left to
them, who say what is wrong with which record. `tests/property/test_native_batch_reading.py` holds both to
the same records.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from native.record_batch cimport (
    ATTRIBUTES, BASE_OFFSET, COMPRESSION, CRC, FIRST_TIMESTAMP, LOG_APPEND_TIME, MAGIC, MAX_TIMESTAMP,
    RECORD_COUNT, RECORDS, VERSION, big, crc32c, crc32c_by_table, crc32c_prepare, read_varint,
)

crc32c_prepare()


cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)


cdef enum:
    FIELDS = 6  # of a `SourceRecord`


cdef struct Reading:
    const uint8_t *at  # NULL: something is not as it should be
    const uint8_t *end


def has_its_crc(bytes data not None, Py_ssize_t start, Py_ssize_t end):
    """Return whether a batch is as it was written."""
    if not 0 <= start <= end - RECORDS <= PyBytes_GET_SIZE(data) - RECORDS:
        return False
    cdef const uint8_t *batch = <const uint8_t *>PyBytes_AS_STRING(data) + start
    return crc32c(batch + ATTRIBUTES, end - start - ATTRIBUTES) == <uint32_t>big(batch + CRC, 4)


def crc_by_table(bytes data not None):
    """Return the CRC-32C, as it is found where the processor knows nothing of it."""
    return crc32c_by_table(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


def records_of(bytes data not None, Py_ssize_t start, Py_ssize_t end, partition, type kind not None):
    """Return the records of the batch that lies there, each of ``kind``, which is `SourceRecord`; their
    offsets rise. None: it is left to aiokafka's reader."""
    if not 0 <= start <= end - RECORDS <= PyBytes_GET_SIZE(data) - RECORDS:
        return None
    cdef const uint8_t *batch = <const uint8_t *>PyBytes_AS_STRING(data) + start
    cdef int attributes = <int>big(batch + ATTRIBUTES, 2)
    if batch[MAGIC] != VERSION or attributes & COMPRESSION:
        return None
    cdef int64_t base_offset = <int64_t>big(batch + BASE_OFFSET, 8)
    cdef int64_t first_ms = <int64_t>big(batch + FIRST_TIMESTAMP, 8)
    cdef int64_t last_ms = <int64_t>big(batch + MAX_TIMESTAMP, 8)
    cdef int32_t count = <int32_t><uint32_t>big(batch + RECORD_COUNT, 4)
    cdef Reading here
    cdef const uint8_t *record_end
    cdef const uint8_t *headers_at = NULL
    cdef Py_ssize_t headers_size = -1
    cdef int64_t size, ignored, later_ms, delta, offset, at_ms, before = -1, at_ms_before = 0
    cdef tuple headers = ()
    cdef list records = []
    made_at_ms = None
    here.at, here.end = batch + RECORDS, batch + (end - start)
    for _ in range(count):
        size = number(&here)
        if here.at == NULL or size < 0 or size > here.end - here.at:
            return None
        record_end = here.at + size
        ignored = number(&here)  # attributes
        later_ms = number(&here)
        delta = number(&here)
        if here.at == NULL:
            return None
        offset = sum_of(base_offset, delta)
        at_ms = last_ms if attributes & LOG_APPEND_TIME else sum_of(first_ms, later_ms)
        if offset <= before:
            return None
        before = offset
        key = bytes_or_none(&here)
        value = bytes_or_none(&here)
        if here.at == NULL or here.at > record_end:
            return None
        # Most records have the very headers of the one before.
        if headers_size != record_end - here.at or memcmp(headers_at, here.at, headers_size):
            headers_at, headers_size = here.at, record_end - here.at
            headers = read_headers(&here, record_end)
            if headers is None:
                return None
        here.at = record_end
        if made_at_ms is None or at_ms != at_ms_before:
            made_at_ms, at_ms_before = at_ms, at_ms
        record = PyType_GenericAlloc(<PyTypeObject *>kind, FIELDS)
        put_item(record, 0, partition)
        put_item(record, 1, offset)
        put_item(record, 2, made_at_ms)
        put_item(record, 3, key)
        put_item(record, 4, b"" if value is None else value)
        put_item(record, 5, headers)
        records.append(record)
    return records if here.at == here.end else None


cdef inline int64_t sum_of(int64_t left, int64_t right) noexcept:
    """Return the sum, as a processor makes it of what is too large."""
    return <int64_t>(<uint64_t>left + <uint64_t>right)


cdef inline int64_t number(Reading *here) noexcept:
    cdef int64_t value = 0
    if here.at != NULL:
        here.at = read_varint(here.at, here.end, &value)
    return value


cdef inline object bytes_or_none(Reading *here):
    cdef int64_t size = number(here)
    cdef const uint8_t *at = here.at
    if at == NULL or size < 0:
        return None
    if size > here.end - at:
        here.at = NULL
        return None
    here.at = at + size
    return PyBytes_FromStringAndSize(<const char *>at, <Py_ssize_t>size)


cdef tuple read_headers(Reading *here, const uint8_t *record_end):
    """Return headers that end where their record ends; None: they do not, or cannot be read."""
    cdef int64_t size, left = number(here)
    cdef const uint8_t *at
    cdef list found = []
    while here.at != NULL and left > 0:
        size = number(here)
        at = here.at
        if at == NULL or size < 0 or size > here.end - at:
            return None
        try:
            name = PyUnicode_DecodeUTF8(<const char *>at, <Py_ssize_t>size, NULL)
        except UnicodeDecodeError:
            return None
        here.at = at + size
        found.append((name, bytes_or_none(here)))
        left -= 1
    return tuple(found) if left == 0 and here.at == record_end else None


cdef inline int put_item(record, Py_ssize_t at, item) except -1:
    Py_INCREF(item)
    PyTuple_SET_ITEM(record, at, item)
    return 0
