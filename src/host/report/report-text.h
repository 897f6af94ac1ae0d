/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile for people: what ran, its totals, and the rows of a view (what was lost:
 * lossnotes.h).  Everything is appended to a string; names in it are escaped.
 */
#ifndef MEMPROF_HOST_REPORT_TEXT_H
#define MEMPROF_HOST_REPORT_TEXT_H

#include "src/host/profile/profile.h"
#include "src/host/text/sourceline.h"
#include "src/host/text/strbuf.h"
#include "src/host/view/stacklines.h"
#include "src/host/view/view.h"

struct report_text_options {
    size_t columns;              /* width to fit rows into; 0 any */
    bool colour;                 /* ANSI colours */
    bool exact;                  /* all digits of byte numbers */
    struct sourcelines *sources; /* NULL: no source lines */
    struct stack_choice stack;   /* what is shown of each stack */
};

/* "sqlite3 (pid 4242) ran 0.43 s, exit 0", without a newline. */
void report_text_process(struct strbuf *out, const struct profile *p);

/* Two indented lines: live at exit, peak, allocated, mappings. */
void report_text_totals(struct strbuf *out, const struct profile *p,
                        const struct report_text_options *options);

/*
 * The title, the rows with their source lines or stacks, what the rest sums up
 * to, and what the filters left out.
 */
void report_text_view(struct strbuf *out, const struct profile *p, const struct view *v,
                      const struct report_text_options *options);

#endif
