// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/courses.h"

#include "src/host/graph/leakkind.h"
#include "src/host/profile/changes.h"
#include "src/host/view/filter.h"
#include "src/host/view/linechoice.h"
#include "src/host/view/viewrows.h"

#include <stdlib.h>

#define NO_ROW UINT32_MAX

/* What the courses are made from. */
struct making {
    const struct profile *profile;
    const struct view_options *options;
    struct linechoices choices;
    uint8_t *passes; /* by site */
    struct viewrows rows;
    uint32_t *row_of_site;    /* NO_ROW: not looked at */
    struct view_amount *live; /* by row, at the moment; the last one is the whole */
    uint64_t *bytes;          /* by row and point */
    uint32_t moments, points;
    struct trend_point *times; /* of the points; the bytes are filled in for one row at a time */
};

const char *courses_kind_word(enum trend_kind kind)
{
    static const char *const words[] = {"unclear", "grows", "levelled", "steady"};

    return words[kind];
}

const uint64_t *courses_bytes(const struct courses *c, const struct course *course)
{
    return c->series + course->series * c->points;
}

bool courses_too_few(const struct courses *c)
{
    return c->points < TREND_POINTS_MIN;
}

/* --------------------------------------------------------------------- rows -- */

static int out_of_memory(const struct profile *p, struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory while judging how %u sites grow",
                     p->site_count);
}

static void take_site(struct making *m, uint32_t index)
{
    const struct profile_site *site = &m->profile->sites[index];
    const struct profile_stats *stats = &site->stats;
    struct line_choice choice = m->choices.by_node[site->node];
    size_t row = viewrows_row(
        &m->rows, viewrow_key_of_site(m->profile, m->options->group, site, stats, choice));

    m->row_of_site[index] = (uint32_t)row;
    viewrow_add_stats(&m->rows.rows[row].stats, stats);
    viewrows_represent(&m->rows, row, stats->total_bytes, site, choice);
    if (m->options->group == VIEW_SIZE_CLASS)
        m->rows.rows[row].size_class = viewrow_size_class(stats);
}

static int take_sites(struct making *m, struct error *e)
{
    static const struct filter everything;
    const struct profile *p = m->profile;
    const struct filter *filter = m->options->filter ? m->options->filter : &everything;

    m->row_of_site = malloc(((size_t)p->site_count + 1) * sizeof *m->row_of_site);
    if (!linechoices_init(&m->choices, m->options->choices, p, m->options->skip) ||
        !m->row_of_site || !viewrows_init(&m->rows, p, p->site_count))
        return out_of_memory(p, e);
    m->passes = filter_sites(filter, p, m->choices.by_node, e);
    if (!m->passes)
        return -1;
    for (uint32_t i = 0; i < p->site_count; i++) {
        m->row_of_site[i] = NO_ROW;
        if (p->sites[i].node < p->node_count && m->passes[i] &&
            view_has_domain(m->options->domain, p->sites[i].domain))
            take_site(m, i);
    }
    return 0;
}

/* ------------------------------------------------------------------- points -- */

/*
 * Without the checkpoint of the end: it has the end's numbers.  So may the one before
 * it when nothing happened in between, and then it says the same.
 */
static uint32_t moments_before_end(const struct profile *p)
{
    const struct profile_moment *last;

    if (p->moment_count == 0)
        return 0;
    last = &p->moments[p->moment_count - 1];
    if (last->kind != MOMENT_CHECKPOINT || p->incomplete || p->process.exit_kind == EXIT_UNKNOWN ||
        last->total_blocks != p->totals.total_blocks || last->live_blocks != p->totals.live_blocks)
        return p->moment_count;
    return p->moment_count - 1;
}

/* Of more moments than can be used, those at equal distances; the first and the last among them. */
static uint32_t moment_of_point(const struct making *m, uint32_t point)
{
    return m->points > 1 ? (uint32_t)((uint64_t)point * (m->moments - 1) / (m->points - 1)) : 0;
}

/* Differences are modulo 2^64, and so are their sums. */
static void add_change(struct making *m, const struct profile_change *change)
{
    uint32_t row = m->row_of_site[change->site];

    if (row == NO_ROW)
        return;
    m->live[row].bytes += change->stats.live_bytes;
    m->live[row].blocks += change->stats.live_blocks;
    m->live[m->rows.count].bytes += change->stats.live_bytes;
    m->live[m->rows.count].blocks += change->stats.live_blocks;
}

static int add_moment(struct making *m, uint32_t moment, struct error *e)
{
    const struct profile *p = m->profile;
    struct profile_change *changes;
    uint32_t count;

    if (changes_decode(&p->changes[moment], p->site_count, &changes, &count, e) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        add_change(m, &changes[i]);
    free(changes);
    return 0;
}

static int take_points(struct making *m, struct error *e)
{
    const struct profile *p = m->profile;
    size_t rows = m->rows.count + 1; /* and the whole */
    uint32_t moment = 0;

    m->moments = moments_before_end(p);
    m->points = m->moments < TREND_POINTS_MAX ? m->moments : TREND_POINTS_MAX;
    m->live = calloc(rows, sizeof *m->live);
    m->bytes = calloc(rows * ((size_t)m->points + 1), sizeof *m->bytes);
    m->times = calloc((size_t)m->points + 1, sizeof *m->times);
    if (!m->live || !m->bytes || !m->times)
        return out_of_memory(p, e);
    for (uint32_t i = 0; i < m->points; i++) {
        uint32_t wanted = moment_of_point(m, i);

        for (; moment <= wanted; moment++)
            if (add_moment(m, moment, e) != 0)
                return -1;
        m->times[i].seconds = p->moments[wanted].seconds;
        for (size_t row = 0; row < rows; row++)
            m->bytes[row * m->points + i] = m->live[row].bytes;
    }
    return 0;
}

/* ------------------------------------------------------------------ judging -- */

/*
 * What rises and falls again is neither a suspect nor a cache, even where the points
 * happened to fall so that the tests do not see it.
 */
static void settle(struct course *c)
{
    bool fell = c->trend.kind == TREND_LEVELLED && c->last < c->highest / 2;
    bool flat = c->trend.kind == TREND_UNCLEAR && c->trend.used >= TREND_POINTS_MIN &&
                c->trend.slope_low <= 0;

    if (fell || flat)
        c->trend.kind = TREND_STEADY;
}

static int judge(struct making *m, struct course *course, size_t row, bool always, struct error *e)
{
    const uint64_t *bytes = m->bytes + row * m->points;
    uint64_t highest = 0;

    course->series = row;
    course->trend.kind = m->points < TREND_POINTS_MIN ? TREND_UNCLEAR : TREND_STEADY;
    course->last_blocks = m->live[row].blocks;
    for (uint32_t i = 0; i < m->points; i++) {
        m->times[i].bytes = bytes[i];
        highest = bytes[i] > highest ? bytes[i] : highest;
    }
    if (m->points == 0)
        return 0;
    course->first = bytes[0];
    course->last = bytes[m->points - 1];
    course->highest = highest;
    course->judged =
        always || (highest > course->first && highest - course->first >= m->options->min_bytes);
    if (!course->judged || trend_find(&course->trend, m->times, m->points, e) == 0)
        settle(course);
    else
        return -1;
    return 0;
}

static int judge_all(struct making *m, struct courses *c, struct error *e)
{
    c->rows = calloc(m->rows.count + 1, sizeof *c->rows);
    if (!c->rows)
        return out_of_memory(m->profile, e);
    if (judge(m, &c->whole, m->rows.count, true, e) != 0)
        return -1;
    for (size_t row = 0; row < m->rows.count; row++) {
        struct course *course = &c->rows[row];

        course->row = m->rows.rows[row];
        if (judge(m, course, row, false, e) != 0)
            return -1;
    }
    c->row_count = m->rows.count;
    return 0;
}

/* What the last search for leaks said of the rows' blocks. */
static void add_leaks(const struct making *m, struct courses *c)
{
    const struct profile *p = m->profile;

    for (uint32_t i = 0; p->search.number && p->search.method && i < p->leak_count; i++) {
        const struct profile_leak *leak = &p->leaks[i];
        uint32_t row = leak->site < p->site_count ? m->row_of_site[leak->site] : NO_ROW;
        bool lost = leak->kind == LEAK_DEFINITE || leak->kind == LEAK_INDIRECT;

        if (row != NO_ROW && lost)
            c->rows[row].lost_bytes += leak->bytes;
        else if (row != NO_ROW)
            c->rows[row].still_bytes += leak->bytes;
    }
}

/* ------------------------------------------------------------ sort and limit -- */

static int rank(const struct course *c)
{
    static const int ranks[] = {
        [TREND_GROWS] = 0, [TREND_UNCLEAR] = 1, [TREND_LEVELLED] = 2, [TREND_STEADY] = 3};

    return ranks[c->trend.kind];
}

static int by_kind_then_size(const void *left, const void *right)
{
    const struct course *x = left, *y = right;

    if (rank(x) != rank(y))
        return rank(x) - rank(y);
    if (x->trend.kind == TREND_GROWS && x->trend.slope != y->trend.slope)
        return x->trend.slope < y->trend.slope ? 1 : -1;
    if (x->highest != y->highest)
        return x->highest < y->highest ? 1 : -1;
    return x->row.node < y->row.node ? -1 : x->row.node > y->row.node;
}

/* Rows that are not kept go behind the others: their bytes may still be asked for. */
static void cut(struct courses *c)
{
    size_t limit = c->options.limit ? c->options.limit : SIZE_MAX, kept = 0;

    for (size_t i = 0; i < c->row_count; i++) {
        struct course row = c->rows[i];

        if (!row.judged)
            c->small_count++;
        else if (c->kinds[row.trend.kind]++ < limit) {
            c->rows[i] = c->rows[kept];
            c->rows[kept++] = row;
        }
    }
    c->all_count = c->row_count;
    c->row_count = kept;
}

/* ------------------------------------------------------------------- making -- */

static void making_release(struct making *m)
{
    linechoices_release(&m->choices);
    free(m->passes);
    free(m->row_of_site);
    free(m->live);
    free(m->bytes);
    free(m->times);
    viewrows_release(&m->rows);
}

static int keep_series(struct making *m, struct courses *c)
{
    c->seconds = malloc(((size_t)m->points + 1) * sizeof *c->seconds);
    if (!c->seconds)
        return -1;
    for (uint32_t i = 0; i < m->points; i++)
        c->seconds[i] = m->times[i].seconds;
    c->series = m->bytes;
    m->bytes = NULL;
    return 0;
}

int courses_find(struct courses *c, const struct profile *p, const struct view_options *options,
                 struct error *e)
{
    struct making m = {.profile = p, .options = options};
    int result;

    *c = (struct courses){.options = *options};
    result = take_sites(&m, e) != 0 || take_points(&m, e) != 0 || judge_all(&m, c, e) != 0 ? -1 : 0;
    if (result == 0 && keep_series(&m, c) != 0)
        result = out_of_memory(p, e);
    if (result == 0) {
        c->moments = m.moments;
        c->points = m.points;
        c->from = m.points ? m.times[0].seconds : 0;
        c->to = m.points ? m.times[m.points - 1].seconds : 0;
        add_leaks(&m, c);
        qsort(c->rows, c->row_count, sizeof *c->rows, by_kind_then_size);
        cut(c);
    } else {
        courses_release(c);
    }
    making_release(&m);
    return result;
}

void courses_release(struct courses *c)
{
    free(c->rows);
    free(c->seconds);
    free(c->series);
    *c = (struct courses){0};
}
