/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of addresses, for telling blocks of ours from others without reading them.
 * Any thread may add, remove, ask and walk at any time; there is no lock.  It lies in
 * one sparse mapping and does not grow: an address has a window of places by its
 * hash, and is refused when they are all taken.
 */
#ifndef MEMPROF_SHARED_ADDRESSSET_H
#define MEMPROF_SHARED_ADDRESSSET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_set {
    _Atomic(void *) *places;
    size_t count;             /* of places, a power of two */
    _Atomic uint64_t refused; /* addresses that were not taken up, so far */
};

/* false: no memory. */
bool address_set_init(struct address_set *s, size_t count);

/* Not NULL, and not in it yet.  false: refused. */
bool address_set_add(struct address_set *s, void *address);

/* Whether it was there. */
bool address_set_remove(struct address_set *s, void *address);
bool address_set_has(const struct address_set *s, const void *address);

/* The next address from place `*at` on, which starts as 0; NULL ends. */
void *address_set_walk(const struct address_set *s, size_t *at);

#endif
