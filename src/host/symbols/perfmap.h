/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of code made at run time, from the file /tmp/perf-PID.map that JIT
 * compilers write: a line "START SIZE NAME" each, the numbers in hexadecimal
 * (linux/tools/perf/Documentation/jit-interface.txt).
 */
#ifndef MEMPROF_HOST_PERFMAP_H
#define MEMPROF_HOST_PERFMAP_H

#include "src/host/memory/rangemap.h"

struct perfmap {
    struct rangemap map; /* value: offset of the name in text */
    char *text;          /* owned: the file, lines cut into strings */
};

/*
 * Read the file.  /tmp is everybody's: only a regular file of this user or of
 * root is read, through no symbolic link.  Lines that make no sense are
 * skipped.  -1, and an empty map: no such file, not to be trusted, too large
 * or out of memory.
 */
int perfmap_read(struct perfmap *p, const char *path);
void perfmap_release(struct perfmap *p);

/*
 * The name of the code at an address, NULL if none is known; where code was
 * replaced, the entry written last.  `start` receives where the code begins.
 */
const char *perfmap_find(const struct perfmap *p, uint64_t address, uint64_t *start);

#endif
