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

/* So many fresh node ids in a row, the first of them; 0 when there are not as many. */
static uint32_t nodes_reserve(const struct segment *s, uint32_t count)
{
    _Atomic uint32_t *used = &segment_header(s)->nodes_used;
    uint32_t max = s->layout.nodes_max;
    /* relaxed: ids only need to be distinct; contents are published by the bucket or the record */
    uint32_t id = atomic_load_explicit(used, memory_order_relaxed);

    /*
     * Not added, and taken back where it was too much: who comes between the taking back of two
     * threads can get ids that are given out again after the second.
     */
    do
        if (id >= max || count > max - id)
            return 0;
    while (!atomic_compare_exchange_weak_explicit(used, &id, id + count, memory_order_relaxed,
                                                  memory_order_relaxed));
    return id;
}

/*
 * Make a reserved node known, or find that another thread was faster: its node then.  `head` is
 * where the bucket's chain began when the node was looked for in vain.
 */
static uint32_t node_link(const struct segment *s, _Atomic uint32_t *bucket, uint32_t head,
                          uint32_t id)
{
    struct trie_node *n = segment_node(s, id);

    n->next = head;
    /* release: the node is whole before it can be found; acquire: we read the rival's node */
    while (!atomic_compare_exchange_weak_explicit(bucket, &head, id, memory_order_release,
                                                  memory_order_acquire)) {
        uint32_t rival = chain_find(s, head, n->next, n->parent, n->frame);

        if (rival)
            return rival;
        n->next = head;
    }
    return id;
}

static void node_write(const struct segment *s, uint32_t id, uint32_t parent, uint64_t frame)
{
    struct trie_node *n = segment_node(s, id);

    n->parent = parent;
    n->frame = frame;
}

/* The node if it is there, else 0, and where its bucket is and the chain there begins. */
static inline uint32_t child_find(const struct segment *s, uint32_t parent, uint64_t frame,
                                  _Atomic uint32_t **bucket, uint32_t *head)
{
    *bucket = segment_bucket(s, bucket_of(s, parent, frame));
    /* acquire: pairs with the release that linked the node */
    *head = atomic_load_explicit(*bucket, memory_order_acquire);
    return chain_find(s, *head, 0, parent, frame);
}

uint32_t stacktrie_child(const struct segment *s, uint32_t parent, uint64_t frame)
{
    _Atomic uint32_t *bucket;
    uint32_t head, id = child_find(s, parent, frame, &bucket, &head);

    if (id)
        return id;
    id = nodes_reserve(s, 1);
    if (id == 0)
        return 0;
    node_write(s, id, parent, frame);
    return node_link(s, bucket, head, id);
}

/*
 * Make nodes `first` and on of a path whose outermost frame is not in the trie.  Nobody can look
 * for the children of a node that is not linked yet: these are linked before it, without looking
 * for rivals, and their buckets, which are in no cache, can be asked for all at once.
 */
static void path_write(const struct segment *s, uint32_t first, uint32_t parent,
                       const uint64_t *frames, uint32_t count)
{
    _Atomic uint32_t *buckets[STACKTRIE_PATH_MAX];

    node_write(s, first, parent, frames[0]);
    for (uint32_t i = 1; i < count; i++) {
        buckets[i] = segment_bucket(s, bucket_of(s, first + i - 1, frames[i]));
        __builtin_prefetch(buckets[i], 1);
        node_write(s, first + i, first + i - 1, frames[i]);
    }
    for (uint32_t i = 1; i < count; i++) {
        struct trie_node *n = segment_node(s, first + i);
        uint32_t head = atomic_load_explicit(buckets[i], memory_order_relaxed);

        do {
            n->next = head;
            /* release: whoever passes it in the bucket's chain sees it whole */
        } while (!atomic_compare_exchange_weak_explicit(
            buckets[i], &head, first + i, memory_order_release, memory_order_relaxed));
    }
}

/* One by one: what another thread began, or what the last ids are left for. */
static uint32_t path_follow(const struct segment *s, uint32_t parent, const uint64_t *frames,
                            uint32_t count, uint32_t *nodes)
{
    for (uint32_t i = 0; i < count; i++) {
        parent = stacktrie_child(s, parent, frames[i]);
        if (parent == 0)
            return 0;
        nodes[i] = parent;
    }
    return parent;
}

uint32_t stacktrie_path(const struct segment *s, uint32_t parent, const uint64_t *frames,
                        uint32_t count, uint32_t *nodes)
{
    _Atomic uint32_t *bucket;
    uint32_t i = 0, head, found, first;

    for (; i < count; i++) {
        found = child_find(s, parent, frames[i], &bucket, &head);
        if (!found)
            break;
        nodes[i] = parent = found;
    }
    if (i == count)
        return parent;
    first = nodes_reserve(s, count - i);
    if (first == 0)
        return path_follow(s, parent, frames + i, count - i, nodes + i);
    path_write(s, first, parent, frames + i, count - i);
    found = node_link(s, bucket, head, first);
    if (found != first)
        return path_follow(s, parent, frames + i, count - i, nodes + i);
    for (; i < count; i++)
        nodes[i] = first++;
    return first - 1;
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
