/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the files that `memprof run` is to write can be written.
 */
#ifndef MEMPROF_CLI_RUN_FILES_H
#define MEMPROF_CLI_RUN_FILES_H

#include "cli/run-options.h"
#include "src/host/error.h"

/* Before the program runs: 0, or -1 with `e` set when a result could not be written. */
int run_files_check(const struct run_choice *c, struct error *e);

#endif
