/* A decimal as a whole number of at most 38 digits and the number of its places, added exactly: what
 * `decimal.Decimal` and `schemas.decimals.EXACT` do for it. Whatever does not fit is turned down: the
 * functions then return 0, and their result is not to be used. */

#ifndef RATEMILL_SCALED_H
#define RATEMILL_SCALED_H

#include <stdint.h>
#include <string.h>

#define SCALED_DIGITS 38
#define SCALED_PLACES 64
#define SCALED_TEXT (SCALED_DIGITS + SCALED_PLACES + 4) /* bytes that a text may have */

typedef unsigned __int128 scaled_whole;

typedef struct {
    uint64_t high, low; /* in two halves: a whole of 128 bits would ask for an alignment */
    int32_t places;
    int32_t negative; /* zero has a sign too */
} scaled;

static inline scaled_whole scaled_digits(const scaled *value)
{
    return ((scaled_whole)value->high << 64) | value->low;
}

static inline scaled_whole scaled_power(int exponent)
{
    static const uint64_t powers[20] = {
        1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL, 100000000ULL,
        1000000000ULL, 10000000000ULL, 100000000000ULL, 1000000000000ULL, 10000000000000ULL,
        100000000000000ULL, 1000000000000000ULL, 10000000000000000ULL, 100000000000000000ULL,
        1000000000000000000ULL, 10000000000000000000ULL,
    };
    return exponent < 20 ? powers[exponent] : (scaled_whole)powers[19] * powers[exponent - 19];
}

/* Put digits that are below 10^38. */
static inline void scaled_put(scaled *to, scaled_whole digits, int places, int negative)
{
    to->high = (uint64_t)(digits >> 64);
    to->low = (uint64_t)digits;
    to->places = places;
    to->negative = negative;
}

static inline void scaled_zero(scaled *to)
{
    scaled_put(to, 0, 0, 0);
}

/* Read plain digits as `schemas.decimals.to_text` writes them, and nothing else: no exponent, no zero
 * before another digit, no point without digits on both sides. */
static inline int scaled_read(scaled *to, const void *text, size_t length)
{
    const char *at = text, *end = at + length, *whole;
    scaled_whole digits = 0;
    int negative = 0, places = 0, significant = 0;
    if (at < end && *at == '-') {
        negative = 1;
        at++;
    }
    whole = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (significant || *at != '0') {
            if (++significant > SCALED_DIGITS) {
                return 0;
            }
        }
        digits = digits * 10 + (unsigned)(*at - '0');
    }
    if (at == whole || (*whole == '0' && at - whole > 1)) {
        return 0;
    }
    if (at < end) {
        if (*at != '.' || end - at < 2 || end - at > SCALED_PLACES + 1) {
            return 0;
        }
        for (at++; at < end; at++) {
            if (*at < '0' || *at > '9') {
                return 0;
            }
            if (significant || *at != '0') {
                if (++significant > SCALED_DIGITS) {
                    return 0;
                }
            }
            digits = digits * 10 + (unsigned)(*at - '0');
            places++;
        }
    }
    scaled_put(to, digits, places, negative);
    return 1;
}

/* The digits of a value with more places. */
static inline int scaled_widened(scaled_whole *digits, const scaled *value, int places)
{
    int more = places - value->places;
    *digits = scaled_digits(value);
    if (more == 0 || *digits == 0) {
        return 1;
    }
    if (more >= SCALED_DIGITS || *digits >= scaled_power(SCALED_DIGITS - more)) {
        return 0;
    }
    *digits *= scaled_power(more);
    return 1;
}

/* The sum with the places of the summand that has more. A zero is negative where both summands are. */
static inline int scaled_sum(scaled *to, const scaled *left, const scaled *right)
{
    int places = left->places > right->places ? left->places : right->places;
    int negative = left->negative;
    scaled_whole first, second, sum;
    if (!scaled_widened(&first, left, places) || !scaled_widened(&second, right, places)) {
        return 0;
    }
    if (left->negative == right->negative) {
        sum = first + second;
        if (sum >= scaled_power(SCALED_DIGITS)) {
            return 0;
        }
    } else if (first == second) {
        sum = 0;
        negative = 0;
    } else if (first > second) {
        sum = first - second;
    } else {
        sum = second - first;
        negative = right->negative;
    }
    scaled_put(to, sum, places, negative);
    return 1;
}

/* What is left of a value without another one; from nothing, nothing is left above zero. */
static inline int scaled_difference(scaled *to, const scaled *left, const scaled *right)
{
    scaled turned = *right;
    turned.negative = !right->negative;
    return scaled_sum(to, left, &turned);
}

/* Whether a value is at least another one: 1, 0, or -1 where that is out of reach. */
static inline int scaled_at_least(const scaled *value, const scaled *least)
{
    scaled difference;
    if (!scaled_difference(&difference, value, least)) {
        return -1;
    }
    return !difference.negative || scaled_digits(&difference) == 0;
}

/* Write the text of a value, of at most `SCALED_TEXT` bytes, and return its length. */
static inline int scaled_text(char *to, const scaled *value)
{
    char reversed[SCALED_DIGITS + 2];
    int count = 0, places = value->places;
    char *at = to;
    scaled_whole left = scaled_digits(value);
    while (left >> 64) {
        uint64_t part = (uint64_t)(left % 10000000000000000000ULL);
        left /= 10000000000000000000ULL;
        for (int digit = 0; digit < 19; digit++, part /= 10) {
            reversed[count++] = (char)('0' + part % 10);
        }
    }
    for (uint64_t part = (uint64_t)left; part; part /= 10) {
        reversed[count++] = (char)('0' + part % 10);
    }
    if (value->negative) {
        *at++ = '-';
    }
    if (count > places) {
        while (count > places) {
            *at++ = reversed[--count];
        }
    } else {
        *at++ = '0';
    }
    if (places) {
        *at++ = '.';
        for (int zero = count; zero < places; zero++) {
            *at++ = '0';
        }
        while (count) {
            *at++ = reversed[--count];
        }
    }
    return (int)(at - to);
}

#endif
