"""What a price makes of units: `priced.h`."""

from libc.stdint cimport int64_t, uint64_t

from native.scaled cimport scaled


cdef extern from "quotient.h" nogil:
    ctypedef struct quotient_number:
        uint64_t digits
        int places


cdef extern from "priced.h" nogil:
    ctypedef struct priced_rounding:
        int places, rule
    bint priced_number(quotient_number *to, const scaled *value)
    bint priced_units(
        scaled *to, quotient_number amount, quotient_number fee, quotient_number per, const scaled *units,
        priced_rounding rounding,
    )
    bint priced_in_tier(
        scaled *to, quotient_number unit_cost, const scaled *base, const scaled *start, quotient_number per,
        const scaled *units, priced_rounding rounding,
    )
    bint priced_billable(scaled *units, int64_t first, int64_t following)
