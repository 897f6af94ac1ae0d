/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suppressions that memprof brings along: what libc, the dynamic loader and
 * well-known libraries keep until the process ends, on purpose.  None of them
 * covers a definite leak, except where the library itself says that it keeps
 * the memory where no pointer is found.
 */
#ifndef MEMPROF_HOST_SUPPRESS_BUILTIN_H
#define MEMPROF_HOST_SUPPRESS_BUILTIN_H

#include "src/host/suppress/suppress.h"
#include "src/host/text/strbuf.h"

/* Add them to a set, their source being "".  0 or -1 (out of memory). */
int suppress_builtin_add(struct suppressions *s, struct error *e);

/* Append them as a file of Valgrind's syntax, with a comment that says why for each. */
void suppress_builtin_show(struct strbuf *out);

#endif
