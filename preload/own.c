/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/own.h"

#include "preload/overhead.h"
#include "preload/session.h"
#include "src/shared/ownrange.h"
#include "src/shared/sysmem.h"

void *own_map(size_t bytes)
{
    void *memory = sysmem_map(bytes);

    if (memory && !own_range_add(&session.segment, memory, bytes)) {
        sysmem_unmap(memory, bytes);
        return NULL;
    }
    overhead_note();
    return memory;
}

void own_unmap(void *memory, size_t bytes)
{
    own_range_remove(&session.segment, memory);
    sysmem_unmap(memory, bytes);
    overhead_note();
}

bool own_enter(const struct bump *b)
{
    const struct bump_chunk *at = NULL;
    const void *start;
    size_t bytes;

    while (bump_next(b, &at, &start, &bytes))
        if (!own_range_add(&session.segment, start, bytes))
            return false;
    overhead_note();
    return true;
}
