/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads Valgrind's suppressions ("Writing suppressions" in its manual).  Lines
 * that are empty or begin with `#` mean nothing outside braces and inside.
 */
#ifndef MEMPROF_HOST_SUPPRESS_VALGRIND_H
#define MEMPROF_HOST_SUPPRESS_VALGRIND_H

#include "src/host/suppress/suppress.h"

#define SUPPRESS_VALGRIND_LINES 24u /* Valgrind reads no more */

/* `text` is kept by the set, ends with a NUL and is changed.  0 or -1. */
int suppress_valgrind_read(struct suppressions *s, char *text, const char *source, struct error *e);

/* Whether a pattern can mean one of the functions that Valgrind puts in for the allocator's. */
bool suppress_means_allocator(const char *pattern);

#endif
