/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/objects.h"

#include <string.h>

struct object_link {
    struct object_link *next;
};

void objects_init(struct objects *o, size_t size, size_t alignment)
{
    if (alignment < sizeof(struct object_link))
        alignment = sizeof(struct object_link);
    if (size < sizeof(struct object_link))
        size = sizeof(struct object_link);
    *o =
        (struct objects){.size = (size + alignment - 1) & ~(alignment - 1), .alignment = alignment};
    bump_init(&o->memory);
}

void *objects_take(struct objects *o)
{
    struct object_link *object = o->free;

    if (object) {
        o->free = object->next;
        memset(object, 0, o->size);
    } else {
        object = bump_alloc(&o->memory, o->size, o->alignment);
        if (!object)
            return NULL;
    }
    if (++o->used > o->high_used)
        o->high_used = o->used;
    return object;
}

void objects_give(struct objects *o, void *object)
{
    struct object_link *link = object;

    link->next = o->free;
    o->free = link;
    o->used--;
}

void objects_release(struct objects *o)
{
    bump_release(&o->memory);
    o->free = NULL;
    o->used = 0;
}
