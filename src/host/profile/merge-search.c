// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/merge-search.h"

#include "src/host/graph/leakgraph.h"

#include <stdlib.h>
#include <string.h>

static string_id copy_text(struct merge *m, const struct profile *from, string_id id)
{
    return id ? assembly_text(&m->assembly, profile_text(from, id)) : 0;
}

/* What several programs wrote into their own suppressions, each text once. */
static string_id join_suppressions(struct merge *m, const struct profile *from)
{
    const char *had = profile_text(m->profile, m->profile->search.suppressions);
    const char *more = profile_text(from, from->search.suppressions);
    struct strbuf both;
    string_id id;

    if (strstr(had, more))
        return m->profile->search.suppressions;
    strbuf_init(&both);
    strbuf_addf(&both, "%s%s%s", had, *had ? "\n" : "", more);
    m->assembly.failed |= both.failed;
    id = assembly_text(&m->assembly, strbuf_text(&both));
    strbuf_release(&both);
    return id;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void add_row(struct merge *m, const struct profile *from)
{
    struct profile_search *to = &m->profile->search;
    const struct profile_search *s = &from->search;

    if (to->number == 0)
        to->cause = s->cause;
    else if (to->cause != s->cause)
        to->cause = SEARCH_NONE;
    if (to->signal == 0)
        to->signal = s->signal;
    to->number += s->number;
    if (s->seconds > to->seconds)
        to->seconds = s->seconds;
    to->held_seconds += s->held_seconds;
    to->method = larger(to->method, s->method);
    to->notes |= s->notes;
    to->moments = larger(to->moments, s->moments);
    to->snapshots = larger(to->snapshots, s->snapshots);
    to->threads += s->threads;
    to->threads_missed += s->threads_missed;
    if (to->why == 0)
        to->why = copy_text(m, from, s->why);
    to->suppressions = join_suppressions(m, from);
    to->copied_bytes += s->copied_bytes;
    to->root_bytes += s->root_bytes;
    to->unreadable_bytes += s->unreadable_bytes;
}

/* Which row of the result a weak region is; `rows` has those that are known, plus 1. */
static uint32_t copy_root(struct merge *m, const struct profile *from, uint32_t index,
                          uint32_t *rows)
{
    struct profile_root root = from->roots[index];

    if (rows[index] == 0) {
        root.name = copy_text(m, from, root.name);
        root.thread = copy_text(m, from, root.thread);
        rows[index] = assembly_root(&m->assembly, &root) + 1;
    }
    return rows[index] - 1;
}

static void add_leaks(struct merge *m, const struct profile *from, uint32_t first_site)
{
    uint32_t *roots = calloc((size_t)from->root_count + 1, sizeof *roots);

    m->assembly.failed |= !roots;
    for (uint32_t i = 0; i < from->leak_count && !m->assembly.failed; i++) {
        struct profile_leak row = from->leaks[i];

        row.site += first_site;
        if (row.kind == LEAK_WEAK)
            row.holder = copy_root(m, from, row.holder, roots);
        assembly_leak(&m->assembly, &row);
    }
    free(roots);
}

void merge_search_add(struct merge *m, const struct profile *from, uint32_t first_site)
{
    if (from->search.number == 0 || from->search.method == SEARCH_UNSTOPPED)
        m->unsearched++;
    if (from->search.number == 0)
        return;
    m->searched++;
    m->lost.graphs +=
        from->search.graph != GRAPH_NONE || from->content_count || from->duplicate_count;
    add_row(m, from);
    add_leaks(m, from, first_site);
}

static int by_kind_and_bytes(const void *x, const void *y)
{
    const struct profile_leak *a = x, *b = y;
    uint64_t left = a->bytes + a->indirect_bytes, right = b->bytes + b->indirect_bytes;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (left != right)
        return left > right ? -1 : 1;
    return a->site < b->site ? -1 : a->site > b->site;
}

void merge_search_finish(struct merge *m)
{
    if (m->profile->leak_count)
        qsort(m->profile->leaks, m->profile->leak_count, sizeof *m->profile->leaks,
              by_kind_and_bytes);
    m->lost.unsearched = m->searched ? m->unsearched : 0;
}
