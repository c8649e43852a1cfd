# cython: language_level=3, boundscheck=False, wraparound=False
"""What of a version of a price, and of the price, is the same for all events: read once, and kept for as
long as the version of the catalogue is the same."""

cimport cython
from cpython.object cimport PyObject

from native.priced cimport priced_number
from native.scaled cimport read_decimal, scaled_sum


cdef enum:
    RULES = 1024  # that are kept, a power of two
    PRICES = 4096  # the same
    PROBES = 16

cdef int64_t MOST_INCREMENT = <int64_t>1 << 40
_ROUNDINGS = ("ROUND_HALF_UP", "ROUND_HALF_EVEN", "ROUND_UP", "ROUND_DOWN")  # as in `quotient.h`
# What may stand around a price that is not known here.
_AROUND = ("sampling", "round_units", "free", "adjusting", "usage_discount", "limited")


cdef class Kept:
    pass


@cython.no_gc
@cython.final
cdef class KeptAllowance:
    pass


@cython.final
cdef class KeptRule(Kept):
    pass


@cython.no_gc
@cython.final
cdef class KeptTier:
    pass


@cython.final
cdef class KeptPrice(Kept):
    pass


@cython.final
cdef class KeptPrices:
    """The versions and prices that were asked for last."""

    def __init__(self, *, encode, to_text, sum_of, month, per_unit, flat, graduated, volume) -> None:
        """``encode``: gives JSON; ``sum_of``, ``month``: of `Aggregation` and `CounterPeriod`."""
        self.encode, self.to_text, self.sum, self.month = encode, to_text, sum_of, month
        self.per_unit, self.flat = per_unit, flat
        self.graduated, self.volume = graduated, volume
        self.known = (per_unit, flat, graduated, volume)
        self.version = -1
        self.of_version(0)

    cdef int of_version(self, int64_t version) except -1:
        """Forget what is of another version: with a rule, all rows of its cards would stay."""
        if version != self.version:
            self.rules, self.prices = [None] * RULES, [None] * PRICES
            self.version = version
        return 0

    cdef KeptRule rule_of(self, rule):
        cdef Py_ssize_t place
        cdef Kept kept = kept_of(self.rules, RULES, rule, &place)
        if kept is None:
            kept = new_rule(self, rule)
            self.rules[place] = kept
        return <KeptRule>kept

    cdef KeptPrice price_of(self, price):
        cdef Py_ssize_t place
        cdef Kept kept
        if type(price) not in self.known:  # of others each event may have one of its own
            return None
        kept = kept_of(self.prices, PRICES, price, &place)
        if kept is None:
            kept = new_price(self, price)
            self.prices[place] = kept
        return <KeptPrice>kept


cdef Kept kept_of(list kept, Py_ssize_t room, of, Py_ssize_t *place):
    """Return what is kept of an object; None: nothing, and ``place`` is where it is to be put."""
    cdef size_t first = <size_t><PyObject *>of >> 4
    cdef size_t each
    cdef Kept found
    for each in range(first, first + PROBES):
        place[0] = each & (room - 1)
        found = <Kept>kept[place[0]]
        if found is None or found.of is of:
            return found
    return None


cdef KeptRule new_rule(KeptPrices make, rule):
    cdef KeptRule kept = KeptRule()
    rounding = rule.rounding
    kept.of = rule
    if (
        rule.is_ordinary
        or rule.is_fitted
        or rule.months_rolled
        or rule.counts_closed
        or rule.caps
        or rule.credits
        or rule.aggregation is not make.sum
        or rounding.to is not None
        or rounding.times is not None
        or rounding.then is not None
        or rounding.rule.value not in _ROUNDINGS
    ):
        return kept
    for name in _AROUND:
        if getattr(rule, name) is not None:
            return kept
    kept.grows, kept.free_counts, kept.fee_when_free = rule.grows, rule.free_counts, rule.fee_when_free
    kept.takes_increments = bool(rule.allowances) and rule.allowances[0].takes_increments
    kept.rounding.places = rounding.decimal_places
    kept.rounding.rule = _ROUNDINGS.index(rounding.rule.value)
    kept.end = b"," + make.encode(rule.rounding_step) + b"]"
    kept.allowances = tuple([new_allowance(make, each) for each in rule.allowances])
    kept.is_known = None not in kept.allowances and read_decimal(&kept.zero, rule.zero, make.to_text)
    return kept


cdef KeptAllowance new_allowance(KeptPrices make, allowance):
    """Return what an allowance is; None: more than a size in each period."""
    cdef KeptAllowance kept = KeptAllowance()
    if (
        allowance.step is not None
        or allowance.rolls_over is not None
        or allowance.is_fitted
        or not allowance.gives
        or not read_decimal(&kept.size, allowance.size, make.to_text)
    ):
        return None
    often = () if allowance.period is make.month else (allowance.period.value,)
    begin = ("allowance", allowance.allowance_id, make.to_text(allowance.size))
    kept.begin, kept.end = begun(make, begin), ended(make, often)
    return kept


cdef KeptPrice new_price(KeptPrices make, price):
    cdef KeptPrice kept = KeptPrice()
    kept.of, kept.steps = price, b""
    kept.kind = read_price(make, price, kept)
    return kept


cdef Kind read_price(KeptPrices make, price, KeptPrice kept) except *:
    """Have the numbers of a price; return its kind."""
    if type(price) is make.flat:
        kept.steps = b"," + make.encode(("flat", make.to_text(price.amount)))
        kept.fee.digits, kept.fee.places = 0, 0
        kept.per.digits, kept.per.places = 1, 0
        return FLAT if read_value(make, price.amount, &kept.amount) else UNUSUAL
    if price.increments is not None and not read_increments(make, price.increments, kept):
        return UNUSUAL
    if type(price) is make.per_unit:
        kept.steps = b"".join([b"," + make.encode(step) for step in price.explanation])
        fits = (
            read_value(make, price.amount, &kept.amount)
            and read_value(make, price.connect_fee, &kept.fee)
            and read_value(make, price.per_units, &kept.per)
        )
        return PER_UNIT if fits else UNUSUAL
    if type(price) is make.graduated:
        kept.tiers = tuple([new_graduated(make, bounds) for bounds in price.bounds])
    else:
        kept.tiers = tuple([new_volume(make, tier) for tier in price.prices])
    kept.fee.digits, kept.fee.places = 0, 0
    if None in kept.tiers or not read_value(make, price.divide_by, &kept.per):
        return UNUSUAL
    return GRADUATED if type(price) is make.graduated else VOLUME


cdef bint read_increments(KeptPrices make, increments, KeptPrice kept) except -1:
    whole = increments.whole
    if whole is None or max(whole) > MOST_INCREMENT:
        return False
    kept.first, kept.following = whole
    kept.first_units = increments.first_units
    kept.increments = begun(make, ("increments", increments.notation))
    return True


cdef KeptTier new_graduated(KeptPrices make, bounds):
    """Return a tier with where it begins, and what all before it costs."""
    cdef KeptTier kept = new_tier(make, bounds.price, bounds.from_units, bounds.undivided_cost)
    if kept is None:
        return None
    where = (bounds.from_text, bounds.upto_text)
    kept.step_begin = begun(make, ("tier", *where))
    kept.step_end = ended(make, (bounds.amount_text, bounds.per_units_text))
    if bounds.tier.flat:
        kept.fee = b"," + make.encode(("tier_fee", *where, make.to_text(bounds.tier.flat)))
    return kept


cdef KeptTier new_volume(KeptPrices make, price):
    cdef KeptTier kept = new_tier(make, price, 0, 0)
    if kept is None:
        return None
    text, tier = make.to_text, price.tier
    end = "" if kept.is_last else text(tier.upto_units)
    kept.step_begin = begun(make, ("volume",))
    kept.step_end = ended(make, (end, text(tier.amount), text(price.per_units), text(tier.flat)))
    return kept


cdef KeptTier new_tier(KeptPrices make, price, start, cost):
    """Return a tier that begins at ``start`` units, where all before costs ``cost``; None: its numbers do
    not fit, or started units cost as whole ones."""
    cdef KeptTier kept = KeptTier()
    cdef scaled flat
    tier = price.tier
    kept.is_last, kept.fee = tier.upto_units is None, b""
    if (
        not tier.whole
        and read_decimal(&kept.start, start, make.to_text)
        and (kept.is_last or read_decimal(&kept.end, tier.upto_units, make.to_text))
        and read_value(make, price.unit_cost, &kept.unit_cost)
        and read_decimal(&kept.base, cost, make.to_text)
        and read_decimal(&flat, price.flat_cost, make.to_text)
        and scaled_sum(&kept.base, &kept.base, &flat)
    ):
        return kept
    return None


cdef bint read_value(KeptPrices make, value, quotient_number *to) except -1:
    cdef scaled number
    return read_decimal(&number, value, make.to_text) and priced_number(to, &number)


cdef bytes begun(KeptPrices make, tuple texts):
    """Return a step, behind others, up to the text that follows these."""
    return b"," + make.encode(texts).removesuffix(b"]") + b',"'


cdef bytes ended(KeptPrices make, tuple texts):
    """Return what follows that text: these, and the end of the step."""
    return b'"' + b"".join([b"," + make.encode(text) for text in texts]) + b"]"
