/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of profiles are called.
 */
#ifndef MEMPROF_HOST_PROFILENAME_H
#define MEMPROF_HOST_PROFILENAME_H

#include "src/host/text/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROFILE_NAME_SUFFIX ".mprof"
#define PROFILE_NAME_PROGRAM 160u /* bytes of a program's name at most; what is longer is cut */

/* Whether a file is wanted at all: `output` is not "/dev/null".  NULL leaves the name to us. */
bool profile_name_wanted(const char *output);

/*
 * Append the name: `output`, or PROGRAM.PID.mprof in the current folder where it
 * is NULL.  `earlier` not 0: that of an image that was replaced by exec, the
 * earlier'th, with the number before the ".mprof".
 */
void profile_name_add(struct strbuf *path, const char *output, const char *program, pid_t pid,
                      uint32_t earlier);

#endif
