/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a result could be written, asked before the program runs: to find
 * out after an hour would be too late.
 */
#ifndef MEMPROF_HOST_WRITABLE_H
#define MEMPROF_HOST_WRITABLE_H

#include "src/host/error.h"

/*
 * 0 when a regular file could be made or replaced at `path`, or when the device
 * or pipe there may be written; else -1 with `e` set.  Nothing is left behind:
 * the folder is tried with a file without a name or, where the file system has
 * no such files, with one that is removed at once.
 */
int writable_check(const char *path, struct error *e);

#endif
