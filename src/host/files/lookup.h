/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a program by the rules of execvp: a name with a slash is a path,
 * any other is looked for in PATH, where an empty part is the current folder.
 */
#ifndef MEMPROF_HOST_LOOKUP_H
#define MEMPROF_HOST_LOOKUP_H

#include "src/host/error.h"

/*
 * The path to execute, to be freed by the caller.  NULL with `e` set:
 * saved_errno is ENOENT when there is no such file, EACCES when there is one
 * that may not be executed.
 */
char *program_lookup(const char *name, struct error *e);

#endif
