/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/suffix.h"

#include "preload/rules.h"
#include "preload/session.h"
#include "src/shared/stacktrie.h"

#define SUFFIX_BITS 16u

static _Atomic uint32_t *last_nodes; /* node ids, 0 empty */

bool suffix_init(void)
{
    last_nodes = bump_alloc(&session.tables, sizeof(*last_nodes) << SUFFIX_BITS, TABLE_ALIGNMENT);
    return last_nodes != NULL;
}

static inline _Atomic uint32_t *place_of(uint32_t parent, uint64_t hash)
{
    uint64_t mixed = (hash ^ hash >> 31 ^ (uint64_t)parent << 32) * UINT64_C(0xff51afd7ed558ccd);

    return &last_nodes[mixed >> (64 - SUFFIX_BITS)];
}

uint32_t suffix_guess(uint32_t parent, uint64_t hash, uint32_t count)
{
    /* acquire: the node and all above it are whole, see suffix_make */
    uint32_t node = atomic_load_explicit(place_of(parent, hash), memory_order_acquire);
    const struct trie_node *n = segment_node(&session.segment, node);

    /* nodes made in one go have ascending ids: ask for the lines before they are needed */
    for (uint32_t i = 0; i < count && i < 16; i += 4)
        __builtin_prefetch(n - i);
    return node;
}

bool suffix_follow(uint32_t node, uint32_t parent, const struct walked_frame *f, uint32_t count,
                   struct cached_frame *out)
{
    const struct trie_node *nodes = segment_node(&session.segment, 0);
    uint64_t differs = 0;

    for (struct cached_frame *to = out + count - 1; to >= out; f++) {
        if (f->rule == WALKED_CHECK)
            continue;
        /* a root's frame is 0 and its parent itself: running past one is harmless */
        differs |= nodes[node].frame ^ rule_frame(f->key, f->rule);
        to->node = node;
        node = nodes[node].parent;
        to--;
    }
    return differs == 0 && node == parent;
}

/*
 * The next frames inwards of f, outermost first, as many as fit: how many, and *f is the last
 * that was taken.
 */
static uint32_t gather(const struct walked_frame **f, uint64_t *frames, uint32_t left)
{
    uint32_t count = 0;

    while (count < left && count < STACKTRIE_PATH_MAX)
        if ((--*f)->rule != WALKED_CHECK)
            frames[count++] = rule_frame((*f)->key, (*f)->rule);
    return count;
}

uint32_t suffix_make(uint32_t parent, const struct walked_frame *frames, uint32_t count,
                     uint64_t hash, struct cached_frame *out)
{
    uint64_t path[STACKTRIE_PATH_MAX];
    uint32_t nodes[STACKTRIE_PATH_MAX];
    const struct walked_frame *f = frames;
    uint32_t node = parent;

    for (uint32_t left = count; left > 0; f++)
        left -= f->rule != WALKED_CHECK;
    for (uint32_t made = 0, more; made < count; made += more) {
        more = gather(&f, path, count - made);
        node = stacktrie_path(&session.segment, node, path, more, nodes);
        if (node == 0)
            return 0;
        for (uint32_t i = 0; i < more; i++)
            out[made + i].node = nodes[i];
    }
    /* release: pairs with suffix_guess */
    atomic_store_explicit(place_of(parent, hash), node, memory_order_release);
    return node;
}
