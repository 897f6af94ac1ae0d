/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a format makes of each line of the stacks of a report (leakreport.h), made once for
 * each line however many stacks have it.
 */
#ifndef MEMPROF_HOST_LINETEXTS_H
#define MEMPROF_HOST_LINETEXTS_H

#include "src/host/leaks/leakreport.h"
#include "src/host/text/strbuf.h"

/* Append what the format makes of a line. */
typedef void line_writer(struct strbuf *out, const struct leak_line *line, const void *context);

struct linetexts {
    const struct leak_report *report;
    line_writer *write;
    const void *context;
    struct linetext *known; /* by number of the line; NULL: nothing is kept */
    struct strbuf texts;
};

/* Report and context outlive it.  Without memory to keep texts in they are made each time. */
void linetexts_init(struct linetexts *t, const struct leak_report *r, line_writer *write,
                    const void *context);
void linetexts_release(struct linetexts *t);

/* Append the text of a line. */
void linetexts_add(struct linetexts *t, struct strbuf *out, const struct leak_line *line);

#endif
