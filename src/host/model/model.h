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
 * The heap, the program's own mappings, the heap blocks it wants left out and
 * each of its own pools are domains (profile.h) with totals and peaks of their
 * own; a site's peak numbers are those at its domain's peak.  A heap block that
 * is ignored stays among what the heap allocated in all, but is live in
 * DOMAIN_IGNORED: what the heap freed is its total less what is live in both.
 * A realloc of an ignored block is ignored too.
 *
 * Times are clock ticks (record.h, segment_clock).  Not thread-safe.
 */
#ifndef MEMPROF_HOST_MODEL_H
#define MEMPROF_HOST_MODEL_H

#include "src/host/model/faults.h"
#include "src/host/model/livetable.h"
#include "src/host/model/mappings.h"
#include "src/host/model/marks.h"
#include "src/host/model/regions.h"
#include "src/host/model/sites.h"
#include "src/host/model/threads.h"
#include "src/host/model/timeline.h"
#include "src/host/profile/profile.h"
#include "src/host/text/texts.h"
#include "src/shared/objects.h"

#define MODEL_DOMAINS DOMAINS_MAX
#define MODEL_BATCH 32u /* events worked on together, so that their cache misses overlap */

/* What the model keeps for a thread while it runs; zeroed but for `row` and `slot` at first. */
struct model_thread {
    uint32_t row;           /* of threads.h */
    uint32_t slot;          /* of the segment */
    bool holds;             /* between REALLOC_BEGIN and its end, */
    uint32_t held_clears;   /* if this is still model.clears */
    uint64_t *counted;      /* where a REALLOC_BEGIN of an unknown block was counted; NULL: none */
    uint64_t last_address;  /* of its last allocation, 0 once that is freed */
    uint64_t last_in_pools; /* the same in the program's own domains: address | domain << 48 */
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
    /* the process is about to fork, for the number'th time */
    void (*fork)(void *context, uint32_t number);
};

struct model_totals {
    uint64_t live_bytes, live_blocks;
    uint64_t peak_bytes, peak_blocks;
    uint64_t peak_time;
    uint64_t epoch; /* number of the peak */
    uint64_t total_bytes, total_blocks;
    uint64_t temporary_bytes, temporary_blocks;
};

struct model_pool;

struct model {
    struct livetable live;                   /* the heap's, ignored blocks among them */
    struct model_pool *pools[MODEL_DOMAINS]; /* by domain, from DOMAIN_BUILTIN; NULL: none yet */
    struct objects pool_memory;              /* where these lie */
    struct texts texts;
    struct marks marks;
    struct faults faults;
    struct sites sites;
    struct threads threads;
    struct mappings mappings;
    struct regions regions;
    struct timeline timeline;
    struct model_hooks hooks;
    struct model_totals totals[MODEL_DOMAINS];
    uint32_t nodes_max; /* stack ids from here on are damage */
    uint16_t birth;     /* what new blocks are born at (livetable_block.birth); set by the caller */
    uint64_t last_time;
    uint64_t rss_bytes, rss_peak_bytes;
    uint64_t failed_blocks;
    uint64_t unknown_frees, replaced_blocks;
    uint64_t untracked_frees; /* of blocks that were left out: see `partial` */
    bool partial;             /* recording was off at some time, or traces were cleared: blocks may
                               * be freed that were not seen allocated, and nothing is lost */
    bool attached;            /* the program had run before: the same, and nobody knows where its
                               * earlier blocks lie; set by the caller with `partial` */
    uint32_t clears;          /* how often traces were cleared */
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

/*
 * The domains, numbered densely from 0: at least those up to DOMAIN_BUILTIN, then
 * the program's, up to the highest seen so far.  A name is "heap", "mmap",
 * "ignored", or the program's own (UTF-8, not escaped; "" if it did not arrive);
 * it stays where it is until model_release, but may come after the first blocks.
 * The table of live blocks is NULL for DOMAIN_MMAP and for a domain without any.
 */
uint32_t model_domain_count(const struct model *m);
const char *model_domain_name(const struct model *m, uint32_t domain);
const struct model_totals *model_domain_totals(const struct model *m, uint32_t domain);
const struct livetable *model_domain_live(const struct model *m, uint32_t domain);

/* Births were counted by one moment and are by two from here on (births.h). */
void model_halve_births(struct model *m);

#endif
