# cython: language_level=3, boundscheck=False, wraparound=False
"""The price of an event that asks for counters: what `charge_after` of `rating/charging.py` does, with
its explanation in JSON.

It knows allowances of a period, and behind them a price per unit, a flat one, or tiers over the month.
Other prices, what is done around them, and usage that is not above zero are left to the twin, and so is
a number that does not fit. `tests/property/test_native_charge_after.py` holds both to the same charges.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.tuple cimport PyTuple_GET_SIZE

from native.fields cimport field, is_exactly, offset_of
from native.json cimport put_texts
from native.kept_prices cimport (
    FLAT, GRADUATED, PER_UNIT, UNUSUAL, VOLUME, KeptAllowance, KeptPrice, KeptPrices, KeptRule, KeptTier,
)
from native.priced cimport priced_billable, priced_in_tier, priced_units, quotient_number
from native.scaled cimport (
    is_zero, put_scaled, scaled, scaled_at_least, scaled_difference, scaled_sum, scaled_zero,
)
from native.wire cimport Bytes, put, put_byte

cdef quotient_number NONE
NONE.digits, NONE.places = 0, 0
cdef quotient_number ONE
ONE.digits, ONE.places = 1, 0
cdef scaled ONE_UNIT
ONE_UNIT.high, ONE_UNIT.low, ONE_UNIT.places, ONE_UNIT.negative = 0, 1, 0, 0


@cython.final
cdef class ChargeAfter:
    """Charges at the prices of one version of the catalogue."""

    def __init__(self, KeptPrices kept not None, *, selected, rule, offer) -> None:
        """``selected``, ``rule``, ``offer``: the classes of them."""
        self.kept = kept
        self.price_at = offset_of(selected, "price")
        self.explanation_at = offset_of(selected, "explanation")
        self.discounts_at = offset_of(rule, "discounts_when")
        self.fitted_at = offset_of(offer, "is_fitted")

    cdef bint charge(
        self, selected, rule, offer, const scaled *used, const Totals **before, Py_ssize_t count,
        Charge *charge, Count *counts, Bytes *steps,
    ) except -1:
        """Have the charge of an event, what it adds to each counter, and in ``steps`` its explanation;
        say whether that was done. ``before``: of the ``count`` counters that the price asks for."""
        cdef KeptRule its
        cdef KeptPrice price
        cdef Py_ssize_t place, allowances
        cdef scaled rest = used[0]
        cdef scaled *units
        cdef scaled *free = &charge.free
        if used.negative or is_zero(used):
            return False
        # Then the rule may be of this event alone, and nothing is to be kept of it.
        if field(rule, self.discounts_at) is not None or field(offer, self.fitted_at) is True:
            return False
        its = self.kept.rule_of(rule)
        if not its.is_known:
            return False
        allowances = PyTuple_GET_SIZE(its.allowances)
        if count != allowances + its.grows:
            return False
        price = self.kept.price_of(field(selected, self.price_at))
        if price is None or price.kind == UNUSUAL or price.kind == FLAT and its.grows:
            return False
        if not its.grows and price.kind != FLAT and price.kind != PER_UNIT:
            return False
        if not put_lead(steps, field(selected, self.explanation_at)):
            return False
        scaled_zero(free)
        if its.takes_increments and not incremented(price, &rest, steps):
            return False
        for place in range(allowances):
            counts[place].is_counted = False
            if not is_zero(&rest) and not taken(
                <KeptAllowance>its.allowances[place], before[place], &rest, free, &counts[place], steps
            ):
                return False
        if is_zero(&rest):
            if its.fee_when_free and price.kind == PER_UNIT:
                return False
            if not its.takes_increments:
                scaled_zero(&rest)
            charge.amount = its.zero
            if its.grows:
                counts[allowances].is_counted = its.free_counts and not is_zero(free)
                counts[allowances].has_amount = False
                counts[allowances].quantity = free[0]
        else:
            if not its.takes_increments and not incremented(price, &rest, steps):
                return False
            if its.grows:
                if not grown(its, price, before[allowances], &rest, charge, &counts[allowances], steps):
                    return False
            else:
                put_bytes(steps, price.steps)
                units = &ONE_UNIT if price.kind == FLAT else &rest
                if not priced_units(
                    &charge.amount, price.amount, price.fee, price.per, units, its.rounding
                ):
                    return False
        charge.billed = rest
        put_bytes(steps, its.end)
        return True


# The parts of a charge. -----------------------------------------------------------------------


cdef inline int put_bytes(Bytes *to, bytes value) except -1:
    return put(to, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


cdef inline int put_step(Bytes *to, bytes begin, const scaled *number, bytes end) except -1:
    put_bytes(to, begin)
    put_scaled(to, number)
    return put_bytes(to, end)


cdef bint put_lead(Bytes *to, steps) except -1:
    """Put the steps that say which price it is, without an end; say whether there are some."""
    cdef Py_ssize_t place
    to.used = 0
    if not is_exactly(steps, tuple) or not PyTuple_GET_SIZE(steps):
        return False
    for place in range(PyTuple_GET_SIZE(steps)):
        put_byte(to, c"," if place else c"[")
        if not put_texts(to, (<tuple>steps)[place]):
            return False
    return True


cdef bint incremented(KeptPrice price, scaled *units, Bytes *steps) except -1:
    """Have units above zero in whole increments."""
    if not price.first:
        return True
    put_bytes(steps, price.increments)
    put_scaled(steps, units)
    if not priced_billable(units, price.first, price.following):
        return False
    put(steps, b'","', 3)
    put_scaled(steps, units)
    put(steps, b'"]', 2)
    return True


cdef bint taken(
    KeptAllowance allowance, const Totals *before, scaled *rest, scaled *free, Count *count, Bytes *steps
) except -1:
    """Take of an allowance what it has left of ``rest``, which is above zero, and add it to ``free``."""
    cdef scaled left, given
    cdef int is_enough
    if before.quantity.negative or not scaled_difference(&left, &allowance.size, &before.quantity):
        return False
    scaled_zero(&given)
    if not left.negative and not is_zero(&left):
        is_enough = scaled_at_least(&left, rest)
        if is_enough < 0:
            return False
        if is_enough:
            given = rest[0]
        else:
            given = left
        count.is_counted, count.has_amount, count.quantity = True, False, given
    put_bytes(steps, allowance.begin)
    put_scaled(steps, &before.quantity)
    put(steps, b'","', 3)
    put_step(steps, b"", &given, allowance.end)
    return scaled_sum(free, free, &given) and scaled_difference(rest, rest, &given)


cdef bint grown(
    KeptRule rule, KeptPrice price, const Totals *before, const scaled *billed, Charge *charge,
    Count *count, Bytes *steps,
) except -1:
    """Have what units above zero add to a month; `grow` in `rating/growing.py`."""
    cdef scaled done = before.quantity, total, amount_before, amount_after, fee
    cdef scaled *amount = &charge.amount
    if done.negative or before.amount.negative:
        return False
    if rule.free_counts and not scaled_sum(&done, &done, &charge.free):
        return False
    if not scaled_sum(&total, &done, billed):
        return False
    put_bytes(steps, price.steps)
    put_step(steps, b',["month_before","', &done, b'"]')
    if price.kind == GRADUATED and not put_tiers(price, &done, billed, steps):
        return False
    if price.kind == VOLUME and not put_volume(price, &done, &total, steps):
        return False
    if not (
        month_amount(rule, price, &done, &amount_before)
        and month_amount(rule, price, &total, &amount_after)
        and scaled_difference(amount, &amount_after, &amount_before)
        and not amount.negative
    ):
        return False
    if price.fee.digits and not (
        priced_units(&fee, price.fee, NONE, ONE, &ONE_UNIT, rule.rounding)
        and scaled_sum(amount, amount, &fee)
    ):
        return False
    count.is_counted = count.has_amount = True
    count.quantity, count.amount = billed[0], amount[0]
    if rule.free_counts and not scaled_sum(&count.quantity, billed, &charge.free):
        return False
    # Units that were counted without their money, as older builds did.
    if is_zero(&before.amount) and not is_zero(&before.quantity):
        return month_amount(rule, price, &before.quantity, &amount_before) and scaled_sum(
            &count.amount, amount, &amount_before
        )
    return True


cdef bint month_amount(KeptRule rule, KeptPrice price, const scaled *units, scaled *amount) except -1:
    """Have what a month of so many units comes to."""
    cdef KeptTier tier
    if is_zero(units):
        amount[0] = rule.zero
        return True
    if price.kind == PER_UNIT:
        return priced_units(amount, price.amount, NONE, price.per, units, rule.rounding)
    tier = tier_of(price, units)
    return tier is not None and priced_in_tier(
        amount, tier.unit_cost, &tier.base, &tier.start, price.per, units, rule.rounding
    )


cdef KeptTier tier_of(KeptPrice price, const scaled *units):
    """Return the tier that so many units reach, its end being in it; None: out of reach."""
    cdef KeptTier tier
    cdef int reaches
    for tier in price.tiers:
        reaches = 1 if tier.is_last else scaled_at_least(&tier.end, units)
        if reaches:
            return tier if reaches > 0 else None
    return None


cdef bint put_tiers(KeptPrice price, const scaled *done, const scaled *billed, Bytes *steps) except -1:
    """Put the tiers that units fall into after those that were before them; `graduated.explain`."""
    cdef scaled left = billed[0], at = done[0], room, part
    cdef int is_over, fits, enters
    cdef KeptTier tier
    for tier in price.tiers:
        part = left
        if not tier.is_last:
            is_over = scaled_at_least(&at, &tier.end)
            if is_over:
                if is_over < 0:
                    return False
                continue
            if not scaled_difference(&room, &tier.end, &at):
                return False
            fits = scaled_at_least(&room, &left)
            if fits < 0:
                return False
            if not fits:
                part = room
        put_step(steps, tier.step_begin, &part, tier.step_end)
        if PyBytes_GET_SIZE(tier.fee):
            enters = scaled_at_least(&tier.start, &at)  # `at` is never before its start
            if enters < 0:
                return False
            if enters:
                put_bytes(steps, tier.fee)
        if not (scaled_difference(&left, &left, &part) and scaled_sum(&at, &at, &part)):
            return False
        if is_zero(&left):
            break
    return True


cdef bint put_volume(KeptPrice price, const scaled *done, const scaled *total, Bytes *steps) except -1:
    """Put the tier that a month reaches; say whether it was in that before, if it was in any."""
    cdef KeptTier reached = tier_of(price, total)
    if reached is None or not (is_zero(done) or tier_of(price, done) is reached):
        return False
    put_step(steps, reached.step_begin, total, reached.step_end)
    return True
