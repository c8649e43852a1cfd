"""Versions of prices, and the prices themselves, read once into numbers and JSON."""

from libc.stdint cimport int64_t

from native.priced cimport priced_rounding, quotient_number
from native.scaled cimport scaled


# What a price is.
cdef enum Kind:
    UNUSUAL  # for the twin
    PER_UNIT
    FLAT
    GRADUATED
    VOLUME


cdef class Kept:
    cdef object of  # by its address it is found


cdef class KeptAllowance:
    cdef scaled size
    cdef bytes begin, end  # of its step, around what was taken before and what is free


cdef class KeptRule(Kept):
    """What stands around the price of a version."""

    cdef bint is_known  # there is nothing else
    cdef bint takes_increments, grows, free_counts, fee_when_free
    cdef tuple allowances
    cdef priced_rounding rounding
    cdef scaled zero
    cdef bytes end  # the last step, and the end of the explanation


cdef class KeptTier:
    cdef bint is_last
    cdef scaled start, end  # those of a volume price all begin at zero
    cdef scaled base  # what costs are at its start, its fee with them
    cdef quotient_number unit_cost
    cdef bytes step_begin, step_end  # around the units
    cdef bytes fee  # its step; empty: there is none


cdef class KeptPrice(Kept):
    cdef Kind kind
    cdef int64_t first, following  # increments; 0: none
    cdef object first_units  # the first as it is written
    cdef bytes increments  # the begin of their step
    cdef bytes steps  # what is the same for all that it prices
    cdef quotient_number amount, fee, per
    cdef tuple tiers  # costs in them are times `per`


cdef class KeptPrices:
    cdef object encode, to_text, sum, month, per_unit, flat, graduated, volume
    cdef tuple known
    cdef list rules, prices
    cdef int64_t version

    cdef int of_version(self, int64_t version) except -1
    cdef KeptRule rule_of(self, rule)
    cdef KeptPrice price_of(self, price)  # None: of a kind that is never known
