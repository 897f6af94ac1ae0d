/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of one size, taken and given back one by one: a pool of its own for a kind
 * of row or node, with an exact account of what it costs.  Objects do not move.  One user
 * at a time; may be used in the target.
 */
#ifndef MEMPROF_SHARED_OBJECTS_H
#define MEMPROF_SHARED_OBJECTS_H

#include "src/shared/bump.h"

struct object_link;

struct objects {
    struct bump memory;
    struct object_link *free;
    size_t size;        /* of an object, rounded up to its alignment */
    size_t alignment;   /* a power of two */
    uint64_t used;      /* objects in use */
    uint64_t high_used; /* the most that ever were at a time */
};

/* Objects of `size` bytes at multiples of `alignment`, a power of two up to a page. */
void objects_init(struct objects *o, size_t size, size_t alignment);

/* A zeroed object.  NULL: no memory. */
void *objects_take(struct objects *o);

/* An object of this pool that is in use. */
void objects_give(struct objects *o, void *object);

/* Give back everything, in use or not. */
void objects_release(struct objects *o);

/* Bytes held from the operating system, and of these in objects that are in use. */
static inline uint64_t objects_mapped_bytes(const struct objects *o)
{
    return o->memory.mapped_bytes;
}
static inline uint64_t objects_used_bytes(const struct objects *o)
{
    return o->used * o->size;
}

#endif
