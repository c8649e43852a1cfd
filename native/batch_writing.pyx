# cython: language_level=3, boundscheck=False, wraparound=False
"""Records written into one batch of Kafka's: what aiokafka's builder makes of them one by one, byte for
byte. Which of them fit is its rule. Compression, and records of other types than the pipeline makes, are
left to it.

`tests/property/test_native_batch_writing.py` holds both to the same bytes.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_CheckExact
from libc.stdint cimport INT32_MAX, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from native.record_batch cimport (
    ATTRIBUTES, BASE_OFFSET, BASE_SEQUENCE, CRC, FIRST_TIMESTAMP, LAST_OFFSET_DELTA, LEADER_EPOCH, LENGTH,
    MAGIC, MAX_TIMESTAMP, PRODUCER_EPOCH, PRODUCER_ID, RECORD_COUNT, RECORDS, TRANSACTIONAL, VERSION,
    crc32c, crc32c_prepare, put_varint, set_big, size_of_varint,
)

crc32c_prepare()


cdef enum:  # the fields of an `Append`
    KEY = 2
    VALUE = 3
    HEADERS = 4
    FIELDS = 5


cdef struct Encoded:  # headers, as the record before had them
    PyObject *headers
    Py_ssize_t size
    const uint8_t *at


@cython.final
cdef class RecordBatch:
    """A batch whose records are all there, for aiokafka's sender, which says last who sends it."""

    cdef bytearray _bytes
    cdef int32_t _records
    cdef int64_t _at_ms
    cdef bint _transactional
    cdef readonly int64_t producer_id
    cdef readonly int16_t producer_epoch
    cdef readonly int32_t base_sequence

    def __cinit__(self):
        self.producer_id = self.producer_epoch = -1

    def set_producer_state(self, int64_t producer_id, int16_t producer_epoch, int32_t base_sequence):
        """Say whose batch it is, and the number of its first record."""
        self.producer_id = producer_id
        self.producer_epoch = producer_epoch
        self.base_sequence = base_sequence

    def size(self):
        """Return how many bytes it has."""
        return len(self._bytes)

    def build(self):
        """Return the batch as it is sent."""
        cdef uint8_t *at = <uint8_t *>PyByteArray_AS_STRING(self._bytes)
        cdef Py_ssize_t size = len(self._bytes)
        set_big(at + BASE_OFFSET, 0, 8)  # the broker gives it
        set_big(at + LENGTH, size - LEADER_EPOCH, 4)
        set_big(at + LEADER_EPOCH, <uint32_t>-1, 4)
        at[MAGIC] = VERSION
        set_big(at + ATTRIBUTES, TRANSACTIONAL if self._transactional else 0, 2)
        set_big(at + LAST_OFFSET_DELTA, self._records - 1, 4)
        set_big(at + FIRST_TIMESTAMP, self._at_ms, 8)
        set_big(at + MAX_TIMESTAMP, self._at_ms, 8)
        set_big(at + PRODUCER_ID, self.producer_id, 8)
        set_big(at + PRODUCER_EPOCH, <uint16_t>self.producer_epoch, 2)
        set_big(at + BASE_SEQUENCE, <uint32_t>self.base_sequence, 4)
        set_big(at + RECORD_COUNT, self._records, 4)
        set_big(at + CRC, crc32c(at + ATTRIBUTES, size - ATTRIBUTES), 4)
        return self._bytes


def filled(list records, Py_ssize_t start, *, int64_t at_ms, Py_ssize_t batch_bytes, bint transactional):
    """Return a batch of as many records as fit, from one on, and how many those are; None: there is one
    that is left to the builder of aiokafka. All are of the time ``at_ms``."""
    cdef Encoded same
    cdef Py_ssize_t at, size, used = RECORDS
    cdef Py_ssize_t end = PyList_GET_SIZE(records)
    same.headers = NULL
    at = start
    while at < end:
        size = body_size(PyList_GET_ITEM(records, at), at - start, &same)
        if size < 0:
            return None
        size += size_of_varint(size)
        if at > start and used + size >= batch_bytes:
            break
        used += size
        at += 1
    if at == start or used > INT32_MAX:
        return None
    cdef RecordBatch batch = RecordBatch.__new__(RecordBatch)
    batch._bytes = PyByteArray_FromStringAndSize(NULL, used)
    batch._records = <int32_t>(at - start)
    batch._at_ms = at_ms
    batch._transactional = transactional
    write(records, start, at, <uint8_t *>PyByteArray_AS_STRING(batch._bytes) + RECORDS)
    return batch, at - start


cdef inline Py_ssize_t bytes_size(PyObject *value) noexcept:
    """Return the size of bytes with their length, or of None; -1: it is neither."""
    if value == <PyObject *>None:
        return 1
    if not PyBytes_CheckExact(<object>value):
        return -1
    return size_of_varint(PyBytes_GET_SIZE(<object>value)) + PyBytes_GET_SIZE(<object>value)


cdef Py_ssize_t body_size(PyObject *record, Py_ssize_t number, Encoded *same):
    """Return the size of a record behind its length; -1: it is left to the builder of aiokafka."""
    if not isinstance(<object>record, tuple) or PyTuple_GET_SIZE(<object>record) != FIELDS:
        return -1
    cdef Py_ssize_t key = bytes_size(PyTuple_GET_ITEM(<object>record, KEY))
    cdef Py_ssize_t value = bytes_size(PyTuple_GET_ITEM(<object>record, VALUE))
    cdef PyObject *headers = PyTuple_GET_ITEM(<object>record, HEADERS)
    if headers != same.headers:
        same.size = headers_size(<object>headers)
        same.headers = headers
    if key < 0 or value < 0 or same.size < 0:
        return -1
    # Before the key: attributes, and as its time the difference to the first record's, which is 0.
    return 1 + 1 + size_of_varint(number) + key + value + same.size


cdef Py_ssize_t headers_size(headers):
    if not PyTuple_CheckExact(headers):
        return -1
    cdef Py_ssize_t name, value, size = size_of_varint(PyTuple_GET_SIZE(headers))
    for header in <tuple>headers:
        if not PyTuple_CheckExact(header) or PyTuple_GET_SIZE(header) != 2:
            return -1
        if not PyUnicode_CheckExact(<object>PyTuple_GET_ITEM(header, 0)):
            return -1
        value = bytes_size(PyTuple_GET_ITEM(header, 1))
        if value < 0:
            return -1
        try:
            PyUnicode_AsUTF8AndSize(<object>PyTuple_GET_ITEM(header, 0), &name)
        except UnicodeEncodeError:
            return -1
        size += size_of_varint(name) + name + value
    return size


cdef int write(list records, Py_ssize_t start, Py_ssize_t end, uint8_t *to) except -1:
    """Write records that were measured."""
    cdef Encoded same
    cdef Py_ssize_t at
    cdef PyObject *record
    cdef PyObject *headers
    same.headers = NULL
    for at in range(start, end):
        record = PyList_GET_ITEM(records, at)
        to = put_varint(to, body_size(record, at - start, &same))
        to[0] = 0  # attributes
        to[1] = 0  # its time
        to = put_varint(to + 2, at - start)
        to = put_bytes(to, PyTuple_GET_ITEM(<object>record, KEY))
        to = put_bytes(to, PyTuple_GET_ITEM(<object>record, VALUE))
        to = put_headers(to, <tuple>PyTuple_GET_ITEM(<object>record, HEADERS))
    return 0


cdef inline uint8_t *put_bytes(uint8_t *to, PyObject *value) noexcept:
    cdef Py_ssize_t size
    if value == <PyObject *>None:
        return put_varint(to, -1)
    size = PyBytes_GET_SIZE(<object>value)
    to = put_varint(to, size)
    memcpy(to, PyBytes_AS_STRING(<object>value), size)
    return to + size


cdef uint8_t *put_headers(uint8_t *to, tuple headers) except NULL:
    cdef Py_ssize_t size
    cdef const char *name
    to = put_varint(to, PyTuple_GET_SIZE(headers))
    for header in headers:
        name = PyUnicode_AsUTF8AndSize(<object>PyTuple_GET_ITEM(header, 0), &size)
        to = put_varint(to, size)
        memcpy(to, name, size)
        to = put_bytes(to + size, PyTuple_GET_ITEM(header, 1))
    return to
