// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaksearch-parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void leaksearch_options_init(struct leaksearch_options *o)
{
    *o = (struct leaksearch_options){.at_end = true, .graph_blocks = LEAKSEARCH_GRAPH_BLOCKS};
    leakgraph_options_init(&o->graph);
}

/* ----------------------------------------------------------------- taking -- */

static void resume(const struct leaksearch_source *source)
{
    if (source->resumed)
        source->resumed(source->context);
}

static int take(struct leaksearch *s, const struct leaksearch_source *source, struct error *e)
{
    if (births_copy(&s->births, source->births) != 0)
        return error_set(e, ERROR_MEMORY, "out of memory for a search for leaks");
    s->about.seconds = source->seconds;
    s->about.moments = s->births.moments;
    s->about.snapshots = s->births.taken;
    if (source->model->partial)
        s->about.notes |= SEARCH_PARTIAL_RECORD;
    if (s->births.shift)
        s->about.notes |= SEARCH_AGES_SATURATED;
    resume(source);
    return leaklive_take(&s->live, source->collector, e);
}

struct leaksearch *leaksearch_take(const struct leaksearch_source *source,
                                   const struct leaksearch_question *question, struct error *e)
{
    struct leaksearch *s = calloc(1, sizeof(*s));

    if (!s) {
        resume(source);
        error_set(e, ERROR_MEMORY, "out of memory for a search for leaks");
        return NULL;
    }
    s->question = *question;
    s->options = *source->options;
    s->about.cause = question->cause;
    if (take(s, source, e) == 0)
        return s;
    leaksearch_release(s);
    return NULL;
}

void leaksearch_release(struct leaksearch *s)
{
    if (!s)
        return;
    births_release(&s->births);
    leaklive_release(&s->live);
    leakgraph_release(&s->graph);
    free(s->root_rows);
    intern_release(&s->rows);
    free(s);
}

uint64_t leaksearch_memory(const struct leaksearch *s)
{
    uint64_t now, peak;

    leakgraph_memory(&s->graph, &now, &peak);
    return now + leaklive_memory(&s->live) + s->copy.memory_size;
}

/* ---------------------------------------------------------------- finding -- */

static const void *no_bytes(void *context, uint64_t address, uint64_t *size)
{
    (void)context;
    (void)address;
    *size = 0;
    return NULL;
}

/* All that is live counts as reachable. */
static int count_unsearched(struct leaksearch *s, struct error *e)
{
    const struct leakgraph_reader nothing = {no_bytes, NULL};

    leakgraph_init(&s->graph, &nothing, &s->options.graph);
    if (leaklive_sort(&s->live, &s->graph, e) != 0)
        return -1;
    return leaksearch_rows(s, e);
}

static string_id text(struct profile *p, const char *words)
{
    uint32_t id = strings_add(&p->strings, words);

    return id == UINT32_MAX ? 0 : id;
}

void leaksearch_explain(struct profile *p)
{
    char words[160] = "it ended in a way that was not seen coming: a system call of its own, "
                      "perhaps, or an end of the C library's that memprof does not know";

    if (!p->search.number || p->search.method != SEARCH_UNSTOPPED || p->search.why)
        return;
    if (p->process.exit_kind == EXIT_SIGNAL)
        snprintf(words, sizeof(words), "it was killed by signal %d before it could be searched",
                 (int)p->process.exit_value);
    else if (p->process.exit_kind == EXIT_EXECUTED)
        snprintf(words, sizeof(words), "it was replaced by another program (exec)");
    p->search.why = text(p, words);
}

int leaksearch_find(struct leaksearch *s, struct profile *part, struct error *e)
{
    uint32_t number = part->search.number;

    s->part = part;
    intern_init(&s->rows);
    if (count_unsearched(s, e) != 0)
        return -1;
    leaksearch_sort_rows(s);
    part->search = s->about;
    part->search.number = number;
    part->search.why = text(part, s->why.text);
    return 0;
}
