/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The --report files of a run of several processes: one report each, of the leaks of all that
 * were searched.  The profiles are merged (merge.h), so that leaks of one stack in several
 * processes are one record, and what is of one process alone (references between blocks,
 * their contents) is left out.
 */
#ifndef MEMPROF_CLI_FAMILY_REPORTS_H
#define MEMPROF_CLI_FAMILY_REPORTS_H

#include "cli/leak-output.h"
#include "src/host/profile/merge.h"

struct family_reports {
    struct profile profile; /* of all so far; begun with the first */
    struct merge merge;
    uint32_t count;       /* profiles */
    struct error trouble; /* why one could not be added: the first */
    /*
     * Set by the caller: each process was held against the baseline by itself and none had a new
     * leak, so that none of the `fail_kinds` is new here, be there more records of a fingerprint
     * than any of them has.
     */
    bool all_known;
};

/* All zero is valid and empty. */
void family_reports_release(struct family_reports *f);

/* Take in a searched profile, which may be released then.  From one thread at a time. */
void family_reports_add(struct family_reports *f, const struct profile *p);

/*
 * Write every --report of `o`, of all profiles that were added.  To be called once.  0, or -1
 * with `e` set: nothing is written of some processes only.
 */
int family_reports_write(struct family_reports *f, struct leak_output *o,
                         const struct view_choice *view, uint32_t fail_kinds, struct error *e);

#endif
