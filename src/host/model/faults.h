/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misuse of memory that the target found with --allocator=pool-debug, in the order in
 * which it was noticed.  The first FAULTS_MAX are kept; how many came after is counted.
 */
#ifndef MEMPROF_HOST_FAULTS_H
#define MEMPROF_HOST_FAULTS_H

#include <stdint.h>

#define FAULTS_MAX 4096u

/* Stacks are nodes of the target's trie, 0 where not known. */
struct fault {
    uint64_t time; /* clock ticks */
    uint64_t address, size;
    int64_t value;  /* see struct profile_fault */
    uint32_t kind;  /* enum guarded_kind (guarded.h) */
    uint32_t found; /* the byte */
    uint32_t allocated_at, freed_at, noticed_at;
    uint32_t thread; /* row of threads.h */
};

struct faults {
    struct fault *rows; /* rows are only added, at the end */
    uint32_t count, room;
    uint64_t dropped; /* that came when there were FAULTS_MAX, or memory had run out */
};

void faults_init(struct faults *f);
void faults_release(struct faults *f);
void faults_add(struct faults *f, const struct fault *fault);

#endif
