/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/report/report-pools-time.h"

#include "src/host/text/units.h"
#include "src/shared/geometry.h"

#include <string.h>

#define CELLS_MAX 100u
#define CELLS_MIN 10u
#define AROUND 36u /* what stands before and behind the cells */

struct line {
    uint64_t cells[CELLS_MAX], most;
    bool known[CELLS_MAX];
};

static void put(struct line *l, size_t cell, uint64_t value)
{
    if (!l->known[cell] || value > l->cells[cell])
        l->cells[cell] = value;
    l->known[cell] = true;
    if (value > l->most)
        l->most = value;
}

/* What was said last holds until something else is said. */
static void fill_gaps(struct line *l, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (!l->known[i]) {
            l->cells[i] = l->cells[i - 1];
            l->known[i] = l->known[i - 1];
        }
}

/* `full` is what fills a cell. */
static void add_line(struct strbuf *out, const char *name, const struct line *l, size_t count,
                     uint64_t full, const struct pools_time_options *o)
{
    static const char *const bars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const letters[] = {".", ":", "-", "=", "+", "*", "%", "#"};
    char most[UNITS_TEXT];

    strbuf_addf(out, "  %-8s", name);
    for (size_t i = 0; i < count; i++) {
        uint64_t height = full ? (l->cells[i] * 8 + full - 1) / full : 0;

        strbuf_add(out, !l->known[i] || !height ? " "
                        : o->ascii              ? letters[height > 8 ? 7 : height - 1]
                                                : bars[height > 8 ? 7 : height - 1]);
    }
    strbuf_addf(out, "  at most %s\n", units_bytes(most, l->most, o->exact));
}

static size_t cell_of(const struct profile *p, double seconds, size_t count)
{
    double at = p->process.seconds > 0 ? seconds / p->process.seconds * (double)count : 0;

    return at < 0 ? 0 : at >= (double)count ? count - 1 : (size_t)at;
}

static double part_used(const struct profile_moment *m)
{
    return (double)m->pool_used_bytes / ((double)m->pool_arenas * (double)ARENA_BYTES);
}

bool report_pools_time(struct strbuf *out, const struct profile *p,
                       const struct pools_time_options *o)
{
    struct line mapped = {0}, used = {0};
    const struct profile_moment *emptiest = NULL;
    size_t cells = o->columns == 0                   ? CELLS_MAX / 2
                   : o->columns < AROUND + CELLS_MIN ? CELLS_MIN
                   : o->columns - AROUND > CELLS_MAX ? CELLS_MAX
                                                     : o->columns - AROUND;
    char seconds[UNITS_TEXT], part[UNITS_TEXT];
    uint32_t counts = 0;

    for (uint32_t i = 0; i < p->moment_count; i++) {
        const struct profile_moment *m = &p->moments[i];

        if (!m->pool_arenas)
            continue;
        counts++;
        put(&mapped, cell_of(p, m->seconds, cells), m->pool_arenas * ARENA_BYTES);
        put(&used, cell_of(p, m->seconds, cells), m->pool_used_bytes);
        if (!emptiest || part_used(m) < part_used(emptiest))
            emptiest = m;
    }
    if (counts < 2)
        return false;
    fill_gaps(&mapped, cells);
    fill_gaps(&used, cells);
    /* one scale, so that they can be compared */
    add_line(out, "mapped", &mapped, cells, mapped.most, o);
    add_line(out, "in use", &used, cells, mapped.most, o);
    strbuf_addf(out, "  least in use: %s of what was mapped, at %s\n",
                units_share(part, emptiest->pool_used_bytes, emptiest->pool_arenas * ARENA_BYTES),
                units_seconds(seconds, emptiest->seconds));
    return true;
}
