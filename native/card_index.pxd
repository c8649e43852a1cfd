from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef struct Slot:
    uint64_t key  # 0: empty
    uint64_t rows  # a pointer; its lowest bit: one row, in force on every day


cdef class Table:
    cdef Slot *slots
    cdef int bits
    cdef uint64_t used


cdef class CardIndex:
    cdef Table of_all
    cdef dict of_band, kept
    cdef uint32_t lengths[1000]  # by the first three digits: which lengths prefixes have

    cdef object row_of(
        self, const uint8_t *number, Py_ssize_t size, int64_t day, object band, int *digits_of_prefix
    )
