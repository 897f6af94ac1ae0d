/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several runs side by side: the totals of each, and what it saved against the
 * first.
 */
#ifndef MEMPROF_HOST_COMPARE_H
#define MEMPROF_HOST_COMPARE_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

enum compare_order {
    COMPARE_BY_PEAK = 0,
    COMPARE_BY_LIVE,
    COMPARE_BY_TOTAL,
    COMPARE_BY_BLOCKS,
    COMPARE_BY_TEMPORARY,
    COMPARE_BY_SECONDS,
};
#define COMPARE_ORDERS 6

/* What is kept of one run; strings are its own. */
struct compare_run {
    char *name; /* of the row */
    char *path;
    char *command;
    struct profile_totals totals;
    double seconds;
    uint64_t dropped;
    uint32_t merged;
    bool incomplete;
};

struct compare {
    struct compare_run *runs;
    size_t count;
    enum compare_order order; /* what the saving is of */
};

/*
 * Add a run.  Its name is `name`, or without one the file's, short of .mprof.
 * 0, or -1 with `e` set (out of memory).
 */
int compare_add(struct compare *c, const struct profile *p, const char *path, const char *name,
                struct error *e);

/* Give runs whose names are equal their whole paths for names.  0, or -1 with `e` set. */
int compare_name_apart(struct compare *c, struct error *e);

void compare_release(struct compare *c);

/* What the order is about: bytes, blocks or seconds. */
double compare_value(enum compare_order order, const struct compare_run *run);

/*
 * Percent that the run saved against the first, negative where it took more;
 * false when the first had nothing to save.
 */
bool compare_saved(const struct compare *c, const struct compare_run *run, double *percent);

#endif
