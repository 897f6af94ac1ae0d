/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/block.h"

void *block_alloc_slowly(size_t size)
{
    struct owner *o = owner_mine;

    if (size > BLOCK_LARGEST)
        return NULL;
    if (!o)
        o = owner_take();
    return o ? pool_alloc_slowly(o, geometry_class(size ? size : 1)) : NULL;
}

void block_trim(void)
{
    struct owner *o = owner_mine;

    if (!o)
        return;
    owner_collect(o);
    while (owner_inherit(o))
        ;
    pool_release_spares(o);
    arena_trim(o, 0);
}
