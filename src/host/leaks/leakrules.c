// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/leakrules.h"

#include "src/host/view/view.h"
#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory while matching suppressions");
}

int leakrules_init(struct leakrules *r, const struct profile *p, struct suppressions *rules,
                   struct error *e)
{
    size_t words = suppress_set_words(rules);

    *r = (struct leakrules){.profile = p, .rules = rules, .words = words};
    r->by_frame = calloc((size_t)p->frame_count + 1, (words + 1) * sizeof *r->by_frame);
    r->met = calloc((size_t)p->frame_count + 1, 1);
    r->by_kind = calloc(LEAK_KINDS * words + 1, sizeof *r->by_kind);
    r->any = calloc(words + 1, sizeof *r->any);
    r->set = calloc(words + 1, sizeof *r->set);
    if (!r->by_frame || !r->met || !r->by_kind || !r->any || !r->set) {
        leakrules_release(r);
        return out_of_memory(e);
    }
    for (uint32_t i = 0; i < LEAK_KINDS; i++)
        suppress_set_kind(rules, (enum leak_kind)i, r->by_kind + i * words);
    suppress_set_any(rules, r->any);
    return 0;
}

void leakrules_release(struct leakrules *r)
{
    free(r->by_frame);
    free(r->met);
    free(r->by_kind);
    free(r->any);
    free(r->set);
    free(r->frames);
    stacklines_release(&r->stack);
    *r = (struct leakrules){.words = 0};
}

static struct suppress_frame frame_of(const struct profile *p, uint32_t line, uint32_t frame)
{
    const struct profile_line *l = &p->lines[line];
    uint32_t module = view_frame_module(p, frame);

    return (struct suppress_frame){
        .function = profile_text(p, l->function),
        .file = profile_text(p, l->file),
        .module = module == NO_MODULE ? "" : profile_text(p, p->modules[module].path),
        .line = l->line};
}

/* ------------------------------------------------------- what may match -- */

static const uint64_t *set_of_frame(struct leakrules *r, uint32_t frame)
{
    const struct profile *p = r->profile;
    uint64_t *set = r->by_frame + frame * r->words;

    if (r->met[frame])
        return set;
    r->met[frame] = 1;
    for (uint32_t i = 0; i < p->frames[frame].line_count && !view_frame_is_ours(p, frame); i++) {
        const struct suppress_frame line = frame_of(p, p->frames[frame].first_line + i, frame);

        suppress_set_line(r->rules, &line, set);
    }
    return set;
}

/* Put the rules that the stack may match into `set`; false: there are none. */
static bool sift(struct leakrules *r, uint32_t node, enum leak_kind kind)
{
    const struct profile *p = r->profile;
    const uint64_t *of_kind = r->by_kind + (size_t)kind * r->words;
    uint64_t some = 0;

    memcpy(r->set, r->any, r->words * sizeof *r->set);
    for (; node >= STACK_ROOTS && node < p->node_count; node = p->nodes[node].parent) {
        const uint64_t *set;

        if (p->nodes[node].frame >= p->frame_count)
            continue;
        set = set_of_frame(r, p->nodes[node].frame);
        for (size_t i = 0; i < r->words; i++)
            r->set[i] |= set[i];
    }
    for (size_t i = 0; i < r->words; i++)
        some |= r->set[i] &= of_kind[i];
    return some != 0;
}

/* ---------------------------------------------------------- what matches -- */

static int reserve_frames(struct leakrules *r, size_t count, struct error *e)
{
    struct suppress_frame *larger;

    if (count <= r->frame_room)
        return 0;
    larger = reallocarray(r->frames, count, sizeof *larger);
    if (!larger)
        return out_of_memory(e);
    r->frames = larger;
    r->frame_room = count;
    return 0;
}

int leakrules_find(struct leakrules *r, uint32_t node, enum leak_kind kind,
                   struct suppress_rule **rule, struct error *e)
{
    const struct stack_choice whole = {0};

    *rule = NULL;
    if (!sift(r, node, kind))
        return 0;
    if (!stacklines_get(&r->stack, r->profile, node, &whole))
        return out_of_memory(e);
    if (reserve_frames(r, r->stack.count, e) != 0)
        return -1;
    for (size_t i = 0; i < r->stack.count; i++)
        r->frames[i] = frame_of(r->profile, r->stack.lines[i].line, r->stack.lines[i].frame);
    *rule = suppressions_match_among(r->rules, r->set, r->frames, (uint32_t)r->stack.count);
    return 0;
}

static int keep_unmatched(struct leakrules *r, struct profile_leak *rest, uint32_t *count,
                          struct error *e)
{
    const struct profile *p = r->profile;

    *count = 0;
    for (uint32_t i = 0; i < p->leak_count; i++) {
        const struct profile_leak *leak = &p->leaks[i];
        struct suppress_rule *rule;

        if (leakrules_find(r, p->sites[leak->site].node, (enum leak_kind)leak->kind, &rule, e) != 0)
            return -1;
        if (!rule)
            rest[(*count)++] = *leak;
    }
    return 0;
}

int leakrules_apply(const struct profile *p, const char *text, const char *source,
                    struct profile_leak **rest, uint32_t *count, struct error *e)
{
    struct suppressions own;
    struct leakrules rules;
    int result = -1;

    suppressions_init(&own);
    (void)!suppressions_add(&own, text, strlen(text), source, NULL);
    *rest = calloc((size_t)p->leak_count + 1, sizeof **rest);
    if (!*rest)
        (void)!out_of_memory(e);
    else if (leakrules_init(&rules, p, &own, e) == 0) {
        result = keep_unmatched(&rules, *rest, count, e);
        leakrules_release(&rules);
    }
    suppressions_release(&own);
    if (result != 0) {
        free(*rest);
        *rest = NULL;
    }
    return result;
}
