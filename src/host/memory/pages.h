/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large zeroed arrays straight from the kernel: memory that is not touched is
 * not used, growing moves page tables instead of bytes, and large arrays are
 * advised to lie in huge pages, which is most of what random access to hundreds
 * of megabytes costs.  Smaller ones are not: what virtual machines give back to
 * their host is whole huge pages, and clearing one that has to be fetched again
 * takes 5 ms (7 times as long as 512 small pages that were freed a moment ago).
 * Sizes in bytes, rounded up to pages by the kernel.
 */
#ifndef MEMPROF_HOST_PAGES_H
#define MEMPROF_HOST_PAGES_H

#include <stddef.h>

#define PAGES_HUGE ((size_t)2 << 20)
#define PAGES_HUGE_FROM ((size_t)32 << 20) /* arrays that get them */

/* Zeroed memory, or NULL. */
void *pages_map(size_t bytes);

/* The same for one of many arrays that are used as one: in huge pages as soon as it fills some. */
void *pages_map_part(size_t bytes);

/* The same for an array of which little will be used: a page of the usual size at a time. */
void *pages_map_sparse(size_t bytes);

/*
 * `memory` (old_bytes, or NULL with 0) made larger; what is new is zeroed.  It
 * may move.  NULL when it cannot grow: the old memory is then as it was.
 */
void *pages_grow(void *memory, size_t old_bytes, size_t bytes);

/* All of it will be written soon: take the pages in one call instead of a fault for each. */
void pages_touch(void *memory, size_t bytes);

/* NULL-safe. */
void pages_unmap(void *memory, size_t bytes);

#endif
