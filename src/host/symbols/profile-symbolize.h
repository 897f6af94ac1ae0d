/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for a profile that was read from a file: for one that has none yet
 * because it was never finished, or better ones, from debug files that have been
 * installed since.
 *
 * What the process had mapped is known by its build ID, and a file with another
 * one is not used.  A module without a build ID is looked up in its file only if
 * that has not changed since before the process started, on the host where it
 * ran.
 */
#ifndef MEMPROF_HOST_PROFILE_SYMBOLIZE_H
#define MEMPROF_HOST_PROFILE_SYMBOLIZE_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/symbols/symbolize.h"

enum module_names {
    MODULE_UNUSED = 0,     /* no frame lies in it */
    MODULE_FOUND,          /* its own file, or a debug file, was there */
    MODULE_NOT_FOUND,      /* there is no such file any more, nor a debug file of its build ID */
    MODULE_OTHER,          /* the file is of another build, and there is no debug file */
    MODULE_UNIDENTIFIABLE, /* it has no build ID and its file may be another by now */
};

struct symbolize_tally {
    uint32_t frames;
    uint32_t functions_before, functions_after; /* frames whose function is known */
    uint32_t lines_before, lines_after;         /* and those whose source line is */
    uint8_t *modules; /* enum module_names, one a module of the profile, from malloc */
};

/*
 * Look every frame up and keep what is better than what is there.  `tally` may
 * be NULL; its modules are the caller's to free.  0, or -1 with `e` set (out of
 * memory) and the profile as it was.
 */
int profile_symbolize(struct profile *p, const struct symbolizer_options *options,
                      struct symbolize_tally *tally, struct error *e);

#endif
