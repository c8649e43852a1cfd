# cython: language_level=3, boundscheck=False, wraparound=False
"""The terms of an event found: what `TermsInForce.of` and `Terms.counters` of `pipeline/rate_terms.py` do.

What is the same for all subscriptions of an account is made once for it, and what a plan has for a product
once for all. It knows no rule of its own. The terms are left to the twin where the account has limits of
its own, where conditions ask for the holder, and where there is no such subscription, and the counters
where one of them is of another period than the event's month.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem, PyDict_SetItem
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from native.event cimport Event, is_same
from native.fields cimport field, field_at, is_exactly, offset_of, soon
from native.read cimport Text
from native.wire cimport Bytes, drop, no_bytes, put, put_big, put_byte, taken


cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *at, Py_ssize_t size, const char *errors)
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1


cdef enum:
    KEY = 512  # bytes of what terms are kept by, the most
    NAMINGS = 256  # that are kept of an offer

cdef int64_t FARTHEST_MS = <int64_t>1 << 62  # beyond any event
cdef str ANYBODY = "\ue000anybody\ue000"  # stands for a subscription in the name of a counter


cdef inline object text_of(const Text *text):
    return PyUnicode_DecodeUTF8(<const char *>text.at, text.size, NULL)


cdef bytes key_of(const Event *event, const uint8_t *upto):
    """Return tenant, run and rating key, what there is from the account on to ``upto``, and the zone, as they
    are on the wire; None: it is too long."""
    cdef uint8_t key[KEY]
    cdef Py_ssize_t tenant = event.after_tenant - event.begin
    cdef Py_ssize_t owner = event.after_key - event.before_run
    cdef Py_ssize_t account = upto - event.before_account
    cdef Py_ssize_t zone = event.after_zone - event.before_zone
    if tenant + owner + account + zone > KEY:
        return None
    memcpy(key, event.begin, tenant)
    memcpy(key + tenant, event.before_run, owner)
    memcpy(key + tenant + owner, event.before_account, account)
    memcpy(key + tenant + owner + account, event.before_zone, zone)
    return PyBytes_FromStringAndSize(<char *>key, tenant + owner + account + zone)


cdef int64_t bounded(instant) except? -1:
    """Return an instant, or one that is as far beyond any event."""
    return max(-FARTHEST_MS, min(FARTHEST_MS, instant))


cdef bint covers(start, end, int64_t at_ms, bint *is_within) except -1:
    """Return whether [start, end) holds at an instant; ``is_within``: both fit 64 bits. An ``end`` of
    None: it has none."""
    cdef int overflow = 0
    cdef long long bound = PyLong_AsLongLongAndOverflow(start, &overflow)
    is_within[0] = overflow == 0
    if overflow or at_ms < bound:
        return False
    if end is None:
        return True
    bound = PyLong_AsLongLongAndOverflow(end, &overflow)
    is_within[0] = overflow == 0
    return overflow == 0 and at_ms < bound


cdef class Zone:
    def __cinit__(self, str name):
        cdef int at
        self.name = name
        self.month_from_ms = self.month_to_ms = 0
        for at in range(HOURS):
            self.hours[at] = <int64_t>1 << 62


cdef class KeptTerms:
    def __cinit__(self):
        no_bytes(&self.to)

    def __init__(
        self, *, terms, counter, digests, offer, refused, subscription, month, from_wire, month_of,
        head_json, head_key, counter_names, product_counter, never_ms, looked_through: int, most: int,
    ) -> None:
        """``most``: how many terms are kept, in each of two generations; ``looked_through``: entries of
        an account, of which its reference data has an index beyond that."""
        self.terms, self.counter, self.digests, self.offer = terms, counter, digests, offer
        self.refused, self.subscription, self.month, self.from_wire = refused, subscription, month, from_wire
        self.month_of, self.head_json, self.head_key = month_of, head_json, head_key
        self.counter_names, self.product_counter = counter_names, product_counter
        self.never_ms, self.looked_through, self.most = never_ms, looked_through, most
        self.young, self.old, self.young_accounts, self.old_accounts = {}, {}, {}, {}
        self.zones, self.texts, self.offered = {}, {}, {}
        self.at.subscription_id = offset_of(subscription, "subscription_id")
        self.at.plan = offset_of(subscription, "plan")
        self.at.valid_from_ms = offset_of(subscription, "valid_from_ms")
        self.at.valid_to_ms = offset_of(subscription, "valid_to_ms")

    def __dealloc__(self):
        drop(&self.to)

    cdef Kept of(self, const Event *event, bytes value, in_force):
        """Return the terms of an event, ``value`` on the wire; None: the twin has to say what it is."""
        cdef PyObject *found
        cdef Kept kept
        cdef bytes key = key_of(event, event.after_product)
        if key is None:
            return None
        found = PyDict_GetItem(self.young, key)
        if found != NULL:
            kept = <Kept>found
            if kept.from_ms <= event.started_at_ms < kept.to_ms:
                return kept
        else:
            found = PyDict_GetItem(self.old, key)
            if found != NULL:
                kept = <Kept>found
                if kept.from_ms <= event.started_at_ms < kept.to_ms:
                    self._keep(key, kept)
                    return kept
        kept = self._found(event, in_force)
        if kept is None:
            kept = self._by_twin(value, in_force)
            if kept is None:
                return None
        self._keep(key, kept)
        return kept

    cdef int _keep(self, bytes key, Kept kept) except -1:
        if len(self.young) >= self.most:
            self.old, self.young = self.young, {}
        PyDict_SetItem(self.young, key, kept)
        return 0

    cdef Kept _by_twin(self, bytes value, in_force):
        cdef Kept kept
        terms = in_force.of(self.from_wire(value))
        if isinstance(terms, self.refused):
            return None
        kept = Kept.__new__(Kept)
        kept.terms = terms
        kept.from_ms, kept.to_ms = bounded(terms.from_ms), bounded(terms.to_ms)
        kept.zone = self._zone(terms.zone)
        kept.subscription_id = terms.subscription_id
        kept.is_new, kept.named, kept.keys = True, (), ()
        kept.named_from_ms = kept.named_to_ms = 0
        return kept

    cdef Kept _found(self, const Event *event, in_force):
        """Return what `_by_twin` returns; None: only the twin can."""
        cdef Kept kept
        cdef OfAccount account = self._account(event, in_force)
        cdef Offered offered
        if account is None or not account.is_ordinary:
            return None
        entry = self._entry(account, event, in_force)
        if entry is None:
            return None
        plan = field(entry, self.at.plan)
        offered = self._offered(plan, account.currency, text_of(&event.product), in_force)
        if offered is None:
            return None
        self._month(account.zone, event.started_at_ms)
        start, end = field(entry, self.at.valid_from_ms), field(entry, self.at.valid_to_ms)
        kept = Kept.__new__(Kept)
        kept.subscription_id = field(entry, self.at.subscription_id)
        kept.from_ms, kept.to_ms = bounded(start), bounded(self.never_ms if end is None else end)
        kept.terms = self.terms(
            account.tenant, account.rating_key, account.run, account.zone.name, kept.subscription_id,
            start, self.never_ms if end is None else end, plan, offered.offer, None, offered.limits,
            account.digests, account.ledger_head, account.head_key, account.zone.month_start,
            account.zone.month_end,
        )
        kept.zone, kept.offered = account.zone, offered
        kept.is_new, kept.named, kept.keys = True, (), ()
        kept.named_from_ms = kept.named_to_ms = 0
        return kept

    cdef OfAccount _account(self, const Event *event, in_force):
        """Return what is kept of the account of an event; None: there is none."""
        cdef PyObject *found
        cdef OfAccount kept
        cdef bytes key = key_of(event, event.after_account)  # shorter than that of `of`, so it is one
        found = PyDict_GetItem(self.young_accounts, key)
        if found != NULL:
            return <OfAccount>found
        found = PyDict_GetItem(self.old_accounts, key)
        if found != NULL:
            kept = <OfAccount>found
        else:
            account = in_force.reference.accounts.get(text_of(&event.account_id))
            if account is None:
                return None
            kept = self._new_account(event, account)
        if len(self.young_accounts) >= self.most // 2:
            self.old_accounts, self.young_accounts = self.young_accounts, {}
        PyDict_SetItem(self.young_accounts, key, kept)
        return kept

    cdef OfAccount _new_account(self, const Event *event, account):
        cdef OfAccount kept = OfAccount.__new__(OfAccount)
        kept.account, kept.account_id, kept.currency = account, account.account_id, account.currency
        kept.entries = account.subscriptions
        kept.is_ordinary = not account.limits
        kept.tenant, kept.run = self._shared(text_of(&event.tenant)), self._shared(text_of(&event.run))
        kept.rating_key = text_of(&event.rating_key)
        if kept.rating_key == kept.account_id:
            kept.rating_key = kept.account_id
        kept.zone = self._zone(text_of(&event.zone))
        kept.digests = self.digests(kept.run, kept.rating_key)
        kept.ledger_head = self.head_json(kept.tenant, kept.rating_key)
        kept.head_key = self.head_key(kept.rating_key)
        return kept

    cdef object _entry(self, OfAccount account, const Event *event, in_force):
        """Return the entry of the subscription at the time of an event; None: the twin has to look."""
        cdef tuple entries = account.entries
        cdef Py_ssize_t count = PyTuple_GET_SIZE(entries), at
        cdef Text text
        cdef bint is_within = True
        if count > self.looked_through:
            found = in_force.reference.subscription(
                account_id=account.account_id,
                subscription_id=text_of(&event.subscription_id),
                at_ms=event.started_at_ms,
            )
            return None if found is None else (<tuple>found)[1]
        for at in range(count):
            soon(<PyObject *>PyTuple_GET_ITEM(entries, at))
        for at in range(count):
            soon(field_at(<PyObject *>PyTuple_GET_ITEM(entries, at), self.at.subscription_id))
        for at in range(count):
            entry = <object>PyTuple_GET_ITEM(entries, at)
            text.at = <const uint8_t *>PyUnicode_AsUTF8AndSize(
                field(entry, self.at.subscription_id), &text.size
            )
            if is_same(&event.subscription_id, text.at, text.size) and covers(
                field(entry, self.at.valid_from_ms),
                field(entry, self.at.valid_to_ms),
                event.started_at_ms,
                &is_within,
            ):
                return entry
            if not is_within:
                return None
        return None

    cdef Offered _offered(self, plan, currency, product, in_force):
        """Return what a plan has for a product; None: that depends on whose usage it is, or is nothing."""
        cdef Offered kept
        key = (plan, currency, product)
        cdef PyObject *found = PyDict_GetItem(self.offered, key)
        if found != NULL:
            return <Offered>found
        offer, limits = in_force.offered(plan, currency, product)
        if not is_exactly(offer, self.offer) or offer.asks_for_holder:
            return None
        kept = Offered.__new__(Offered)
        kept.offer, kept.limits, kept.namings = offer, limits, {}
        self.offered[key] = kept
        return kept

    cdef Zone _zone(self, name):
        cdef Zone zone = self.zones.get(name)
        if zone is None:
            zone = self.zones[name] = Zone(name)
        return zone

    cdef int _month(self, Zone zone, int64_t at_ms) except -1:
        """Have the month of an instant in its zone."""
        if not zone.month_from_ms <= at_ms < zone.month_to_ms:
            start, end = self.month_of(at_ms, zone=zone.name)
            zone.month_from_ms, zone.month_to_ms = start, end
            zone.month_start, zone.month_end = start, end
        return 0

    cdef object _shared(self, text):
        return self.texts.setdefault(text, text)

    # Counters. --------------------------------------------------------------------------------

    cdef int name_counters(self, Kept kept, int64_t at_ms, counting) except -1:
        """Have the counters of an instant in ``kept``; what `Terms.counters` does."""
        cdef Naming naming
        if counting is kept.counting and kept.named_from_ms <= at_ms < kept.named_to_ms:
            return 0
        kept.counting = None  # what an error leaves half done is asked for again
        naming = None if kept.offered is None else self._naming(kept.offered, counting)
        terms = kept.terms
        if naming is None or not naming.is_monthly:
            kept.named = terms.counters(at_ms, counting)
            kept.named_from_ms, kept.named_to_ms = terms.named_from_ms, terms.named_to_ms
            kept.month_ms = terms.month_start_ms
            kept.keys = (terms.head_key, *[counter.key for counter in kept.named])
        else:
            self._month(kept.zone, at_ms)
            self._name(kept, naming, terms.rating_key, terms.head_key)
            kept.named_from_ms, kept.named_to_ms = kept.zone.month_from_ms, kept.zone.month_to_ms
            kept.month_ms = kept.zone.month_start
        kept.counting = counting
        return 0

    cdef Naming _naming(self, Offered offered, counting):
        cdef Naming kept
        cdef PyObject *found
        cdef list begins = [], ends = []
        address = <size_t><PyObject *>counting
        found = PyDict_GetItem(offered.namings, address)
        if found != NULL:
            return <Naming>found
        if len(offered.namings) >= NAMINGS:  # what counts values or samples names some for each event
            return None
        offer = offered.offer
        kept = Naming.__new__(Naming)
        kept.counting = counting
        kept.product = self.product_counter(offer.product, unit=offer.unit, currency=offer.currency)
        kept.is_monthly = True
        for each in counting:
            if each.period is not self.month or each.months_back or each.month_day:
                kept.is_monthly = False
        for name in self.counter_names(counting, subscription_id=ANYBODY, unit=offer.unit):
            parts = name.split(ANYBODY)
            begins.append(parts[0].encode())
            ends.append(parts[1].encode() if len(parts) == 2 else None)
            kept.is_monthly = kept.is_monthly and len(parts) <= 2
        kept.begins, kept.ends = tuple(begins), tuple(ends)
        offered.namings[address] = kept
        return kept

    cdef int _name(self, Kept kept, Naming naming, rating_key, head_key) except -1:
        """Have the counters and the keys of the state that an event asks for."""
        cdef Py_ssize_t count = PyTuple_GET_SIZE(naming.begins), at
        cdef tuple named = PyTuple_New(count + 1), keys = PyTuple_New(count + 2)
        start_ms = kept.zone.month_start
        put_item(keys, 0, head_key)
        for at in range(count + 1):
            if at == 0:
                name = naming.product
            else:
                name = self._counter_name(
                    kept, <object>PyTuple_GET_ITEM(naming.begins, at - 1),
                    <object>PyTuple_GET_ITEM(naming.ends, at - 1),
                )
            key = self._key(rating_key, name, kept.zone.month_from_ms)
            put_item(named, at, self.counter(name, key, start_ms))
            put_item(keys, at + 1, key)
        kept.named, kept.keys = named, keys
        return 0

    cdef object _counter_name(self, Kept kept, bytes begin, end):
        cdef Bytes *to = &self.to
        cdef Py_ssize_t size
        cdef const char *at
        to.used = 0
        put(to, PyBytes_AS_STRING(begin), PyBytes_GET_SIZE(begin))
        if end is not None:
            at = PyUnicode_AsUTF8AndSize(kept.subscription_id, &size)
            put(to, at, size)
            put(to, PyBytes_AS_STRING(<bytes>end), PyBytes_GET_SIZE(<bytes>end))
        return PyUnicode_DecodeUTF8(<const char *>to.at, to.used, NULL)

    cdef bytes _key(self, rating_key, name, int64_t start_ms):
        """Return `counters.state.bucket_key`."""
        cdef Bytes *to = &self.to
        cdef Py_ssize_t size
        cdef const char *at = PyUnicode_AsUTF8AndSize(rating_key, &size)
        to.used = 0
        put_byte(to, c"c")
        put_big(to, <uint64_t>start_ms + (<uint64_t>1 << 63), 8)
        put_big(to, size, 4)
        put(to, at, size)
        at = PyUnicode_AsUTF8AndSize(name, &size)
        put(to, at, size)
        return taken(to)


cdef inline int put_item(tuple to, Py_ssize_t at, item) except -1:
    Py_INCREF(item)
    PyTuple_SET_ITEM(to, at, item)
    return 0
