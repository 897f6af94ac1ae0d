/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/stacktrie.h"

/*
 * Few programs have more nodes than these; of the others the children of later nodes have
 * buckets of their own, so that a small trie touches few pages and chains of a large one
 * stay short.  By the parent, since the same child must always be looked for in one place.
 */
#define NEAR_NODES (1u << 20)

#define BUCKETS_A_NODE 4u
#define FIRST_PARENTS 2048u

/*
 * The buckets grow with the trie: children of the first parents are all in the first ones, so
 * that a small trie touches few pages of them.
 */
static inline uint32_t near_buckets(uint32_t parent)
{
    return BUCKETS_A_NODE * (UINT32_C(1) << (31 - __builtin_clz(parent | (FIRST_PARENTS - 1))));
}

static inline uint32_t bucket_of(const struct segment *s, uint32_t parent, uint64_t frame)
{
    uint64_t h = (frame ^ ((uint64_t)parent << 29)) * UINT64_C(0x9e3779b97f4a7c15);

    if (parent < NEAR_NODES || s->layout.far_buckets == 0)
        return (uint32_t)(h >> 32) & (near_buckets(parent) - 1) & (s->layout.buckets - 1);
    return s->layout.buckets + ((uint32_t)(h >> 32) & (s->layout.far_buckets - 1));
}

/* The id of the node in the chain from `id` up to, not including, `stop`; 0 if it is not there. */
static inline uint32_t chain_find(const struct segment *s, uint32_t id, uint32_t stop,
                                  uint32_t parent, uint64_t frame)
{
    while (id != stop && id != 0) {
        const struct trie_node *n = segment_node(s, id);

        if (n->frame == frame && n->parent == parent)
            return id;
        id = n->next;
    }
    return 0;
}

/* A fresh node id, 0 when the trie is full. */
static uint32_t node_reserve(const struct segment *s)
{
    struct segment_header *h = segment_header(s);
    uint32_t id;

    /* relaxed: ids only need to be distinct; contents are published by the bucket or the record */
    if (atomic_load_explicit(&h->nodes_used, memory_order_relaxed) >= s->layout.nodes_max)
        return 0;
    id = atomic_fetch_add_explicit(&h->nodes_used, 1, memory_order_relaxed);
    if (id >= s->layout.nodes_max) {
        /* many threads at the brim: keep the counter from running on and wrapping */
        atomic_fetch_sub_explicit(&h->nodes_used, 1, memory_order_relaxed);
        return 0;
    }
    return id;
}

static uint32_t node_add(const struct segment *s, _Atomic uint32_t *bucket, uint32_t head,
                         uint32_t parent, uint64_t frame)
{
    uint32_t id = node_reserve(s);
    struct trie_node *n;

    if (id == 0)
        return 0;
    n = segment_node(s, id);
    n->parent = parent;
    n->next = head;
    n->frame = frame;
    /* release: the node is whole before it can be found; acquire: we read the rival's node */
    while (!atomic_compare_exchange_weak_explicit(bucket, &head, id, memory_order_release,
                                                  memory_order_acquire)) {
        uint32_t rival = chain_find(s, head, n->next, parent, frame);

        if (rival)
            return rival;
        n->next = head;
    }
    return id;
}

uint32_t stacktrie_child(const struct segment *s, uint32_t parent, uint64_t frame)
{
    _Atomic uint32_t *bucket = segment_bucket(s, bucket_of(s, parent, frame));
    /* acquire: pairs with the release that linked the node */
    uint32_t head = atomic_load_explicit(bucket, memory_order_acquire);
    uint32_t found = chain_find(s, head, 0, parent, frame);

    return found ? found : node_add(s, bucket, head, parent, frame);
}

bool stacktrie_read(const struct segment *s, uint32_t id, uint64_t *frame, uint32_t *parent)
{
    struct trie_node n;

    if (id < STACK_ROOTS || id >= s->layout.nodes_max)
        return false;
    n = *(volatile struct trie_node *)segment_node(s, id);
    if (n.frame == 0 || n.parent >= id)
        return false;
    *frame = n.frame;
    *parent = n.parent;
    return true;
}
