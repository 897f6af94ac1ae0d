// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/wordguess.h"

#include "src/host/process/heldmemory.h"

#define SHARD_SAMPLES 16u
#define SAMPLES (SHARD_SAMPLES * LIVETABLE_SHARDS)
#define BLOCK_BYTES 512u /* of a block that are looked at */
#define DEFAULT_WORDS 2u /* a block */
#define MOST_WORDS 8u

struct sample {
    uint64_t low, high; /* of the blocks' addresses */
    const struct livetable_entry *rows[SAMPLES];
    uint32_t count;
};

static uint64_t address_of(const struct livetable_entry *row)
{
    return row->address_birth >> 16;
}

/* From equally many places of each shard, which blocks lie in at random. */
static void take_rows(struct sample *s, const struct livetable *live)
{
    for (uint32_t i = 0; i < SAMPLES; i++) {
        const struct livetable_shard *shard = &live->shards[i / SHARD_SAMPLES];
        uint64_t at = shard->room / SHARD_SAMPLES * (i % SHARD_SAMPLES);
        const struct livetable_entry *row = shard->entries ? &shard->entries[at] : NULL;

        if (!row || !row->address_birth || !row->size)
            continue;
        s->low = s->count && s->low < address_of(row) ? s->low : address_of(row);
        s->high = s->count && s->high > address_of(row) ? s->high : address_of(row);
        s->rows[s->count++] = row;
    }
}

/* Words of a block, of its first bytes extended to all of it; negative: it cannot be read. */
static double words_of(const struct sample *s, const struct livetable_entry *row,
                       struct heldmemory *memory)
{
    uint64_t words[BLOCK_BYTES / 8], size = row->size < BLOCK_BYTES ? row->size : BLOCK_BYTES;
    const struct iovec piece = {(void *)(uintptr_t)address_of(row), size};
    uint32_t found = 0;

    if (heldmemory_read(memory, &piece, 1, words, size) != (ssize_t)size)
        return -1;
    for (uint64_t i = 0; i < size / 8; i++)
        found += words[i] >= s->low && words[i] <= s->high;
    return found * ((double)row->size / (double)size);
}

uint64_t wordguess(const struct livetable *live, pid_t pid)
{
    struct sample s = {.count = 0};
    struct heldmemory memory;
    double sum = 0, words;
    uint32_t read = 0;

    take_rows(&s, live);
    heldmemory_init(&memory, pid);
    for (uint32_t i = 0; i < s.count; i++) {
        words = words_of(&s, s.rows[i], &memory);
        /* the words of a few large tables are no measure for all blocks */
        words = words > 64 ? 64 : words;
        sum += words < 0 ? 0 : words;
        read += words >= 0;
    }
    heldmemory_release(&memory);
    words = read < SHARD_SAMPLES ? DEFAULT_WORDS : sum / read;
    return (uint64_t)((words < MOST_WORDS ? words : MOST_WORDS) * (double)live->count);
}
