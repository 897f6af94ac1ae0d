/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/suffix.h"

#include "preload/session.h"
#include "src/shared/stacktrie.h"
#include "src/shared/sysmem.h"

#define SUFFIX_BITS 16u

static _Atomic uint32_t *last_nodes; /* node ids, 0 empty */

bool suffix_init(void)
{
    last_nodes = sysmem_map(sizeof(*last_nodes) << SUFFIX_BITS);
    return last_nodes != NULL;
}

static inline uint32_t place_of(uint32_t parent, const uint64_t *frames, uint32_t count)
{
    uint64_t h = parent * UINT64_C(0x9e3779b97f4a7c15);

    for (uint32_t i = 0; i < count; i++)
        h = (h ^ frames[i]) * UINT64_C(0xff51afd7ed558ccd) ^ h >> 32;
    return (uint32_t)((h ^ h >> 29) >> 16) & ((1u << SUFFIX_BITS) - 1);
}

/* Whether the path from `node` up to `parent` is exactly these frames. */
static inline bool path_matches(uint32_t node, uint32_t parent, const uint64_t *frames,
                                uint32_t count, struct cached_frame *out)
{
    for (uint32_t i = count; i > 0; i--) {
        const struct trie_node *n = segment_node(&session.segment, node);

        if (node < STACK_ROOTS || n->frame != frames[i - 1])
            return false;
        out[i - 1].node = node;
        node = n->parent;
    }
    return node == parent;
}

uint32_t suffix_nodes(uint32_t parent, const uint64_t *frames, uint32_t count,
                      struct cached_frame *out)
{
    _Atomic uint32_t *place = &last_nodes[place_of(parent, frames, count)];
    /* acquire: the node and all above it are whole, see below */
    uint32_t node = atomic_load_explicit(place, memory_order_acquire);

    if (node && path_matches(node, parent, frames, count, out))
        return node;
    node = parent;
    for (uint32_t i = 0; i < count; i++) {
        node = stacktrie_child(&session.segment, node, frames[i]);
        if (node == 0)
            return 0;
        out[i].node = node;
    }
    /* release: pairs with the load above */
    atomic_store_explicit(place, node, memory_order_release);
    return node;
}
