// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaksearch-parts.h"

#include "src/host/growing.h"

/* ------------------------------------------------------------------- roots -- */

static string_id text(struct profile *p, const char *words)
{
    uint32_t id = words ? strings_add(&p->strings, words) : 0;

    return id == UINT32_MAX ? 0 : id;
}

static string_id thread_name(const struct profile *p, uint32_t tid)
{
    for (uint32_t i = p->thread_count; tid && i > 0; i--)
        if (p->threads[i - 1].tid == (int64_t)tid)
            return p->threads[i - 1].name;
    return 0;
}

uint32_t leaksearch_root(struct leaksearch *s, uint32_t tag)
{
    const struct leakroot *root = &s->roots.rows[tag];
    struct profile *p = s->part;

    if (s->root_rows[tag] != NO_ROW)
        return s->root_rows[tag];
    if (!growing_reserve(&p->roots, p->root_count, sizeof(*p->roots)))
        return NO_ROW;
    p->roots[p->root_count] = (struct profile_root){.start = root->start,
                                                    .size = root->size,
                                                    .kind = root->kind,
                                                    .tid = root->tid,
                                                    .name = text(p, root->name),
                                                    .thread = thread_name(p, root->tid)};
    s->root_rows[tag] = p->root_count;
    return p->root_count++;
}
