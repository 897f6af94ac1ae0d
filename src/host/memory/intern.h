/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers for keys: the first key added is 0, the next new one 1, and so on.
 * Open addressing with linear probing, at most half full.
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_INTERN_H
#define MEMPROF_HOST_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intern_key {
    uint64_t a, b, c;
};

struct intern {
    struct intern_key *keys; /* by number */
    uint32_t count, room;
    uint32_t *slots; /* number + 1, 0 empty */
    size_t slot_count;
};

#define INTERN_NONE UINT32_MAX

void intern_init(struct intern *t);
void intern_release(struct intern *t);

/* The key's number; `*added` (may be NULL) tells whether it is new.  INTERN_NONE: out of memory. */
uint32_t intern_add(struct intern *t, struct intern_key key, bool *added);

/* The key's number, or INTERN_NONE. */
uint32_t intern_find(const struct intern *t, struct intern_key key);

#endif
