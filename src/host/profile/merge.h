/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several profiles as one: the processes of a tree, or the shards of a test run.
 *
 *   modules    one where the build IDs are equal; without them, where the paths are
 *   frames     one where module and offset are; names are those of the first
 *              profile that has some
 *   stacks     one where all frames are
 *   threads    all of them, as PROGRAM/THREAD, so that sites stay apart by process;
 *              those of a profile that was merged before have such names already
 *   domains    one where the names are
 *   totals     sums.  The peak is the sum of the peaks, which need not have been at
 *              one time: profile.process.merged says so
 *   loss       sums
 *   process    the command is all commands; it started when the first did, and its
 *              seconds are those of the longest run
 *   leaks      the rows of all.  The searches become one: its times and counts are sums,
 *              or the largest; cause and method those of all, or unknown and the worst
 * Times within a run are each process's own.  Timelines, snapshots, marks, faults
 * and what is said of live blocks' sizes, pools, references, contents and duplicates cannot be
 * added up and are left out; merge_lost counts them.
 */
#ifndef MEMPROF_HOST_MERGE_H
#define MEMPROF_HOST_MERGE_H

#include "src/host/error.h"
#include "src/host/profile/assembly.h"
#include "src/host/profile/profile.h"
#include "src/host/text/strbuf.h"

/* What the profiles had and the result has not. */
struct merge_lost {
    uint64_t samples, snapshots, marks, faults;
    uint64_t heaps;      /* profiles with the sizes and pools of live blocks */
    uint64_t graphs;     /* profiles with references between live blocks, or their contents */
    uint64_t unsearched; /* profiles without a search for leaks, while others have one */
};

struct merge {
    struct profile *profile;
    struct assembly assembly;
    struct intern modules, frames;
    struct strbuf commands;
    string_id program, host; /* of all so far; 0 when they differ */
    string_id last_command;
    uint32_t last_repeated; /* how often it came in a row */
    struct merge_lost lost;
    uint32_t searched, unsearched; /* profiles so far */
};

/* `p` is fresh from profile_init and belongs to the caller. */
void merge_init(struct merge *m, struct profile *p);

/* Add a profile that passed profile_check.  0, or -1 with `e` set; then only release. */
int merge_add(struct merge *m, const struct profile *from, struct error *e);

/* Complete the profile that merge_init was given.  0, or -1 with `e` set. */
int merge_finish(struct merge *m, struct error *e);

void merge_release(struct merge *m);

#endif
