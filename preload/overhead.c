/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/overhead.h"

#include "preload/entry.h"
#include "preload/memo.h"
#include "preload/modules.h"
#include "preload/rules.h"
#include "preload/suffix.h"

static uint64_t counted(const _Atomic uint32_t *counter, uint64_t bytes)
{
    /* relaxed: a statistic */
    return atomic_load_explicit(counter, memory_order_relaxed) * bytes;
}

uint64_t overhead_bytes(void)
{
    const struct segment_header *h = segment_header(&session.segment);
    uint64_t nodes = counted(&h->nodes_used, 1), slots = counted(&h->slots_used, 1);
    uint64_t chunks = entry_chunks() > slots ? entry_chunks() : slots;
    uint64_t buckets = session.segment.layout.buckets;
    uint64_t shared = sizeof(*h) + counted(&h->modules_used, sizeof(struct module_record)) +
                      counted(&h->names_used, 1) + slots * sizeof(struct slot) +
                      nodes * sizeof(struct trie_node) + chunks * CHUNK_BYTES;

    /* each node lies in a bucket, whose page it brings in */
    shared += (nodes * 4096 < buckets * 4 ? nodes * 4096 : buckets * 4);
    return shared + modules_memory() + rules_memory() + suffix_memory() + memo_memory() +
           slots * THREAD_BYTES;
}
