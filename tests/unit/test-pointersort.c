// SPDX-License-Identifier: Apache-2.0
/* Pointers in runs, in order and out of order, against the C library's sorting. */
#include "src/host/search/pointersort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 300u

static int by_address_and_place(const void *x, const void *y)
{
    const struct profile_pointer *a = x, *b = y;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

/* The value is the place before, so that equal addresses show whether they kept their order. */
static void fill(struct profile_pointer *p, uint32_t count, unsigned run, unsigned *seed)
{
    uint64_t address = 0;

    for (uint32_t i = 0; i < count; i++) {
        if ((unsigned)rand_r(seed) % run == 0)
            address = (uint64_t)rand_r(seed) % 1000;
        address += (uint64_t)rand_r(seed) % 3;
        p[i] = (struct profile_pointer){.address = address, .value = i};
    }
}

static void sorts_like_qsort(void **state)
{
    struct profile_pointer ours[MOST], theirs[MOST];
    unsigned seed = 1;

    (void)state;
    for (uint32_t count = 0; count < MOST; count++)
        for (unsigned run = 1; run < 1000; run *= 4) {
            fill(ours, count, run, &seed);
            memcpy(theirs, ours, sizeof ours);
            pointers_sort(ours, count);
            qsort(theirs, count, sizeof *theirs, by_address_and_place);
            assert_memory_equal(ours, theirs, count * sizeof *ours);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sorts_like_qsort)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
