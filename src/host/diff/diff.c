// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/diff.h"

#include "src/host/profile/domain.h"
#include "src/host/view/location.h"
#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>

int64_t diff_bytes(const struct diff_row *row)
{
    return (int64_t)(row->after.bytes - row->before.bytes);
}

int64_t diff_blocks(const struct diff_row *row)
{
    return (int64_t)(row->after.blocks - row->before.blocks);
}

static void add(struct view_amount *sum, struct view_amount more)
{
    sum->bytes += more.bytes;
    sum->blocks += more.blocks;
}

/* ------------------------------------------------------------- rows -- */

static bool is_nothing(struct view_amount amount)
{
    return amount.bytes == 0 && amount.blocks == 0;
}

static enum diff_status status_of(struct view_amount before, struct view_amount after)
{
    if (before.bytes == after.bytes && before.blocks == after.blocks)
        return DIFF_SAME;
    return is_nothing(before) ? DIFF_NEW : is_nothing(after) ? DIFF_GONE : DIFF_CHANGED;
}

/* A stack is matched as badly as its worst line. */
static enum match_tier tier_of_stack(const struct united *u, uint32_t node)
{
    enum match_tier worst = MATCH_BY_LINE;

    for (; node >= STACK_ROOTS; node = u->profile.nodes[node].parent) {
        enum match_tier tier = u->lines[u->profile.nodes[node].frame].tier;

        if (u->lines[u->profile.nodes[node].frame].before == UNITED_NONE)
            tier = MATCH_NOT;
        worst = tier > worst ? tier : worst;
    }
    return worst;
}

static enum match_tier tier_of(const struct diff *d, enum view_group group,
                               const struct diff_row *row)
{
    bool both = !is_nothing(row->before) && !is_nothing(row->after);
    const struct united_line *line;

    if (group == VIEW_TRACEBACK)
        return both ? tier_of_stack(&d->united, row->row.node) : MATCH_NOT;
    if (group != VIEW_LINE)
        return both ? MATCH_BY_LINE : MATCH_NOT;
    if (row->row.line == VIEW_NO_LINE)
        return MATCH_BY_LINE; /* no stack at all, in both */
    line = &d->united.lines[row->row.line];
    if (line->before == UNITED_NONE || line->after == UNITED_NONE)
        return MATCH_NOT;
    return line->tier;
}

/* Folders apart, whether the line now has another number or lies in another file. */
static bool has_moved(const struct united_line *line, const struct profile *before,
                      const struct profile *after, const struct united *u)
{
    const struct profile_line *x, *y;

    if (line->before == UNITED_NONE || line->after == UNITED_NONE || u->exact)
        return false;
    x = &before->lines[line->before];
    y = &after->lines[line->after];
    if (!x->line || !y->line)
        return false;
    return x->line != y->line || strcmp(location_base(profile_text(before, x->file)),
                                        location_base(profile_text(after, y->file))) != 0;
}

static struct diff_row make_row(const struct diff *d, enum view_group group,
                                const struct view_row *from, const struct unite_side *before,
                                const struct unite_side *after)
{
    struct diff_row row = {
        .row = *from,
        .before = {from->stats.peak_bytes, from->stats.peak_blocks},
        .after = {from->stats.live_bytes, from->stats.live_blocks},
        .moved_from = UNITED_NONE,
    };

    row.status = status_of(row.before, row.after);
    row.tier = tier_of(d, group, &row);
    if (group == VIEW_LINE && from->line != VIEW_NO_LINE &&
        has_moved(&d->united.lines[from->line], before->profile, after->profile, &d->united))
        row.moved_from = d->united.lines[from->line].before;
    return row;
}

/* ------------------------------------------------------------- order -- */

static uint64_t distance(uint64_t x, uint64_t y)
{
    return x > y ? x - y : y - x;
}

static int descending(uint64_t x, uint64_t y)
{
    return x < y ? 1 : x > y ? -1 : 0;
}

static int compare_rows(const void *left, const void *right, void *context)
{
    const struct diff_row *x = left, *y = right;
    const struct view_options *options = context;
    uint64_t x_after = view_weight(options->order, x->after);
    uint64_t y_after = view_weight(options->order, y->after);
    int by = (x->status == DIFF_SAME) - (y->status == DIFF_SAME);

    if (by) /* last, whichever way the others are sorted */
        return by;
    by = descending(distance(x_after, view_weight(options->order, x->before)),
                    distance(y_after, view_weight(options->order, y->before)));
    if (by == 0)
        by = descending(x_after, y_after);
    if (by == 0)
        by = descending(distance(x->after.bytes, x->before.bytes),
                        distance(y->after.bytes, y->before.bytes));
    if (by == 0)
        by = descending(distance(x->after.blocks, x->before.blocks),
                        distance(y->after.blocks, y->before.blocks));
    if (by == 0)
        by = descending(x->after.blocks, y->after.blocks);
    if (options->reverse)
        by = -by;
    return by ? by : descending(y->row.node, x->row.node);
}

/* Move the rows that are not to be shown to the rest. */
static void cut(struct diff *d)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->row_count; i++) {
        const struct diff_row *row = &d->rows[i];
        bool small = distance(row->after.bytes, row->before.bytes) < d->options.min_bytes;

        if (row->status == DIFF_SAME)
            d->same_count++;
        if (!small && (d->options.limit == 0 || kept < d->options.limit)) {
            d->rows[kept++] = *row;
        } else if (!d->options.cumulative) {
            add(&d->rest_before, row->before);
            add(&d->rest_after, row->after);
        }
    }
    d->rest_count = d->row_count - kept;
    d->row_count = kept;
}

/* ------------------------------------------------------------- whole -- */

/* What unite put into the stats: both sides' numbers together are its total. */
static struct view_options view_of_all(const struct view_options *options)
{
    struct view_options all = *options;

    all.order = VIEW_BY_TOTAL;
    all.moment = (struct moment){MOMENT_AT_EXIT, 0};
    all.limit = 0;
    all.min_bytes = 0;
    all.reverse = false;
    return all;
}

static int add_rows(struct diff *d, const struct unite_side *before, const struct unite_side *after,
                    struct error *e)
{
    struct view_options options = view_of_all(&d->options);
    struct view v;

    if (view_build(&v, &d->united.profile, &options, e) != 0)
        return -1;
    d->rows = malloc((v.row_count + 1) * sizeof *d->rows);
    for (size_t i = 0; d->rows && i < v.row_count; i++)
        d->rows[i] = make_row(d, d->options.group, &v.rows[i], before, after);
    d->row_count = v.row_count;
    view_release(&v);
    if (!d->rows)
        return error_set(e, ERROR_MEMORY, "out of memory while comparing");
    qsort_r(d->rows, d->row_count, sizeof *d->rows, compare_rows, &d->options);
    cut(d);
    return 0;
}

/* The sums and the matching: of lines or stacks, each site in one row. */
static int add_sums(struct diff *d, const struct unite_side *before, const struct unite_side *after,
                    struct error *e)
{
    struct view_options options = view_of_all(&d->options);
    struct diff_matching *m = &d->matching;
    struct view v;

    m->stacks = d->options.group == VIEW_TRACEBACK;
    m->exact = d->united.exact;
    options.group = m->stacks ? VIEW_TRACEBACK : VIEW_LINE;
    options.cumulative = false;
    if (view_build(&v, &d->united.profile, &options, e) != 0)
        return -1;
    for (size_t i = 0; i < v.row_count; i++) {
        struct diff_row row = make_row(d, options.group, &v.rows[i], before, after);

        add(&d->before, row.before);
        add(&d->after, row.after);
        m->rows[row.tier]++;
        m->bytes[row.tier] +=
            row.before.bytes > row.after.bytes ? row.before.bytes : row.after.bytes;
        if (row.tier == MATCH_NOT)
            *(is_nothing(row.after) ? &m->only_before : &m->only_after) += 1;
    }
    view_release(&v);
    return 0;
}

/* What belongs to the domain and not to the sums: the filters left it out. */
static void add_filtered(struct diff *d)
{
    const struct profile *u = &d->united.profile;

    for (uint32_t i = 0; i < u->site_count; i++) {
        const struct profile_stats *s = &u->sites[i].stats;

        if (!view_has_domain(d->options.domain, u->sites[i].domain))
            continue;
        add(&d->filtered_before, (struct view_amount){s->peak_bytes, s->peak_blocks});
        add(&d->filtered_after, (struct view_amount){s->live_bytes, s->live_blocks});
    }
    d->filtered_before.bytes -= d->before.bytes;
    d->filtered_before.blocks -= d->before.blocks;
    d->filtered_after.bytes -= d->after.bytes;
    d->filtered_after.blocks -= d->after.blocks;
}

int diff_build(struct diff *d, const struct unite_side *before, const struct unite_side *after,
               const struct view_options *options, const char *domain, const struct pathmap *paths,
               struct error *e)
{
    struct unite_options how = {
        .order = options->order, .paths = paths, .lines_apart = options->group == VIEW_LINE};

    *d = (struct diff){.options = *options};
    if (unite(&d->united, before, after, &how, e) != 0)
        return -1;
    if ((!domain || domain_find(&d->united.profile, domain, &d->options.domain, e) == 0) &&
        add_rows(d, before, after, e) == 0 && add_sums(d, before, after, e) == 0) {
        add_filtered(d);
        return 0;
    }
    diff_release(d);
    return -1;
}

void diff_release(struct diff *d)
{
    united_release(&d->united);
    free(d->rows);
    *d = (struct diff){0};
    profile_init(&d->united.profile);
}
