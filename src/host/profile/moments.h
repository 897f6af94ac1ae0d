/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which moment of a run is looked at, and what every site held then.
 */
#ifndef MEMPROF_HOST_MOMENTS_H
#define MEMPROF_HOST_MOMENTS_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/text/strbuf.h"

enum moment_place {
    MOMENT_AT_EXIT = 0, /* or wherever the profile ends */
    MOMENT_AT_PEAK,
    MOMENT_LISTED, /* profile.moments[index] */
};

struct moment {
    enum moment_place place;
    uint32_t index;
};

/*
 * The moment that `text` names: "exit", "peak", a snapshot's number, "last" (the
 * last snapshot), or a label; of several snapshots with one label, the last.
 * NULL and "" are the exit.  0, or -1 with `e` set (ERROR_INPUT), which says
 * what there is.
 */
int moment_find(const struct profile *p, const char *text, struct moment *moment, struct error *e);

/* Whether the profile says what every site held at the peak: not with --no-snapshot-at-peak. */
bool moment_peak_kept(const struct profile *p);

/*
 * The stats of every site at the moment, p->site_count of them, in memory from
 * malloc.  At the exit they are the sites' own.  At the peak the live numbers
 * are those of each domain's peak and only those are set (with smallest and
 * largest over the whole run).  0, or -1 with `e` set.
 */
int moment_stats(const struct profile *p, struct moment moment, struct profile_stats **stats,
                 struct error *e);

/* The seconds at which it was; of the heap's peak, and of the end. */
double moment_seconds(const struct profile *p, struct moment moment);

/* "exit", "the peak", "snapshot 3 (loaded)": to stand behind a preposition.  Not escaped. */
void moment_name(struct strbuf *out, const struct profile *p, struct moment moment);

#endif
