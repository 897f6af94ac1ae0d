// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/linechoice.h"

#include "src/host/view/view.h"
#include "src/shared/record.h"

#include <stdlib.h>

enum answer { UNASKED = 0, SKIPPED, SHOWN };

/* Answers of the skip list, asked once per distinct name. */
struct memory {
    const struct profile *profile;
    const struct skiplist *skip;
    uint8_t *functions, *files; /* enum answer by string id */
    uint8_t *modules;           /* enum answer by module */
};

static bool memory_init(struct memory *m, const struct profile *p, const struct skiplist *skip)
{
    size_t strings = p->strings.count;

    *m = (struct memory){p, skip, calloc(strings + 1, 1), calloc(strings + 1, 1),
                         calloc((size_t)p->module_count + 1, 1)};
    return m->functions && m->files && m->modules;
}

static void memory_release(struct memory *m)
{
    free(m->functions);
    free(m->files);
    free(m->modules);
}

static bool skips_name(const struct memory *m, uint8_t *answers, string_id id,
                       bool (*has)(const struct skiplist *, const char *))
{
    if (id >= m->profile->strings.count)
        return false;
    if (answers[id] == UNASKED)
        answers[id] = has(m->skip, profile_text(m->profile, id)) ? SKIPPED : SHOWN;
    return answers[id] == SKIPPED;
}

static bool skips_module(struct memory *m, uint32_t module)
{
    const struct profile *p = m->profile;

    if (!m->skip || module >= p->module_count)
        return false;
    if (m->modules[module] == UNASKED)
        m->modules[module] = skiplist_has_module(m->skip, profile_text(p, p->modules[module].path))
                                 ? SKIPPED
                                 : SHOWN;
    return m->modules[module] == SKIPPED;
}

static bool skips_line(struct memory *m, uint32_t index)
{
    const struct profile_line *line = &m->profile->lines[index];

    return m->skip && (skips_name(m, m->functions, line->function, skiplist_has_function) ||
                       skips_name(m, m->files, line->file, skiplist_has_file));
}

/* The frame's innermost line that is not skipped, or NO_CHOICE. */
static uint32_t choose_in_frame(struct memory *m, const struct profile_frame *frame)
{
    if (skips_module(m, frame->module))
        return NO_CHOICE;
    for (uint32_t i = frame->first_line; i < frame->first_line + frame->line_count; i++)
        if (!skips_line(m, i))
            return i;
    return NO_CHOICE;
}

/* What matters of a frame wherever it appears in a stack. */
struct frame_facts {
    uint32_t first_line;
    uint32_t line;   /* the innermost one let through, or NO_CHOICE */
    uint32_t module; /* NO_MODULE where there is none */
    bool ours;
    bool nameless; /* neither function nor file is known */
    bool wrapper;  /* named, and skipped by that name */
};

static struct frame_facts learn(struct memory *m, uint32_t index)
{
    const struct profile *p = m->profile;
    const struct profile_frame *frame = &p->frames[index];
    const struct profile_line *first = &p->lines[frame->first_line];
    struct frame_facts facts = {
        .first_line = frame->first_line, .line = NO_CHOICE, .module = view_frame_module(p, index)};

    facts.ours = view_frame_is_ours(p, index);
    if (facts.ours)
        return facts;
    facts.line = choose_in_frame(m, frame);
    facts.nameless = first->function == 0 && first->file == 0;
    facts.wrapper = m->skip && skips_name(m, m->functions, first->function, skiplist_has_function);
    return facts;
}

/* The choices of all nodes while they are made, and what they are made from. */
struct choices {
    struct frame_facts *facts; /* by frame */
    struct line_choice *best;  /* by node: the innermost line let through */
    struct line_choice *any;   /* by node: the innermost one that is not ours */
    /*
     * By node: the module in which a nameless function called from here is part
     * of an allocator, or NO_MODULE.  In a stripped library the functions
     * inside sqlite3Malloc have no names that could be matched.
     */
    uint32_t *inside;
};

static void choose(struct choices *c, uint32_t n, const struct profile_node *node)
{
    const struct frame_facts *f = &c->facts[node->frame];
    bool hidden = f->nameless && f->module != NO_MODULE && c->inside[node->parent] == f->module;

    c->best[n] = c->best[node->parent];
    c->any[n] = c->any[node->parent];
    c->inside[n] = f->wrapper || hidden ? f->module : NO_MODULE;
    if (f->ours)
        return;
    c->any[n] = (struct line_choice){f->first_line, node->frame};
    if (f->line != NO_CHOICE && !hidden)
        c->best[n] = (struct line_choice){f->line, node->frame};
}

static void choose_all(struct choices *c, struct memory *m)
{
    const struct profile *p = m->profile;

    for (uint32_t f = 0; f < p->frame_count; f++)
        c->facts[f] = learn(m, f);
    for (uint32_t n = 0; n < p->node_count; n++) {
        if (n >= STACK_ROOTS && p->nodes[n].frame < p->frame_count) {
            choose(c, n, &p->nodes[n]);
            continue;
        }
        c->best[n] = c->any[n] = (struct line_choice){NO_CHOICE, NO_FRAME};
        c->inside[n] = NO_MODULE;
    }
    for (uint32_t n = 0; n < p->node_count; n++)
        if (c->best[n].line == NO_CHOICE)
            c->best[n] = c->any[n];
}

struct line_choice *line_choices(const struct profile *p, const struct skiplist *skip)
{
    size_t nodes = (size_t)p->node_count + 1, frames = (size_t)p->frame_count + 1;
    struct choices c = {.facts = malloc(frames * sizeof *c.facts),
                        .best = malloc(nodes * sizeof *c.best),
                        .any = malloc(nodes * sizeof *c.any),
                        .inside = malloc(nodes * sizeof *c.inside)};
    struct memory memory;
    bool ready = memory_init(&memory, p, skip) && c.facts && c.best && c.any && c.inside;

    if (ready)
        choose_all(&c, &memory);
    memory_release(&memory);
    free(c.facts);
    free(c.any);
    free(c.inside);
    if (ready)
        return c.best;
    free(c.best);
    return NULL;
}

bool linechoices_init(struct linechoices *c, const struct line_choice *given,
                      const struct profile *p, const struct skiplist *skip)
{
    c->made = given ? NULL : line_choices(p, skip);
    c->by_node = given ? given : c->made;
    return c->by_node != NULL;
}

void linechoices_release(struct linechoices *c)
{
    free(c->made);
    *c = (struct linechoices){NULL, NULL};
}

uint8_t *lines_let_through(const struct profile *p, const struct skiplist *skip)
{
    uint8_t *through = malloc((size_t)p->line_count + 1);
    struct memory memory;
    bool ready = memory_init(&memory, p, skip) && through;

    for (uint32_t i = 0; ready && i < p->line_count; i++)
        through[i] = !skips_line(&memory, i);
    memory_release(&memory);
    if (ready)
        return through;
    free(through);
    return NULL;
}

uint8_t *frames_let_through(const struct profile *p, const struct skiplist *skip)
{
    uint8_t *through = malloc((size_t)p->frame_count + 1);
    struct memory memory;
    bool ready = memory_init(&memory, p, skip) && through;

    for (uint32_t i = 0; ready && i < p->frame_count; i++)
        through[i] = !view_frame_is_ours(p, i) && !skips_module(&memory, p->frames[i].module);
    memory_release(&memory);
    if (ready)
        return through;
    free(through);
    return NULL;
}
