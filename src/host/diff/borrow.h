/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of one build that one side of a diff has better names for than the
 * other: a program compared with a stripped copy of it, or a host without debug
 * files with one that has them.  They are the same instruction, so the names of
 * one side stand for both.
 */
#ifndef MEMPROF_HOST_BORROW_H
#define MEMPROF_HOST_BORROW_H

#include "src/host/diff/pairing.h"

struct borrow {
    uint32_t *of_old; /* by old frame: the new frame whose lines stand for it, or NO_FRAME */
    uint32_t *of_new; /* by new frame: the old frame, likewise */
};

/*
 * Modules pair by `pairing`, and only where their build IDs are equal.  0, or -1
 * with `e` set (out of memory).
 */
int borrow_init(struct borrow *b, const struct places *before, const struct places *after,
                const struct pairing *pairing, struct error *e);
void borrow_release(struct borrow *b);

#endif
