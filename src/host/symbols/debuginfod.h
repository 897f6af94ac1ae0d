/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug files from the servers that DEBUGINFOD_URLS names, through elfutils'
 * client library.  It is loaded when first needed, and only if the user asked
 * for it: it brings an HTTP client and its start-up with it.
 */
#ifndef MEMPROF_HOST_DEBUGINFOD_H
#define MEMPROF_HOST_DEBUGINFOD_H

#include "src/host/symbols/buildid.h"

#include <stdbool.h>

/*
 * An open descriptor of the debug file for a build ID, which may take as long
 * as the network does; -1: no library, no server, no such file.
 */
int debuginfod_fetch(const struct buildid *id);

/* Whether the library is installed. */
bool debuginfod_available(void);

#endif
