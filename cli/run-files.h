/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that `memprof run` writes: their names, whether they can be
 * written, and writing them.
 */
#ifndef MEMPROF_CLI_RUN_FILES_H
#define MEMPROF_CLI_RUN_FILES_H

#include "cli/run-options.h"
#include "src/host/run.h"

/* Before the program runs: 0, or -1 with `e` set when a result could not be written. */
int run_files_check(const struct run_choice *c, struct error *e);

/* Whether profiles are wanted at all; -o /dev/null says they are not. */
bool run_files_wanted(const struct run_choice *c);

/*
 * Write the profile of image `index`.  `path` receives the name and `size` the
 * bytes.  The last image gets the name asked for, or PROGRAM.PID.mprof; earlier
 * ones get their number, from 1, before the ".mprof".  0, or -1 with `e` set.
 */
int run_files_write(const struct run_choice *c, const struct run_result *r, uint32_t index,
                    struct strbuf *path, uint64_t *size, struct error *e);

#endif
