/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads LeakSanitizer's suppressions: a line is `TYPE:PATTERN`, empty, or a
 * comment behind `#`; spaces around it mean nothing.  Only the type `leak` is
 * taken; those of the other sanitizers, which may share the file, are counted
 * as skipped, and any other is an error.
 */
#ifndef MEMPROF_HOST_SUPPRESS_LSAN_H
#define MEMPROF_HOST_SUPPRESS_LSAN_H

#include "src/host/suppress/suppress.h"

/* `text` is kept by the set, ends with a NUL and is changed.  0 or -1. */
int suppress_lsan_read(struct suppressions *s, char *text, const char *source, struct error *e);

#endif
