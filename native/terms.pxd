"""The terms of events as compiled code keeps them."""

cimport cython
from libc.stdint cimport int64_t

from native.event cimport Event
from native.wire cimport Bytes


cdef enum:
    HOURS = 256  # of a zone that are kept, a power of two


@cython.no_gc
@cython.final
cdef class Zone:
    """The wall clock of a zone: by the hour how far it is from UTC; and the month that was asked for last."""

    cdef str name
    cdef int64_t hours[HOURS]
    cdef int64_t offsets_ms[HOURS]
    cdef object month_start, month_end
    cdef int64_t month_from_ms, month_to_ms


@cython.no_gc
@cython.final
cdef class Naming:
    """The names of the counters of a price, but for the subscription in them."""

    cdef object counting  # kept: by its address it is found
    cdef object product  # the name of the product's counter
    cdef tuple begins, ends  # bytes around the subscription; an end of None: it is in no name
    cdef bint is_monthly  # all of them are of the event's own month


@cython.no_gc
@cython.final
cdef class Offered:
    """What a plan has for a product, where nothing of it depends on whose usage it is."""

    cdef object offer, limits
    cdef dict namings


@cython.no_gc
@cython.final
cdef class OfAccount:
    """What the terms of all subscriptions of an account are made of."""

    cdef object account, account_id, currency, tenant, rating_key, run, digests, ledger_head, head_key
    cdef tuple entries
    cdef bint is_ordinary  # it has no limits of its own
    cdef Zone zone


@cython.no_gc
@cython.final
cdef class Kept:
    """The terms of one subscription and product, and its counters between two instants."""

    cdef object terms
    cdef object ordinary  # what whoever asks keeps of the offer
    cdef bint is_new  # nobody has put anything there yet
    cdef Zone zone
    cdef Offered offered  # None: the twin has found the terms
    cdef int64_t from_ms, to_ms, named_from_ms, named_to_ms
    cdef object counting, named, month_ms, subscription_id
    cdef tuple keys


cdef struct Fields:
    Py_ssize_t subscription_id, plan, valid_from_ms, valid_to_ms


cdef class KeptTerms:
    cdef object terms, counter, digests, offer, refused, from_wire, month_of, head_json, head_key
    cdef object counter_names, product_counter, month, subscription, never_ms
    cdef Fields at
    cdef Py_ssize_t most, looked_through
    cdef dict young, old, young_accounts, old_accounts, zones, texts, offered
    cdef Bytes to

    cdef Kept of(self, const Event *event, bytes value, in_force)
    cdef int _keep(self, bytes key, Kept kept) except -1
    cdef Kept _by_twin(self, bytes value, in_force)
    cdef Kept _found(self, const Event *event, in_force)
    cdef OfAccount _account(self, const Event *event, in_force)
    cdef OfAccount _new_account(self, const Event *event, account)
    cdef object _entry(self, OfAccount account, const Event *event, in_force)
    cdef Offered _offered(self, plan, currency, product, in_force)
    cdef Zone _zone(self, name)
    cdef int _month(self, Zone zone, int64_t at_ms) except -1
    cdef object _shared(self, text)
    cdef int name_counters(self, Kept kept, int64_t at_ms, counting) except -1
    cdef Naming _naming(self, Offered offered, counting)
    cdef int _name(self, Kept kept, Naming naming, rating_key, head_key) except -1
    cdef object _counter_name(self, Kept kept, bytes begin, end)
    cdef bytes _key(self, rating_key, name, int64_t start_ms)
