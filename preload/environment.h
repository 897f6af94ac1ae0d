/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's environment as the kernel laid it out, read and mended without
 * libc, which may not be initialised yet.
 */
#ifndef MEMPROF_PRELOAD_ENVIRONMENT_H
#define MEMPROF_PRELOAD_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the main thread's stack begins (argc lies there). */
uint64_t environment_stack_end(void);

/* The value of `name` in the initial environment, or NULL. */
const char *environment_get(const char *name);

/*
 * Put aside what memprof added (our own library in LD_PRELOAD and
 * MEMPROF_SESSION) and take it out of the environment, in place, so that the
 * program and its children see what the user set.  Returns whether there was
 * anything of ours.
 */
bool environment_restore(void);

/*
 * What environment_restore put aside, for a program that this one executes:
 * the path of our library and of the session's socket, "" if nothing, and the image
 * that MEMPROF_SESSION says this one comes from.
 */
const char *environment_library(void);
const char *environment_session(void);
uint32_t environment_from(void);

#endif
