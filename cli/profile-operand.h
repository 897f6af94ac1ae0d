/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile that a command is about: its one operand, opened for the function that
 * shows it.
 */
#ifndef MEMPROF_CLI_PROFILE_OPERAND_H
#define MEMPROF_CLI_PROFILE_OPERAND_H

#include <stdbool.h>

#include "cli/options.h"
#include "src/host/error.h"
#include "src/host/profile/profile.h"

/* Whether there is one operand; that there is none, or more, is said with where help is. */
bool profile_operand_check(const struct options *options, int operands);

/* What a command does with its open profile: 0, or -1 with `e` set. */
typedef int profile_shower(const struct profile *p, const char *path, void *context,
                           struct error *e);

/* Have `show` called with the profile in the file `path`.  The exit status; errors are said. */
int profile_operand_show(const char *path, profile_shower *show, void *context);

#endif
