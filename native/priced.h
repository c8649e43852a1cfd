/* What a price makes of units: from decimals to a decimal, by whole numbers of 128 bits. Whatever does not
 * fit is turned down: the functions then return 0, and their result is not to be used. */

#ifndef RATEMILL_PRICED_H
#define RATEMILL_PRICED_H

#include "quotient.h"
#include "scaled.h"

#define PRICED_WHOLE_PLACES 38 /* 10^38 fits 128 bits */
#define PRICED_MOST_WHOLE ((scaled_whole)1 << 60)

/* How a cost is rounded. */
typedef struct {
    int places;
    int rule; /* of `quotient.h` */
} priced_rounding;

static inline int priced_number(quotient_number *to, const scaled *value)
{
    if (value->high || value->negative) {
        return 0;
    }
    to->digits = value->low;
    to->places = value->places;
    return 1;
}

static inline int priced_amount(scaled *to, quotient_wide digits, int places)
{
    if (digits >= scaled_power(SCALED_DIGITS)) {
        return 0;
    }
    scaled_put(to, digits, places, 0);
    return 1;
}

/* Units at a price for `per` of them, with a fee. */
static inline int priced_units(scaled *to, quotient_number amount, quotient_number fee, quotient_number per,
                               const scaled *units, priced_rounding rounding)
{
    quotient_number number;
    quotient_wide found;
    return priced_number(&number, units) &&
           quotient_rounded(amount, number, fee, per, rounding.places, rounding.rule, &found) &&
           priced_amount(to, found, rounding.places);
}

/* The units of a period in a tier that begins at `start`, where they cost `base`; costs are times `per`. */
static inline int priced_in_tier(scaled *to, quotient_number unit_cost, const scaled *base,
                                 const scaled *start, quotient_number per, const scaled *units,
                                 priced_rounding rounding)
{
    scaled within;
    quotient_number number;
    quotient_wide cost, found;
    int places;
    if (!scaled_difference(&within, units, start) || !priced_number(&number, &within)) {
        return 0;
    }
    cost = (quotient_wide)unit_cost.digits * number.digits;
    places = unit_cost.places + number.places;
    return quotient_sum(&cost, &places, scaled_digits(base), base->places) &&
           quotient_divided(cost, places, per, rounding.places, rounding.rule, &found) &&
           priced_amount(to, found, rounding.places);
}

/* Units above zero in whole increments; of a started unit it is the same as of the whole one. */
static inline int priced_billable(scaled *units, int64_t first, int64_t following)
{
    scaled_whole one, whole, more;
    if (units->places > PRICED_WHOLE_PLACES) {
        return 0;
    }
    one = scaled_power(units->places);
    whole = scaled_digits(units) / one;
    if (whole > PRICED_MOST_WHOLE) {
        return 0;
    }
    whole += scaled_digits(units) % one != 0;
    more = whole > (scaled_whole)first ? whole - (scaled_whole)first : 0;
    more = (more + (scaled_whole)following - 1) / (scaled_whole)following;
    scaled_put(units, (scaled_whole)first + more * (scaled_whole)following, 0, 0);
    return 1;
}

#endif
