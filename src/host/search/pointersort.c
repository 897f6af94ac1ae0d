// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/pointersort.h"

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

/* What is copied is the smaller run: most pointers stay where they are. */
struct merging {
    struct profile_pointer *copy;
    uint32_t room;
};

static bool reserve(struct merging *m, uint32_t count)
{
    struct profile_pointer *larger;

    if (count <= m->room)
        return true;
    larger = reallocarray(m->copy, count, sizeof *larger);
    if (!larger)
        return false;
    m->copy = larger;
    m->room = count;
    return true;
}

/* The run in front is in the copy: fill up from the front. */
static void merge_forward(struct profile_pointer *p, const struct profile_pointer *a,
                          uint32_t a_count, uint32_t count)
{
    uint32_t b = a_count, to = 0;

    for (uint32_t i = 0; i < a_count;)
        p[to++] = b < count && p[b].address < a[i].address ? p[b++] : a[i++];
}

/* The run behind is in the copy: fill up from the end. */
static void merge_backward(struct profile_pointer *p, uint32_t a_count,
                           const struct profile_pointer *b, uint32_t b_count)
{
    uint32_t a = a_count, to = a_count + b_count;

    while (b_count)
        p[--to] = a && p[a - 1].address > b[b_count - 1].address ? p[--a] : b[--b_count];
}

static bool merge(struct merging *m, struct profile_pointer *p, uint32_t a_count, uint32_t count)
{
    uint32_t b_count = count - a_count;
    bool front = a_count <= b_count;

    if (b_count == 0)
        return true;
    if (!reserve(m, front ? a_count : b_count))
        return false;
    memcpy(m->copy, front ? p : p + a_count, (front ? a_count : b_count) * sizeof *p);
    if (front)
        merge_forward(p, m->copy, a_count, count);
    else
        merge_backward(p, a_count, m->copy, b_count);
    return true;
}

/* Merge runs two by two; how many are left, or 0: out of memory. */
static uint32_t merge_runs(struct merging *m, struct profile_pointer *p, uint32_t count)
{
    uint32_t left = 0;

    for (uint32_t at = 0; at < count; left++) {
        uint32_t middle = run_end(p, at, count), end = run_end(p, middle, count);

        if (!merge(m, p + at, middle - at, end - at))
            return 0;
        at = end;
    }
    return left;
}

void pointers_sort(struct profile_pointer *pointers, uint32_t count)
{
    struct merging m = {0};
    uint32_t runs = 2;

    while (runs > 1 && count)
        runs = merge_runs(&m, pointers, count);
    if (count && runs == 0)
        qsort(pointers, count, sizeof *pointers, by_address);
    free(m.copy);
}
