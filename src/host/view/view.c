// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/view.h"

#include "src/host/view/cumulative.h"
#include "src/host/view/filter.h"
#include "src/host/view/linechoice.h"
#include "src/host/view/viewrows.h"

#include <stdlib.h>

const char *view_group_word(enum view_group group)
{
    static const char *const words[] = {"line",   "function",  "file",      "module",
                                        "thread", "traceback", "size-class"};

    return words[group];
}

const char *view_order_word(enum view_order order)
{
    static const char *const words[] = {"peak", "live", "total", "count", "temporary", "average"};

    return words[order];
}

uint64_t view_weight(enum view_order order, struct view_amount amount)
{
    if (order == VIEW_BY_AVERAGE)
        return amount.blocks ? amount.bytes / amount.blocks : 0;
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

bool view_has_domain(uint32_t wanted, uint32_t domain)
{
    if (wanted == VIEW_ALL_DOMAINS)
        return domain != DOMAIN_IGNORED;
    return wanted == VIEW_EVERY_DOMAIN || wanted == domain;
}

struct view_amount view_amount_of(enum view_order order, struct moment moment,
                                  const struct profile_stats *s)
{
    switch (order) {
    case VIEW_BY_PEAK:
        return (struct view_amount){s->peak_bytes, s->peak_blocks};
    case VIEW_BY_AVERAGE:
        if (moment.place != MOMENT_AT_PEAK)
            break;
        return (struct view_amount){s->live_bytes, s->live_blocks};
    case VIEW_BY_LIVE:
        return (struct view_amount){s->live_bytes, s->live_blocks};
    case VIEW_BY_TEMPORARY:
        return (struct view_amount){s->temporary_bytes, s->temporary_blocks};
    case VIEW_BY_TOTAL:
    case VIEW_BY_COUNT:
        break;
    }
    return (struct view_amount){s->total_bytes, s->total_blocks};
}

int view_check(const struct view_options *o, struct error *e)
{
    if (o->cumulative && o->group > VIEW_MODULE)
        return error_set(e, ERROR_INPUT,
                         "--cumulative goes with --group-by line, function, file or module, not %s",
                         view_group_word(o->group));
    if (o->order == VIEW_BY_PEAK && o->moment.place != MOMENT_AT_EXIT)
        return error_set(e, ERROR_INPUT,
                         "--by peak is not known at a snapshot; --snapshot peak shows the peak, "
                         "--by live what was live at the snapshot");
    if (o->moment.place == MOMENT_AT_PEAK && o->order != VIEW_BY_LIVE &&
        o->order != VIEW_BY_AVERAGE)
        return error_set(e, ERROR_INPUT,
                         "--by %s is not known at the peak, only --by live and --by average are",
                         view_order_word(o->order));
    return 0;
}

/* -------------------------------------------------------------- gathering -- */

/* What a view is made from. */
struct making {
    const struct profile *profile;
    const struct view_options *options;
    struct linechoices choices;
    struct profile_stats *stats; /* by site, at the moment */
    struct view_part *parts;     /* the sites that the view is about */
    size_t part_count;
    struct viewrows rows;
};

static void amount_add(struct view_amount *sum, struct view_amount more)
{
    sum->bytes += more.bytes;
    sum->blocks += more.blocks;
}

/* Averages add up to nothing; what stands for a row of them is its largest part. */
static uint64_t part_weight(enum view_order order, struct view_amount amount)
{
    return order == VIEW_BY_AVERAGE ? amount.bytes : view_weight(order, amount);
}

static void take_part(struct making *m, struct view *v, uint32_t site, bool passes)
{
    const struct view_options *o = m->options;
    struct view_amount amount = view_amount_of(o->order, o->moment, &m->stats[site]);

    if (amount.bytes == 0 && amount.blocks == 0)
        return;
    amount_add(passes ? &v->whole : &v->filtered, amount);
    if (passes)
        m->parts[m->part_count++] = (struct view_part){&m->profile->sites[site], &m->stats[site],
                                                       part_weight(o->order, amount)};
}

static int take_parts(struct making *m, struct view *v, struct error *e)
{
    const struct profile *p = m->profile;
    const struct filter *filter = m->options->filter;
    uint8_t *passes = NULL;

    if (filter && filter->count) {
        passes = filter_sites(filter, p, m->choices.by_node, e);
        if (!passes)
            return -1;
    }
    for (uint32_t i = 0; i < p->site_count; i++)
        if (p->sites[i].node < p->node_count &&
            view_has_domain(m->options->domain, p->sites[i].domain))
            take_part(m, v, i, !passes || passes[i]);
    free(passes);
    return 0;
}

static void gather(struct making *m)
{
    for (size_t i = 0; i < m->part_count; i++) {
        const struct view_part *part = &m->parts[i];
        struct line_choice choice = m->choices.by_node[part->site->node];
        size_t row = viewrows_row(&m->rows, viewrow_key_of_site(m->profile, m->options->group,
                                                                part->site, part->stats, choice));

        viewrow_add_stats(&m->rows.rows[row].stats, part->stats);
        viewrows_represent(&m->rows, row, part->weight, part->site, choice);
        if (m->options->group == VIEW_SIZE_CLASS)
            m->rows.rows[row].size_class = viewrow_size_class(part->stats);
    }
}

/* --------------------------------------------------------- sort and limit -- */

static int descending(uint64_t x, uint64_t y)
{
    return x < y ? 1 : x > y ? -1 : 0;
}

/* By what the order counts, then by the other numbers, then as they came. */
static int compare_rows(const void *left, const void *right, void *context)
{
    const struct view_row *x = left, *y = right;
    const struct view_options *o = context;
    int by = descending(view_weight(o->order, x->amount), view_weight(o->order, y->amount));

    if (by == 0)
        by = descending(x->amount.bytes, y->amount.bytes);
    if (by == 0)
        by = descending(x->amount.blocks, y->amount.blocks);
    if (o->reverse)
        by = -by;
    if (by == 0)
        by = descending(y->node, x->node);
    return by ? by : descending(y->line, x->line);
}

static void leave_out(struct view *v, const struct view_row *row)
{
    v->rest_count++;
    if (!v->options.cumulative)
        amount_add(&v->rest, row->amount);
}

/* In sorted order, so that no place is left among the rows that stay. */
static void cut(struct view *v)
{
    size_t kept = 0, limit = v->options.limit ? v->options.limit : SIZE_MAX;

    for (size_t i = 0; i < v->row_count; i++) {
        bool small = v->rows[i].amount.bytes < v->options.min_bytes;

        v->small_count += small;
        if (small || kept == limit)
            leave_out(v, &v->rows[i]);
        else
            v->rows[kept++] = v->rows[i];
    }
    v->row_count = kept;
}

/* ----------------------------------------------------------------- making -- */

static void making_release(struct making *m)
{
    linechoices_release(&m->choices);
    free(m->stats);
    free(m->parts);
    viewrows_release(&m->rows);
}

static int out_of_memory(const struct profile *p, struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory while grouping %u sites", p->site_count);
}

static int make(struct making *m, struct view *v, struct error *e)
{
    const struct profile *p = m->profile;
    const struct view_options *o = m->options;

    m->parts = malloc(((size_t)p->site_count + 1) * sizeof *m->parts);
    if (!linechoices_init(&m->choices, o->choices, p, o->skip) || !m->parts)
        return out_of_memory(p, e);
    if (moment_stats(p, o->moment, &m->stats, e) != 0 || take_parts(m, v, e) != 0)
        return -1;
    if (!viewrows_init(&m->rows, p, o->cumulative ? cumulative_room(p) : m->part_count))
        return out_of_memory(p, e);
    if (!o->cumulative)
        gather(m);
    else if (cumulative_gather(&m->rows, o->group, m->parts, m->part_count, m->choices.by_node,
                               o->skip))
        return out_of_memory(p, e);
    return 0;
}

int view_build(struct view *v, const struct profile *p, const struct view_options *options,
               struct error *e)
{
    struct making m = {.profile = p, .options = options};

    *v = (struct view){.options = *options};
    if (view_check(options, e) != 0 || make(&m, v, e) != 0) {
        making_release(&m);
        *v = (struct view){0};
        return -1;
    }
    v->rows = m.rows.rows;
    v->row_count = m.rows.count;
    m.rows.rows = NULL;
    making_release(&m);
    for (size_t i = 0; i < v->row_count; i++)
        v->rows[i].amount = view_amount_of(options->order, options->moment, &v->rows[i].stats);
    qsort_r(v->rows, v->row_count, sizeof *v->rows, compare_rows, &v->options);
    cut(v);
    return 0;
}

void view_release(struct view *v)
{
    free(v->rows);
    *v = (struct view){0};
}
