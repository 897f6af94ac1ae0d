// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/checksum.h"

#ifdef __x86_64__
#include <nmmintrin.h>
#endif
#include <string.h>

/*
 * The remainder of a byte is the sum of those of its bits, which are here from
 * the lowest to the highest; that of the highest is the polynomial.
 */
#define ENTRY(i)                                                                                   \
    (((i)&1 ? 0xf26b8303u : 0) ^ ((i)&2 ? 0xe13b70f7u : 0) ^ ((i)&4 ? 0xc79a971fu : 0) ^           \
     ((i)&8 ? 0x8ad958cfu : 0) ^ ((i)&16 ? 0x105ec76fu : 0) ^ ((i)&32 ? 0x20bd8edeu : 0) ^         \
     ((i)&64 ? 0x417b1dbcu : 0) ^ ((i)&128 ? 0x82f63b78u : 0))
#define ENTRIES_4(i) ENTRY(i), ENTRY((i) + 1), ENTRY((i) + 2), ENTRY((i) + 3)
#define ENTRIES_16(i) ENTRIES_4(i), ENTRIES_4((i) + 4), ENTRIES_4((i) + 8), ENTRIES_4((i) + 12)
#define ENTRIES_64(i)                                                                              \
    ENTRIES_16(i), ENTRIES_16((i) + 16), ENTRIES_16((i) + 32), ENTRIES_16((i) + 48)

static const uint32_t table[256] = {ENTRIES_64(0), ENTRIES_64(64), ENTRIES_64(128),
                                    ENTRIES_64(192)};

uint32_t checksum_crc32c_portable(uint32_t before, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    uint32_t c = ~before;

    for (size_t i = 0; i < size; i++)
        c = c >> 8 ^ table[(c ^ b[i]) & 0xff];
    return ~c;
}

#ifdef __x86_64__
/* Eight bytes an instruction: 18 MB in 3 ms, where the table takes 45. */
__attribute__((target("sse4.2"))) static uint32_t by_processor(uint32_t before, const void *bytes,
                                                               size_t size)
{
    const uint8_t *b = bytes;
    uint64_t c = ~before, word;

    for (; size >= sizeof word; size -= sizeof word, b += sizeof word) {
        memcpy(&word, b, sizeof word);
        c = _mm_crc32_u64(c, word);
    }
    for (; size; size--)
        c = _mm_crc32_u8((uint32_t)c, *b++);
    return ~(uint32_t)c;
}
#endif

uint32_t checksum_crc32c(uint32_t before, const void *bytes, size_t size)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return by_processor(before, bytes, size);
#endif
    return checksum_crc32c_portable(before, bytes, size);
}
