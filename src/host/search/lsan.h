/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suppressions that a program written for LeakSanitizer brings along: the text that its
 * function __lsan_default_suppressions returns (record.h has how it comes to be called).
 */
#ifndef MEMPROF_HOST_LSAN_H
#define MEMPROF_HOST_LSAN_H

#include "src/host/symbols/modmap.h"

/* Where the executable has that function in the process; 0: it has none, or no symbols. */
uint64_t lsan_suppressions_function(const struct modmap *map);

/* The text at an address of the process; NULL: it cannot be read, or is longer than 1 MiB.  From
 * malloc. */
char *lsan_suppressions_read(pid_t pid, uint64_t address);

#endif
