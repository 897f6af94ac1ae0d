/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's memory over time as a plot of characters: the live bytes as an
 * area under axes with their labels, the resident set as a line of its own below
 * where it is known, and the peak, snapshots and marks below that.
 */
#ifndef MEMPROF_HOST_PLOT_H
#define MEMPROF_HOST_PLOT_H

#include "src/host/profile/profile.h"
#include "src/host/text/strbuf.h"

struct plot_options {
    size_t columns; /* to fit into; 0: a good width */
    bool ascii;     /* no characters beyond ASCII */
    bool exact;     /* all digits of byte numbers */
};

/*
 * Append the plot, several lines.  Samples, moments, marks and the peak say how
 * much was live when; a column shows the most of its part of the time, and what
 * was said last where nothing was.  Nothing is appended when the profile has no
 * timeline.
 */
void plot_timeline(struct strbuf *out, const struct profile *p, const struct plot_options *options);

#endif
