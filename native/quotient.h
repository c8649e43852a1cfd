/* What a record costs, rounded: whole numbers of 128 bits in the place of decimals. All that does not
 * fit is told, never cut: then exact decimals do it. */

#ifndef RATEMILL_QUOTIENT_H
#define RATEMILL_QUOTIENT_H

#include <stdint.h>

typedef unsigned __int128 quotient_wide;

enum { QUOTIENT_HALF_UP, QUOTIENT_HALF_EVEN, QUOTIENT_UP, QUOTIENT_DOWN };

/* A decimal that is not below zero: digits / 10^places. */
typedef struct {
    uint64_t digits;
    int places;
} quotient_number;

static inline int quotient_times_power(quotient_wide value, int power, quotient_wide *found)
{
    if (power > 38) {
        return 0;
    }
    for (; power >= 19; power -= 19) {
        if (__builtin_mul_overflow(value, (quotient_wide)10000000000000000000ULL, &value)) {
            return 0;
        }
    }
    uint64_t times = 1;
    for (; power > 0; power--) {
        times *= 10;
    }
    return !__builtin_mul_overflow(value, (quotient_wide)times, found);
}

/* A sum of two costs, with the places of the one that has more. */
static inline int quotient_sum(quotient_wide *cost, int *places, quotient_wide other, int other_places)
{
    if (other_places > *places) {
        if (!quotient_times_power(*cost, other_places - *places, cost)) {
            return 0;
        }
        *places = other_places;
    } else if (!quotient_times_power(other, *places - other_places, &other)) {
        return 0;
    }
    return !__builtin_add_overflow(*cost, other, cost);
}

/* cost / 10^cost_places / per, rounded to so many places; returns whether all of it fitted. `per` is
 * above zero. */
static inline int quotient_divided(quotient_wide cost, int cost_places, quotient_number per, int places,
                                   int rule, quotient_wide *found)
{
    quotient_wide divide_by = per.digits;
    int power = per.places + places - cost_places;
    if (power >= 0) {
        if (!quotient_times_power(cost, power, &cost)) {
            return 0;
        }
    } else if (!quotient_times_power(divide_by, -power, &divide_by)) {
        return 0;
    }
    if (divide_by >> 126) { /* a remainder is doubled below */
        return 0;
    }
    quotient_wide whole = cost / divide_by, rest = cost % divide_by;
    int up = 0;
    if (rest) {
        switch (rule) {
        case QUOTIENT_HALF_UP:
            up = 2 * rest >= divide_by;
            break;
        case QUOTIENT_HALF_EVEN:
            up = 2 * rest > divide_by || (2 * rest == divide_by && (whole & 1));
            break;
        case QUOTIENT_UP:
            up = 1;
            break;
        default:
            break;
        }
    }
    *found = whole + up; /* whole is below the highest only by chance, so look */
    return *found >= whole;
}

/* (amount * units + fee * per) / per, rounded to so many places; returns whether all of it fitted. */
static inline int quotient_rounded(quotient_number amount, quotient_number units, quotient_number fee,
                                   quotient_number per, int places, int rule, quotient_wide *found)
{
    quotient_wide cost = (quotient_wide)amount.digits * units.digits;
    int cost_places = amount.places + units.places;
    if (fee.digits && !quotient_sum(&cost, &cost_places, (quotient_wide)fee.digits * per.digits,
                                    fee.places + per.places)) {
        return 0;
    }
    return quotient_divided(cost, cost_places, per, places, rule, found);
}

/* Writes digits / 10^places in plain notation into 64 bytes; returns how many they are. */
static inline int quotient_text(quotient_wide digits, int places, char *text)
{
    char reversed[64];
    int count = 0;
    while (digits >> 64) {
        uint64_t low = (uint64_t)(digits % 10000000000000000000ULL);
        digits /= 10000000000000000000ULL;
        for (int at = 0; at < 19; at++, low /= 10) {
            if (count == places && places) {
                reversed[count++] = '.';
                /* the point takes a place in the text, none in the number */
            }
            reversed[count++] = (char)('0' + low % 10);
        }
    }
    uint64_t left = (uint64_t)digits;
    while (left || count <= places || (places == 0 && count == 0)) {
        if (count == places && places) {
            reversed[count++] = '.';
        }
        reversed[count++] = (char)('0' + left % 10);
        left /= 10;
    }
    for (int at = 0; at < count; at++) {
        text[at] = reversed[count - 1 - at];
    }
    return count;
}

#endif
