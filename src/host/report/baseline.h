/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile from the JSON that memprof top --json wrote (report-json.h,
 * memprof-json(5)): kept in a repository, it is what later runs are held against.
 *
 * Each row becomes one stack with the row's numbers: the row's own place, and
 * the callers of the stack that stands for it.
 *
 * Modules have their build IDs, but no addresses: unnamed places are known by
 * their offset in the module.
 *
 * The file is not trusted: it may be at most BASELINE_BYTES_MAX long, and every
 * key that is used is checked.
 */
#ifndef MEMPROF_HOST_BASELINE_H
#define MEMPROF_HOST_BASELINE_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/view/view.h"

#define BASELINE_BYTES_MAX (256u << 20)

struct baseline {
    struct profile profile;
    enum view_group group; /* what a row of the file is */
    enum view_order order; /* what its rows were sorted by, and those with nothing left out */
    uint32_t domain;       /* as in struct view_options */
    char note[320];        /* what must be said of it; "" nothing */
    bool cut;              /* rows were left out of it */
};

void baseline_init(struct baseline *b);
void baseline_release(struct baseline *b);

/* 0, or -1 with `e` set (ERROR_FORMAT where it is not such a file) and `b` empty. */
int baseline_read(struct baseline *b, const char *path, struct error *e);

/*
 * Whether the baseline's rows can be seen as the options want them.  0, or -1
 * with `e` (ERROR_INPUT) saying how to make one with which they can.
 */
int baseline_check(const struct baseline *b, const struct view_options *options, struct error *e);

#endif
