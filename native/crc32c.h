/* CRC-32C (Castagnoli) of RFC 3720, appendix B.4: by the processor where it has an instruction for it, else
 * by tables, eight bytes at a time. */

#ifndef RATEMILL_CRC32C_H
#define RATEMILL_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <nmmintrin.h>
#define CRC32C_BY_PROCESSOR 1
#endif

#define CRC32C_POLYNOMIAL 0x82f63b78u /* its bits the other way round */

static uint32_t crc32c_table[8][256];

/* To be called once before the first `crc32c`. */
static void crc32c_prepare(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? CRC32C_POLYNOMIAL : 0);
        }
        crc32c_table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int later = 1; later < 8; later++) {
            uint32_t before = crc32c_table[later - 1][byte];
            crc32c_table[later][byte] = (before >> 8) ^ crc32c_table[0][before & 0xff];
        }
    }
}

static uint32_t crc32c_by_table(const void *of, size_t size)
{
    const uint8_t *at = of;
    uint32_t crc = 0xffffffffu;
    for (; size >= 8; size -= 8, at += 8) {
        crc ^= (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        crc = crc32c_table[7][crc & 0xff] ^ crc32c_table[6][(crc >> 8) & 0xff]
            ^ crc32c_table[5][(crc >> 16) & 0xff] ^ crc32c_table[4][crc >> 24]
            ^ crc32c_table[3][at[4]] ^ crc32c_table[2][at[5]]
            ^ crc32c_table[1][at[6]] ^ crc32c_table[0][at[7]];
    }
    for (; size; size--, at++) {
        crc = (crc >> 8) ^ crc32c_table[0][(crc ^ *at) & 0xff];
    }
    return ~crc;
}

#ifdef CRC32C_BY_PROCESSOR
__attribute__((target("sse4.2")))
static uint32_t crc32c_by_processor(const void *of, size_t size)
{
    const uint8_t *at = of;
    uint64_t crc = 0xffffffffu;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; size; size--, at++) {
        crc = _mm_crc32_u8((uint32_t)crc, *at);
    }
    return ~(uint32_t)crc;
}
#endif

static inline uint32_t crc32c(const void *of, size_t size)
{
#ifdef CRC32C_BY_PROCESSOR
    if (__builtin_cpu_supports("sse4.2")) {
        return crc32c_by_processor(of, size);
    }
#endif
    return crc32c_by_table(of, size);
}

#endif
