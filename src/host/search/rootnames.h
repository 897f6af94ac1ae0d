/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the words of global variables in the graph that a profile keeps
 * (profile_pointer.symbol), from the symbol tables of the modules.
 */
#ifndef MEMPROF_HOST_ROOTNAMES_H
#define MEMPROF_HOST_ROOTNAMES_H

#include "src/host/profile/profile.h"
#include "src/host/symbols/modmap.h"

/*
 * For a profile whose process has just ended, and whose modules are those of the map.
 * 0, or -1 with `e` set (out of memory); what has no name stays without.
 */
int root_names(struct profile *p, const struct modmap *map, struct error *e);

#endif
