// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/viewrows.h"

#include "src/host/model/sizeclass.h"

#include <stdlib.h>

bool viewrows_init(struct viewrows *r, const struct profile *p, size_t room)
{
    size_t slots = 16;

    while (slots < room * 2)
        slots *= 2;
    *r = (struct viewrows){.profile = p,
                           .rows = malloc((room + 1) * sizeof *r->rows),
                           .room = room,
                           .keys = malloc((room + 1) * sizeof *r->keys),
                           .heaviest = malloc((room + 1) * sizeof *r->heaviest),
                           .table = calloc(slots, sizeof *r->table),
                           .mask = slots - 1};
    return r->rows && r->keys && r->heaviest && r->table;
}

void viewrows_release(struct viewrows *r)
{
    free(r->rows);
    free(r->keys);
    free(r->heaviest);
    free(r->table);
    *r = (struct viewrows){0};
}

/* Kinds of key: rows that are known by different things are never one row. */
enum { KEY_NOTHING, KEY_SOURCE, KEY_FUNCTION, KEY_OFFSET, KEY_FILE, KEY_MODULE, KEY_INDEX };

static struct viewrow_key key_make(unsigned kind, uint32_t first, uint32_t second, uint32_t third,
                                   uint64_t fourth)
{
    return (struct viewrow_key){(uint64_t)kind << 32 | first, (uint64_t)second << 32 | third,
                                fourth};
}

struct viewrow_key viewrow_key_of_index(uint32_t index)
{
    return key_make(KEY_INDEX, index, 0, 0, 0);
}

/* A module may have been mapped more than once: it is known by its path. */
static string_id module_path(const struct profile *p, uint32_t frame)
{
    uint32_t module = view_frame_module(p, frame);

    return module == NO_MODULE ? 0 : p->modules[module].path;
}

struct viewrow_key viewrow_key_of_line(const struct profile *p, enum view_group group,
                                       struct line_choice choice)
{
    const struct profile_line *line;
    string_id module;

    if (choice.line == NO_CHOICE)
        return key_make(KEY_NOTHING, 0, 0, 0, 0);
    line = &p->lines[choice.line];
    module = module_path(p, choice.frame);
    if (group == VIEW_LINE && line->line)
        return key_make(KEY_SOURCE, line->file, line->function, module, line->line);
    if (group == VIEW_LINE)
        return key_make(KEY_OFFSET, 0, line->function, module, line->offset);
    if (group == VIEW_FUNCTION && line->function)
        return key_make(KEY_FUNCTION, line->function, module, 0, 0);
    if (group == VIEW_FILE && line->file)
        return key_make(KEY_FILE, line->file, 0, 0, 0);
    return key_make(KEY_MODULE, module, 0, 0, 0);
}

/* Sites of a file that somebody else wrote may hold blocks of several classes. */
uint32_t viewrow_size_class(const struct profile_stats *s)
{
    uint32_t smallest = sizeclass_of(s->smallest);

    return s->smallest <= s->largest && smallest == sizeclass_of(s->largest) ? smallest
                                                                             : VIEW_MIXED_SIZES;
}

struct viewrow_key viewrow_key_of_site(const struct profile *p, enum view_group group,
                                       const struct profile_site *site,
                                       const struct profile_stats *stats, struct line_choice choice)
{
    switch (group) {
    case VIEW_THREAD:
        return viewrow_key_of_index(site->thread);
    case VIEW_TRACEBACK:
        return viewrow_key_of_index(site->node);
    case VIEW_SIZE_CLASS:
        return viewrow_key_of_index(viewrow_size_class(stats));
    default:
        return viewrow_key_of_line(p, group, choice);
    }
}

static size_t key_hash(struct viewrow_key k)
{
    uint64_t h = k.a * 0x9e3779b97f4a7c15ull;

    h = (h ^ (h >> 32) ^ k.b) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ (h >> 29) ^ k.c) * 0x94d049bb133111ebull;
    return (size_t)(h ^ (h >> 32));
}

static bool key_equal(struct viewrow_key x, struct viewrow_key y)
{
    return x.a == y.a && x.b == y.b && x.c == y.c;
}

size_t viewrows_row(struct viewrows *r, struct viewrow_key key)
{
    size_t at = key_hash(key) & r->mask;

    while (r->table[at]) {
        size_t row = r->table[at] - 1;

        if (key_equal(r->keys[row], key))
            return row;
        at = (at + 1) & r->mask;
    }
    r->table[at] = (uint32_t)r->count + 1;
    r->keys[r->count] = key;
    r->heaviest[r->count] = 0;
    r->rows[r->count] = (struct view_row){.stats.smallest = UINT64_MAX, .node = UINT32_MAX};
    return r->count++;
}

void viewrow_add_stats(struct profile_stats *sum, const struct profile_stats *more)
{
    sum->live_bytes += more->live_bytes;
    sum->live_blocks += more->live_blocks;
    sum->peak_bytes += more->peak_bytes;
    sum->peak_blocks += more->peak_blocks;
    sum->total_bytes += more->total_bytes;
    sum->total_blocks += more->total_blocks;
    sum->temporary_bytes += more->temporary_bytes;
    sum->temporary_blocks += more->temporary_blocks;
    if (more->smallest < sum->smallest)
        sum->smallest = more->smallest;
    if (more->largest > sum->largest)
        sum->largest = more->largest;
}

void viewrows_represent(struct viewrows *r, size_t index, uint64_t weight,
                        const struct profile_site *site, struct line_choice place)
{
    struct view_row *row = &r->rows[index];

    if (row->node != UINT32_MAX && weight <= r->heaviest[index])
        return;
    r->heaviest[index] = weight;
    row->node = site->node;
    row->thread = site->thread;
    row->line = place.line == NO_CHOICE ? VIEW_NO_LINE : place.line;
    row->frame = place.frame;
}
