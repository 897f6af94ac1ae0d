/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of live blocks that a leak search tells apart.  The terms and their
 * meaning are those of Valgrind's Memcheck; "weak" is memprof's own.
 */
#ifndef MEMPROF_HOST_LEAKKIND_H
#define MEMPROF_HOST_LEAKKIND_H

#include "src/host/error.h"

#include <stdint.h>

/* From the strongest hold to none. */
enum leak_kind {
    LEAK_REACHABLE = 0, /* a chain of pointers to starts of blocks leads here from a root */
    LEAK_POSSIBLE,      /* every chain has a pointer into the middle of a block */
    LEAK_WEAK,          /* held by a weak region only */
    LEAK_DEFINITE,      /* lost, and no lost block outside its own cycle points to it */
    LEAK_INDIRECT,      /* lost, but some other lost block points to it */
    LEAK_KINDS
};

/* "reachable", "possible", "weak", "definite", "indirect"; "" when out of range. */
const char *leak_kind_name(enum leak_kind kind);

#define LEAK_KIND_BIT(kind) (1u << (kind))
#define LEAK_KIND_ALL ((1u << LEAK_KINDS) - 1u)

/*
 * Read a list such as "definite,possible", "all" or "none" into a set of
 * LEAK_KIND_BITs.  0; or -1 with ERROR_INPUT, naming the word that is no kind.
 */
int leak_kinds_parse(const char *text, uint32_t *set, struct error *e);

#endif
