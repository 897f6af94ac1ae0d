// SPDX-License-Identifier: Apache-2.0
#include "src/host/checksum.h"

#define POLYNOMIAL 0x82f63b78u

/* Made anew by each call: 2048 steps, nothing beside the data, and no shared state to guard. */
static void fill_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
        table[i] = c;
    }
}

uint32_t checksum_crc32c(uint32_t before, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    uint32_t table[256];
    uint32_t c = ~before;

    fill_table(table);
    for (size_t i = 0; i < size; i++)
        c = c >> 8 ^ table[(c ^ b[i]) & 0xff];
    return ~c;
}
