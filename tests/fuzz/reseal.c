// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/reseal.h"

#include "src/host/memory/buffer.h"
#include "src/host/profile/checksum.h"
#include "src/host/profile/snapshot-format.h"

#include <stdbool.h>
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

/* The group of a journal that is being passed. */
struct group {
    size_t offset;
    uint32_t number, checksum;
};

static void reseal_commit(uint8_t *content, struct group *g, size_t next)
{
    poke(content, g->offset, 8);
    poke(content + 8, g->number, 4);
    poke(content + 12, g->checksum, 4);
    *g = (struct group){next, g->number + 1, 0};
}

static void reseal_section(uint8_t *header, size_t offset, size_t stored, struct group *g)
{
    uint8_t *content = header + SNAPSHOT_SECTION_HEADER_BYTES;
    bool commits = peek(header, 4) == SNAPSHOT_COMMIT && stored == SNAPSHOT_COMMIT_BYTES;

    if (peek(header, 4) == SNAPSHOT_END && stored == SNAPSHOT_END_BYTES)
        poke(content, offset, 8);
    if (commits)
        reseal_commit(content, g, offset + SNAPSHOT_SECTION_HEADER_BYTES + stored);
    if (peek(header + 8, 4) == SNAPSHOT_STORED)
        poke(header + 24, stored, 8);
    poke(header + 16, stored, 8);
    poke(header + 12, checksum_crc32c(0, content, stored), 4);
    poke(header + 32, checksum_crc32c(0, header, 32), 4);
    if (!commits)
        g->checksum = checksum_crc32c(g->checksum, header, SNAPSHOT_SECTION_HEADER_BYTES);
}

void reseal(uint8_t *bytes, size_t size)
{
    size_t at = SNAPSHOT_HEADER_BYTES;
    struct group group = {at, 1, 0};

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
        reseal_section(bytes + at, at, (size_t)stored, &group);
        at += SNAPSHOT_SECTION_HEADER_BYTES + (size_t)stored;
    }
}
