/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile as sorted rows: what was asked for by which line, function, file,
 * module, thread or whole stack, or in which size of block.
 *
 * The line of a stack is its innermost one that the skip list lets through;
 * where it lets none through, the innermost one that is not memprof's own.  A
 * function without a name that a skipped function of its module calls is part
 * of that, and skipped too.
 * Lines are equal when file, number, function and module are; without debug
 * information, when function, module and offset are.
 */
#ifndef MEMPROF_HOST_VIEW_H
#define MEMPROF_HOST_VIEW_H

#include "src/host/error.h"
#include "src/host/profile/moments.h"
#include "src/host/profile/profile.h"
#include "src/host/view/skiplist.h"

struct filter; /* filter.h */

enum view_group {
    VIEW_LINE = 0,
    VIEW_FUNCTION,
    VIEW_FILE,
    VIEW_MODULE,
    VIEW_THREAD,
    VIEW_TRACEBACK,
    VIEW_SIZE_CLASS,
};

/* What rows are sorted by, and what their share is a share of. */
enum view_order {
    VIEW_BY_PEAK = 0,  /* bytes at the process's peak; at the exit only */
    VIEW_BY_LIVE,      /* bytes live at the moment */
    VIEW_BY_TOTAL,     /* bytes allocated until then */
    VIEW_BY_COUNT,     /* blocks allocated until then */
    VIEW_BY_TEMPORARY, /* temporary blocks until then */
    VIEW_BY_AVERAGE,   /* bytes a block of those allocated until then; at the peak of those live */
};

#define VIEW_ALL_DOMAINS UINT32_MAX         /* all but what the program said to ignore */
#define VIEW_EVERY_DOMAIN (UINT32_MAX - 1u) /* with that */

/*
 * All zero is a good choice: lines by bytes at the peak.  What is pointed at
 * must outlive the view.
 */
struct line_choice; /* linechoice.h */

struct view_options {
    enum view_group group;
    enum view_order order;
    struct moment moment;
    uint32_t domain;                   /* enum domain, or one of the above */
    size_t limit;                      /* rows wanted; 0 all */
    uint64_t min_bytes;                /* rows of fewer bytes go to the rest */
    bool reverse;                      /* smallest first */
    bool cumulative;                   /* see view_build */
    const struct skiplist *skip;       /* NULL skips nothing */
    const struct filter *filter;       /* NULL lets everything through */
    const struct line_choice *choices; /* of this profile with `skip`, or NULL: made each time */
};

/* Bytes and blocks of the moment or kind that an order is about. */
struct view_amount {
    uint64_t bytes, blocks;
};

struct view_row {
    struct profile_stats stats; /* sums; smallest and largest over all */
    struct view_amount amount;  /* what the order is about */
    uint32_t node;              /* the stack with the largest part of the row */
    uint32_t line;              /* the line chosen for that stack; VIEW_NO_LINE if it is empty */
    uint32_t frame;             /* the frame that line is in, or NO_FRAME */
    uint32_t thread;            /* the thread with the largest part of the row */
    uint32_t size_class;        /* with VIEW_SIZE_CLASS: sizeclass.h, or VIEW_MIXED_SIZES */
};
#define VIEW_NO_LINE UINT32_MAX
#define VIEW_MIXED_SIZES UINT32_MAX /* sites whose blocks were of several classes */

struct view {
    struct view_options options;
    struct view_row *rows;       /* sorted; rows with nothing are left out */
    size_t row_count;            /* at most the limit */
    size_t rest_count;           /* rows left out by the limit or for their size */
    size_t small_count;          /* those of them that were left out for their size */
    struct view_amount rest;     /* sum of the rows left out; nothing when cumulative */
    struct view_amount whole;    /* of all sites that pass the filter */
    struct view_amount filtered; /* of those that do not */
};

/*
 * Make the rows.  Without `cumulative` a site is in one row, so that the rows
 * and the rest sum up to the whole.  With it a site is in the row of each line of
 * its stack that the skip list lets through, once where the line recurs; inlined
 * lines count like others, and a row's line is its own and not the chosen one of
 * its stack.
 * 0, or -1 with `e` set: the options make no sense (view_check), a damaged
 * profile, out of memory; `v` is then empty.
 */
int view_build(struct view *v, const struct profile *p, const struct view_options *options,
               struct error *e);
void view_release(struct view *v);

/* 0, or -1 with `e` (ERROR_INPUT) naming options that exclude each other. */
int view_check(const struct view_options *options, struct error *e);

/* The number an order sorts by. */
uint64_t view_weight(enum view_order order, struct view_amount amount);

/* Whether the order counts blocks and not bytes. */
bool view_counts_blocks(enum view_order order);

/* What an order at a moment is about, of the stats of that moment (moment_stats). */
struct view_amount view_amount_of(enum view_order order, struct moment moment,
                                  const struct profile_stats *stats);

/* Whether a site of this domain belongs to a view of `wanted` (view_options.domain). */
bool view_has_domain(uint32_t wanted, uint32_t domain);

/* The words of options and reports: "line", "peak" and so on. */
const char *view_group_word(enum view_group group);
const char *view_order_word(enum view_order order);

/* The module's index of a frame index; NO_MODULE for NO_FRAME and frames outside any. */
uint32_t view_frame_module(const struct profile *p, uint32_t frame);

/* Whether a frame index lies in memprof's own library. */
bool view_frame_is_ours(const struct profile *p, uint32_t frame);

#endif
