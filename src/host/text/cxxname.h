/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a demangled name.  Demanglers print
 *     void app::Pool<int>::grow<long>(unsigned long) const [clone .cold]
 * of which a reader, or a pattern, means app::Pool<int>::grow<long>.
 * Names of C and Rust have no parameters and come through whole.
 */
#ifndef MEMPROF_HOST_CXXNAME_H
#define MEMPROF_HOST_CXXNAME_H

#include <stddef.h>

struct cxxname {
    size_t start; /* of the qualified name: behind the return type */
    size_t end;   /* its end: the parameters, a clone's suffix or the text's end */
};

/* Total: any text gives start <= end <= strlen(name). */
struct cxxname cxxname_parse(const char *name);

#endif
