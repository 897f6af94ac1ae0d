// SPDX-License-Identifier: Apache-2.0
#include "src/host/view.h"

#include "src/host/linechoice.h"

#include <stdlib.h>
#include <string.h>

/* What makes two sites one row. */
struct key {
    uint64_t a, b, c;
};

struct grouping {
    const struct profile *profile;
    const struct line_choice *choices;
    struct key *keys;   /* of each row */
    uint64_t *heaviest; /* weight of the row's heaviest site so far */
    uint32_t *table;    /* open addressing: row + 1, 0 empty */
    size_t mask;
};

uint64_t view_weight(enum view_order order, struct view_amount amount)
{
    return view_counts_blocks(order) ? amount.blocks : amount.bytes;
}

bool view_counts_blocks(enum view_order order)
{
    return order == VIEW_BY_COUNT || order == VIEW_BY_TEMPORARY;
}

uint32_t view_frame_module(const struct profile *p, uint32_t frame)
{
    uint32_t module = frame < p->frame_count ? p->frames[frame].module : NO_MODULE;

    return module < p->module_count ? module : NO_MODULE;
}

bool view_frame_is_ours(const struct profile *p, uint32_t frame)
{
    uint32_t module = view_frame_module(p, frame);

    return module != NO_MODULE && (p->modules[module].flags & MODULE_IS_OURS);
}

static struct view_amount amount_of(enum view_order order, const struct profile_stats *s)
{
    switch (order) {
    case VIEW_BY_PEAK:
        return (struct view_amount){s->peak_bytes, s->peak_blocks};
    case VIEW_BY_LIVE:
        return (struct view_amount){s->live_bytes, s->live_blocks};
    case VIEW_BY_TOTAL:
    case VIEW_BY_COUNT:
        break;
    case VIEW_BY_TEMPORARY:
        return (struct view_amount){s->temporary_bytes, s->temporary_blocks};
    }
    return (struct view_amount){s->total_bytes, s->total_blocks};
}

static void amount_add(struct view_amount *sum, struct view_amount more)
{
    sum->bytes += more.bytes;
    sum->blocks += more.blocks;
}

static void stats_add(struct profile_stats *sum, const struct profile_stats *more)
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

/* Kinds of key: rows that are known by different things are never one row. */
enum { KEY_NOTHING, KEY_SOURCE, KEY_FUNCTION, KEY_OFFSET, KEY_FILE, KEY_MODULE, KEY_INDEX };

static struct key key_make(unsigned kind, uint32_t first, uint32_t second, uint32_t third,
                           uint64_t fourth)
{
    return (struct key){(uint64_t)kind << 32 | first, (uint64_t)second << 32 | third, fourth};
}

/* A module may have been mapped more than once: it is known by its path. */
static string_id module_path(const struct profile *p, uint32_t frame)
{
    uint32_t module = view_frame_module(p, frame);

    return module == NO_MODULE ? 0 : p->modules[module].path;
}

static struct key key_of_line(const struct profile *p, struct line_choice choice)
{
    const struct profile_line *line = &p->lines[choice.line];
    string_id module = module_path(p, choice.frame);

    if (line->line)
        return key_make(KEY_SOURCE, line->file, line->function, module, line->line);
    return key_make(KEY_OFFSET, 0, line->function, module, line->offset);
}

static struct key key_of_choice(const struct profile *p, enum view_group group,
                                struct line_choice choice)
{
    const struct profile_line *line;
    string_id module;

    if (choice.line == NO_CHOICE)
        return key_make(KEY_NOTHING, 0, 0, 0, 0);
    line = &p->lines[choice.line];
    module = module_path(p, choice.frame);
    if (group == VIEW_LINE)
        return key_of_line(p, choice);
    if (group == VIEW_FUNCTION && line->function)
        return key_make(KEY_FUNCTION, line->function, module, 0, 0);
    if (group == VIEW_FILE && line->file)
        return key_make(KEY_FILE, line->file, 0, 0, 0);
    return key_make(KEY_MODULE, module, 0, 0, 0);
}

static struct key key_of_site(const struct grouping *g, enum view_group group,
                              const struct profile_site *site)
{
    if (group == VIEW_THREAD)
        return key_make(KEY_INDEX, site->thread, 0, 0, 0);
    if (group == VIEW_TRACEBACK)
        return key_make(KEY_INDEX, site->node, 0, 0, 0);
    return key_of_choice(g->profile, group, g->choices[site->node]);
}

static size_t key_hash(struct key k)
{
    uint64_t h = k.a * 0x9e3779b97f4a7c15ull;

    h = (h ^ (h >> 32) ^ k.b) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ (h >> 29) ^ k.c) * 0x94d049bb133111ebull;
    return (size_t)(h ^ (h >> 32));
}

static bool key_equal(struct key x, struct key y)
{
    return x.a == y.a && x.b == y.b && x.c == y.c;
}

/* The row of the key, begun if there was none; row_count tells the caller which. */
static size_t row_of_key(struct grouping *g, struct view *v, struct key key)
{
    size_t at = key_hash(key) & g->mask;

    while (g->table[at]) {
        size_t row = g->table[at] - 1;

        if (key_equal(g->keys[row], key))
            return row;
        at = (at + 1) & g->mask;
    }
    g->table[at] = (uint32_t)v->row_count + 1;
    g->keys[v->row_count] = key;
    v->rows[v->row_count] = (struct view_row){.stats.smallest = UINT64_MAX, .node = UINT32_MAX};
    return v->row_count++;
}

static void take_site(struct grouping *g, struct view *v, const struct profile_site *site)
{
    struct view_amount amount = amount_of(v->options.order, &site->stats);
    uint64_t weight = view_weight(v->options.order, amount);
    size_t index;
    struct view_row *row;

    if (amount.bytes == 0 && amount.blocks == 0)
        return;
    index = row_of_key(g, v, key_of_site(g, v->options.group, site));
    row = &v->rows[index];
    stats_add(&row->stats, &site->stats);
    amount_add(&row->amount, amount);
    amount_add(&v->whole, amount);
    if (row->node == UINT32_MAX || weight > g->heaviest[index]) {
        struct line_choice choice = g->choices[site->node];

        g->heaviest[index] = weight;
        row->node = site->node;
        row->thread = site->thread;
        row->line = choice.line == NO_CHOICE ? VIEW_NO_LINE : choice.line;
        row->frame = choice.frame;
    }
}

static int descending(uint64_t x, uint64_t y)
{
    return x < y ? 1 : x > y ? -1 : 0;
}

/* By what the order counts, then by the other number, then as they came. */
static int compare_rows(const void *left, const void *right, void *context)
{
    const struct view_row *x = left, *y = right;
    enum view_order order = *(const enum view_order *)context;
    int by = descending(view_weight(order, x->amount), view_weight(order, y->amount));

    if (by == 0)
        by = descending(x->amount.bytes, y->amount.bytes);
    if (by == 0)
        by = descending(x->amount.blocks, y->amount.blocks);
    return by ? by : descending(y->node, x->node);
}

static void cut(struct view *v)
{
    if (v->options.limit == 0 || v->row_count <= v->options.limit)
        return;
    for (size_t i = v->options.limit; i < v->row_count; i++)
        amount_add(&v->rest, v->rows[i].amount);
    v->rest_count = v->row_count - v->options.limit;
    v->row_count = v->options.limit;
}

static bool grouping_init(struct grouping *g, const struct profile *p, const struct skiplist *skip)
{
    size_t sites = (size_t)p->site_count + 1, slots = 16;

    while (slots < sites * 2)
        slots *= 2;
    *g = (struct grouping){.profile = p,
                           .choices = line_choices(p, skip),
                           .keys = malloc(sites * sizeof *g->keys),
                           .heaviest = malloc(sites * sizeof *g->heaviest),
                           .table = calloc(slots, sizeof *g->table),
                           .mask = slots - 1};
    return g->choices && g->keys && g->heaviest && g->table;
}

static void grouping_release(struct grouping *g)
{
    free((void *)g->choices);
    free(g->keys);
    free(g->heaviest);
    free(g->table);
}

int view_build(struct view *v, const struct profile *p, const struct view_options *options,
               struct error *e)
{
    struct grouping g;
    bool ready = grouping_init(&g, p, options->skip);

    *v = (struct view){.options = *options};
    v->rows = malloc(((size_t)p->site_count + 1) * sizeof *v->rows);
    if (!ready || !v->rows) {
        grouping_release(&g);
        view_release(v);
        return error_set(e, ERROR_MEMORY, "out of memory while grouping %u sites", p->site_count);
    }
    for (uint32_t i = 0; i < p->site_count; i++) {
        const struct profile_site *site = &p->sites[i];

        if ((options->domain == VIEW_ALL_DOMAINS || options->domain == site->domain) &&
            site->node < p->node_count)
            take_site(&g, v, site);
    }
    grouping_release(&g);
    qsort_r(v->rows, v->row_count, sizeof *v->rows, compare_rows, &v->options.order);
    cut(v);
    return 0;
}

void view_release(struct view *v)
{
    free(v->rows);
    *v = (struct view){0};
}
