/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a pattern for mangled C++ names to one for readable names.
 */
#ifndef MEMPROF_HOST_SUPPRESS_MANGLED_H
#define MEMPROF_HOST_SUPPRESS_MANGLED_H

#include "src/host/text/strbuf.h"

#include <stdbool.h>

/*
 * Append to `out` a pattern (suppress_glob) that the readable names match which
 * the mangled names that `pattern` matches stand for; false when there is none.
 * A whole mangled name becomes its readable form.  With wildcards only what
 * consists of plain names can be turned: _ZN3app4Pool3getE* into app::Pool::get*,
 * *4Pool* into *Pool*.
 */
bool suppress_readable(struct strbuf *out, const char *pattern);

#endif
