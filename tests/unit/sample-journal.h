/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A made-up run, checkpoint by checkpoint: each brings a few frames, stacks,
 * marks and strings, and changes numbers of old and new sites.  For the tests of
 * journals and for the fuzzer's seeds.
 */
#ifndef MEMPROF_TESTS_SAMPLE_JOURNAL_H
#define MEMPROF_TESTS_SAMPLE_JOURNAL_H

#include "src/host/profile/journal.h"
#include "src/host/recording/checkpoint.h"

#define SAMPLE_GROUP_SITES 3u /* new ones in each checkpoint */

/*
 * Checkpoint number `number`, from 0: a snapshot if that is odd.  false when
 * memory runs out.
 */
bool sample_checkpoint(struct checkpoint *c, uint32_t number);

/* What a writer has at hand. */
struct sample_run {
    struct profile whole;
    struct series series;
    struct journal journal;
    uint32_t taken;
};

/* Begin to write to `path`; NULL: to nowhere. */
bool sample_run_init(struct sample_run *r, const char *path);
void sample_run_release(struct sample_run *r);

/*
 * Take the next checkpoint in: what profile-append.h tells a writer to do.  What
 * journal_append says, or -2 when something before it fails.
 */
int sample_run_next(struct sample_run *r, struct error *e);

/* The same with journal_defer. */
int sample_run_defer(struct sample_run *r, struct error *e);

/* The live bytes of all sites after `count` checkpoints. */
uint64_t sample_live_bytes(uint32_t count);

#endif
