// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/cumulative.h"

#include "src/shared/record.h"

#include <stdlib.h>

#define NONE UINT32_MAX

/* What lies at a node and below it. */
struct below {
    struct profile_stats stats;
    uint64_t weight;                 /* of the heaviest site */
    const struct profile_site *site; /* that one; NULL: nothing lies here */
    uint32_t first_child, next_sibling;
    uint32_t charged; /* rows on the path when the walk came here */
};

struct walk {
    const struct profile *profile;
    const struct line_choice *choices;
    struct viewrows *rows;
    enum view_group group;
    uint8_t *lines, *frames; /* which the skip list lets through */
    struct below *below;     /* by node */
    uint8_t *on_path;        /* by row: charged by a node further out */
    uint32_t *path;          /* the rows that are, in the order they were charged */
    uint32_t path_length;
};

size_t cumulative_room(const struct profile *p)
{
    /* Each line may stand in frames of several modules, if somebody else wrote the file. */
    size_t lines = 0;

    for (uint32_t f = 0; f < p->frame_count; f++)
        lines += p->frames[f].line_count;
    return lines + 1; /* and one for stacks without a line */
}

/* Whether the stack's chosen line is one that the skip list lets through. */
static bool shows(const struct walk *w, struct line_choice c)
{
    return c.line != NO_CHOICE && c.frame < w->profile->frame_count && w->frames[c.frame] &&
           w->lines[c.line];
}

static void add_below(struct below *b, const struct profile_stats *stats, uint64_t weight,
                      const struct profile_site *site)
{
    if (!b->site)
        b->stats.smallest = UINT64_MAX;
    viewrow_add_stats(&b->stats, stats);
    if (b->site && weight <= b->weight)
        return;
    b->weight = weight;
    b->site = site;
}

/* A stack that the skip list lets nothing of through has one row all the same: its chosen line. */
static void charge_alone(struct walk *w, const struct view_part *part, struct line_choice choice)
{
    size_t row = viewrows_row(w->rows, viewrow_key_of_line(w->profile, w->group, choice));

    viewrow_add_stats(&w->rows->rows[row].stats, part->stats);
    viewrows_represent(w->rows, row, part->weight, part->site, choice);
}

static void place_parts(struct walk *w, const struct view_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t node = parts[i].site->node;

        if (shows(w, w->choices[node]))
            add_below(&w->below[node], parts[i].stats, parts[i].weight, parts[i].site);
        else
            charge_alone(w, &parts[i], w->choices[node]);
    }
}

/* Children come behind their parents: from the end, each node is complete when it is added on. */
static void sum_up(struct walk *w)
{
    const struct profile *p = w->profile;

    for (uint32_t n = p->node_count; n-- > STACK_ROOTS;) {
        struct below *b = &w->below[n], *parent = &w->below[p->nodes[n].parent];

        if (!b->site)
            continue;
        add_below(parent, &b->stats, b->weight, b->site);
        b->next_sibling = parent->first_child;
        parent->first_child = n;
    }
}

static void charge(struct walk *w, uint32_t node, struct line_choice place)
{
    const struct below *b = &w->below[node];
    size_t row = viewrows_row(w->rows, viewrow_key_of_line(w->profile, w->group, place));

    if (w->on_path[row])
        return;
    w->on_path[row] = 1;
    w->path[w->path_length++] = (uint32_t)row;
    viewrow_add_stats(&w->rows->rows[row].stats, &b->stats);
    viewrows_represent(w->rows, row, b->weight, b->site, place);
}

static void enter(struct walk *w, uint32_t node)
{
    const struct profile *p = w->profile;
    uint32_t frame = p->nodes[node].frame;

    w->below[node].charged = w->path_length;
    /* A frame that passes and is not the chosen one is part of a wrapper (view.h). */
    if (frame >= p->frame_count || w->choices[node].frame != frame || !shows(w, w->choices[node]))
        return;
    for (uint32_t i = p->frames[frame].line_count; i-- > 0;) {
        uint32_t line = p->frames[frame].first_line + i;

        if (w->lines[line])
            charge(w, node, (struct line_choice){line, frame});
    }
}

static void leave(struct walk *w, uint32_t node)
{
    while (w->path_length > w->below[node].charged)
        w->on_path[w->path[--w->path_length]] = 0;
}

/* Every node below `root`, with what was charged on the way to it. */
static void walk_from(struct walk *w, uint32_t root)
{
    uint32_t node = w->below[root].first_child;

    while (node != NONE) {
        enter(w, node);
        if (w->below[node].first_child != NONE) {
            node = w->below[node].first_child;
            continue;
        }
        leave(w, node);
        while (w->below[node].next_sibling == NONE) {
            node = w->profile->nodes[node].parent;
            if (node == root)
                return;
            leave(w, node);
        }
        node = w->below[node].next_sibling;
    }
}

static bool walk_init(struct walk *w, struct viewrows *rows, enum view_group group,
                      const struct line_choice *choices, const struct skiplist *skip)
{
    const struct profile *p = rows->profile;

    *w = (struct walk){.profile = p,
                       .choices = choices,
                       .rows = rows,
                       .group = group,
                       .lines = lines_let_through(p, skip),
                       .frames = frames_let_through(p, skip),
                       .below = calloc((size_t)p->node_count + 1, sizeof *w->below),
                       .on_path = calloc(rows->room + 1, 1),
                       .path = malloc((rows->room + 1) * sizeof *w->path)};
    for (uint32_t n = 0; w->below && n < p->node_count; n++)
        w->below[n].first_child = w->below[n].next_sibling = NONE;
    return w->lines && w->frames && w->below && w->on_path && w->path;
}

int cumulative_gather(struct viewrows *rows, enum view_group group, const struct view_part *parts,
                      size_t count, const struct line_choice *choices, const struct skiplist *skip)
{
    struct walk w;
    bool ready = walk_init(&w, rows, group, choices, skip);

    if (ready) {
        place_parts(&w, parts, count);
        sum_up(&w);
        for (uint32_t root = 0; root < STACK_ROOTS && root < rows->profile->node_count; root++)
            walk_from(&w, root);
    }
    free(w.lines);
    free(w.frames);
    free(w.below);
    free(w.on_path);
    free(w.path);
    return ready ? 0 : -1;
}
