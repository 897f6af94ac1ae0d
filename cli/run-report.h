/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `memprof run` says and writes when the recording has ended, for commands that record in
 * another way.
 */
#ifndef MEMPROF_CLI_RUN_REPORT_H
#define MEMPROF_CLI_RUN_REPORT_H

#include "cli/launch.h"

/* A launch_reporter; its context is the choice once more, which is settled further by it. */
int run_report(const struct run_choice *c, struct run_result *r, bool recorded, void *choice);

#endif
