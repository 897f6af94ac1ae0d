/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stacks of a report of leaks (leakreport.h), made from a profile: each line once,
 * however many stacks have it, and a stack as pointers to its lines.
 *
 * First every stack that will be asked for is named, then lines are made, then stacks.
 */
#ifndef MEMPROF_HOST_LEAKSTACKS_H
#define MEMPROF_HOST_LEAKSTACKS_H

#include "src/host/leaks/leakreport.h"
#include "src/host/profile/profile.h"
#include "src/host/view/linechoice.h"

struct leakstacks {
    const struct profile *profile;
    uint8_t *named;  /* by node: it and its callers were named */
    uint32_t *first; /* by frame: 1 + the number of its first line; 0: not needed */
    size_t pointers_room;
    size_t pointer_count;

    /* What is made; whoever takes them sets them to NULL. */
    struct leak_line *lines;
    uint32_t line_count;
    const struct leak_line **pointers;
};

/* Where a stack lies in `pointers`, which still moves while stacks are made. */
struct leakstack {
    size_t first;
    uint32_t count;
    uint32_t place; /* the line of it that was chosen, 0 if it is not there */
};

/* 0, or -1 with `e` set (out of memory) and `s` empty.  The profile outlives it. */
int leakstacks_init(struct leakstacks *s, const struct profile *p, struct error *e);
void leakstacks_release(struct leakstacks *s);

/* The stack of `node` will be asked for. */
void leakstacks_name(struct leakstacks *s, uint32_t node);

/* All are named.  0, or -1 with `e` set. */
int leakstacks_make_lines(struct leakstacks *s, struct error *e);

/* The stack of a node that was named.  0, or -1 with `e` set. */
int leakstacks_take(struct leakstacks *s, uint32_t node, const struct line_choice *choice,
                    struct leakstack *stack, struct error *e);

#endif
