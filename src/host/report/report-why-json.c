// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-json-run.h"
#include "src/host/report/report-json.h"
#include "src/host/report/report-why.h"

/* A word that refers to a block: in a root or in a block, both named by whoever needs it. */
static struct jsonobject reference(const struct heapwords *w, const struct leakgraph_reference *r)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "offset", jsonvalue_number(r->offset));
    jsonobject_set(&o, "into", jsonvalue_number(r->into));
    jsonobject_set(&o, "pointer", jsonvalue_text(heapwords_pointer_name(r->pointer)));
    jsonobject_set(&o, "root", r->from == LEAKGRAPH_NONE ? heapwords_root_json(w, r) : json_null());
    return o;
}

static struct jsonobject document(const struct heapwords *words, uint32_t block,
                                  const struct report_why_subject *subject)
{
    static const struct stack_choice whole = {0};
    const struct profile *p = words->image->profile;
    static const char *const graphs[] = {"none", "part", "whole"};
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "schema_version", json_integer(REPORT_JSON_SCHEMA));
    jsonobject_set(&o, "process", report_json_process(p));
    jsonobject_set(&o, "address", jsonvalue_address(subject->address));
    jsonobject_set(&o, "id", subject->id ? jsonvalue_text(subject->id) : json_null());
    jsonobject_set(&o, "graph", jsonvalue_text(graphs[p->search.graph]));
    jsonobject_set(&o, "references_left_out", jsonvalue_number(p->search.pointers_left_out));
    jsonobject_set(&o, "block", heapwords_block_json(words, block, &whole));
    return o;
}

/* --------------------------------------------------------------------- why -- */

static json_t *chain(const struct heapwords *words, const struct why *w)
{
    static const struct stack_choice whole = {0};
    json_t *list = json_array();

    for (uint32_t i = 0; i < w->path.count; i++) {
        struct jsonobject o = reference(words, &w->path.steps[i]);

        jsonobject_set(&o, "block", heapwords_block_json(words, w->path.steps[i].to, &whole));
        list = jsonlist_append(list, jsonobject_end(&o));
    }
    return list;
}

static json_t *cycle(const struct heapwords *words, const struct why *w)
{
    static const struct stack_choice whole = {0};
    json_t *list = json_array();

    for (uint32_t i = 0; i < w->cycle_count; i++)
        list = jsonlist_append(list, heapwords_block_json(words, w->cycle[i], &whole));
    return list;
}

int report_why_json(FILE *out, const struct heapwords *words, const struct why *w,
                    const struct report_why_subject *subject, struct error *e)
{
    static const struct stack_choice whole = {0};
    struct jsonobject o = document(words, w->block, subject);

    jsonobject_set(&o, "retained", w->retained ? jsonvalue_number(w->retained) : json_null());
    jsonobject_set(&o, "chain_kept", json_boolean(w->kept));
    jsonobject_set(&o, "lost_root",
                   w->start == UINT32_MAX ? json_null()
                                          : heapwords_block_json(words, w->start, &whole));
    jsonobject_set(&o, "chain", chain(words, w));
    jsonobject_set(&o, "cycle", cycle(words, w));
    jsonobject_set(&o, "cycle_blocks", jsonvalue_number(w->cycle_blocks));
    return jsonvalue_write(out, jsonobject_end(&o), e);
}

/* -------------------------------------------------------------- references -- */

struct listing {
    const struct heapwords *words;
    const struct report_references *references;
    json_t *list;
    size_t count;
};

static bool list_reference(void *context, const struct leakgraph_reference *r)
{
    static const struct stack_choice whole = {0};
    struct listing *l = context;
    uint32_t block = l->references->from_block ? r->to : r->from;
    struct jsonobject o;

    if (l->references->limit && l->count++ >= l->references->limit)
        return true;
    o = reference(l->words, r);
    jsonobject_set(&o, "block",
                   block == LEAKGRAPH_NONE ? json_null()
                                           : heapwords_block_json(l->words, block, &whole));
    l->list = jsonlist_append(l->list, jsonobject_end(&o));
    return true;
}

int report_references_json(FILE *out, const struct heapwords *words, struct heapimage *image,
                           const struct report_references *references,
                           const struct report_why_subject *subject, struct error *e)
{
    struct jsonobject o = document(words, references->block, subject);
    struct listing l = {words, references, json_array(), 0};

    if (references->from_block)
        leakgraph_referents(&image->graph, references->block, list_reference, &l);
    else
        leakgraph_referrers(&image->graph, references->block, list_reference, &l);
    jsonobject_set(&o, references->from_block ? "referents" : "referrers", l.list);
    jsonobject_set(&o, "left_out",
                   jsonvalue_number(references->limit && l.count > references->limit
                                        ? l.count - references->limit
                                        : 0));
    return jsonvalue_write(out, jsonobject_end(&o), e);
}
