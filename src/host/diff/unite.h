/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two profiles, or two moments of one, as one profile, so that a view of it has
 * a row for what is the same in both.  Every line is a frame of its own: which
 * functions a compiler inlined where makes no difference.  memprof's own frames
 * are left out.
 *
 * Each site is of one side.  Its stats hold what the order is about at the
 * side's moment, as
 *   live     what the new side has
 *   peak     what the old side has
 *   total    both together
 * with the smallest and largest block as the side has them.
 *
 * Names, files and lines are the new side's wherever a place is in both; where
 * only the old side knows them (borrow.h), its.
 */
#ifndef MEMPROF_HOST_UNITE_H
#define MEMPROF_HOST_UNITE_H

#include "src/host/diff/match.h"
#include "src/host/diff/pathmap.h"
#include "src/host/view/view.h"

struct unite_side {
    const struct profile *profile;
    struct moment moment;
};

struct unite_options {
    enum view_order order;
    const struct pathmap *paths;
    bool lines_apart; /* lines of equal file and number that are not the same are different rows */
};

/* Where a line of the united profile comes from: rows of the sides' own lines. */
struct united_line {
    uint32_t before, after; /* or UNITED_NONE */
    enum match_tier tier;   /* MATCH_NOT where one of them is UNITED_NONE */
};
#define UNITED_NONE UINT32_MAX

struct united {
    struct profile profile;
    struct united_line *lines; /* one for each of profile.lines */
    bool exact;                /* two moments of one profile: nothing had to be matched */
};

/*
 * Unite.  The sides' profiles must be checked ones (profile-check.h) and stay
 * as long as the result.  0, or -1 with `e` set and `u` empty.
 */
int unite(struct united *u, const struct unite_side *before, const struct unite_side *after,
          const struct unite_options *options, struct error *e);
void united_release(struct united *u);

#endif
