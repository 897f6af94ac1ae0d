// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/reseal.h"

#include "src/host/buffer.h"
#include "src/host/checksum.h"
#include "src/host/snapshot-format.h"

#include <string.h>

static void poke(uint8_t *at, uint64_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t peek(const uint8_t *at, unsigned width)
{
    struct view v = {at, at + width, false};

    return width == 8 ? view_u64(&v) : view_u32(&v);
}

static void reseal_section(uint8_t *header, size_t offset, size_t stored)
{
    uint8_t *content = header + SNAPSHOT_SECTION_HEADER_BYTES;

    if (peek(header, 4) == SNAPSHOT_END && stored == 8)
        poke(content, offset, 8);
    if (peek(header + 8, 4) == SNAPSHOT_STORED)
        poke(header + 24, stored, 8);
    poke(header + 16, stored, 8);
    poke(header + 12, checksum_crc32c(0, content, stored), 4);
    poke(header + 32, checksum_crc32c(0, header, 32), 4);
}

void reseal(uint8_t *bytes, size_t size)
{
    size_t at = SNAPSHOT_HEADER_BYTES;

    if (size < at)
        return;
    memcpy(bytes, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_BYTES);
    poke(bytes + 8, SNAPSHOT_VERSION, 4);
    poke(bytes + 12, checksum_crc32c(0, bytes, 12), 4);
    while (size - at >= SNAPSHOT_SECTION_HEADER_BYTES) {
        size_t left = size - at - SNAPSHOT_SECTION_HEADER_BYTES;
        uint64_t stored = peek(bytes + at + 16, 8);

        if (stored > left)
            stored = left;
        reseal_section(bytes + at, at, (size_t)stored);
        at += SNAPSHOT_SECTION_HEADER_BYTES + (size_t)stored;
    }
}
