/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a program and recording it, for the commands that do: finding it, seeing that it
 * can be recorded, and the exit statuses of what goes wrong before it begins.
 */
#ifndef MEMPROF_CLI_LAUNCH_H
#define MEMPROF_CLI_LAUNCH_H

#include "cli/run-options.h"
#include "src/host/recording/run.h"

/*
 * Called when the program has ended; returns the exit status.  `recorded` is false when it
 * ran unprofiled because --allow-unprofiled was given.
 */
typedef int launch_reporter(const struct run_choice *c, struct run_result *r, bool recorded,
                            void *context);

/*
 * What is done for the processes beside the launched one, and while its profile is written; any
 * may be NULL.  As in struct run_options, with the context of launch().
 */
struct launch_family {
    void (*each)(void *context, const struct run_image *image, struct tree_row *row);
    void (*waiting)(void *context, const struct tree *tree);
    void (*meanwhile)(void *context, const struct run_result *result);
};

/* Run the program that was chosen.  The exit status: the reporter's, or of what went wrong. */
int launch(const struct run_choice *c, launch_reporter *report, const struct launch_family *family,
           void *context);

/* The program's own exit status, as a shell has it: 128 + n for signal n. */
int launch_status(const struct run_result *r);

/* Say what went wrong, and return the status. */
int launch_fail(const struct error *e, int status);

/* Why nothing was recorded, or NULL when something was. */
const char *launch_silence(const struct run_result *r);

#endif
