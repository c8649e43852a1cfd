# cython: language_level=3, boundscheck=False, wraparound=False
"""Ordinary usage made ready for its charge: what `_item` of `pipeline/rate_prepare.py` does with it.

The event stays the bytes that it came as; of it are made only the objects that its charge needs. It is
not ordinary where a text is no UTF-8, a number no plain decimal, or where it is rated under other plans
too: then it is left to the twin. A price that asks for more of the event than when and whither it was
is selected by the twin alone.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem, PyDict_SetItem
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

from native.card_index cimport CardIndex
from native.event cimport Event, is_same, read_event
from native.json cimport put_decimal, put_hex, put_json, put_json_or_null, put_json_str
from native.kept_prices cimport PER_UNIT, KeptPrice, KeptPrices
from native.priced cimport quotient_number
from native.read cimport Reading, Text, read_text
from native.terms cimport HOURS, Kept, KeptTerms, Zone
from native.wire cimport Bytes, drop, put, put_big, put_byte, put_str, taken, whole_of


cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *at, Py_ssize_t size, const char *errors)


cdef extern from "blake2b.h" nogil:
    void blake2b(uint8_t *out, size_t size, const uint8_t *message, size_t length)


cdef extern from "quotient.h" nogil:
    ctypedef struct quotient_wide:  # a whole number of 128 bits: only handed on
        pass
    int quotient_rounded(
        quotient_number amount, quotient_number units, quotient_number fee, quotient_number per,
        int places, int rule, quotient_wide *found,
    )
    int quotient_text(quotient_wide digits, int places, char *text)


cdef enum:
    ID = 16  # bytes; `schemas.ids.ID_BYTES`
    HOUR_MS = 3_600_000
    DAY_MS = 86_400_000
    MINUTE_MS = 60_000
    WEEKDAY = 3  # of 1 January 1970; Monday is 0
    DAY_MINUTES = 1440

# What the price of a rule is.
cdef enum:
    ASKED  # for the twin to select
    PLAIN
    BANDED
    CARD


cdef bint number_of(const uint8_t *at, Py_ssize_t size, quotient_number *number) noexcept:
    """Read a plain decimal that is not below zero; say whether its digits fit 64 bits."""
    cdef Py_ssize_t place
    cdef bint after_point = False
    number.digits, number.places = 0, 0
    for place in range(size):
        if at[place] == c".":
            after_point = True
            continue
        if not 0x30 <= at[place] <= 0x39 or number.digits > 1844674407370955160ULL:
            return False
        number.digits = 10 * number.digits + (at[place] - 0x30)
        number.places += after_point
    return True


cdef bint is_zero(const Text *number) noexcept:
    cdef Py_ssize_t at
    for at in range(number.size):
        if 0x31 <= number.at[at] <= 0x39:
            return False
    return True


cdef str text_of(const uint8_t *at, Py_ssize_t size):
    return PyUnicode_DecodeUTF8(<const char *>at, size, NULL)


cdef inline int put_bytes(Bytes *to, bytes value) except -1:
    return put(to, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


@cython.no_gc
@cython.final
cdef class _Rule:
    """What of a version of a price is the same for all events."""

    cdef object rule, model, price_step, counting, zero
    cdef int kind
    cdef CardIndex card
    cdef object code
    cdef object bands, of_minute  # `of_minute`: where no day has bands of its own
    cdef bint is_ordinary
    cdef int places, rounding  # -1: not within what `quotient.h` does
    cdef int64_t from_day, to_day
    cdef tuple lead
    cdef str zero_text
    cdef bytes begin, end, code_json


@cython.no_gc
@cython.final
cdef class _Entry:
    """A price of an offer, and the version of it that was asked for last."""

    cdef object entry
    cdef _Rule always, last


@cython.no_gc
@cython.final
cdef class _Offer:
    """What of an offer is the same for all events."""

    cdef object offer
    cdef _Entry entry  # None: by destination
    cdef str unit, last_source
    cdef bint counts_records, filters_zero, prices_zero, has_conditions
    cdef bytes product, tax, unit_and_amount, currency


cdef class Makers:
    """What the results are made of, and the rules that are asked where a case is not the most
    common: those of the twin."""

    cdef object item, priceable, selected, charged, raw, decimal, refused, zero, one, no_counting
    cdef object charge_after, charged_of, entry_for, offset_of_hour, local_time, encode
    cdef object from_wire, select_price
    cdef object per_unit, flat, call, graduated, volume, package, banded, card, start, sum
    cdef tuple none_earlier

    def __init__(self, **makers) -> None:
        """``makers``: all of the fields, by their names."""
        self.item, self.priceable = makers.pop("item"), makers.pop("priceable")
        self.selected, self.charged = makers.pop("selected"), makers.pop("charged")
        self.raw, self.decimal = makers.pop("raw"), makers.pop("decimal")
        self.refused, self.no_counting = makers.pop("refused"), makers.pop("no_counting")
        self.entry_for, self.select_price = makers.pop("entry_for"), makers.pop("select_price")
        self.from_wire = makers.pop("from_wire")
        self.charge_after, self.charged_of = makers.pop("charge_after"), makers.pop("charged_of")
        self.offset_of_hour = makers.pop("offset_of_hour")
        self.local_time, self.encode = makers.pop("local_time"), makers.pop("encode")
        self.per_unit, self.banded = makers.pop("per_unit"), makers.pop("banded")
        self.graduated, self.volume = makers.pop("graduated"), makers.pop("volume")
        self.package, self.flat = makers.pop("package"), makers.pop("flat")
        self.call, self.card = makers.pop("call"), makers.pop("card")
        self.start, self.sum = makers.pop("start"), makers.pop("sum")
        self.zero = self.decimal(0)
        self.one = self.decimal(1)
        self.none_earlier = (self.zero, self.zero)
        assert not makers, makers


cdef class OrdinaryEvents:
    """Makes the items of ordinary events, under one version of catalogue and reference data."""

    cdef Makers make
    cdef KeptTerms kept
    cdef KeptPrices prices
    cdef dict offers, entries, rules
    cdef Bytes to
    # What was read of one batch of normalise and is not counted yet: how many, and their sum modulo 2^128.
    cdef int64_t from_partition, of_batch, counted
    cdef uint64_t sum_high, sum_low

    def __cinit__(self):
        self.to.at = NULL
        self.to.used = self.to.room = 0
        self.from_partition = self.of_batch = self.counted = 0
        self.sum_high = self.sum_low = 0

    def __init__(
        self, Makers make not None, KeptTerms kept not None, KeptPrices prices not None
    ) -> None:
        self.make, self.kept, self.prices = make, kept, prices
        self.offers, self.entries, self.rules = {}, {}, {}

    def __dealloc__(self):
        drop(&self.to)

    def items(self, records, in_force, dict keys not None, read, internal_errors, twin) -> list:
        """Return what is made of each record, by ``twin`` where it is not ordinary. ``in_force``:
        `TermsInForce`; ``keys`` and ``read`` are told of it; ``internal_errors``: offsets that are not
        looked at here."""
        cdef list made = []
        cdef bint all_are_looked_at = not internal_errors
        self.counted = 0  # what an error left of another batch
        self.sum_high = self.sum_low = 0
        for record in records:
            item = None
            if all_are_looked_at or record[1] not in internal_errors:
                item = self._item_of(<tuple>record, in_force, keys, read)
            if item is None:
                self._count(read)  # in the order in which they were read
                item = twin(record)
            made.append(item)
        self._count(read)
        return made

    cdef int _count(self, read) except -1:
        """Have what was read here counted."""
        if self.counted:
            total = (<object>self.sum_high << 64) | <object>self.sum_low
            read.add_many(self.from_partition, self.of_batch, self.counted, total)
        self.counted, self.sum_high, self.sum_low = 0, 0, 0
        return 0

    cdef int _read(self, const Event *event, const uint8_t *member, read) except -1:
        """Count an event as read whose member of the set hash is known."""
        cdef uint64_t low = whole_of(member + 8)
        if event.partition != self.from_partition or event.batch != self.of_batch:
            self._count(read)
            self.from_partition, self.of_batch = event.partition, event.batch
        self.counted += 1
        self.sum_low += low
        self.sum_high += whole_of(member) + (self.sum_low < low)
        return 0

    cdef object _item_of(self, tuple record, in_force, dict keys, read):
        """Return what `_item` returns, or None: it is not ordinary, and nothing of it was counted."""
        cdef Event event
        cdef Kept kept
        cdef _Offer offer
        cdef _Entry entry
        cdef _Rule rule
        cdef KeptPrice price_kept = None
        cdef object value = record[4], price, row = None, band = None, found, counting, charged = None
        cdef Text used_text, prefix
        cdef int64_t day = 0, minute = 0
        cdef int prefix_size = 0
        cdef bint is_nothing, no_usage
        cdef object explanation = ()
        if type(value) is not bytes:
            return None
        if not read_event(
            &event, <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)
        ):
            return None
        kept = self.kept.of(&event, value, in_force)
        if kept is None:
            return None
        if kept.is_new:
            kept.ordinary = self._offer(kept.terms.offer)
            kept.is_new = False
        offer = <_Offer>kept.ordinary
        if offer is None:
            return None
        if not self._used(offer, &event, &used_text):
            return None
        is_nothing = is_zero(&used_text)
        if is_nothing and offer.filters_zero:
            return None
        if offer.has_conditions:
            rule = None
        else:
            entry = offer.entry
            if entry is None:
                entry = self._entry_by_destination(offer, &event)
                if entry is None:
                    return None
            rule = entry.always
            if rule is None:
                self._local(kept.zone, event.started_at_ms, &day, &minute)
                rule = self._rule_on(entry, day)
                if rule is None:
                    return None
        if rule is None or rule.kind == ASKED:
            selected = self._selected(offer, kept, value)
            if selected is None:
                return None
            self.kept.name_counters(kept, event.started_at_ms, selected.counting)
            if len(<tuple>kept.named) == 1:
                charged = self._charged(selected, kept)
            return self._item(record, &event, kept, selected, charged, &used_text, keys, read)
        counting = rule.counting
        if rule.kind == PLAIN:
            price = rule.model
        elif rule.kind == CARD:
            if rule.bands is not None:
                band = self._band(rule, day, minute)
            prefix = event.destination
            row = rule.card.row_of(
                prefix.at, prefix.size, day, band, &prefix_size
            )
            prefix.size = prefix_size
            if row is None:
                return None
            price = row.price
        elif rule.kind == BANDED:
            band = self._band(rule, day, minute)
            price = rule.model.prices[band]
            counting = rule.rule.counting_of_band[band]
        else:
            return None
        no_usage = is_nothing and not offer.prices_zero
        if no_usage:
            counting = self.make.no_counting
        self.kept.name_counters(kept, event.started_at_ms, counting)
        used = self.make.one
        if not offer.counts_records:
            used = self.make.decimal(text_of(used_text.at, used_text.size))
        written = False
        if len(<tuple>kept.named) == 1:
            if no_usage:
                written = True
            elif not is_nothing and rule.is_ordinary and type(price) is self.make.per_unit:
                price_kept = self.prices.price_of(price)
                written = price_kept.kind == PER_UNIT and rule.rounding >= 0
            if written:
                charged = self._charge(
                    offer, rule, price_kept, row, &prefix, band, minute, &used_text, used,
                    kept.month_ms,
                )
                written = charged is not None
        if not written:
            explanation = self._explanation(rule, row, band, minute)
        selected = self.make.selected(
            offer.offer, rule.rule, price, used, explanation, kept.subscription_id, counting,
            event.started_at_ms,
        )
        if not written and len(<tuple>kept.named) == 1:
            charged = self._charged(selected, kept)
        return self._item(record, &event, kept, selected, charged, &used_text, keys, read)

    cdef object _selected(self, _Offer offer, Kept kept, bytes value):
        """Return the price that the twin selects of what it reads itself; None: there is none, or what it
        gives hangs on more than the event."""
        terms = kept.terms
        selected = self.make.select_price(
            offer.offer, self.make.from_wire(value), terms.plan, terms.holder
        )
        if type(selected) is not self.make.selected:
            return None
        rule = selected.rule
        return None if rule.months_rolled or rule.is_fitted else selected

    cdef object _charged(self, selected, Kept kept):
        return self.make.charged_of(selected, self.make.charge_after(selected, ()), kept.month_ms)

    # What is the same for many events. --------------------------------------------------------

    cdef _Offer _offer(self, offer):
        """Return what is kept of an offer; None: it is none, or not ordinary."""
        cdef _Offer kept
        if isinstance(offer, self.make.refused):
            return None
        key = id(offer)
        if key in self.offers:
            return self.offers[key][1]
        kept = None
        if not (offer.is_fitted or offer.others) and offer.entries:
            encode = self.make.encode
            kept = _Offer()
            kept.offer = offer
            kept.unit, kept.last_source = offer.unit, ""
            kept.counts_records, kept.filters_zero = offer.counts_records, offer.filters_zero
            kept.prices_zero, kept.has_conditions = offer.prices_zero, offer.has_conditions
            kept.product = b',"product":%b,"product_type":%b,"usage_kind":' % (
                encode(offer.product), encode(offer.product_type)
            )
            kept.tax = b'"tax_code":%b,"recycles":' % encode(offer.tax_code)
            kept.unit_and_amount = b'","free":"0","unit":%b,"amount":"' % encode(offer.unit)
            kept.currency = b'","currency":%b,"usage_period_ms":' % encode(offer.currency)
            kept.entry = None
            if not offer.entries[0].destinations:
                kept.entry = self._entry(offer.entries[0])
        self.offers[key] = (offer, kept)  # its id is its own for as long as it is here
        return kept

    cdef _Entry _entry(self, entry):
        cdef _Entry kept = self.entries.get(id(entry))
        if kept is None:
            kept = _Entry()
            kept.entry = entry
            kept.always = None if entry.always is None else self._rule(entry.always)
            kept.last = None
            self.entries[id(entry)] = kept  # once it is whole
        return kept

    cdef _Entry _entry_by_destination(self, _Offer offer, Event *event):
        cdef object destination = None
        if event.destination.at != NULL:
            destination = text_of(event.destination.at, event.destination.size)
        entry = self.make.entry_for(offer.offer, destination)
        return None if entry is None else self._entry(entry)

    cdef _Rule _rule_on(self, _Entry entry, int64_t day):
        cdef _Rule kept = entry.last
        if kept is not None and kept.from_day <= day < kept.to_day:
            return kept
        rule = entry.entry.rule_on(day)
        if rule is None:
            return None
        kept = entry.last = self._rule(rule)
        return kept

    cdef _Rule _rule(self, rule):
        cdef _Rule kept = self.rules.get(id(rule))
        if kept is None:
            kept = self._new_rule(rule)
            self.rules[id(rule)] = kept  # once it is whole
        return kept

    cdef _Rule _new_rule(self, rule):
        make = self.make
        encode, model, rounding = make.encode, rule.model, rule.rounding
        cdef _Rule kept = _Rule()
        kept.rule, kept.model, kept.price_step = rule, model, rule.price_step
        kept.counting, kept.zero, kept.zero_text = rule.counting, rule.zero, f"{rule.zero:f}"
        kept.from_day, kept.to_day = rule.from_day, rule.to_day
        kept.is_ordinary = rule.is_ordinary
        kept.lead = (rule.price_step,)
        kept.begin = b"[" + encode(rule.price_step)
        kept.end = b"," + encode(rule.rounding_step) + b"]"
        kept.rounding, kept.places = -1, rounding.decimal_places
        if rounding.to is None and rounding.times is None and rounding.then is None:
            names = ["ROUND_HALF_UP", "ROUND_HALF_EVEN", "ROUND_UP", "ROUND_DOWN"]
            if rounding.rule.value in names:
                kept.rounding = names.index(rounding.rule.value)
        kept.kind = ASKED
        kept.bands = kept.of_minute = kept.code = None
        if not (
            rule.aggregation is make.sum
            and rule.sampling is None
            and rule.discounts_when is None
            and not rule.months_rolled
            and not rule.is_fitted
        ):
            return kept
        plain = (make.per_unit, make.flat, make.call, make.graduated, make.volume, make.package)
        if type(model) in plain:
            kept.kind = PLAIN
        elif type(model) is make.banded and model.choice is make.start:
            kept.kind = BANDED
        elif type(model) is make.card and (model.bands is None or model.choice is make.start):
            if model.card.index is not None:
                kept.kind = CARD
                kept.card, kept.code = model.card.index, model.card.code
                kept.code_json = b"," + encode(kept.code) + b"]"
        if kept.kind in (BANDED, CARD):
            kept.bands = model.bands
            if model.bands is not None:
                kept.of_minute = model.bands.of_minute_of_week
        return kept

    # An event. --------------------------------------------------------------------------------

    cdef bint _used(self, _Offer offer, Event *event, Text *used) except -1:
        """Have the digits of what was used; say whether it is there and not below zero."""
        cdef Reading of = event.quantities
        cdef Text unit, number
        cdef Py_ssize_t size
        cdef const char *wanted
        cdef uint64_t place
        used.at, used.size = <const uint8_t *>b"1", 1
        if offer.counts_records:
            return True
        used.at = NULL
        wanted = PyUnicode_AsUTF8AndSize(offer.unit, &size)
        for place in range(event.quantity_count):
            if not (read_text(&of, &unit) and read_text(&of, &number)):
                return False
            if is_same(&unit, wanted, size):
                used[0] = number  # of two of one name the last
        return used.at != NULL and used.at[0] != c"-"

    cdef int _local(self, Zone zone, int64_t at_ms, int64_t *day, int64_t *minute) except -1:
        """Have what `local_time` returns."""
        cdef int64_t hour = at_ms // HOUR_MS
        cdef int slot = <int>(hour & (HOURS - 1))
        cdef int64_t local_ms
        if zone.hours[slot] != hour:
            offset_ms = self.make.offset_of_hour(hour, zone.name)
            if offset_ms is None:
                found = self.make.local_time(at_ms, zone=zone.name)
                day[0], minute[0] = found[0], found[1]
                return 0
            zone.offsets_ms[slot] = offset_ms
            zone.hours[slot] = hour
        local_ms = at_ms + zone.offsets_ms[slot]
        day[0] = local_ms // DAY_MS
        minute[0] = (day[0] + WEEKDAY) % 7 * DAY_MINUTES + (local_ms - day[0] * DAY_MS) // MINUTE_MS
        return 0

    cdef object _band(self, _Rule rule, int64_t day, int64_t minute):
        if rule.of_minute is not None:
            return (<tuple>rule.of_minute)[minute]
        return rule.bands.at(day, minute)

    cdef object _explanation(self, _Rule rule, row, band, int64_t minute):
        """Return the steps that say which price it is, for where they are not written at once."""
        cdef tuple steps = rule.lead
        if row is not None:
            steps = (*steps, ("prefix", row.prefix, row.destination, rule.code))
        if band is not None:
            steps = (*steps, ("band", band, _minute_name(minute)))
        return steps

    cdef object _charge(
        self, _Offer offer, _Rule rule, KeptPrice price, row, Text *prefix, band, int64_t minute,
        Text *used_text, used, month_ms,
    ):
        """Return the charge of an event with usage at a price per unit, or, ``price`` being None,
        of one without usage. None: its numbers do not fit."""
        cdef Bytes *to = &self.to
        cdef quotient_number units
        cdef quotient_wide amount
        cdef char text[64]
        cdef char billed_text[64]
        cdef int size = 0, billed_size = 0
        cdef int64_t whole, billed_units
        cdef object billed = used
        cdef str amount_text
        cdef bytes steps, price_json
        if price is None:
            billed = self.make.zero
            billed_text[0] = c"0"
            billed_size = 1
            amount_text, amount_found = rule.zero_text, rule.zero
        else:
            if not number_of(used_text.at, used_text.size, &units):
                return None
            if price.first:
                if units.places > 18 or not _whole(&units, &whole):
                    return None
                if whole <= price.first:
                    billed, billed_units = price.first_units, price.first
                else:
                    billed_units = price.first + (
                        (whole - price.first + price.following - 1) // price.following
                    ) * price.following
                    billed = self.make.decimal(billed_units)
                units.digits, units.places = <uint64_t>billed_units, 0
                billed_size = _digits(billed_units, billed_text)
            if not quotient_rounded(
                price.amount, units, price.fee, price.per, rule.places, rule.rounding, &amount
            ):
                return None
            size = quotient_text(amount, rule.places, text)
            amount_text = text_of(<const uint8_t *>text, size)
            amount_found = self.make.decimal(amount_text)
        to.used = 0
        put_bytes(to, rule.begin)
        if row is not None:
            put(to, b',["prefix",', 11)
            put_json(to, prefix.at, prefix.size)
            put_byte(to, c",")
            put_json_str(to, <str>row.destination)
            put_bytes(to, rule.code_json)
        if band is not None:
            put(to, b',["band",', 9)
            put_json_str(to, <str>band)
            put(to, b',"', 2)
            _put_minute(to, minute)
            put(to, b'"]', 2)
        if price is None:
            put(to, b',["no_usage"]]', 14)
        else:
            if price.first:
                put_bytes(to, price.increments)
                put(to, used_text.at, used_text.size)
                put(to, b'","', 3)
                put(to, billed_text, billed_size)
                put(to, b'"]', 2)
            put_bytes(to, price.steps)
            put_bytes(to, rule.end)
        steps = taken(to)
        to.used = 0
        put(to, b'"billed":"', 10)
        if billed_size:
            put(to, billed_text, billed_size)
        else:
            put(to, used_text.at, used_text.size)
        put_bytes(to, offer.unit_and_amount)
        if price is None:
            put_str(to, amount_text)
        else:
            put(to, text, size)
        put_bytes(to, offer.currency)
        put_decimal(to, <int64_t>month_ms)
        price_json = taken(to)
        return self.make.charged(
            amount_found, amount_text, billed, (), self.make.zero, self.make.none_earlier, (),
            price_json, self.make.raw(steps),
        )

    cdef object _item(
        self, record, Event *event, Kept kept, selected, charged, Text *used_text, dict keys, read
    ):
        cdef Bytes *to = &self.to
        cdef _Offer offer = <_Offer>kept.ordinary
        cdef uint8_t member[ID]
        cdef uint8_t charge_id[ID]
        cdef bytes usage_json, rest_json
        cdef Reading of = event.attributes
        cdef Text name, value
        cdef uint64_t place
        cdef Py_ssize_t owner
        # Both digests are of the same fields in the middle.
        to.used = 0
        put_big(to, 5, 4)
        put(to, b"usage", 5)
        put_big(to, ID, 4)
        put(to, event.identity.at, ID)
        put_big(to, event.run.size, 4)
        put(to, event.run.at, event.run.size)
        put_big(to, event.rating_key.size, 4)
        put(to, event.rating_key.at, event.rating_key.size)
        blake2b(charge_id, ID, to.at, to.used)
        put_big(to, event.content_hash.size, 4)
        put(to, event.content_hash.at, event.content_hash.size)
        blake2b(member, ID, to.at + 9, to.used - 9)
        to.used = 0
        put(to, b'"charge_id":"', 13)
        put_hex(to, charge_id, ID)
        put(to, b'","run":', 8)
        put_json(to, event.run.at, event.run.size)
        put(to, b',"identity":"', 13)
        put_hex(to, event.identity.at, ID)
        put(to, b'","account_id":', 15)
        put_json(to, event.account_id.at, event.account_id.size)
        put(to, b',"subscription_id":', 19)
        put_json(to, event.subscription_id.at, event.subscription_id.size)
        put_bytes(to, offer.product)
        put_json(to, event.usage_kind.at, event.usage_kind.size)
        put(to, b',"source":', 10)
        put_json(to, event.source.at, event.source.size)
        put(to, b',"record_id":', 13)
        put_json(to, event.record_id.at, event.record_id.size)
        put(to, b',"started_at_ms":', 17)
        put_decimal(to, event.started_at_ms)
        put(to, b',"origin":', 10)
        put_json_or_null(to, event.origin.at, event.origin.size)
        put(to, b',"destination":', 15)
        put_json_or_null(to, event.destination.at, event.destination.size)
        put(to, b',"used":"', 9)
        put(to, used_text.at, used_text.size)
        put_byte(to, c'"')
        usage_json = taken(to)
        to.used = 0
        put_bytes(to, offer.tax)
        put_json_or_null(to, event.recycles.at, event.recycles.size)
        put(to, b',"corrects":null,"job_id":null,"attributes":{', 45)
        for place in range(event.attribute_count):
            if not (read_text(&of, &name) and read_text(&of, &value)):
                break  # it was read before, so it can be again
            if place:
                put_byte(to, c",")
            put_json(to, name.at, name.size)
            put_byte(to, c":")
            put_json(to, value.at, value.size)
        put_byte(to, c"}")
        rest_json = taken(to)
        for key in kept.keys:
            PyDict_SetItem(keys, key, None)
        self._read(event, member, read)
        return self.make.item(
            record,
            None,
            self.make.priceable(
                selected, kept.terms, kept.named, kept.month_ms, charged, <bytes>charge_id[:ID],
                self._source(offer, event), usage_json, rest_json,
                (event.partition, event.offset, event.index), event.recycles.at != NULL,
            ),
        )

    cdef str _source(self, _Offer offer, Event *event):
        """Return the source, the same object as before where it is the same."""
        cdef Py_ssize_t size
        cdef const char *last = PyUnicode_AsUTF8AndSize(offer.last_source, &size)
        if not is_same(&event.source, last, size):
            offer.last_source = text_of(event.source.at, event.source.size)
        return offer.last_source


cdef bint _whole(const quotient_number *units, int64_t *whole) noexcept:
    """Have the units with a started one whole; say whether they are few enough."""
    cdef uint64_t one = 1
    cdef int place
    for place in range(units.places):
        one *= 10
    if units.digits // one > <uint64_t>1 << 60:
        return False
    whole[0] = <int64_t>(units.digits // one + (units.digits % one != 0))
    return True


cdef int _digits(int64_t value, char *text) noexcept:
    """Write the digits of a number that is not below zero; return how many."""
    cdef char reversed_[24]
    cdef int count = 0, at
    while True:
        reversed_[count] = <char>(0x30 + value % 10)
        count += 1
        value //= 10
        if value == 0:
            break
    for at in range(count):
        text[at] = reversed_[count - 1 - at]
    return count


cdef const char *WEEK = b"MonTueWedThuFriSatSun"


cdef int _put_minute(Bytes *to, int64_t minute_of_week) except -1:
    """Put a minute of the week as `Mon 08:15`."""
    cdef int64_t day = minute_of_week // DAY_MINUTES, minute = minute_of_week % DAY_MINUTES
    cdef char text[9]
    memcpy(text, WEEK + 3 * day, 3)
    text[3] = c" "
    text[4] = <char>(0x30 + minute // 600)
    text[5] = <char>(0x30 + minute // 60 % 10)
    text[6] = c":"
    text[7] = <char>(0x30 + minute % 60 // 10)
    text[8] = <char>(0x30 + minute % 10)
    return put(to, text, 9)


cdef str _minute_name(int64_t minute_of_week):
    cdef Bytes to
    to.at = NULL
    to.used = to.room = 0
    try:
        _put_minute(&to, minute_of_week)
        return text_of(to.at, to.used)
    finally:
        drop(&to)
