// SPDX-License-Identifier: Apache-2.0
/*
 * The graph over words that were kept of the target's memory (keptwords.h) instead of its
 * memory: what a word points to is found once, in ascending order of the words, and written
 * over it; marking and all questions then follow references.
 */
#include "src/host/graph/leakgraph-scan.h"

#include <pthread.h>
#include <signal.h>

#define AHEAD 32u /* a power of two */
#define WORTH_A_THREAD (UINT64_C(1) << 18)

uint64_t leakgraph_kept_word(struct leakgraph *g, uint64_t address)
{
    uint64_t word;

    if (!keptwords_word(g->words, address, &word))
        return 0;
    if (word & REFERENCE)
        return g->blocks[(uint32_t)word].address + leakgraph_reference_into(word);
    return leakgraph_kept_value(word);
}

bool leakgraph_scan_group(const struct leakgraph *g, struct leakgraph_scan *s)
{
    struct keptwords_group group;

    for (;;) {
        uint64_t stop = leakgraph_pass_holes(g, s), first, words;

        if (s->at >= s->end || s->end - s->at < 8)
            return false;
        if (stop <= s->at) /* a weak region follows at once */
            continue;
        if (!keptwords_next(g->words, s->at, stop, &group)) {
            s->at = stop;
            continue;
        }
        first = s->at > group.start ? (s->at - group.start) / 8 : 0;
        words = stop - group.start < 512 ? (stop - group.start) / 8 : 64;
        s->bits = group.bits & ~UINT64_C(0) << first;
        if (words < 64)
            s->bits &= (UINT64_C(1) << words) - 1;
        s->next = group.values;
        if (first)
            s->next += __builtin_popcountll(group.bits & ((UINT64_C(1) << first) - 1));
        s->group = group.start;
        s->group_end = s->at = words < 64 ? stop : group.start + 512;
        if (s->bits)
            return true;
    }
}

/* --------------------------------------------------------------- resolving -- */

/* As in marking (leakgraph-mark.c), the table's entry and the block's row are asked for ahead. */
struct resolver {
    struct leakgraph *graph;
    uint64_t *entries[AHEAD], *rows[AHEAD]; /* words waiting for either */
    const uint32_t *entry[AHEAD];
    uint32_t first[AHEAD];
    uint32_t entry_in, entry_out, row_in, row_out;
};

static inline void write_reference(const struct leakgraph *g, uint64_t *word, uint32_t block)
{
    uint64_t value = *word & ~g->options.high_tags, into, size;

    if (block == LEAKGRAPH_NONE)
        return;
    into = value - g->blocks[block].address;
    size = leakgraph_block_size(g, &g->blocks[block]);
    if (into >= REFERENCE_INTO_MAX)
        return;
    if (into == 0 || into < size || (g->options.past_end && into == size) ||
        (g->options.low_tags && into < 8))
        *word = REFERENCE | into << 32 | block;
}

/* One that is no address must not be taken for a reference, nor for an address without that bit. */
static inline void end_other_word(const struct leakgraph *g, uint64_t *word)
{
    if (!(*word & REFERENCE))
        return;
    *word &= ~REFERENCE;
    if ((*word & ~g->options.high_tags) - g->low < g->span)
        *word = 0;
}

static inline void end_word(struct resolver *r)
{
    const struct leakgraph *g = r->graph;
    uint64_t *word = r->rows[r->row_out % AHEAD], value = *word & ~g->options.high_tags;
    uint32_t i = r->first[r->row_out++ % AHEAD];

    while (g->blocks[i].address <= value)
        i++;
    write_reference(g, word, i - 1);
}

static inline void move_word(struct resolver *r)
{
    uint32_t at = r->entry_out++ % AHEAD, first = *r->entry[at];

    __builtin_prefetch(&r->graph->blocks[first]);
    if (r->row_in - r->row_out == AHEAD)
        end_word(r);
    r->rows[r->row_in % AHEAD] = r->entries[at];
    r->first[r->row_in++ % AHEAD] = first;
}

static inline void begin_word(struct resolver *r, uint64_t *word)
{
    const struct leakgraph *g = r->graph;
    uint64_t value = *word & ~g->options.high_tags;
    const struct leakgraph_slot *slot;

    if (value - g->low >= g->span) {
        end_other_word(g, word);
        return;
    }
    *word &= ~REFERENCE; /* was a tag */
    slot = leakgraph_slot_of(g, value);
    if (!slot) {
        write_reference(g, word, leakgraph_before_slot(g, value >> SLOT_BITS));
        return;
    }
    if (r->entry_in - r->entry_out == AHEAD)
        move_word(r);
    r->entries[r->entry_in % AHEAD] = word;
    r->entry[r->entry_in % AHEAD] = leakgraph_slot_entry(g, slot, value);
    __builtin_prefetch(r->entry[r->entry_in++ % AHEAD]);
}

static void resolve_part(struct leakgraph *g, struct keptwords_part *part)
{
    struct resolver r = {.graph = g};

    for (uint64_t i = 0; i < part->count; i++)
        begin_word(&r, &part->values[i]);
    while (r.entry_in != r.entry_out)
        move_word(&r);
    while (r.row_in != r.row_out)
        end_word(&r);
}

struct resolving {
    struct leakgraph *graph;
    struct keptwords_part *part;
};

static void *resolve_second(void *argument)
{
    const struct resolving *r = argument;

    resolve_part(r->graph, r->part);
    return NULL;
}

/* Signals to this process are for its other threads. */
static bool start(pthread_t *thread, struct resolving *r)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(thread, NULL, resolve_second, r) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void leakgraph_resolve_words(struct leakgraph *g)
{
    struct keptwords_part *parts = g->words->parts;
    struct resolving second = {g, &parts[1]};
    bool apart = parts[1].count >= WORTH_A_THREAD;
    pthread_t thread;

    _Static_assert(KEPTWORDS_PARTS == 2, "one part for this thread and one for another");
    apart = apart && start(&thread, &second);
    resolve_part(g, &parts[0]);
    if (apart)
        pthread_join(thread, NULL);
    else
        resolve_part(g, &parts[1]);
}
