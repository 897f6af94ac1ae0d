/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leaks of a profile as a report (leakreport.h): what the last search found, grouped
 * by stack, kind and weak region, without what is suppressed or filtered out.
 *
 * A profile without a search, or of one that could not look at memory, gives a report too:
 * all that was live counts as reachable there, and a note says so.
 */
#ifndef MEMPROF_HOST_LEAKS_H
#define MEMPROF_HOST_LEAKS_H

#include "src/host/error.h"
#include "src/host/leaks/leakreport.h"
#include "src/host/profile/profile.h"
#include "src/host/suppress/suppress.h"
#include "src/host/view/filter.h"

/* All zero but the kinds is a good choice. */
struct leaks_options {
    const struct skiplist *skip;       /* for the line to look at; NULL skips nothing */
    const struct line_choice *choices; /* as in view_options */
    const struct filter *filter;       /* NULL lets everything through */
    struct suppressions *suppressions; /* NULL: none.  Their use is counted. */
    uint32_t kinds;                    /* LEAK_KIND_BITs of the records wanted */
    uint32_t min_age;                  /* only blocks that outlived so many moments */
    uint32_t min_survived;             /* only blocks that outlived so many snapshots */
    bool interior;                     /* what is possibly lost counts as reachable */
    bool records_only;                 /* sums of the report may leave suppressions out */
    bool retained;                     /* find out retained sizes if the search did not */
};

struct leaks {
    struct leak_report report;
    struct leak_line *lines;
    const struct leak_line **stacks; /* what the records point into */
    char **notes;
    uint32_t search_notes;       /* the first so many of them are about the search */
    struct leak_amount left_out; /* by the filter and the ages */
    bool searched;               /* kinds were told apart */
};

/*
 * Make the report; its strings are the profile's, which must stay as long.
 *
 * Ids and ordinals are those that a report without filter, ages and suppressions has, so
 * that an id means the same record whatever was left out.  `kinds` of the report has
 * all kinds, `records` those wanted.  Blocks below a definite leak that is suppressed
 * count as suppressed with it, unless rules of their own suppress more of them.
 *
 * 0, or -1 with `e` set (out of memory) and `l` empty.
 */
int leaks_make(struct leaks *l, const struct profile *p, const struct leaks_options *o,
               struct error *e);
void leaks_release(struct leaks *l);

/* Whether a search of the profile told kinds apart; else why not, in words, in `why`. */
bool leaks_were_searched(const struct profile *p, struct error *why);

#endif
