/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of one stack as a report shows them: inlined functions as lines of
 * their own, memprof's own frames left out, as many as are wanted, in the order
 * that is wanted.
 */
#ifndef MEMPROF_HOST_STACKLINES_H
#define MEMPROF_HOST_STACKLINES_H

#include "src/host/profile/profile.h"

struct stack_choice {
    size_t limit;      /* lines wanted; 0 all */
    bool outermost;    /* the limit keeps the outermost, not the innermost */
    bool oldest_first; /* outermost line first, not innermost */
};

struct stack_line {
    uint32_t line, frame; /* indices into profile.lines and profile.frames */
};

/* To be filled again and again; all zero to begin with. */
struct stacklines {
    struct stack_line *lines;
    size_t count, room;
    size_t hidden; /* lines that the limit left out */
    uint32_t root; /* the node that the stack ends at: STACK_ROOT_WHOLE and so on */
};

/* The stack of `node`.  false when memory runs out. */
bool stacklines_get(struct stacklines *s, const struct profile *p, uint32_t node,
                    const struct stack_choice *choice);
void stacklines_release(struct stacklines *s);

/* Why the stack has no more callers than these, in a word or two; NULL: it is whole. */
const char *stacklines_end(const struct stacklines *s);

#endif
