// SPDX-License-Identifier: Apache-2.0
#include "src/host/linechoice.h"

#include "src/host/view.h"
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

    if (module >= p->module_count)
        return false;
    if (m->modules[module] == UNASKED)
        m->modules[module] = skiplist_has_module(m->skip, profile_text(p, p->modules[module].path))
                                 ? SKIPPED
                                 : SHOWN;
    return m->modules[module] == SKIPPED;
}

/* The frame's innermost line that is not skipped, or NO_CHOICE. */
static uint32_t choose_in_frame(struct memory *m, const struct profile_frame *frame)
{
    if (!m->skip)
        return frame->first_line;
    if (skips_module(m, frame->module))
        return NO_CHOICE;
    for (uint32_t i = frame->first_line; i < frame->first_line + frame->line_count; i++) {
        const struct profile_line *line = &m->profile->lines[i];

        if (!skips_name(m, m->functions, line->function, skiplist_has_function) &&
            !skips_name(m, m->files, line->file, skiplist_has_file))
            return i;
    }
    return NO_CHOICE;
}

/*
 * Fill `best` with the innermost line let through and `any` with the innermost
 * one that is not ours.
 */
static bool fill(struct memory *m, struct line_choice *best, struct line_choice *any)
{
    const struct profile *p = m->profile;
    uint32_t *by_frame = malloc(((size_t)p->frame_count + 1) * sizeof *by_frame);

    if (!by_frame)
        return false;
    for (uint32_t f = 0; f < p->frame_count; f++)
        by_frame[f] = view_frame_is_ours(p, f) ? NO_CHOICE : choose_in_frame(m, &p->frames[f]);
    for (uint32_t n = 0; n < p->node_count; n++) {
        const struct profile_node *node = &p->nodes[n];
        bool root = n < STACK_ROOTS || node->frame >= p->frame_count;
        struct line_choice none = {NO_CHOICE, NO_FRAME};

        best[n] = root ? none : best[node->parent];
        any[n] = root ? none : any[node->parent];
        if (root || view_frame_is_ours(p, node->frame))
            continue;
        any[n] = (struct line_choice){p->frames[node->frame].first_line, node->frame};
        if (by_frame[node->frame] != NO_CHOICE)
            best[n] = (struct line_choice){by_frame[node->frame], node->frame};
    }
    free(by_frame);
    return true;
}

struct line_choice *line_choices(const struct profile *p, const struct skiplist *skip)
{
    size_t bytes = ((size_t)p->node_count + 1) * sizeof(struct line_choice);
    struct line_choice *best = malloc(bytes), *any = malloc(bytes);
    struct memory memory;
    bool done = memory_init(&memory, p, skip) && best && any && fill(&memory, best, any);

    memory_release(&memory);
    if (!done) {
        free(best);
        free(any);
        return NULL;
    }
    for (uint32_t n = 0; n < p->node_count; n++)
        if (best[n].line == NO_CHOICE)
            best[n] = any[n];
    free(any);
    return best;
}
