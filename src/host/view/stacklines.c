// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/stacklines.h"

#include "src/host/view/view.h"
#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>

static bool append(struct stacklines *s, uint32_t line, uint32_t frame)
{
    size_t room = s->room ? s->room * 2 : 64;
    struct stack_line *grown;

    if (s->count == s->room) {
        grown = realloc(s->lines, room * sizeof *grown);
        if (!grown)
            return false;
        s->lines = grown;
        s->room = room;
    }
    s->lines[s->count++] = (struct stack_line){line, frame};
    return true;
}

static bool collect(struct stacklines *s, const struct profile *p, uint32_t node)
{
    s->count = 0;
    for (; node >= STACK_ROOTS && node < p->node_count; node = p->nodes[node].parent) {
        uint32_t frame = p->nodes[node].frame;

        if (frame >= p->frame_count || view_frame_is_ours(p, frame))
            continue;
        for (uint32_t i = 0; i < p->frames[frame].line_count; i++)
            if (!append(s, p->frames[frame].first_line + i, frame))
                return false;
    }
    s->root = node;
    return true;
}

static void turn_round(struct stacklines *s)
{
    for (size_t i = 0; i < s->count / 2; i++) {
        struct stack_line other = s->lines[i];

        s->lines[i] = s->lines[s->count - 1 - i];
        s->lines[s->count - 1 - i] = other;
    }
}

bool stacklines_get(struct stacklines *s, const struct profile *p, uint32_t node,
                    const struct stack_choice *choice)
{
    if (!collect(s, p, node))
        return false;
    s->hidden = 0;
    if (choice->limit && s->count > choice->limit) {
        s->hidden = s->count - choice->limit;
        s->count = choice->limit;
        if (choice->outermost)
            memmove(s->lines, s->lines + s->hidden, s->count * sizeof *s->lines);
    }
    if (choice->oldest_first)
        turn_round(s);
    return true;
}

void stacklines_release(struct stacklines *s)
{
    free(s->lines);
    *s = (struct stacklines){0};
}

const char *stacklines_end(const struct stacklines *s)
{
    return s->root == STACK_ROOT_TRUNCATED ? "cut short: its outer callers are unknown"
           : s->root == STACK_ROOT_LIMITED ? "cut by --depth"
                                           : NULL;
}
