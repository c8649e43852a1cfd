/* BLAKE2b of RFC 7693, unkeyed, for messages that lie in one piece: identities and set hashes are of
 * a few dozen bytes, and a hash object for each costs more than the hash. */

#ifndef RATEMILL_BLAKE2B_H
#define RATEMILL_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const uint64_t blake2b_iv[8] = {
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
};

static inline uint64_t blake2b_load(const uint8_t *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24
        | (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

static inline uint64_t blake2b_turn(uint64_t word, int bits)
{
    return (word >> bits) | (word << (64 - bits));
}

#define BLAKE2B_MIX(a, b, c, d, x, y) \
    a += b + (x); \
    d = blake2b_turn(d ^ a, 32); \
    c += d; \
    b = blake2b_turn(b ^ c, 24); \
    a += b + (y); \
    d = blake2b_turn(d ^ a, 16); \
    c += d; \
    b = blake2b_turn(b ^ c, 63);

/* One round; the numbers are its row of section 2.7. Where each word lies is known to the compiler this way:
 * out of a table, a block takes half as long again. */
#define BLAKE2B_ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) \
    BLAKE2B_MIX(v0, v4, v8, v12, words[s0], words[s1]); \
    BLAKE2B_MIX(v1, v5, v9, v13, words[s2], words[s3]); \
    BLAKE2B_MIX(v2, v6, v10, v14, words[s4], words[s5]); \
    BLAKE2B_MIX(v3, v7, v11, v15, words[s6], words[s7]); \
    BLAKE2B_MIX(v0, v5, v10, v15, words[s8], words[s9]); \
    BLAKE2B_MIX(v1, v6, v11, v12, words[s10], words[s11]); \
    BLAKE2B_MIX(v2, v7, v8, v13, words[s12], words[s13]); \
    BLAKE2B_MIX(v3, v4, v9, v14, words[s14], words[s15]);

/* One block into the state; `taken` counts the bytes with those of this block. Section 3.2. */
static inline void blake2b_block(uint64_t state[8], const uint8_t block[128], uint64_t taken, int last)
{
    uint64_t words[16];
    for (int at = 0; at < 16; at++) {
        words[at] = blake2b_load(block + 8 * at);
    }
    uint64_t v0 = state[0], v1 = state[1], v2 = state[2], v3 = state[3];
    uint64_t v4 = state[4], v5 = state[5], v6 = state[6], v7 = state[7];
    uint64_t v8 = blake2b_iv[0], v9 = blake2b_iv[1], v10 = blake2b_iv[2], v11 = blake2b_iv[3];
    uint64_t v12 = blake2b_iv[4] ^ taken; /* no message here has 2^64 bytes */
    uint64_t v13 = blake2b_iv[5], v14 = last ? ~blake2b_iv[6] : blake2b_iv[6], v15 = blake2b_iv[7];
    BLAKE2B_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    BLAKE2B_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
    BLAKE2B_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4)
    BLAKE2B_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8)
    BLAKE2B_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13)
    BLAKE2B_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9)
    BLAKE2B_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11)
    BLAKE2B_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10)
    BLAKE2B_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5)
    BLAKE2B_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)
    BLAKE2B_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) /* the first two again */
    BLAKE2B_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
    state[0] ^= v0 ^ v8;
    state[1] ^= v1 ^ v9;
    state[2] ^= v2 ^ v10;
    state[3] ^= v3 ^ v11;
    state[4] ^= v4 ^ v12;
    state[5] ^= v5 ^ v13;
    state[6] ^= v6 ^ v14;
    state[7] ^= v7 ^ v15;
}

/* Put the digest of a message into `out`; `size` is 1 to 64 bytes. */
static inline void blake2b(uint8_t *out, size_t size, const uint8_t *message, size_t length)
{
    uint64_t state[8], taken = 0;
    uint8_t block[128];
    memcpy(state, blake2b_iv, sizeof state);
    state[0] ^= 0x01010000ULL ^ size;
    while (length > 128) {
        taken += 128;
        blake2b_block(state, message, taken, 0);
        message += 128;
        length -= 128;
    }
    memset(block, 0, sizeof block);
    if (length > 0) {
        memcpy(block, message, length);
    }
    blake2b_block(state, block, taken + length, 1);
    for (size_t at = 0; at < size; at++) {
        out[at] = (uint8_t)(state[at / 8] >> (8 * (at % 8)));
    }
}

#endif
