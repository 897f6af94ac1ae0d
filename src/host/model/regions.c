// SPDX-License-Identifier: Apache-2.0
#include "src/host/model/regions.h"

#include "src/host/memory/growing.h"

#include <stdlib.h>
#include <string.h>

void regions_init(struct regions *r)
{
    memset(r, 0, sizeof(*r));
}

void regions_release(struct regions *r)
{
    free(r->rows);
    regions_init(r);
}

bool regions_add(struct regions *r, uint64_t start, uint64_t size, bool weak)
{
    if (r->count == REGIONS_MAX) {
        r->left_out++;
        return true;
    }
    if (!growing_reserve(&r->rows, r->count, sizeof(*r->rows)))
        return false;
    r->rows[r->count++] = (struct region){start, size, weak};
    return true;
}

void regions_remove(struct regions *r, uint64_t start, bool weak)
{
    uint32_t i = r->count;

    while (i > 0 && (r->rows[i - 1].start != start || r->rows[i - 1].weak != weak))
        i--;
    if (i == 0)
        return;
    memmove(&r->rows[i - 1], &r->rows[i], (r->count - i) * sizeof(*r->rows));
    r->count--;
}
