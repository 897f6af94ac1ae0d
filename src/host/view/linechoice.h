/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which line stands for a stack (view.h has the rule), worked out once for all
 * nodes of a profile's trie: a node's parent comes before it, so that each
 * takes one look at its own frame.
 */
#ifndef MEMPROF_HOST_LINECHOICE_H
#define MEMPROF_HOST_LINECHOICE_H

#include "src/host/profile/profile.h"
#include "src/host/view/skiplist.h"

#define NO_CHOICE UINT32_MAX

struct line_choice {
    uint32_t line;  /* index into profile.lines, or NO_CHOICE: the stack is empty */
    uint32_t frame; /* index into profile.frames, or NO_FRAME */
};

/*
 * One choice per node, to be freed by the caller; NULL when memory runs out.
 * `skip` may be NULL.
 */
struct line_choice *line_choices(const struct profile *p, const struct skiplist *skip);

/* Those of a caller who has them already, or else made here. */
struct linechoices {
    const struct line_choice *by_node;
    struct line_choice *made; /* NULL: they are the caller's */
};

/*
 * `given` are those of the same profile and skip list, which must live as long, or NULL.
 * false: memory ran out; release in either case.
 */
bool linechoices_init(struct linechoices *c, const struct line_choice *given,
                      const struct profile *p, const struct skiplist *skip);
void linechoices_release(struct linechoices *c);

/*
 * Not 0 for each line whose function and file are let through, and for each
 * frame that is not in a skipped module nor memprof's own.  From malloc; NULL when
 * memory runs out.  `skip` may be NULL.
 */
uint8_t *lines_let_through(const struct profile *p, const struct skiplist *skip);
uint8_t *frames_let_through(const struct profile *p, const struct skiplist *skip);

#endif
