// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/leakstacks.h"

#include "src/host/view/view.h"
#include "src/shared/record.h"

#include <stdlib.h>

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory for the stacks of leaks");
}

int leakstacks_init(struct leakstacks *s, const struct profile *p, struct error *e)
{
    *s = (struct leakstacks){.profile = p,
                             .named = calloc((size_t)p->node_count + 1, 1),
                             .first = calloc((size_t)p->frame_count + 1, sizeof *s->first)};
    if (s->named && s->first)
        return 0;
    leakstacks_release(s);
    return out_of_memory(e);
}

void leakstacks_release(struct leakstacks *s)
{
    free(s->named);
    free(s->first);
    free(s->lines);
    free(s->pointers);
    *s = (struct leakstacks){0};
}

/* The frame of a node, or NO_FRAME where it has none that is shown. */
static uint32_t shown_frame(const struct profile *p, uint32_t node)
{
    uint32_t frame = p->nodes[node].frame;

    return frame >= p->frame_count || view_frame_is_ours(p, frame) ? NO_FRAME : frame;
}

void leakstacks_name(struct leakstacks *s, uint32_t node)
{
    const struct profile *p = s->profile;

    for (; node >= STACK_ROOTS && node < p->node_count && !s->named[node];
         node = p->nodes[node].parent) {
        uint32_t frame = shown_frame(p, node);

        s->named[node] = 1;
        if (frame == NO_FRAME || s->first[frame])
            continue;
        s->first[frame] = s->line_count + 1;
        s->line_count += p->frames[frame].line_count;
    }
}

static struct leak_line line_of(const struct profile *p, uint32_t index, uint32_t frame)
{
    const struct profile_line *line = &p->lines[index];
    uint32_t module = view_frame_module(p, frame);

    return (struct leak_line){
        .function = profile_text(p, line->function),
        .file = profile_text(p, line->file),
        .module = module == NO_MODULE ? "" : profile_text(p, p->modules[module].path),
        .line = line->line,
        .address = frame_pc(p->frames[frame].value),
        .inlined = line->flags & LINE_INLINED,
        .offset = line->function ? 0 : line->offset};
}

int leakstacks_make_lines(struct leakstacks *s, struct error *e)
{
    const struct profile *p = s->profile;

    s->lines = reallocarray(NULL, (size_t)s->line_count + 1, sizeof *s->lines);
    if (!s->lines)
        return out_of_memory(e);
    for (uint32_t f = 0; f < p->frame_count; f++)
        for (uint32_t i = 0; s->first[f] && i < p->frames[f].line_count; i++)
            s->lines[s->first[f] - 1 + i] = line_of(p, p->frames[f].first_line + i, f);
    return 0;
}

static int append(struct leakstacks *s, const struct leak_line *line, struct error *e)
{
    if (s->pointer_count == s->pointers_room) {
        size_t room = s->pointers_room ? 2 * s->pointers_room : 1024;
        const struct leak_line **larger = reallocarray(s->pointers, room, sizeof *larger);

        if (!larger)
            return out_of_memory(e);
        s->pointers = larger;
        s->pointers_room = room;
    }
    s->pointers[s->pointer_count++] = line;
    return 0;
}

int leakstacks_take(struct leakstacks *s, uint32_t node, const struct line_choice *choice,
                    struct leakstack *stack, struct error *e)
{
    const struct profile *p = s->profile;
    bool placed = false;

    *stack = (struct leakstack){.first = s->pointer_count};
    for (; node >= STACK_ROOTS && node < p->node_count; node = p->nodes[node].parent) {
        uint32_t frame = shown_frame(p, node);

        if (frame == NO_FRAME)
            continue;
        for (uint32_t i = 0; i < p->frames[frame].line_count; i++) {
            if (append(s, &s->lines[s->first[frame] - 1 + i], e) != 0)
                return -1;
            if (!placed && frame == choice->frame &&
                p->frames[frame].first_line + i == choice->line) {
                stack->place = stack->count;
                placed = true;
            }
            stack->count++;
        }
    }
    return 0;
}
