/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the roots that hold a block tells a person most: of equally short chains of
 * references the one from the root that comes first is shown.
 */
#ifndef MEMPROF_HOST_ROOTRANK_H
#define MEMPROF_HOST_ROOTRANK_H

#include <stdint.h>

#define ROOT_RANKS 4u

/*
 * 0: the program's own variables, its libraries' and what it named; 1: stacks, TLS and keys;
 * 2: registers and memory that is no variable's; 3: what libc and the loader keep for
 * themselves.  `kind` is of enum leakgraph_root_kind, `name` the module's path where the kind
 * is ROOT_GLOBAL.
 */
uint32_t root_rank(uint32_t kind, const char *name);

#endif
