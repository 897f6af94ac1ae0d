/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The points that a program marks on its timeline (memprof_mark), in the order
 * of time.  The first MARKS_MAX are kept; how many came after is counted.
 */
#ifndef MEMPROF_HOST_MARKS_H
#define MEMPROF_HOST_MARKS_H

#include "src/host/memory/strings.h"

#include <stdbool.h>
#include <stdint.h>

#define MARKS_MAX 65536u

struct mark {
    uint64_t time;                    /* clock ticks */
    uint64_t live_bytes, live_blocks; /* of the heap */
    uint32_t label;                   /* in marks.labels */
    uint32_t thread;                  /* row of threads.h */
};

struct marks {
    struct mark *rows; /* rows are only added, at the end */
    uint32_t count, room;
    uint64_t dropped; /* marks that came when there were MARKS_MAX, or memory had run out */
    struct strings labels;
};

void marks_init(struct marks *m);
void marks_release(struct marks *m);

/* Add a mark; its label is set from `label`. */
void marks_add(struct marks *m, const struct mark *mark, const char *label);

/*
 * No more marks come: if some were dropped, one more is added, at
 * the time and with the numbers of `mark`, that says how many.
 */
void marks_finish(struct marks *m, const struct mark *mark);

#endif
