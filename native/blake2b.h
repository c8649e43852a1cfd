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

static const uint8_t blake2b_sigma[12][16] = { /* section 2.7; rounds 10 and 11 are 0 and 1 again */
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
};

static inline uint64_t blake2b_load(const uint8_t *at)
{
    uint64_t word = 0;
    for (int byte = 7; byte >= 0; byte--) {
        word = (word << 8) | at[byte];
    }
    return word;
}

static inline uint64_t blake2b_turn(uint64_t word, int bits)
{
    return (word >> bits) | (word << (64 - bits));
}

#define BLAKE2B_MIX(a, b, c, d, x, y)     \
    a += b + (x);                         \
    d = blake2b_turn(d ^ a, 32);          \
    c += d;                               \
    b = blake2b_turn(b ^ c, 24);          \
    a += b + (y);                         \
    d = blake2b_turn(d ^ a, 16);          \
    c += d;                               \
    b = blake2b_turn(b ^ c, 63);

/* One block into the state; `taken` counts the bytes with those of this block. Section 3.2. */
static inline void blake2b_block(uint64_t state[8], const uint8_t block[128], uint64_t taken, int last)
{
    uint64_t words[16], v[16];
    for (int at = 0; at < 16; at++) {
        words[at] = blake2b_load(block + 8 * at);
    }
    for (int at = 0; at < 8; at++) {
        v[at] = state[at];
        v[at + 8] = blake2b_iv[at];
    }
    v[12] ^= taken; /* no message here has 2^64 bytes */
    if (last) {
        v[14] = ~v[14];
    }
    for (int round = 0; round < 12; round++) {
        const uint8_t *s = blake2b_sigma[round];
        BLAKE2B_MIX(v[0], v[4], v[8], v[12], words[s[0]], words[s[1]]);
        BLAKE2B_MIX(v[1], v[5], v[9], v[13], words[s[2]], words[s[3]]);
        BLAKE2B_MIX(v[2], v[6], v[10], v[14], words[s[4]], words[s[5]]);
        BLAKE2B_MIX(v[3], v[7], v[11], v[15], words[s[6]], words[s[7]]);
        BLAKE2B_MIX(v[0], v[5], v[10], v[15], words[s[8]], words[s[9]]);
        BLAKE2B_MIX(v[1], v[6], v[11], v[12], words[s[10]], words[s[11]]);
        BLAKE2B_MIX(v[2], v[7], v[8], v[13], words[s[12]], words[s[13]]);
        BLAKE2B_MIX(v[3], v[4], v[9], v[14], words[s[14]], words[s[15]]);
    }
    for (int at = 0; at < 8; at++) {
        state[at] ^= v[at] ^ v[at + 8];
    }
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
