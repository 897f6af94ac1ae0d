/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaks for people, on a terminal.  Everything is appended to a string; names are escaped.
 */
#ifndef MEMPROF_HOST_REPORT_LEAK_TEXT_H
#define MEMPROF_HOST_REPORT_LEAK_TEXT_H

#include "src/host/leaks/leaks.h"
#include "src/host/report/report-text.h"

struct report_leak_options {
    struct report_text_options text;
    uint32_t kinds;   /* LEAK_KIND_BITs of the records that are shown */
    size_t limit;     /* of records; 0 all */
    bool new_only;    /* no records that a baseline knows */
    bool contents;    /* the first bytes of a block, where the profile has them */
    const char *file; /* the profile's, for the commands that show more; NULL: there is none */
};

/*
 * Indented lines for the summary of a run: one a kind that there is, or that there are no
 * leaks, and the command that shows where.
 */
void report_leak_summary(struct strbuf *out, const struct leaks *l, const struct profile *p,
                         const struct report_leak_options *options);

/* The first `count` notes of a report, an indented line each. */
void report_leak_notes(struct strbuf *out, const struct leaks *l, uint32_t count);

/*
 * The records, most bytes first: how much of what kind, what it goes by, the stack with the
 * line to look at marked, ages and sizes, and what to ask next.
 */
void report_leak_records(struct strbuf *out, const struct leaks *l, const struct profile *p,
                         const struct report_leak_options *options);

#endif
