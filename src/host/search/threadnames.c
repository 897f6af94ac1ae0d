// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/threadnames.h"

#include "src/host/process/procinfo.h"

#include <stdlib.h>

static int by_tid(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

/* The tids that have a name already, ascending; NULL: out of memory. */
static uint32_t *named_tids(const struct threads *known, uint32_t *count)
{
    uint32_t *tids = calloc((size_t)known->count + 1, sizeof *tids);

    *count = 0;
    for (uint32_t i = 0; tids && i < known->count; i++)
        if (known->rows[i].tid && known->rows[i].name[0])
            tids[(*count)++] = known->rows[i].tid;
    if (*count)
        qsort(tids, *count, sizeof *tids, by_tid);
    return tids;
}

void threadnames_take(struct threadnames *n, const struct stopped *stopped,
                      const struct threads *known)
{
    uint32_t named_count, *named = named_tids(known, &named_count);

    *n = (struct threadnames){.rows = calloc((size_t)stopped->count + 1, sizeof *n->rows)};
    for (uint32_t i = 0; named && n->rows && i < stopped->count; i++) {
        uint32_t tid = (uint32_t)stopped->threads[i].tid;
        struct threadname *row = &n->rows[n->count];

        if (bsearch(&tid, named, named_count, sizeof *named, by_tid))
            continue;
        row->tid = tid;
        procinfo_thread_name(stopped->pid, stopped->threads[i].tid, row->name, sizeof row->name);
        n->count++;
    }
    free(named);
    if (n->count)
        qsort(n->rows, n->count, sizeof *n->rows, by_tid); /* the tid comes first in a row */
}

void threadnames_release(struct threadnames *n)
{
    free(n->rows);
    *n = (struct threadnames){.count = 0};
}

const char *threadnames_find(const struct threadnames *n, uint32_t tid)
{
    const struct threadname *found =
        n->count ? bsearch(&tid, n->rows, n->count, sizeof *n->rows, by_tid) : NULL;

    return found ? found->name : "";
}
