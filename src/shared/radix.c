/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/radix.h"

#include "src/shared/arena.h"
#include "src/shared/sysmem.h"

_Atomic(struct radix_leaf *) radix_root[RADIX_FAN];

static struct radix_leaf *leaf_at(_Atomic(struct radix_leaf *) *place)
{
    /* acquire: pairs with the exchange below; the leaf is zeroed */
    struct radix_leaf *leaf = atomic_load_explicit(place, memory_order_acquire), *fresh;

    if (leaf)
        return leaf;
    fresh = sysmem_map(sizeof(*fresh));
    if (!fresh)
        return NULL;
    /* acq_rel: pairs with every load of a leaf, and with another thread's exchange */
    if (!atomic_compare_exchange_strong_explicit(place, &leaf, fresh, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        sysmem_unmap(fresh, sizeof(*fresh));
        return leaf;
    }
    arena_note_kept(sizeof(*fresh));
    return fresh;
}

bool radix_set(const void *base, struct owner *owner)
{
    uintptr_t key = (uintptr_t)base >> ARENA_BITS;
    struct radix_leaf *leaf;

    if (key >> (2 * RADIX_BITS))
        return false;
    leaf = leaf_at(&radix_root[key >> RADIX_BITS]);
    if (!leaf)
        return false;
    /*
     * release: whoever finds the owner here sees it initialised.  acquire: an arena that another
     * thread had at this address was taken out before the kernel gave it to us
     */
    atomic_exchange_explicit(&leaf->owners[key & (RADIX_FAN - 1)], owner, memory_order_acq_rel);
    return true;
}
