// SPDX-License-Identifier: Apache-2.0
#include "src/host/pointersort.h"

#include <stdlib.h>
#include <string.h>

static int by_address(const void *x, const void *y)
{
    const struct profile_pointer *a = x, *b = y;

    return a->address < b->address ? -1 : a->address > b->address;
}

/* Where the ascending run that begins at `at` ends. */
static uint32_t run_end(const struct profile_pointer *p, uint32_t at, uint32_t count)
{
    while (at + 1 < count && p[at].address <= p[at + 1].address)
        at++;
    return at < count ? at + 1 : count;
}

static void merge(const struct profile_pointer *a, uint32_t a_count,
                  const struct profile_pointer *b, uint32_t b_count, struct profile_pointer *to)
{
    while (a_count && b_count) {
        bool second = b->address < a->address;

        *to++ = second ? *b++ : *a++;
        b_count -= second;
        a_count -= !second;
    }
    if (a_count)
        memcpy(to, a, a_count * sizeof *to);
    if (b_count)
        memcpy(to, b, b_count * sizeof *to);
}

/* Merge runs two by two; whether one is left. */
static bool merge_runs(const struct profile_pointer *from, struct profile_pointer *to,
                       uint32_t count)
{
    uint32_t at = 0, merges = 0;

    while (at < count) {
        uint32_t middle = run_end(from, at, count), end = run_end(from, middle, count);

        merge(from + at, middle - at, from + middle, end - middle, to + at);
        at = end;
        merges++;
    }
    return merges <= 1;
}

void pointers_sort(struct profile_pointer *pointers, uint32_t count)
{
    struct profile_pointer *other, *from = pointers, *to;

    if (run_end(pointers, 0, count) == count)
        return;
    other = to = malloc(count * sizeof *other);
    if (!other) {
        qsort(pointers, count, sizeof *pointers, by_address);
        return;
    }
    for (bool sorted = false; !sorted;) {
        struct profile_pointer *written = to;

        sorted = merge_runs(from, to, count);
        to = from;
        from = written;
    }
    if (from != pointers)
        memcpy(pointers, from, count * sizeof *pointers);
    free(other);
}
