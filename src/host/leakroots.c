// SPDX-License-Identifier: Apache-2.0
#include "src/host/leakroots.h"

#include "src/host/growing.h"

#include <stdlib.h>
#include <string.h>

#define RED_ZONE 128u

static int add(struct leakroots *r, struct leakroot root, struct error *e)
{
    if (!growing_reserve(&r->rows, r->count, sizeof(*r->rows)))
        return error_set(e, ERROR_MEMORY, "out of memory for the roots of a search for leaks");
    r->rows[r->count++] = root;
    r->bytes += root.size;
    return 0;
}

static int add_thread(struct leakroots *r, const struct leakroots_source *source,
                      const struct stopped_thread *t, struct error *e)
{
    const struct heap_mapping *stack = heapcopy_mapping(source->copy, t->stack_pointer);
    const struct heap_mapping *tls = heapcopy_mapping(source->copy, t->thread_pointer);
    uint32_t tid = (uint32_t)t->tid;

    for (uint32_t i = 0; i < t->register_count; i++)
        if (add(r, (struct leakroot){t->registers[i], 0, ROOT_REGISTER, tid, t->names[i]}, e) != 0)
            return -1;
    for (uint32_t i = 0; i < t->extended_count; i++)
        if (t->extended[i] &&
            add(r, (struct leakroot){t->extended[i], 0, ROOT_REGISTER, tid, "vector"}, e) != 0)
            return -1;
    if (stack) {
        uint64_t from = t->stack_pointer - RED_ZONE;

        if (add(r, (struct leakroot){from, stack->end - from, ROOT_STACK, tid, ""}, e) != 0)
            return -1;
    }
    if (tls && tls != stack)
        return add(r, (struct leakroot){tls->start, tls->end - tls->start, ROOT_TLS, tid, ""}, e);
    return 0;
}

/* A module's data, and its bss right behind. */
static int add_mapping(struct leakroots *r, const struct heapcopy *c, uint32_t i, struct error *e)
{
    const struct heap_mapping *m = &c->mappings[i], *before = i ? m - 1 : NULL;
    bool data = m->kind == HEAP_MAPPING_FILE && !m->shared;
    bool bss = m->kind == HEAP_MAPPING_ANONYMOUS && before && before->kind == HEAP_MAPPING_FILE &&
               before->end == m->start;
    const char *path = bss ? before->path : m->path;

    if ((!data && !bss) || strstr(path, "libmemprof-preload"))
        return 0;
    return add(r, (struct leakroot){m->start, m->end - m->start, ROOT_GLOBAL, 0, path}, e);
}

int leakroots_find(struct leakroots *r, const struct leakroots_source *source, struct error *e)
{
    int result = 0;

    memset(r, 0, sizeof(*r));
    for (uint32_t i = 0; i < source->stopped->count && result == 0; i++)
        if (!source->stopped->threads[i].missed)
            result = add_thread(r, source, &source->stopped->threads[i], e);
    for (uint32_t i = 0; i < source->copy->mapping_count && result == 0; i++)
        result = add_mapping(r, source->copy, i, e);
    if (result != 0)
        leakroots_release(r);
    return result;
}

void leakroots_release(struct leakroots *r)
{
    free(r->rows);
    for (uint32_t i = 0; i < r->text_count; i++)
        free(r->texts[i]);
    free(r->texts);
    memset(r, 0, sizeof(*r));
}
