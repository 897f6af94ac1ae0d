/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/report/report-pools.h"

#include "src/host/report/report-pools-time.h"
#include "src/host/report/report-text.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"
#include "src/host/view/lossnotes.h"

#include <inttypes.h>
#include <string.h>

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

const char *report_pools_group_word(enum pools_group group)
{
    static const char *const words[] = {"class", "line", "function"};

    return words[group];
}

const char *report_pools_order_word(enum pools_order order)
{
    static const char *const words[] = {"taken", "waste", "asked", "count"};

    return words[order];
}

/* What all the parts of one report share. */
struct report {
    struct strbuf *out;
    const struct profile *p;
    const struct pools *s;
    const struct report_pools_options *o;
};

static void add_title(const struct report *r, const char *title)
{
    strbuf_addf(r->out, "%s[ %s ]%s\n", r->o->colour ? BOLD : "", title, r->o->colour ? PLAIN : "");
}

static const char *bytes(const struct report *r, char text[UNITS_TEXT], uint64_t n)
{
    return units_bytes(text, n, r->o->exact);
}

static void add_place(const struct report *r, uint32_t place, size_t taken)
{
    size_t columns = r->o->columns;
    enum view_group group = r->o->group == POOLS_BY_FUNCTION ? VIEW_FUNCTION : VIEW_LINE;

    if (place >= r->s->place_count)
        return;
    location_row(r->out, r->p, group, &r->s->places[place],
                 columns == 0           ? 0
                 : columns > taken + 20 ? columns - taken
                                        : 20);
}

/* -------------------------------------------------------------- classes -- */

#define CELLS 7

struct cells {
    char text[CELLS][UNITS_TEXT];
};

static void title_cells(struct cells *row, const struct pools *s)
{
    static const char *const titles[CELLS] = {
        "size class", "pools", "blocks in use", "free", "fill", "requested/used", "glibc"};

    for (size_t i = 0; i < CELLS; i++)
        strcpy(row->text[i], i == CELLS - 1 && s->pooled ? "" : titles[i]);
}

static void class_cells(const struct report *r, struct cells *row, const struct pools_class *c)
{
    snprintf(row->text[0], UNITS_TEXT, "%3" PRIu32 "-%3" PRIu32, c->smallest, c->largest);
    units_count(row->text[1], c->pools);
    units_count(row->text[2], c->used);
    units_count(row->text[3], c->free);
    strcpy(row->text[4], "-");
    strcpy(row->text[5], "-");
    strcpy(row->text[6], "");
    if (c->used + c->free)
        units_share(row->text[4], c->used, c->used + c->free);
    if (c->blocks)
        units_share(row->text[5], c->asked, c->blocks * c->block_bytes);
    if (!r->s->pooled)
        bytes(r, row->text[6], c->chunks);
}

static size_t add_cells(const struct report *r, const struct cells *row, const int widths[CELLS])
{
    size_t taken = 0;

    for (size_t i = 0; i < CELLS; i++)
        if (widths[i]) {
            strbuf_addf(r->out, "%*s", widths[i] + (i ? 3 : 2), row->text[i]);
            taken += (size_t)widths[i] + (i ? 3 : 2);
        }
    return taken;
}

static void add_classes(const struct report *r)
{
    struct cells title, rows[POOL_CLASSES];
    int widths[CELLS];

    title_cells(&title, r->s);
    for (size_t k = 0; k < CELLS; k++)
        widths[k] = (int)strlen(title.text[k]);
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        class_cells(r, &rows[i], &r->s->classes[i]);
        for (size_t k = 0; k < CELLS; k++)
            if ((int)strlen(rows[i].text[k]) > widths[k])
                widths[k] = (int)strlen(rows[i].text[k]);
    }
    add_cells(r, &title, widths);
    strbuf_add(r->out, "   top site\n");
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        const struct pools_class *c = &r->s->classes[i];
        size_t taken;

        if (!c->pools && !c->blocks)
            continue;
        taken = add_cells(r, &rows[i], widths);
        strbuf_add(r->out, c->top == POOLS_NO_PLACE ? "" : "   ");
        add_place(r, c->top, taken + 3);
        strbuf_add(r->out, "\n");
    }
}

/* --------------------------------------------------------------- totals -- */

static void add_arenas(const struct report *r)
{
    const struct pools *s = r->s;
    char count[UNITS_TEXT], mapped[UNITS_TEXT], used[UNITS_TEXT], slack[UNITS_TEXT],
        unused[UNITS_TEXT], headers[UNITS_TEXT], pools[UNITS_TEXT];
    /* where not all blocks in use are recorded, nobody knows what was asked for them */
    uint64_t asked = s->asked < s->used_bytes ? s->asked : s->used_bytes;

    strbuf_addf(r->out,
                "  arenas %s (%s mapped, %s in use, %s class slack, %s free blocks, %s headers and "
                "tails, %s free pools)\n",
                units_count(count, s->arenas), bytes(r, mapped, s->mapped), bytes(r, used, asked),
                bytes(r, slack, s->used_bytes - asked), bytes(r, unused, s->free_bytes),
                bytes(r, headers, s->header_bytes), bytes(r, pools, s->free_pool_bytes));
    if (s->counted && s->high_water)
        strbuf_addf(r->out, "  high-water %s arenas; %s returned\n",
                    units_count(count, s->high_water), units_count(used, s->returned));
}

/* What the numbers above do not say, or not exactly. */
static void add_notes(const struct report *r)
{
    const struct pools *s = r->s;
    const struct profile_heap *heap = &r->p->heap;
    char a[UNITS_TEXT], b[UNITS_TEXT];
    uint64_t used = 0;

    for (uint32_t i = 0; i < POOL_CLASSES; i++)
        used += s->classes[i].used;
    if (s->counted && used != s->blocks)
        strbuf_addf(r->out, "  note: the pools count %s blocks in use, %s are recorded as live%s\n",
                    units_count(a, used), units_count(b, s->blocks),
                    s->guarded ? "; those that were freed lately are kept back" : "");
    if (!s->simulated && !s->counted)
        strbuf_add(r->out, "  note: the program ended before its pools could be counted: they are "
                           "what the addresses of the recorded blocks tell\n");
    if (s->guarded)
        strbuf_add(r->out, "  note: blocks are larger by 64 bytes of guards (pool-debug)\n");
    if (heap->left_blocks)
        strbuf_addf(r->out, "  note: %s blocks (%s) are left out: too many different sizes\n",
                    units_count(a, heap->left_blocks), bytes(r, b, heap->left_bytes));
    if (s->averaged_blocks)
        strbuf_addf(r->out,
                    "  note: %s of %s blocks are counted with the average size of those of their "
                    "stack and size class: theirs was not kept\n",
                    units_count(a, s->averaged_blocks), units_count(b, s->chunks.blocks));
    if (s->large_blocks)
        strbuf_addf(r->out, "  larger blocks, not in pools: %s (%s)\n",
                    units_count(a, s->large_blocks), bytes(r, b, s->large_asked));
}

static void add_chunks(const struct report *r)
{
    const struct pools_chunks *c = &r->s->chunks;
    char count[UNITS_TEXT], asked[UNITS_TEXT], taken[UNITS_TEXT], headers[UNITS_TEXT],
        rounding[UNITS_TEXT], minimum[UNITS_TEXT];

    add_title(r, "what glibc's malloc takes for them");
    strbuf_addf(r->out,
                "  %s blocks: %s asked for, %s taken: %s headers (8 bytes a block), %s "
                "rounding to 16, %s minimum of 32\n",
                units_count(count, c->blocks), bytes(r, asked, c->asked), bytes(r, taken, c->taken),
                bytes(r, headers, c->headers), bytes(r, rounding, c->rounding),
                bytes(r, minimum, c->minimum));
    if (c->mapped_blocks)
        strbuf_addf(r->out,
                    "  of these %s blocks from 128 KiB on, mapped one by one: %s asked for, %s "
                    "taken in whole pages\n",
                    units_count(count, c->mapped_blocks), bytes(r, asked, c->mapped_asked),
                    bytes(r, taken, c->mapped_taken));
}

/* ---------------------------------------------------------------- lines -- */

static void add_sizes(const struct report *r, const struct pools_line *line)
{
    char count[UNITS_TEXT], size[UNITS_TEXT], share[UNITS_TEXT];

    strbuf_add(r->out, "      sizes ");
    for (uint32_t i = 0; i < line->size_count; i++)
        strbuf_addf(r->out, "%s%s x %s", i ? ", " : "", units_count(count, line->sizes[i].blocks),
                    units_bytes(size, line->sizes[i].size, true));
    if (line->more_sizes)
        strbuf_addf(r->out, ", %s more", units_count(count, line->more_sizes));
    strbuf_add(r->out, "\n");
    if (!line->shrink)
        return;
    strbuf_addf(r->out, "      shrink %s by %" PRIu64 " and save %s",
                units_bytes(size, line->sizes[0].size, true), line->shrink,
                units_share(share, line->saved, line->taken));
    strbuf_addf(r->out, " (%s)\n", bytes(r, count, line->saved));
}

static void add_lines(const struct report *r)
{
    const struct pools *s = r->s;
    uint32_t shown =
        r->o->limit && r->o->limit < s->line_count ? (uint32_t)r->o->limit : s->line_count;
    char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT], d[UNITS_TEXT];

    strbuf_addf(r->out, "  %12s %12s %12s %12s   %s\n", "asked for", "taken", "wasted", "blocks",
                report_pools_group_word(r->o->group));
    for (uint32_t i = 0; i < shown; i++) {
        const struct pools_line *line = &s->lines[i];

        strbuf_addf(r->out, "  %12s %12s %12s %12s   ", bytes(r, a, line->asked),
                    bytes(r, b, line->taken), bytes(r, c, line->taken - line->asked),
                    units_count(d, line->blocks));
        add_place(r, line->place, 2 + 4 * 13 + 2);
        strbuf_add(r->out, "\n");
        add_sizes(r, line);
    }
    if (shown < s->line_count)
        strbuf_addf(r->out, "  %s more\n", units_count(a, s->line_count - shown));
}

/* -------------------------------------------------------- fragmentation -- */

static void add_cell(const struct report *r, uint8_t fill)
{
    static const char *const shades[] = {"\u2591", "\u2592", "\u2593", "\u2588"};
    static const char *const letters[] = {".", "-", "+", "#"};

    if (!fill)
        strbuf_add(r->out, r->o->ascii ? " " : "\u00b7");
    else
        strbuf_add(r->out, (r->o->ascii ? letters : shades)[fill == 255 ? 3 : fill / 86]);
}

static void add_map(const struct report *r)
{
    const struct pools *s = r->s;
    uint32_t shown =
        r->o->limit && r->o->limit < s->map_count ? (uint32_t)r->o->limit : s->map_count;
    char count[UNITS_TEXT];

    if (!s->map_count)
        return;
    add_title(r, r->o->ascii ? "arenas: a pool a cell, . < 1/3, - < 2/3, + < all, # all in use"
                             : "arenas: a pool a cell, \u2591 < 1/3, \u2592 < 2/3, \u2593 < all, "
                               "\u2588 all in use");
    for (uint32_t i = 0; i < shown; i++) {
        strbuf_add(r->out, "  |");
        for (uint32_t k = 0; k < ARENA_POOLS; k++)
            add_cell(r, s->map[i].fill[k]);
        strbuf_add(r->out, "|\n");
    }
    if (shown < s->map_count)
        strbuf_addf(r->out, "  %s more arenas\n", units_count(count, s->map_count - shown));
}

static void add_pinned_class(const struct report *r, const struct pools_pinned *pinned)
{
    const struct pools_class *class = &r->s->classes[pinned->size_class];
    char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT];

    strbuf_addf(r->out, "  %3" PRIu32 "-%3" PRIu32 "  %s pools (%s), %s blocks in them\n",
                class->smallest, class->largest, units_count(a, pinned->pools),
                bytes(r, b, pinned->bytes), units_count(c, pinned->blocks));
    for (uint32_t k = 0; k < pinned->line_count; k++) {
        strbuf_addf(r->out, "      pools %8s   blocks %8s   ",
                    units_count(a, pinned->lines[k].pools),
                    units_count(b, pinned->lines[k].blocks));
        add_place(r, pinned->lines[k].place, 6 + 6 + 8 + 10 + 8 + 3);
        strbuf_add(r->out, "\n");
    }
    if (pinned->more_lines)
        strbuf_addf(r->out, "      %s more lines\n", units_count(a, pinned->more_lines));
}

/* A class's only pool is seldom full: that is no fragmentation. */
static void add_pinned(const struct report *r)
{
    const struct pools *s = r->s;
    char a[UNITS_TEXT];
    uint32_t single = 0;

    for (uint32_t i = 0; i < s->pinned_count; i++)
        single += s->pinned[i].pools == 1;
    if (single < s->pinned_count)
        add_title(r, "pools that less than one block in eight keeps from being given back");
    for (uint32_t i = 0; i < s->pinned_count; i++)
        if (s->pinned[i].pools > 1)
            add_pinned_class(r, &s->pinned[i]);
    if (single)
        strbuf_addf(r->out,
                    "  size classes with a single pool of which less than one block in "
                    "eight is in use: %s\n",
                    units_count(a, single));
    if (r->p->heap.pins_left)
        strbuf_addf(r->out, "  note: %s blocks in such pools are not counted: they were too many\n",
                    units_count(a, r->p->heap.pins_left));
}

/* Over time, where snapshots and checkpoints have counts. */
static void add_time(const struct report *r)
{
    const struct pools_time_options options = {
        .columns = r->o->columns, .ascii = r->o->ascii, .exact = r->o->exact};
    struct strbuf lines;

    strbuf_init(&lines);
    if (report_pools_time(&lines, r->p, &options)) {
        add_title(r, "arenas over time");
        strbuf_add(r->out, strbuf_text(&lines));
    }
    r->out->failed |= lines.failed;
    strbuf_release(&lines);
}

/* -------------------------------------------------------------- all of it -- */

static void add_allocator(const struct report *r)
{
    const char *name = profile_text(r->p, r->p->process.allocator);

    if (!*name)
        return;
    strbuf_add(r->out, "  allocator ");
    escape_text(r->out, name);
    if (!r->s->pooled && strncmp(name, "libc.so", 7) != 0)
        strbuf_add(r->out, ", whose own cost is not known: below is what glibc's would be");
    strbuf_add(r->out, "\n");
}

static void add_moment(const struct report *r)
{
    struct strbuf name;
    char seconds[UNITS_TEXT];

    if (r->o->moment.place == MOMENT_AT_EXIT) {
        strbuf_addf(r->out, "  live blocks %s, after %s\n",
                    r->p->incomplete ? "when the heap was last looked at" : "at the end",
                    units_seconds(seconds, r->p->heap.seconds));
        return;
    }
    strbuf_init(&name);
    moment_name(&name, r->p, r->o->moment);
    strbuf_add(r->out, "  live blocks at ");
    escape_text(r->out, strbuf_text(&name));
    strbuf_addf(r->out, ", after %s\n", units_seconds(seconds, moment_seconds(r->p, r->o->moment)));
    r->out->failed |= name.failed;
    strbuf_release(&name);
}

/* What the pools themselves counted at a snapshot, beside how its blocks would lie. */
static void add_count_then(const struct report *r)
{
    const struct profile_moment *m;
    char count[UNITS_TEXT], mapped[UNITS_TEXT], used[UNITS_TEXT], unused[UNITS_TEXT],
        pools[UNITS_TEXT];

    if (r->o->moment.place != MOMENT_LISTED)
        return;
    m = &r->p->moments[r->o->moment.index];
    if (!m->pool_arenas || !r->s->simulated)
        return;
    strbuf_addf(r->out,
                "  counted then: arenas %s (%s mapped, %s blocks in use, %s free blocks, %s free "
                "pools)\n",
                units_count(count, m->pool_arenas), bytes(r, mapped, m->pool_arenas * ARENA_BYTES),
                bytes(r, used, m->pool_used_bytes), bytes(r, unused, m->pool_free_bytes),
                bytes(r, pools, m->pools_free * POOL_BYTES));
}

static void add_what(const struct report *r)
{
    const struct pools *s = r->s;
    bool lines = r->o->group != POOLS_BY_CLASS;

    if (s->pooled && (lines || !s->simulated))
        add_title(r, lines ? "blocks in memprof's pools, and larger ones" : "memprof's pools");
    else if (lines)
        add_title(r, "blocks, and what glibc's malloc takes for them");
    else
        add_title(r, "a simulation: the live blocks as memprof's pools would hold them");
}

void report_pools_text(struct strbuf *out, const struct profile *p, const struct pools *s,
                       const struct report_pools_options *options)
{
    const struct report r = {out, p, s, options};
    const struct report_text_options text = {.columns = options->columns, .exact = options->exact};

    report_text_process(out, p);
    strbuf_add(out, "\n");
    lossnotes_add(out, p, text.exact);
    add_allocator(&r);
    add_moment(&r);
    add_what(&r);
    if (options->group == POOLS_BY_CLASS)
        add_classes(&r);
    else
        add_lines(&r);
    if (options->group == POOLS_BY_CLASS || !s->simulated)
        add_arenas(&r);
    add_count_then(&r);
    add_notes(&r);
    if (!s->pooled)
        add_chunks(&r);
    if (options->group != POOLS_BY_CLASS)
        return;
    add_map(&r);
    add_pinned(&r);
    add_time(&r);
}
