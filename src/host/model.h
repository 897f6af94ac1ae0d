/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of one process image: what is live, what every site allocated,
 * and how it was at the peak.  It is fed with records in the order in which
 * they happened and does a bounded amount of work for each.
 *
 * A realloc counts as one allocation of the new size and one free of the old
 * block, the free first.  A block is temporary if the thread that allocated it
 * frees it and allocated nothing in between.
 *
 * The heap and the program's own mappings are two domains with totals and
 * peaks of their own; a site's peak numbers are those at its domain's peak.
 *
 * Times are clock ticks (record.h, segment_clock).  Not thread-safe.
 */
#ifndef MEMPROF_HOST_MODEL_H
#define MEMPROF_HOST_MODEL_H

#include "src/host/livetable.h"
#include "src/host/mappings.h"
#include "src/host/sites.h"
#include "src/host/threads.h"
#include "src/host/timeline.h"

#define MODEL_DOMAINS 2u /* DOMAIN_HEAP and DOMAIN_MMAP of profile.h */
#define MODEL_BATCH 32u  /* events worked on together, so that their cache misses overlap */

/* What the model keeps for a thread while it runs; zeroed but for `row` when it begins. */
struct model_thread {
    uint32_t row;          /* of threads.h */
    bool holds;            /* between REALLOC_BEGIN and its end */
    uint64_t last_address; /* of its last allocation, 0 once that is freed */
    struct livetable_block held;
};

#define MODEL_REST 4u /* words of a record besides the first and the stamp */

/* One record, copied: neither does it change any more, nor does it hold up its chunk. */
struct model_event {
    uint64_t word0;
    uint64_t rest[MODEL_REST]; /* as many as the kind has */
    struct model_thread *thread;
    uint64_t time;
    uint64_t hash; /* of the address, set by model_apply */
};

/*
 * What the program asked for through memprof.h that the model cannot do alone.
 * Called from model_apply at the very place among the records where it was
 * asked: all earlier records are applied, no later one is.  NULL ones are not
 * called.
 */
struct model_hooks {
    void *context;
    void (*snapshot)(void *context, const char *label, uint64_t time);
    /* `slot` waits for an answer: the numbers of the heap now, or memprof's own memory */
    void (*query)(void *context, uint32_t slot, uint32_t what, uint32_t sequence);
};

struct model_totals {
    uint64_t live_bytes, live_blocks;
    uint64_t peak_bytes, peak_blocks;
    uint64_t peak_time;
    uint64_t epoch; /* number of the peak */
    uint64_t total_bytes, total_blocks;
    uint64_t temporary_bytes, temporary_blocks;
};

struct model {
    struct livetable live;
    struct sites sites;
    struct threads threads;
    struct mappings mappings;
    struct timeline timeline;
    struct model_hooks hooks;
    struct model_totals totals[MODEL_DOMAINS];
    uint32_t nodes_max; /* stack ids from here on are damage */
    uint64_t last_time;
    uint64_t rss_bytes, rss_peak_bytes;
    uint64_t failed_blocks;
    uint64_t unknown_frees, replaced_blocks;
    uint64_t damaged_records;
    uint64_t events;
    uint64_t events_lost; /* because memory ran out here: the numbers are wrong from then on */
};

/* `origin`: the clock when the image began; `tick_interval`: finest timeline spacing. */
void model_init(struct model *m, uint32_t nodes_max, uint64_t origin, uint64_t tick_interval);
void model_release(struct model *m);

/* Apply `count` (at most MODEL_BATCH) events, oldest first. */
void model_apply(struct model *m, struct model_event *events, size_t count);

/* The resident set was `bytes` at `time`. */
void model_rss(struct model *m, uint64_t time, uint64_t bytes);

/* No more events: settles every site's peak and ends the timeline at `time`. */
void model_finish(struct model *m, uint64_t time);

/* Bytes that the model's large arrays hold. */
uint64_t model_memory(const struct model *m);

#endif
