/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapped segment: the base address and a private, trusted copy of its
 * layout.  Every access to the segment goes through one of these, in both
 * processes; nothing reads the layout from the shared header after mapping.
 */
#ifndef MEMPROF_SHARED_SEGMENT_H
#define MEMPROF_SHARED_SEGMENT_H

#include "src/shared/record.h"

#include <stdbool.h>
#include <stddef.h>

struct segment {
    uint8_t *base;
    struct segment_layout layout;
};

/* The layout that the host uses: `scale` halves the sparse regions that many times (0 normally). */
void segment_layout_default(struct segment_layout *layout, unsigned scale);

/* Whether regions lie inside the segment, in order and without overlap. */
bool segment_layout_valid(const struct segment_layout *layout);

/*
 * Host: write header, roots and empty lists into a fresh, zeroed mapping of
 * layout->segment_bytes at `base`.  No chunk is free yet: see ring_grow.
 */
void segment_format(struct segment *s, void *base, const struct segment_layout *layout,
                    const struct segment_settings *settings);

/* Target: take over a mapping made by the host.  false: other version or nonsense. */
bool segment_adopt(struct segment *s, void *base, uint64_t bytes);

static inline struct segment_header *segment_header(const struct segment *s)
{
    return (struct segment_header *)(void *)s->base;
}
static inline struct module_record *segment_module(const struct segment *s, uint32_t i)
{
    return (struct module_record *)(void *)(s->base + s->layout.modules_offset) + i;
}
static inline char *segment_names(const struct segment *s)
{
    return (char *)(s->base + s->layout.names_offset);
}
static inline struct slot *segment_slot(const struct segment *s, uint32_t i)
{
    return (struct slot *)(void *)(s->base + s->layout.slots_offset) + i;
}
static inline struct chunk *segment_chunk(const struct segment *s, uint32_t i)
{
    return (struct chunk *)(void *)(s->base + s->layout.chunks_offset) + i;
}
static inline struct own_range *segment_own_range(const struct segment *s, uint32_t i)
{
    return (struct own_range *)(void *)(s->base + s->layout.own_ranges_offset) + i;
}
static inline struct trie_node *segment_node(const struct segment *s, uint32_t i)
{
    return (struct trie_node *)(void *)(s->base + s->layout.nodes_offset) + i;
}
static inline _Atomic uint32_t *segment_bucket(const struct segment *s, uint32_t i)
{
    return (_Atomic uint32_t *)(void *)(s->base + s->layout.buckets_offset) + i;
}

/* Whether calls are recorded by redirected imports, of a malloc that the executable defines. */
static inline bool segment_own_malloc(const struct segment *s)
{
    const struct segment_header *h = segment_header(s);

    /* relaxed: written before the first record; before that, nothing is known */
    return atomic_load_explicit(&h->imports_redirected, memory_order_relaxed) &&
           h->next_allocator[0] == '\0';
}

#endif
