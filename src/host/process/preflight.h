/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the way of recording a program, told from its file before it
 * is run.  A script is followed to its interpreter, `env NAME` to NAME.
 *
 * This is advice: a file may change before it is executed, and what cannot be
 * told from it (an allocator of its own that exports nothing) shows at run time
 * as a library that never spoke or saw nothing.
 */
#ifndef MEMPROF_HOST_PREFLIGHT_H
#define MEMPROF_HOST_PREFLIGHT_H

#include "src/host/error.h"

enum preflight_verdict {
    PREFLIGHT_OK = 0, /* nothing known against it */

    /* It cannot be executed: `why` has saved_errno ENOENT, EACCES or ENOEXEC. */
    PREFLIGHT_NOT_FOUND,
    PREFLIGHT_NOT_EXECUTABLE,

    /* It can be run, but not recorded: the preload library will not be loaded. */
    PREFLIGHT_STATIC,
    PREFLIGHT_PRIVILEGED, /* setuid, setgid or file capabilities that take effect */
    PREFLIGHT_OTHER_MACHINE,
    PREFLIGHT_OTHER_LIBC, /* its loader is not glibc's */

    /* The library is loaded but the program does not start with it, or goes around it. */
    PREFLIGHT_SANITIZED,
    PREFLIGHT_OWN_ALLOCATOR, /* runs and may be partly recorded: a warning */
};

/*
 * Look at `path`, which was found by program_lookup.  For anything but
 * PREFLIGHT_OK, `why` (may be NULL) gets one line that names the file concerned
 * (kind ERROR_SYSTEM for the two that cannot be executed, else ERROR_REFUSED).
 */
enum preflight_verdict preflight_check(const char *path, struct error *why);

#endif
