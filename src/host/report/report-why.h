/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What why.h and leakgraph.h answer about one block, for people and as JSON.  The keys are
 * described in memprof-json(5).
 */
#ifndef MEMPROF_HOST_REPORT_WHY_H
#define MEMPROF_HOST_REPORT_WHY_H

#include "src/host/leaks/why.h"
#include "src/host/report/heapwords.h"
#include "src/host/report/report-text.h"

#include <stdio.h>

/* What was asked for: an address, which lies in the block, or a leak by its id (else NULL). */
struct report_why_subject {
    uint64_t address;
    const char *id;
};

/* The block with its stack, how it is held, the chain with a step a line, and its cycle. */
void report_why_text(struct strbuf *out, const struct heapwords *words, const struct why *w,
                     const struct report_why_subject *subject,
                     const struct report_text_options *options);

/* The same as a document.  0, or -1 with `e` set. */
int report_why_json(FILE *out, const struct heapwords *words, const struct why *w,
                    const struct report_why_subject *subject, struct error *e);

/* The references to a block, or those in it. */
struct report_references {
    uint32_t block;  /* row in profile.blocks */
    bool from_block; /* its referents, not its referrers */
    size_t limit;    /* references shown; 0 all */
};

/* The block and a line for each reference, roots first, and how many were left out. */
void report_references_text(struct strbuf *out, const struct heapwords *words,
                            struct heapimage *image, const struct report_references *references,
                            const struct report_why_subject *subject);

int report_references_json(FILE *out, const struct heapwords *words, struct heapimage *image,
                           const struct report_references *references,
                           const struct report_why_subject *subject, struct error *e);

#endif
