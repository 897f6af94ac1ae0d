/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of source files as services that show them beside a repository want
 * them: relative to its top, with forward slashes.
 */
#ifndef MEMPROF_HOST_SOURCEROOT_H
#define MEMPROF_HOST_SOURCEROOT_H

#include "src/host/leaks/leakreport.h"
#include "src/host/text/strbuf.h"

#include <stdbool.h>

/*
 * Append `file` relative to the folder `root`; false, with nothing appended,
 * when it lies elsewhere.  A path that is relative already is below the root
 * unless `..` leads out.  "." and ".." and double slashes are resolved as text.
 */
bool sourceroot_relative(struct strbuf *out, const char *root, const char *file);

/* Append a path with all that may not stand in a URI's path as %XX (RFC 3986). */
void sourceroot_uri(struct strbuf *out, const char *path);

/* The innermost line of a stack whose source file is known and below the root; NULL. */
const struct leak_line *sourceroot_first(const char *root, const struct leak_record *record);

#endif
