/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile as sorted rows: what was asked for by which line, function, file,
 * module, thread or whole stack.
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
#include "src/host/profile.h"
#include "src/host/skiplist.h"

enum view_group {
    VIEW_LINE = 0,
    VIEW_FUNCTION,
    VIEW_FILE,
    VIEW_MODULE,
    VIEW_THREAD,
    VIEW_TRACEBACK,
};

/* What rows are sorted by, and what their share is a share of. */
enum view_order {
    VIEW_BY_PEAK = 0,  /* bytes at the process's peak */
    VIEW_BY_LIVE,      /* bytes at the end */
    VIEW_BY_TOTAL,     /* bytes ever allocated */
    VIEW_BY_COUNT,     /* blocks ever allocated */
    VIEW_BY_TEMPORARY, /* temporary blocks */
};

#define VIEW_ALL_DOMAINS UINT32_MAX

struct view_options {
    enum view_group group;
    enum view_order order;
    uint32_t domain;             /* enum domain, or VIEW_ALL_DOMAINS */
    size_t limit;                /* rows wanted; 0 all */
    const struct skiplist *skip; /* NULL skips nothing */
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
};
#define VIEW_NO_LINE UINT32_MAX

struct view {
    struct view_options options;
    struct view_row *rows;          /* sorted, largest first; rows with nothing are left out */
    size_t row_count;               /* at most the limit */
    size_t rest_count;              /* rows beyond the limit */
    struct view_amount rest, whole; /* sums of the rest, and of all rows */
};

/* 0, or -1 with `e` set (out of memory); `v` is then empty. */
int view_build(struct view *v, const struct profile *p, const struct view_options *options,
               struct error *e);
void view_release(struct view *v);

/* The number an order sorts by. */
uint64_t view_weight(enum view_order order, struct view_amount amount);

/* Whether the order counts blocks and not bytes. */
bool view_counts_blocks(enum view_order order);

/* The module's index of a frame index; NO_MODULE for NO_FRAME and frames outside any. */
uint32_t view_frame_module(const struct profile *p, uint32_t frame);

/* Whether a frame index lies in memprof's own library. */
bool view_frame_is_ours(const struct profile *p, uint32_t frame);

#endif
