// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/profile.h"

#include <stdlib.h>
#include <string.h>

void profile_init(struct profile *p)
{
    memset(p, 0, sizeof *p);
    strings_init(&p->strings);
}

/* Free an array and leave an empty one. */
#define EMPTY(rows, count)                                                                         \
    do {                                                                                           \
        free(rows);                                                                                \
        (rows) = NULL;                                                                             \
        (count) = 0;                                                                               \
    } while (0)

void profile_forget_search(struct profile *p)
{
    EMPTY(p->leaks, p->leak_count);
    EMPTY(p->blocks, p->block_count);
    EMPTY(p->pointers, p->pointer_count);
    EMPTY(p->roots, p->root_count);
    EMPTY(p->exceptions, p->exception_count);
    EMPTY(p->contents, p->content_count);
    EMPTY(p->duplicates, p->duplicate_count);
    memset(&p->search, 0, sizeof p->search);
}

void profile_release(struct profile *p)
{
    if (!p)
        return;
    strings_release(&p->strings);
    free(p->modules);
    free(p->frames);
    free(p->lines);
    free(p->nodes);
    free(p->sites);
    free(p->threads);
    free(p->samples);
    free(p->moments);
    for (uint32_t i = 0; p->changes && i < p->moment_count; i++)
        free(p->changes[i].bytes);
    free(p->changes);
    free(p->marks);
    free(p->faults);
    free(p->domains);
    free(p->sizes);
    free(p->classes);
    free(p->pools);
    free(p->pins);
    free(p->snapshot_pools);
    profile_forget_search(p);
    profile_init(p);
}

const char *profile_text(const struct profile *p, string_id id)
{
    return strings_get(&p->strings, id);
}
