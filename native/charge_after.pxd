"""The price of an event that asks for counters."""

from libc.stdint cimport int64_t

from native.kept_prices cimport KeptPrices
from native.scaled cimport scaled
from native.wire cimport Bytes


cdef struct Totals:  # `rating.counting.Totals`
    int64_t records
    scaled quantity, amount


cdef struct Count:  # `rating.counting.Count`
    bint is_counted, has_amount
    scaled quantity, amount


cdef struct Charge:  # `Priced`, where nothing is restated
    scaled billed, free, amount


cdef class ChargeAfter:
    cdef KeptPrices kept
    # Where `Selected` has them, the rule and the offer.
    cdef Py_ssize_t price_at, explanation_at, discounts_at, fitted_at

    cdef bint charge(
        self, selected, rule, offer, const scaled *used, const Totals **before, Py_ssize_t count,
        Charge *charge, Count *counts, Bytes *steps,
    ) except -1
