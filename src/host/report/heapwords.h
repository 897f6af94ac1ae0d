/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a heap that a profile keeps, named in a line of text or as JSON: roots,
 * blocks, and what a pointer is.  Names are escaped in text.
 */
#ifndef MEMPROF_HOST_HEAPWORDS_H
#define MEMPROF_HOST_HEAPWORDS_H

#include "src/host/leaks/heapimage.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/text/strbuf.h"
#include "src/host/view/linechoice.h"
#include "src/host/view/stacklines.h"

/* What naming takes; all of it stays the caller's. */
struct heapwords {
    const struct heapimage *image;
    const struct line_choice *lines; /* line_choices of the profile */
    size_t columns;                  /* to fit lines into; 0 any */
    bool exact;                      /* all digits of numbers of bytes */
};

/*
 * The root that a reference comes from, with the place in it:
 *   main's stack at 0x7ffc1a40
 *   global 'cache' in libfoo.so + 0x18
 *   register rbx of thread 'io' (4243)
 */
void heapwords_root(struct strbuf *out, const struct heapwords *w,
                    const struct leakgraph_reference *r);

/* "0x55d0c2a0  4.0 KiB  table.c:44 in table_new (server)" of a row in profile.blocks. */
void heapwords_block(struct strbuf *out, const struct heapwords *w, uint32_t row, size_t taken);

/* "" for a pointer to the start, else what else it is: "its inside, + 0x10". */
void heapwords_pointer(struct strbuf *out, const struct leakgraph_reference *r);

/* "start", "tagged", "heuristic", "interior" */
const char *heapwords_pointer_name(uint32_t pointer);

/* kind, name, thread, address and offset of the root that a reference comes from. */
json_t *heapwords_root_json(const struct heapwords *w, const struct leakgraph_reference *r);

/* address, size, kind, retained size (where the search or the image has it), ages, domain, thread
 * and stack of a block. */
json_t *heapwords_block_json(const struct heapwords *w, uint32_t row,
                             const struct stack_choice *stack);

#endif
