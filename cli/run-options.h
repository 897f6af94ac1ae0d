/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `memprof run`.
 */
#ifndef MEMPROF_CLI_RUN_OPTIONS_H
#define MEMPROF_CLI_RUN_OPTIONS_H

#include "cli/view-options.h"
#include "src/host/run.h"

struct run_choice {
    struct view_choice view;
    const char *output; /* -o; NULL: PROGRAM.PID.mprof here */
    bool quiet, allow_unprofiled, debuginfod;
    struct segment_settings settings;
    uint64_t snapshot_every_ns; /* --snapshot-every; 0: not */
    bool no_peak;               /* --no-snapshot-at-peak */
    char **program; /* the program and its arguments, in argv */
};

void run_choice_init(struct run_choice *c);
void run_choice_release(struct run_choice *c);

/*
 * Fill in `c` from the command line.  0, OPTIONS_DONE when --help or
 * --skip-list was all that was wanted, or OPTIONS_WRONG (said on stderr).
 */
int run_choice_parse(struct run_choice *c, int argc, char **argv);

#endif
