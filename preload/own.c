/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/own.h"

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
    return memory;
}

void own_unmap(void *memory, size_t bytes)
{
    own_range_remove(&session.segment, memory);
    sysmem_unmap(memory, bytes);
}
