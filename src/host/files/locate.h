/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding memprof's own library from where the running memprof lies, whatever
 * the environment says:
 *   the build tree   DIR/preload/.libs or DIR/.libs beside the binary
 *   installed        where it lay from the binary at installation, so that a
 *                    moved prefix works; then the configured folder itself
 */
#ifndef MEMPROF_HOST_LOCATE_H
#define MEMPROF_HOST_LOCATE_H

#include "src/host/error.h"

/*
 * The absolute path of the library, to be freed by the caller; NULL with `e`
 * set when it is nowhere, or where LD_PRELOAD cannot name it (its list is
 * separated by spaces and colons).
 */
char *preload_locate(struct error *e);

/* The same for a binary at `directory`, with the folders as configured. */
char *preload_locate_from(const char *directory, const char *bindir, const char *pkglibdir,
                          struct error *e);

#endif
