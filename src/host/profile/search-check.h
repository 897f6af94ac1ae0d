/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what a profile keeps of a search for leaks holds together, so that whoever
 * reads it, the graph of references too (heapimage.h), needs no checks of its own:
 * kinds that there are, blocks, pointers, exceptions and contents by address, rows
 * that refer to others that are there, and none at all where there was no search.
 */
#ifndef MEMPROF_HOST_SEARCH_CHECK_H
#define MEMPROF_HOST_SEARCH_CHECK_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

/*
 * Check the eight tables of `p`, whose rows may refer to `sites` sites and `strings`
 * strings.  0, or -1 with `e` set (ERROR_FORMAT).
 */
int search_check(const struct profile *p, uint32_t sites, uint32_t strings, struct error *e);

#endif
