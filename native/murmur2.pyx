# cython: language_level=3, boundscheck=False, wraparound=False
"""The hash by which Kafka chooses the partition of a key: what `aiokafka.partitioner.murmur2` returns."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    SEED = 0x9747B28C
    FACTOR = 0x5BD1E995


def murmur2(bytes key not None) -> int:
    """Return MurmurHash2 of a key, without a sign."""
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(key)
    cdef Py_ssize_t left = PyBytes_GET_SIZE(key)
    cdef uint32_t hashed = <uint32_t>SEED ^ <uint32_t>left
    cdef uint32_t word
    while left >= 4:
        word = at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24
        word *= FACTOR
        word ^= word >> 24
        word *= FACTOR
        hashed = hashed * <uint32_t>FACTOR ^ word
        at += 4
        left -= 4
    if left == 3:
        hashed ^= <uint32_t>at[2] << 16
    if left >= 2:
        hashed ^= <uint32_t>at[1] << 8
    if left >= 1:
        hashed = (hashed ^ at[0]) * <uint32_t>FACTOR
    hashed ^= hashed >> 13
    hashed *= FACTOR
    return hashed ^ hashed >> 15
