/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the program's own domains, and their numbers.
 */
#ifndef MEMPROF_PRELOAD_DOMAINS_H
#define MEMPROF_PRELOAD_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The number of the domain whose name is the `length` bytes (at most
 * TEXT_BYTES_MAX) at `name`, given out now if it is new; -1 when there are too
 * many.  Lock-free, async-signal-safe.
 */
int domain_number(const char *name, size_t length);

/* Whether the number was given out. */
bool domain_exists(int domain);

/* Whether the host was told the name; and note that it was. */
bool domain_told(int domain);
void domain_note_told(int domain);

#endif
