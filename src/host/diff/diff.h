/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two profiles, or two moments of one, as sorted rows like
 * those of a view, with the statistics of tracemalloc's StatisticDiff.
 */
#ifndef MEMPROF_HOST_DIFF_H
#define MEMPROF_HOST_DIFF_H

#include "src/host/diff/unite.h"

enum diff_status {
    DIFF_SAME = 0,
    DIFF_CHANGED,
    DIFF_NEW,  /* nothing before */
    DIFF_GONE, /* nothing now */
};

struct diff_row {
    struct view_row row; /* the place, of the united profile; its amounts mean nothing */
    struct view_amount before, after;
    enum diff_status status;
    enum match_tier tier; /* how the sides were matched; MATCH_NOT: in one side only */
    uint32_t moved_from;  /* row of the old profile's lines, or UNITED_NONE */
};

/* How the rows of both sides were matched, lines or (grouped by it) whole stacks. */
struct diff_matching {
    size_t rows[MATCH_TIERS]; /* by enum match_tier */
    uint64_t bytes[MATCH_TIERS];
    size_t only_before, only_after; /* what rows[MATCH_NOT] consists of */
    bool stacks;
    bool exact; /* one profile: by identity */
};

struct diff {
    struct view_options options;
    struct united united;
    struct diff_row *rows; /* sorted; with those that did not change */
    size_t row_count, same_count;
    size_t rest_count;                          /* rows beyond the limit or below min_bytes */
    struct view_amount rest_before, rest_after; /* their sums; nothing when cumulative */
    struct view_amount before, after;           /* of all that passes the filters */
    struct view_amount filtered_before, filtered_after; /* of what does not */
    struct diff_matching matching;
};

/*
 * Compare.  Of `options` all but the moment is used; `domain`, unless NULL, names
 * a domain of either side, and options->domain is not used then; a row's size for
 * min_bytes is the size of its difference.  Rows are sorted by the absolute
 * difference of what the order counts, then by what is there now, then by the
 * other number in the same way; those that did not change come last.  0, or -1
 * with `e` set (ERROR_INPUT: neither side has the domain) and `d` empty.
 */
int diff_build(struct diff *d, const struct unite_side *before, const struct unite_side *after,
               const struct view_options *options, const char *domain, const struct pathmap *paths,
               struct error *e);
void diff_release(struct diff *d);

/* now - before: bytes and blocks stay below 2^63 (profiles are checked). */
int64_t diff_bytes(const struct diff_row *row);
int64_t diff_blocks(const struct diff_row *row);

#endif
