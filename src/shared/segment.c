/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/segment.h"

#define PAGE UINT64_C(4096)

/* Mappings of memprof's own: for all threads together, memos among them; and for each thread:
 * a deep stack's cache and overflow, and each again while it grows. */
#define OWN_RANGES_PROCESS 256u
#define OWN_RANGES_THREAD 3u

static uint64_t page_up(uint64_t bytes)
{
    return (bytes + PAGE - 1) & ~(PAGE - 1);
}

void segment_layout_default(struct segment_layout *layout, unsigned scale)
{
    uint64_t at = page_up(sizeof(struct segment_header));

    layout->modules_max = 8192;
    layout->names_bytes = 4u << 20;
    layout->slots_max = (64u << 10) >> scale;
    layout->buckets = 1u << 18;
    layout->far_buckets = (2u << 20) >> scale;
    layout->nodes_max = (32u << 20) >> scale;
    layout->chunks_max = (128u << 10) >> scale;
    layout->own_ranges_max = OWN_RANGES_PROCESS + layout->slots_max * OWN_RANGES_THREAD;

    layout->modules_offset = at;
    at += page_up((uint64_t)layout->modules_max * sizeof(struct module_record));
    layout->names_offset = at;
    at += page_up(layout->names_bytes);
    layout->slots_offset = at;
    at += page_up((uint64_t)layout->slots_max * sizeof(struct slot));
    layout->buckets_offset = at;
    at += page_up(((uint64_t)layout->buckets + layout->far_buckets) * sizeof(uint32_t));
    layout->nodes_offset = at;
    at += page_up((uint64_t)layout->nodes_max * sizeof(struct trie_node));
    layout->own_ranges_offset = at;
    at += page_up((uint64_t)layout->own_ranges_max * sizeof(struct own_range));
    layout->chunks_offset = at;
    at += (uint64_t)layout->chunks_max * CHUNK_BYTES;
    layout->segment_bytes = at;
}

/* Whether `count` items of `size` bytes at `offset` begin at or after *end; moves *end on. */
static bool region_follows(uint64_t *end, uint64_t offset, uint64_t count, uint64_t size)
{
    if (offset < *end || offset % 64 != 0 || offset > UINT64_MAX / 2)
        return false;
    *end = offset + count * size; /* counts have 33 bits and sizes 12: no overflow */
    return true;
}

bool segment_layout_valid(const struct segment_layout *l)
{
    uint64_t end = sizeof(struct segment_header);

    return l->buckets != 0 && (l->buckets & (l->buckets - 1)) == 0 &&
           (l->far_buckets & (l->far_buckets - 1)) == 0 && l->nodes_max > STACK_ROOTS &&
           region_follows(&end, l->modules_offset, l->modules_max, sizeof(struct module_record)) &&
           region_follows(&end, l->names_offset, l->names_bytes, 1) &&
           region_follows(&end, l->slots_offset, l->slots_max, sizeof(struct slot)) &&
           region_follows(&end, l->buckets_offset, (uint64_t)l->buckets + l->far_buckets,
                          sizeof(uint32_t)) &&
           region_follows(&end, l->nodes_offset, l->nodes_max, sizeof(struct trie_node)) &&
           region_follows(&end, l->own_ranges_offset, l->own_ranges_max,
                          sizeof(struct own_range)) &&
           region_follows(&end, l->chunks_offset, l->chunks_max, CHUNK_BYTES) &&
           end <= l->segment_bytes;
}

void segment_format(struct segment *s, void *base, const struct segment_layout *layout,
                    const struct segment_settings *settings)
{
    struct segment_header *h = base;

    s->base = base;
    s->layout = *layout;
    h->magic = SEGMENT_MAGIC;
    h->version = SEGMENT_VERSION;
    h->header_bytes = sizeof(*h);
    h->layout = *layout;
    h->settings = *settings;
    /* relaxed throughout: the target sees none of this before the descriptor is handed over */
    atomic_store_explicit(&h->free_chunks, CHUNK_NONE, memory_order_relaxed);
    atomic_store_explicit(&h->free_slots, SLOT_NONE, memory_order_relaxed);
    atomic_store_explicit(&h->nodes_used, STACK_ROOTS, memory_order_relaxed);
    atomic_store_explicit(&h->names_used, 1, memory_order_relaxed); /* offset 0 is "" */
}

bool segment_adopt(struct segment *s, void *base, uint64_t bytes)
{
    const struct segment_header *h = base;

    if (h->magic != SEGMENT_MAGIC || h->version != SEGMENT_VERSION ||
        h->header_bytes != sizeof(*h) || h->layout.segment_bytes != bytes ||
        !segment_layout_valid(&h->layout))
        return false;
    s->base = base;
    s->layout = h->layout;
    return true;
}
