# cython: language_level=3, boundscheck=False, wraparound=False
"""Ordinary charges counted and written: what `_Work._charge` in `pipeline/rate_step.py` does, byte for
byte.

It knows no rule of its own. A charge that is refused, reaches a limit or restates earlier ones is left
to the Python twin, and so is a number beyond 38 digits: nothing of it has been counted then.
`tests/property/test_native_counting.py` holds both to the same bytes.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.dict cimport PyDict_GetItem
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp

from decimal import Decimal

from native.charge_after cimport Charge, ChargeAfter, Count, Totals
from native.fields cimport field, field_at, is_exactly, offset_of, soon
from native.json cimport put_decimal, put_json, put_json_str, put_texts
from native.read cimport Reading, Text, read_array_head, read_int, read_text
from native.scaled cimport (
    pack_scaled, put_json_scaled, read_decimal, read_number, scaled, scaled_at_least, scaled_read, scaled_sum,
    scaled_text, scaled_zero, str_of,
)
from native.wire cimport (
    Bytes, drop, make_room, pack_array_head, pack_int, pack_text_head, put, put_big, put_byte, taken, whole_of,
)


cdef extern from "blake2b.h" nogil:
    void blake2b(uint8_t *out, size_t size, const uint8_t *message, size_t length)


cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)


cdef enum:
    ID_BYTES = 16  # `schemas.ids.ID_BYTES`
    MOST_COUNTERS = 16  # of one charge; those with more are left to the twin
    MOST_LIMITS_READ = 10_000
    MOST_SUMMED_PLACES = 20  # of a number that is added up here


cdef struct Entry:  # `schemas.ledger.Unbilled`
    PyObject *owner  # of its texts
    Text product, product_type, currency
    int64_t bill_period_ms, records
    scaled amount


cdef struct Limit:  # `counters.limits.LimitInForce`
    Text product, product_type  # of its scope; at NULL: any
    Text currency
    scaled amount
    int64_t records
    bint by_amount, by_records


# Texts and numbers. ----------------------------------------------------------------------------


cdef inline Text text_of(str text) except *:
    cdef Text found
    found.at = <const uint8_t *>PyUnicode_AsUTF8AndSize(text, &found.size)
    return found


cdef inline Text text_or_any(text) except *:
    cdef Text found
    if text is None:
        found.at, found.size = NULL, 0
        return found
    return text_of(<str>text)


cdef inline bint same(const Text *left, const Text *right) noexcept:
    return left.size == right.size and memcmp(left.at, right.at, left.size) == 0


cdef inline int put_bytes(Bytes *to, bytes value) except -1:
    return put(to, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


# The state while a batch runs. -----------------------------------------------------------------


cdef class Running:
    """What a key of the state holds, while it changes."""

    def value(self) -> bytes:
        """Return it as the state has it."""
        cdef Bytes to
        to.at, to.used, to.room = NULL, 0, 0
        try:
            self.pack(&to)
            return taken(&to)
        finally:
            drop(&to)

    cdef int pack(self, Bytes *to) except -1:
        raise NotImplementedError


@cython.final
cdef class Bucket(Running):
    """`RunningBucket`, changed in place by the charges that are counted here."""

    cdef Totals totals

    @property
    def records(self) -> int:
        return self.totals.records

    @property
    def quantity(self):
        return Decimal(str_of(&self.totals.quantity))

    @property
    def amount(self):
        return Decimal(str_of(&self.totals.amount))

    cdef int pack(self, Bytes *to) except -1:
        pack_array_head(to, 3)
        pack_int(to, self.totals.records)
        pack_scaled(to, &self.totals.quantity)
        return pack_scaled(to, &self.totals.amount)


cdef Bucket bucket_of(bytes value):
    """Return the bucket that a value of the state holds; None for one that the twin has to read."""
    cdef Bucket bucket = Bucket.__new__(Bucket)
    cdef Reading of
    cdef Text quantity, amount
    cdef uint64_t fields
    of.at = <const uint8_t *>PyBytes_AS_STRING(value)
    of.end = of.at + PyBytes_GET_SIZE(value)
    if (
        read_array_head(&of, &fields)
        and fields == 3
        and read_int(&of, &bucket.totals.records)
        and read_text(&of, &quantity)
        and read_text(&of, &amount)
        and of.at == of.end
        and scaled_read(&bucket.totals.quantity, quantity.at, quantity.size)
        and scaled_read(&bucket.totals.amount, amount.at, amount.size)
    ):
        return bucket
    return None


@cython.final
cdef class Head(Running):
    """`RunningHead`, changed in place by the charges that are counted here."""

    cdef int64_t sequence, first_open_ms
    cdef Entry *entries
    cdef Py_ssize_t count, room
    cdef bytes record_key

    def __dealloc__(self):
        cdef Py_ssize_t at
        for at in range(self.count):
            Py_XDECREF(self.entries[at].owner)
        PyMem_Free(self.entries)

    cdef int hold(self, Py_ssize_t room) except -1:
        """Have room for so many entries."""
        cdef void *at
        if room > self.room:
            at = PyMem_Realloc(self.entries, room * sizeof(Entry))
            if at == NULL:
                raise MemoryError
            self.entries = <Entry *>at
            self.room = room
        return 0

    cdef int pack(self, Bytes *to) except -1:
        cdef Py_ssize_t at
        cdef Entry *entry
        pack_array_head(to, 3)
        pack_int(to, self.sequence)
        pack_int(to, self.first_open_ms)
        pack_array_head(to, self.count)
        for at in range(self.count):
            entry = &self.entries[at]
            pack_array_head(to, 6)
            pack_slice(to, &entry.product)
            pack_slice(to, &entry.product_type)
            pack_int(to, entry.bill_period_ms)
            pack_slice(to, &entry.currency)
            pack_int(to, entry.records)
            pack_scaled(to, &entry.amount)
        return 0


def changes(dict heads not None, dict buckets not None) -> list:
    """Return what `RunningState.changes` returns of them."""
    cdef list found = []
    cdef Bytes to
    to.at, to.used, to.room = NULL, 0, 0
    try:
        for running in (heads, buckets):
            for key, of in (<dict>running).items():
                if type(of) is Bucket or type(of) is Head:
                    to.used = 0
                    (<Running>of).pack(&to)
                    found.append((key, taken(&to)))
                else:
                    found.append((key, of.value()))
        return found
    finally:
        drop(&to)


cdef inline int pack_slice(Bytes *to, const Text *text) except -1:
    pack_text_head(to, text.size)
    return put(to, text.at, text.size)


cdef Head head_of(bytes value):
    """Return the head that a value of the state holds; None for one that the twin has to read."""
    cdef Head head = Head.__new__(Head)
    cdef Reading of
    cdef Text amount
    cdef Entry *entry
    cdef uint64_t fields, count
    of.at = <const uint8_t *>PyBytes_AS_STRING(value)
    of.end = of.at + PyBytes_GET_SIZE(value)
    if not (
        read_array_head(&of, &fields)
        and fields == 3
        and read_int(&of, &head.sequence)
        and read_int(&of, &head.first_open_ms)
        and read_array_head(&of, &count)
    ):
        return None
    head.hold(count)
    while head.count < <Py_ssize_t>count:
        entry = &head.entries[head.count]
        if not (
            read_array_head(&of, &fields)
            and fields == 6
            and read_text(&of, &entry.product)
            and read_text(&of, &entry.product_type)
            and read_int(&of, &entry.bill_period_ms)
            and read_text(&of, &entry.currency)
            and read_int(&of, &entry.records)
            and read_text(&of, &amount)
            and scaled_read(&entry.amount, amount.at, amount.size)
        ):
            return None
        entry.owner = <PyObject *>value
        Py_INCREF(value)
        head.count += 1
    return head if of.at == of.end else None


# Limits. ---------------------------------------------------------------------------------------


@cython.final
cdef class Limits:
    """The limits that usage of a product counts towards, read."""

    cdef object of  # kept: by its address it is found
    cdef list texts  # that the limits point into
    cdef Limit *limits
    cdef Py_ssize_t count
    cdef bint readable

    def __dealloc__(self):
        PyMem_Free(self.limits)


cdef Limits limits_of(tuple of, to_text):
    cdef Limits found = Limits.__new__(Limits)
    cdef Limit *limit
    cdef void *at
    found.of, found.texts, found.readable = of, [], True
    at = PyMem_Realloc(NULL, max(len(of), 1) * sizeof(Limit))
    if at == NULL:
        raise MemoryError
    found.limits = <Limit *>at
    for each in of:
        limit = &found.limits[found.count]
        stated, scope = each.limit, each.scope
        found.texts += [scope.product, scope.product_type, stated.currency]
        limit.product = text_or_any(scope.product)
        limit.product_type = text_or_any(scope.product_type)
        limit.currency = text_or_any(stated.currency)
        limit.by_amount = stated.amount is not None
        limit.by_records = stated.records is not None
        limit.records = stated.records if limit.by_records else 0
        if limit.by_amount and not read_decimal(&limit.amount, stated.amount, to_text):
            found.readable = False
        found.count += 1
    return found


cdef inline bint lies_in(const Entry *entry, const Limit *limit) noexcept:
    """Return whether unbilled usage lies in the scope of a limit; `Scope.holds`."""
    return (limit.product.at == NULL or same(&limit.product, &entry.product)) and (
        limit.product_type.at == NULL or same(&limit.product_type, &entry.product_type)
    )


# The charges of a batch. -----------------------------------------------------------------------


@cython.final
cdef class Lot:
    """The charges of one source in one currency and unit; `Lot` of the tally, and what is not in it yet."""

    cdef object stated
    cdef list amounts, billed  # of it
    cdef int64_t records
    cdef scaled amount_sum, billed_sum


cdef struct Fields:  # where the structs of the twin have what is asked of them
    Py_ssize_t item_record, item_verdict
    Py_ssize_t selected, terms, counters, usage_period_ms, charged, charge_id, source, usage_json
    Py_ssize_t rest_json, raw, is_recycled  # of what is priceable
    Py_ssize_t ledger_head, head_key, limits  # of terms
    Py_ssize_t offer, rule, used  # of what is selected
    Py_ssize_t product, product_type, currency, unit  # of an offer
    Py_ssize_t price_id
    Py_ssize_t name, key, start_ms  # of a counter
    Py_ssize_t amount, amount_text, billed, counts, restated, price_json, explanation  # charged
    Py_ssize_t priced_amount, priced_billed, free, priced_counts, priced_restated, steps  # priced


@cython.final
cdef class OrdinaryCharges:
    """What is the same for all batches: what the twin is made of."""

    cdef object item, priceable, terms, selected, offer, rule, counter, charged, priced
    cdef object append, ledger, usage, charge_after, to_text, zero
    cdef ChargeAfter prices
    cdef Fields at
    cdef dict read_limits
    cdef Py_ssize_t largest

    def __init__(
        self, *, item, priceable, terms, selected, offer, rule, counter, charged, priced, append,
        ledger, usage, charge_after, to_text, zero, ChargeAfter prices, largest: int,
    ) -> None:
        """``prices``: None, and ``charge_after`` is asked for all that asks for counters; ``largest``:
        bytes that a record of the ledger may have with its key."""
        self.item, self.priceable, self.terms, self.selected = item, priceable, terms, selected
        self.offer, self.rule, self.counter = offer, rule, counter
        self.charged, self.priced = charged, priced
        self.append, self.ledger, self.usage = append, ledger, usage
        self.charge_after, self.to_text, self.zero = charge_after, to_text, zero
        self.prices, self.largest = prices, largest
        self.read_limits = {}
        self.at.item_record = offset_of(item, "record")
        self.at.item_verdict = offset_of(item, "verdict")
        self.at.selected = offset_of(priceable, "selected")
        self.at.terms = offset_of(priceable, "terms")
        self.at.counters = offset_of(priceable, "counters")
        self.at.usage_period_ms = offset_of(priceable, "usage_period_ms")
        self.at.charged = offset_of(priceable, "charged")
        self.at.charge_id = offset_of(priceable, "charge_id")
        self.at.source = offset_of(priceable, "source")
        self.at.usage_json = offset_of(priceable, "usage_json")
        self.at.rest_json = offset_of(priceable, "rest_json")
        self.at.raw = offset_of(priceable, "raw")
        self.at.is_recycled = offset_of(priceable, "is_recycled")
        self.at.ledger_head = offset_of(terms, "ledger_head")
        self.at.head_key = offset_of(terms, "head_key")
        self.at.limits = offset_of(terms, "limits")
        self.at.offer = offset_of(selected, "offer")
        self.at.rule = offset_of(selected, "rule")
        self.at.used = offset_of(selected, "used")
        self.at.product = offset_of(offer, "product")
        self.at.product_type = offset_of(offer, "product_type")
        self.at.currency = offset_of(offer, "currency")
        self.at.unit = offset_of(offer, "unit")
        self.at.price_id = offset_of(rule, "price_id")
        self.at.name = offset_of(counter, "name")
        self.at.key = offset_of(counter, "key")
        self.at.start_ms = offset_of(counter, "start_ms")
        self.at.amount = offset_of(charged, "amount")
        self.at.amount_text = offset_of(charged, "amount_text")
        self.at.billed = offset_of(charged, "billed")
        self.at.counts = offset_of(charged, "counts")
        self.at.restated = offset_of(charged, "restated")
        self.at.price_json = offset_of(charged, "price_json")
        self.at.explanation = offset_of(charged, "explanation")
        self.at.priced_amount = offset_of(priced, "amount")
        self.at.priced_billed = offset_of(priced, "billed")
        self.at.free = offset_of(priced, "free")
        self.at.priced_counts = offset_of(priced, "counts")
        self.at.priced_restated = offset_of(priced, "restated")
        self.at.steps = offset_of(priced, "explanation")

    def batch(self, *, running, appends: list, tally, partition: int, catalogue_version: int):
        """Return the charges of one batch over a `RunningState`."""
        cdef ChargesOfBatch batch = ChargesOfBatch.__new__(ChargesOfBatch)
        batch.all = self
        batch.state = running.state
        batch.plain_state = isinstance(batch.state, dict)
        batch.heads, batch.buckets = running.heads, running.buckets
        batch.appends, batch.tally, batch.partition = appends, tally, partition
        batch.version = b"%d" % catalogue_version
        batch.lots, batch.before = {}, [None] * MOST_COUNTERS
        if self.prices is not None:
            self.prices.kept.of_version(catalogue_version)
        return batch

    cdef Limits limits(self, tuple of):
        key = <size_t><PyObject *>of
        found = self.read_limits.get(key)
        if found is None:
            if len(self.read_limits) >= MOST_LIMITS_READ:
                self.read_limits.clear()
            found = self.read_limits[key] = limits_of(of, self.to_text)
        return <Limits>found


@cython.final
cdef class ChargesOfBatch:
    """Charges what is ordinary in a batch."""

    cdef OrdinaryCharges all
    cdef object state, tally
    cdef bint plain_state
    cdef dict heads, buckets, lots
    cdef list appends
    cdef list before  # the buckets of the item at hand, and after them those of others
    cdef int64_t partition
    cdef bytes version
    cdef Bytes to, steps
    cdef uint64_t hash_high, hash_low
    cdef bint is_counting  # the item at hand: it cannot be left to the twin any more
    cdef readonly Py_ssize_t ledger_records
    """Those that were appended here."""

    def __dealloc__(self):
        drop(&self.to)
        drop(&self.steps)

    @property
    def member_sum(self) -> int:
        """Return the sum of what the charges add to the set's hash, modulo 2^128."""
        return (<object>self.hash_high << 64) | <object>self.hash_low

    def decide(self, list items, ask) -> None:
        """Charge what is ordinary; ``ask`` decides each other item, in its turn.

        Of ``items`` only the last is left afterwards: one that is let go of at once is still at hand, all
        of them at the end would be waited for once more.
        """
        cdef Py_ssize_t place, last = len(items) - 1
        for place in range(last + 1):
            item = items[place]
            self._look_ahead(items, place)
            if not is_exactly(item, self.all.item) or not self._charge(item):
                ask(item)
            if place < last:
                items[place] = None
        self._add_up()

    cdef int _look_ahead(self, list items, Py_ssize_t place) noexcept:
        """Ask memory for the items that come soon. What they hold lies where no cache has it, each behind
        the other: waiting for it would take as long as all the work."""
        cdef Fields *at = &self.all.at
        cdef PyObject *item
        cdef PyObject *verdict
        cdef PyObject *of
        cdef Py_ssize_t count = len(items)
        if place + 8 < count:
            soon(<PyObject *>items[place + 8])
        if place + 6 < count and is_exactly(items[place + 6], self.all.item):
            item = <PyObject *>items[place + 6]
            soon(field_at(item, at.item_record))
            soon(field_at(item, at.item_verdict))
        if place + 4 < count and is_exactly(items[place + 4], self.all.item):
            verdict = field_at(<PyObject *>items[place + 4], at.item_verdict)
            if is_exactly(<object>verdict, self.all.priceable):
                soon(field_at(verdict, at.charged))
                soon(field_at(verdict, at.selected))
                soon(field_at(verdict, at.terms))
                soon(<const char *>field_at(verdict, at.terms) + 128)
                soon(field_at(verdict, at.counters))
                soon(field_at(verdict, at.charge_id))
                soon(field_at(verdict, at.usage_json))
                soon(<const char *>field_at(verdict, at.usage_json) + 128)
                soon(field_at(verdict, at.rest_json))
                soon(field_at(verdict, at.source))
                soon(field_at(verdict, at.raw))
        if place + 2 < count and is_exactly(items[place + 2], self.all.item):
            verdict = field_at(<PyObject *>items[place + 2], at.item_verdict)
            if is_exactly(<object>verdict, self.all.priceable):
                of = field_at(verdict, at.charged)
                if is_exactly(<object>of, self.all.charged):
                    soon(field_at(of, at.amount))
                    soon(field_at(of, at.amount_text))
                    soon(field_at(of, at.billed))
                    soon(field_at(of, at.price_json))
                    soon(field_at(of, at.explanation))
                of = field_at(verdict, at.selected)
                if is_exactly(<object>of, self.all.selected):
                    soon(field_at(of, at.used))
                of = field_at(verdict, at.terms)
                if is_exactly(<object>of, self.all.terms):
                    soon(field_at(of, at.head_key))
                    soon(field_at(of, at.ledger_head))
                of = field_at(verdict, at.counters)
                if is_exactly(<object>of, tuple) and PyTuple_GET_SIZE(<object>of):
                    soon(<PyObject *>(<tuple>of)[0])
        return 0

    cdef bint _charge(self, item) except -1:
        """Return whether it was ordinary; if not, nothing was done."""
        record, priceable = field(item, self.all.at.item_record), field(item, self.all.at.item_verdict)
        if not is_exactly(priceable, self.all.priceable):
            return False
        self.is_counting = False
        try:
            return self._ordinary(<tuple>record, priceable)
        except OverflowError:  # a whole number beyond 64 bits
            if self.is_counting:
                raise
            return False

    cdef Bucket _bucket(self, bytes key):
        """Return the bucket under a key; None where the twin has to read it."""
        found = self._found(self.buckets, key)
        cdef Bucket bucket
        if found is None:
            bucket = Bucket.__new__(Bucket)
            bucket.totals.records = 0
            scaled_zero(&bucket.totals.quantity)
            scaled_zero(&bucket.totals.amount)
            return bucket
        if type(found) is Bucket:
            return <Bucket>found
        return bucket_of(<bytes>found)

    cdef Head _head(self, bytes key):
        """Return the head under a key; None where the twin has to read it."""
        found = self._found(self.heads, key)
        if type(found) is Head:
            return <Head>found
        cdef Head head = Head.__new__(Head) if found is None else head_of(<bytes>found)
        if head is not None:
            head.record_key = key[1:]  # `counters.state.rating_key_of`
        return head

    cdef object _found(self, dict running, bytes key):
        """Return what runs under a key, or the value of the state, or None."""
        cdef PyObject *found = PyDict_GetItem(running, key)
        if found != NULL:
            if type(<object>found) is Bucket or type(<object>found) is Head:
                return <object>found
            return (<object>found).value()  # the twin changed it
        if self.plain_state:
            found = PyDict_GetItem(self.state, key)
            return None if found == NULL else <object>found
        return self.state.get(key)

    cdef bint _ordinary(self, tuple record, priceable) except -1:
        cdef OrdinaryCharges all = self.all
        cdef const Totals *before[MOST_COUNTERS]
        cdef Count counts[MOST_COUNTERS]
        cdef Totals after[MOST_COUNTERS]
        cdef Charge charge
        cdef scaled used
        cdef Bucket bucket
        cdef Head head
        cdef Entry own
        cdef Py_ssize_t at, place, many
        cdef int64_t usage_period_ms
        cdef tuple counters, limits
        cdef bytes head_key, value
        if <int64_t>record[0] != self.partition:
            return False
        selected, terms = field(priceable, all.at.selected), field(priceable, all.at.terms)
        counters = field(priceable, all.at.counters)
        many = PyTuple_GET_SIZE(counters)
        if not (
            is_exactly(selected, all.selected) and is_exactly(terms, all.terms) and 0 < many <= MOST_COUNTERS
        ):
            return False
        offer, rule = field(selected, all.at.offer), field(selected, all.at.rule)
        if not (is_exactly(offer, all.offer) and is_exactly(rule, all.rule)):
            return False
        usage_period_ms = field(priceable, all.at.usage_period_ms)
        for place in range(many):
            if not is_exactly(counters[place], all.counter):
                return False
            bucket = self._bucket(field(counters[place], all.at.key))
            if bucket is None:
                return False
            self.before[place] = bucket
            before[place] = &bucket.totals
            counts[place].is_counted = False
        if not read_decimal(&used, field(selected, all.at.used), all.to_text):
            return False
        charged = field(priceable, all.at.charged)
        if charged is None:
            if not self._priced(selected, rule, offer, &used, before, many, &charge, counts):
                return False
        elif not is_exactly(charged, all.charged) or not self._charged(charged, many, &charge, counts):
            return False

        # The counters after it: each as it was before, should one be there twice.
        counts[0].is_counted = counts[0].has_amount = True
        counts[0].quantity, counts[0].amount = used, charge.amount
        for place in range(many):
            if counts[place].is_counted and not added(&after[place], before[place], &counts[place]):
                return False

        # The unbilled usage after it.
        head_key = field(terms, all.at.head_key)
        head = self._head(head_key)
        if head is None:
            return False
        own.product = text_of(field(offer, all.at.product))
        own.product_type = text_of(field(offer, all.at.product_type))
        own.currency = text_of(field(offer, all.at.currency))
        own.bill_period_ms = max(usage_period_ms, head.first_open_ms)
        if head.count and not same(&head.entries[0].currency, &own.currency):
            return False
        at = place_of(head, &own)
        if at < head.count:
            own.records = head.entries[at].records + 1
            if not scaled_sum(&own.amount, &head.entries[at].amount, &charge.amount):
                return False
        else:
            own.records, own.amount = 1, charge.amount
        limits = field(terms, all.at.limits)
        if limits and reached(all.limits(limits), head, at, &own):
            return False

        value = self._written(
            record, priceable, rule, charged, &charge, offer, terms, counters, counts, after, head, at, &own
        )
        if PyBytes_GET_SIZE(head.record_key) + PyBytes_GET_SIZE(value) > all.largest:
            return False

        # From here on nothing is refused.
        self.is_counting = True
        keep(head, at, &own)
        self.heads[head_key] = head
        for place in range(many):
            if counts[place].is_counted:
                bucket = <Bucket>self.before[place]
                bucket.totals = after[place]
                self.buckets[field(counters[place], all.at.key)] = bucket
        self._append(record[0], head.record_key, value)
        self._tally(priceable, offer, charged, &charge)
        return True

    cdef bint _charged(self, charged, Py_ssize_t many, Charge *charge, Count *counts) except -1:
        """Have what a price came to that needed no counters; say whether that can be counted here."""
        cdef Fields *at = &self.all.at
        restated = field(charged, at.restated)
        return (
            (restated is self.all.zero or not restated)
            and read_number(&charge.amount, field(charged, at.amount_text))
            and self._counts(field(charged, at.counts), many, counts)
        )

    cdef bint _priced(
        self, selected, rule, offer, const scaled *used, const Totals **before, Py_ssize_t many,
        Charge *charge, Count *counts,
    ) except -1:
        """Have what the price of an event comes to, with its explanation in ``steps``; say whether that
        can be counted here."""
        cdef OrdinaryCharges all = self.all
        cdef Fields *at = &all.at
        if all.prices is not None and all.prices.charge(
            selected, rule, offer, used, before + 1, many - 1, charge, counts + 1, &self.steps
        ):
            return True
        priced = all.charge_after(selected, self.before[1:many])
        if not is_exactly(priced, all.priced):
            return False
        restated = field(priced, at.priced_restated)
        return (
            (restated is all.zero or not restated)
            and read_decimal(&charge.amount, field(priced, at.priced_amount), all.to_text)
            and read_decimal(&charge.billed, field(priced, at.priced_billed), all.to_text)
            and read_decimal(&charge.free, field(priced, at.free), all.to_text)
            and self._counts(field(priced, at.priced_counts), many, counts)
            and put_steps(&self.steps, field(priced, at.steps))
        )

    cdef bint _counts(self, tuple found, Py_ssize_t many, Count *counts) except -1:
        """Have what an event adds to the counters after that of its product."""
        cdef Py_ssize_t place
        if PyTuple_GET_SIZE(found) >= many:
            return False
        for place in range(1, many):
            counts[place].is_counted = False
        for place in range(1, PyTuple_GET_SIZE(found) + 1):
            count = found[place - 1]
            if count is None:
                continue
            quantity, money = <tuple>count
            counts[place].is_counted = True
            counts[place].has_amount = money is not None
            if not read_decimal(&counts[place].quantity, quantity, self.all.to_text):
                return False
            if money is not None and not read_decimal(&counts[place].amount, money, self.all.to_text):
                return False
        return True

    cdef bytes _written(
        self, tuple record, priceable, rule, charged, const Charge *charge, offer, terms, tuple counters,
        const Count *counts, const Totals *after, Head head, Py_ssize_t at, const Entry *own,
    ):
        """Return the record of the ledger; `charge_json` of its parts."""
        cdef Fields *where = &self.all.at
        cdef Bytes *to = &self.to
        cdef Py_ssize_t place
        cdef tuple raw
        cdef Py_buffer explanation
        to.used = 0
        put_bytes(to, field(terms, where.ledger_head))
        put_decimal(to, head.sequence + 1)
        put_byte(to, 44)
        put_bytes(to, field(priceable, where.usage_json))
        put_byte(to, 44)
        if charged is None:
            self._put_price(charge, offer, field(priceable, where.usage_period_ms))
        else:
            put_bytes(to, field(charged, where.price_json))
        put(to, b',"bill_period_ms":', 18)
        put_decimal(to, own.bill_period_ms)
        put(to, b',"catalogue_version":', 21)
        put_bytes(to, self.version)
        put(to, b',"price_id":', 12)
        put_json_str(to, field(rule, where.price_id))
        put(to, b',"explanation":', 15)
        if charged is None:
            put(to, self.steps.at, self.steps.used)
        else:
            PyObject_GetBuffer(field(charged, where.explanation), &explanation, PyBUF_SIMPLE)
            try:
                put(to, explanation.buf, explanation.len)
            finally:
                PyBuffer_Release(&explanation)
        put(to, b',"counters_after":[', 19)
        for place in range(PyTuple_GET_SIZE(counters)):
            if counts[place].is_counted:
                if place:
                    put_byte(to, 44)
                put_counter(to, where, counters[place], &after[place])
        put(to, b'],"source_partition":', 21)
        put_decimal(to, self.partition)
        put(to, b',"source_offset":', 17)
        put_decimal(to, record[1])
        put(to, b',"raw":[', 8)
        raw = field(priceable, where.raw)
        put_decimal(to, raw[0])
        put_byte(to, 44)
        put_decimal(to, raw[1])
        put_byte(to, 44)
        put_decimal(to, raw[2])
        put(to, b'],"first_open_period_ms":', 25)
        put_decimal(to, head.first_open_ms)
        put(to, b',"unbilled":[', 13)
        for place in range(head.count):
            if place:
                put_byte(to, 44)
            put_entry(to, own if place == at else &head.entries[place])
        if at == head.count:
            if at:
                put_byte(to, 44)
            put_entry(to, own)
        put(to, b"],", 2)
        put_bytes(to, field(priceable, where.rest_json))
        put_byte(to, 125)
        return taken(to)

    cdef int _put_price(self, const Charge *charge, offer, int64_t usage_period_ms) except -1:
        """Put the price as `PricePart` states it."""
        cdef Fields *where = &self.all.at
        cdef Bytes *to = &self.to
        put(to, b'"billed":', 9)
        put_json_scaled(to, &charge.billed)
        put(to, b',"free":', 8)
        put_json_scaled(to, &charge.free)
        put(to, b',"unit":', 8)
        put_json_str(to, field(offer, where.unit))
        put(to, b',"amount":', 10)
        put_json_scaled(to, &charge.amount)
        put(to, b',"currency":', 12)
        put_json_str(to, field(offer, where.currency))
        put(to, b',"usage_period_ms":', 19)
        return put_decimal(to, usage_period_ms)

    cdef int _append(self, partition, bytes key, bytes value) except -1:
        """Append to the ledger; an `Append` made without its constructor, which takes five times as
        long."""
        append = PyType_GenericAlloc(<PyTypeObject *>self.all.append, 5)
        put_item(append, 0, self.all.ledger)
        put_item(append, 1, partition)
        put_item(append, 2, key)
        put_item(append, 3, value)
        put_item(append, 4, self.all.usage)
        self.appends.append(append)
        self.ledger_records += 1
        return 0

    cdef int _tally(self, priceable, offer, charged, const Charge *charge) except -1:
        """`RateTally.rated`."""
        cdef Fields *where = &self.all.at
        cdef Lot lot
        cdef PyObject *found
        cdef bytes charge_id = field(priceable, where.charge_id)
        cdef str currency = field(offer, where.currency)
        cdef Text written
        cdef Bytes *to = &self.to
        cdef uint8_t member[ID_BYTES]
        cdef uint64_t low
        cdef char text[128]
        key = (field(priceable, where.source), currency, field(offer, where.unit))
        found = PyDict_GetItem(self.lots, key)
        if found == NULL:  # the first of its kind here
            stated = self.tally.lot(*key)
            lot = Lot.__new__(Lot)
            lot.stated, lot.amounts, lot.billed = stated, stated.amounts, stated.billed
            lot.records = 0
            scaled_zero(&lot.amount_sum)
            scaled_zero(&lot.billed_sum)
            self.lots[key] = lot
        else:
            lot = <Lot>found
        lot.records += 1
        if charged is None:
            add_to(&lot.amount_sum, lot.amounts, &charge.amount)
            add_to(&lot.billed_sum, lot.billed, &charge.billed)
        else:
            lot.amounts.append(field(charged, where.amount))
            lot.billed.append(field(charged, where.billed))
        to.used = 0
        put_big(to, PyBytes_GET_SIZE(charge_id), 4)
        put_bytes(to, charge_id)
        written.size = scaled_text(text, &charge.amount)
        put_big(to, written.size, 4)
        put(to, text, written.size)
        written = text_of(currency)
        put_big(to, written.size, 4)
        put(to, written.at, written.size)
        blake2b(member, ID_BYTES, to.at, to.used)
        low = whole_of(member + 8)
        self.hash_low += low
        self.hash_high += whole_of(member) + (self.hash_low < low)
        if field(priceable, where.is_recycled):
            self.tally.came_back("rated")
        return 0

    cdef int _add_up(self) except -1:
        """Have in the tally what was counted here."""
        cdef Lot lot
        for lot in self.lots.values():
            lot.stated.records += lot.records
            lot.amounts.append(Decimal(str_of(&lot.amount_sum)))
            lot.billed.append(Decimal(str_of(&lot.billed_sum)))
        self.lots = {}
        return 0


cdef inline int put_item(append, Py_ssize_t at, item) except -1:
    Py_INCREF(item)
    PyTuple_SET_ITEM(append, at, item)
    return 0


cdef bint added(Totals *after, const Totals *before, const Count *count) noexcept:
    """Have a counter after what is added to it; say whether it fits."""
    after.records = before.records + 1
    after.amount = before.amount
    return scaled_sum(&after.quantity, &before.quantity, &count.quantity) and (
        not count.has_amount or scaled_sum(&after.amount, &before.amount, &count.amount)
    )


cdef int add_to(scaled *to, list others, const scaled *number) except -1:
    """Add a number to a sum, or to what the tally adds up: numbers of which the sum may not be exact
    are added there, in their order."""
    if number.high or number.places > MOST_SUMMED_PLACES or not scaled_sum(to, to, number):
        others.append(Decimal(str_of(number)))
    return 0


cdef bint put_steps(Bytes *to, steps) except -1:
    """Put the steps of an explanation, and return whether they are tuples of texts and no more."""
    cdef Py_ssize_t place
    if not is_exactly(steps, tuple):
        return False
    to.used = 0
    put_byte(to, 91)
    for place in range(PyTuple_GET_SIZE(steps)):
        if place:
            put_byte(to, 44)
        if not put_texts(to, (<tuple>steps)[place]):
            return False
    put_byte(to, 93)
    return True


cdef int put_counter(Bytes *to, const Fields *at, counter, const Totals *after) except -1:
    """Put a `CounterAfter`."""
    put_byte(to, 91)
    put_json_str(to, field(counter, at.name))
    put_byte(to, 44)
    put_decimal(to, field(counter, at.start_ms))
    put_byte(to, 44)
    put_decimal(to, after.records)
    put_byte(to, 44)
    put_json_scaled(to, &after.quantity)
    put_byte(to, 44)
    put_json_scaled(to, &after.amount)
    return put_byte(to, 93)


cdef int put_entry(Bytes *to, const Entry *entry) except -1:
    """Put an `Unbilled`."""
    put_byte(to, 91)
    put_json(to, entry.product.at, entry.product.size)
    put_byte(to, 44)
    put_json(to, entry.product_type.at, entry.product_type.size)
    put_byte(to, 44)
    put_decimal(to, entry.bill_period_ms)
    put_byte(to, 44)
    put_json(to, entry.currency.at, entry.currency.size)
    put_byte(to, 44)
    put_decimal(to, entry.records)
    put_byte(to, 44)
    put_json_scaled(to, &entry.amount)
    return put_byte(to, 93)


cdef Py_ssize_t place_of(Head head, const Entry *own) noexcept:
    """Return where the unbilled usage of a product, period and type is; behind the last: nowhere."""
    cdef Py_ssize_t at
    cdef Entry *entry
    for at in range(head.count):
        entry = &head.entries[at]
        if (
            entry.bill_period_ms == own.bill_period_ms
            and same(&entry.product, &own.product)
            and same(&entry.product_type, &own.product_type)
        ):
            return at
    return head.count


cdef int keep(Head head, Py_ssize_t at, const Entry *own) except -1:
    """Put an entry into the head, which is after one more record of the ledger then."""
    cdef Entry *entry
    cdef bytes owner
    cdef const uint8_t *begin
    if at == head.count:
        head.hold(at + 1)
        owner = (
            own.product.at[: own.product.size]
            + own.product_type.at[: own.product_type.size]
            + own.currency.at[: own.currency.size]
        )
        entry = &head.entries[at]
        entry[0] = own[0]
        begin = <const uint8_t *>PyBytes_AS_STRING(owner)
        entry.product.at = begin
        entry.product_type.at = begin + own.product.size
        entry.currency.at = entry.product_type.at + own.product_type.size
        entry.owner = <PyObject *>owner
        Py_INCREF(owner)
        head.count += 1
    else:
        entry = &head.entries[at]
        entry.records, entry.amount = own.records, own.amount
    head.sequence += 1
    return 0


cdef bint reached(Limits limits, Head head, Py_ssize_t at, const Entry *own) except -1:
    """Return whether a limit is reached, or that may be; ``own`` is the entry at its place after the
    charge. See `counters.limits.reached`."""
    cdef Limit *limit
    cdef Entry *entry
    cdef scaled total
    cdef int64_t records
    cdef Py_ssize_t each, place
    cdef bint only = at == 0 and head.count <= 1  # then it counts whatever the scope is
    if not limits.readable:
        return True
    for each in range(limits.count):
        limit = &limits.limits[each]
        records = 0
        scaled_zero(&total)
        if only or lies_in(own, limit):
            records, total = own.records, own.amount
        for place in range(head.count):
            entry = &head.entries[place]
            if place != at and lies_in(entry, limit):
                records += entry.records
                if not scaled_sum(&total, &total, &entry.amount):
                    return True
        if limit.by_records and records >= limit.records:
            return True
        if (
            limit.by_amount
            and same(&limit.currency, &own.currency)
            and scaled_at_least(&total, &limit.amount)
        ):
            return True
    return False
