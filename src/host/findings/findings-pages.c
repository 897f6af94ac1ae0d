// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings-parts.h"
#include "src/host/pools/pools.h"
#include "src/host/text/units.h"
#include "src/host/view/linechoice.h"

#include <stdlib.h>

#define PAGE 4096u
#define SPARSE 8u /* a page with less than one byte in so many of live blocks is kept by them */
#define PINNED_BYTES (UINT64_C(4) << 20)
#define PINNED_PERCENT 30u /* of the pages that hold blocks at all, or of the pools */
#define HELD_BYTES (UINT64_C(16) << 20)
#define HELD_PERCENT 40u   /* of the peak */
#define FALLEN_PERCENT 50u /* of the peak, that may still be live */
#define HELD_SECONDS 0.2   /* and for so long, and so much of the run, until its end */
#define HELD_SHARE 0.15
#define SURE 0.9
#define SURE_BY_RESIDENT 0.6 /* the resident set alone does not say whose pages they are */

static struct finding *add_pinned(struct findings_making *m, uint64_t bytes, double confidence,
                                  const struct view_row *row, const char *command)
{
    struct finding *f = finding_add(m, FINDING_PINNED, bytes, confidence, row);

    if (f)
        f->command = command;
    return f;
}

/* -------------------------------------------------------------------- pools -- */

static int word_pools(struct findings_making *m, const struct pools *s)
{
    const struct pools_pinned *c = &s->pinned[0];
    const struct view_row *row = c->line_count ? &s->places[c->lines[0].place] : NULL;
    uint64_t bytes = 0, blocks = 0, pools = 0;
    char text[UNITS_TEXT], count[UNITS_TEXT], many[UNITS_TEXT];
    struct finding *f;

    for (uint32_t i = 0; i < s->pinned_count; i++) {
        bytes += s->pinned[i].bytes;
        blocks += s->pinned[i].blocks;
        pools += s->pinned[i].pools;
    }
    if (bytes < PINNED_BYTES || !finding_share(bytes, s->mapped, PINNED_PERCENT))
        return 0;
    f = add_pinned(m, bytes, SURE, row, "pools");
    if (!f)
        return -1;
    strbuf_addf(&f->text,
                "%s of %s pools are kept by %s blocks in them, most of which are allocated here: "
                "allocate what lives long before or apart from what does not",
                units_bytes(text, bytes, false), units_count(many, pools),
                units_count(count, blocks));
    return 0;
}

static int find_in_pools(struct findings_making *m)
{
    const struct pools_options options = {.skip = m->skip};
    struct pools s;
    int result;

    if (!m->profile->pin_count)
        return 0;
    if (pools_make(&s, m->profile, &options, m->error) != 0)
        return -1;
    result = s.pinned_count ? word_pools(m, &s) : 0;
    pools_release(&s);
    return result;
}

/* -------------------------------------------------------------------- pages -- */

/* Pages of the blocks of the kept graph. */
struct pages {
    const struct line_choice *choices;
    uint64_t *pages_of_line; /* sparse ones with a block of the line; the last: no line */
    uint64_t pages, sparse, blocks, bytes;
    uint64_t page, used, first; /* the one being added up, and its first block */
};

static uint32_t line_of(const struct findings_making *m, const struct pages *s, uint32_t block)
{
    const struct profile *p = m->profile;
    uint32_t site = p->blocks[block].site, line = UINT32_MAX;

    if (site < p->site_count && p->sites[site].node < p->node_count)
        line = s->choices[p->sites[site].node].line;
    return line < p->line_count ? line : p->line_count;
}

static void end_page(const struct findings_making *m, struct pages *s, uint32_t end)
{
    if (s->used == 0)
        return;
    s->pages++;
    if (s->used * SPARSE > PAGE)
        return;
    s->sparse++;
    s->bytes += PAGE - s->used;
    s->blocks += end - s->first;
    for (uint32_t i = (uint32_t)s->first; i < end; i++)
        s->pages_of_line[line_of(m, s, i)]++;
}

/* Blocks ascend by address.  What is larger than a page fills its own. */
static void add_blocks(const struct findings_making *m, struct pages *s)
{
    const struct profile *p = m->profile;

    for (uint32_t i = 0; i < p->block_count; i++) {
        const struct profile_block *b = &p->blocks[i];

        if (b->address / PAGE != s->page || s->used == 0) {
            end_page(m, s, i);
            s->page = b->address / PAGE;
            s->used = 0;
            s->first = i;
        }
        s->used += b->size ? b->size : 1;
    }
    end_page(m, s, p->block_count);
}

/* A row for the line with blocks in most of the pages; false: none is known. */
static bool find_line(const struct findings_making *m, const struct pages *s, struct view_row *row)
{
    const struct profile *p = m->profile;
    uint32_t most = p->line_count;

    for (uint32_t i = 0; i < p->line_count; i++)
        if (s->pages_of_line[i] &&
            (most == p->line_count || s->pages_of_line[i] > s->pages_of_line[most]))
            most = i;
    for (size_t i = 0; most < p->line_count && i < m->heap.row_count; i++) {
        *row = m->heap.rows[i];
        if (row->line == most)
            return true;
    }
    return false;
}

static int word_pages(struct findings_making *m, const struct pages *s)
{
    char bytes[UNITS_TEXT], pages[UNITS_TEXT], blocks[UNITS_TEXT];
    struct view_row row;
    struct finding *f;

    if (s->bytes < PINNED_BYTES || !finding_share(s->bytes, s->pages * PAGE, PINNED_PERCENT))
        return 0;
    f = add_pinned(m, s->bytes, SURE, find_line(m, s, &row) ? &row : NULL, "stat");
    if (!f)
        return -1;
    strbuf_addf(&f->text,
                "%s lie free in %s pages that %s live blocks keep, most of which are allocated "
                "here: allocate what lives long before or apart from what does not",
                units_bytes(bytes, s->bytes, false), units_count(pages, s->sparse),
                units_count(blocks, s->blocks));
    return 0;
}

static int find_in_pages(struct findings_making *m)
{
    const struct profile *p = m->profile;
    struct pages s = {.choices = m->choices};
    int result = -1;

    if (p->search.graph != GRAPH_WHOLE || !p->block_count || p->pin_count)
        return 0;
    s.pages_of_line = calloc((size_t)p->line_count + 1, sizeof *s.pages_of_line);
    if (s.pages_of_line) {
        add_blocks(m, &s);
        result = word_pages(m, &s);
    } else {
        error_set(m->error, ERROR_MEMORY, "out of memory while looking for findings");
    }
    free(s.pages_of_line);
    return result;
}

/* ----------------------------------------------------------------- resident -- */

/* Resident and neither live, nor mapped by the program, nor ours, nor there from the start. */
static uint64_t held_at(const struct profile *p, const struct profile_moment *moment,
                        uint64_t from_start)
{
    uint64_t known =
        moment->live_bytes + moment->mmap_live_bytes + p->totals.own_target_bytes + from_start;

    uint64_t held = moment->rss_bytes > known ? moment->rss_bytes - known : 0;
    uint64_t freed = p->totals.peak_bytes - moment->live_bytes;

    return held < freed ? held : freed;
}

/* What was resident at first and was no heap: code, data, stacks. */
static uint64_t resident_at_start(const struct profile *p)
{
    for (uint32_t i = 0; i < p->moment_count; i++) {
        const struct profile_moment *moment = &p->moments[i];

        if (moment->rss_bytes)
            return moment->rss_bytes > moment->live_bytes ? moment->rss_bytes - moment->live_bytes
                                                          : 0;
    }
    return 0;
}

/* The line with most bytes live at a moment. */
static const struct view_row *most_live(const struct findings_making *m, double seconds)
{
    const struct courses *c = &m->courses;
    const struct course *most = NULL;
    uint32_t at = 0;

    while (at + 1 < c->points && c->seconds[at] < seconds)
        at++;
    for (size_t i = 0; c->points && i < c->row_count; i++)
        if (!most || courses_bytes(c, &c->rows[i])[at] > courses_bytes(c, most)[at])
            most = &c->rows[i];
    return most && courses_bytes(c, most)[at] ? &most->row : NULL;
}

static int word_resident(struct findings_making *m, const struct profile_moment *moment,
                         uint64_t held)
{
    const struct view_row *row = most_live(m, moment->seconds);
    struct finding *f = add_pinned(m, held, SURE_BY_RESIDENT, row, "stat");
    char peak[UNITS_TEXT], live[UNITS_TEXT], still[UNITS_TEXT], seconds[UNITS_TEXT];

    if (!f)
        return -1;
    strbuf_addf(&f->text,
                "%s after its peak of %s only %s of the heap were live, but %s more were still "
                "resident: blocks that live on among freed ones keep their pages",
                units_seconds(seconds, moment->seconds - m->profile->totals.peak_seconds),
                units_bytes(peak, m->profile->totals.peak_bytes, false),
                units_bytes(live, moment->live_bytes, false), units_bytes(still, held, false));
    strbuf_add(&f->text, row ? "; most of what was live is allocated here" : "");
    return 0;
}

/* Whether at a moment after the peak most of the heap was freed, and most still resident. */
static bool is_held(const struct profile *p, const struct profile_moment *moment,
                    uint64_t from_start)
{
    uint64_t held = held_at(p, moment, from_start);

    return !finding_share(moment->live_bytes, p->totals.peak_bytes, FALLEN_PERCENT) &&
           held >= HELD_BYTES && finding_share(held, p->totals.peak_bytes, HELD_PERCENT);
}

/* For some time, up to the end: while it ends a program frees what it has piece by piece. */
static int find_in_resident(struct findings_making *m)
{
    const struct profile *p = m->profile;
    const struct profile_moment *last = NULL;
    uint64_t from_start = resident_at_start(p);
    double first = 0, least = p->process.seconds * HELD_SHARE;

    for (uint32_t i = m->courses.moments; i-- > 0;) {
        const struct profile_moment *moment = &p->moments[i];

        if (moment->seconds <= p->totals.peak_seconds || !is_held(p, moment, from_start))
            break;
        last = last ? last : moment;
        first = moment->seconds;
    }
    if (!last || last->seconds - first < (least > HELD_SECONDS ? least : HELD_SECONDS))
        return 0;
    return word_resident(m, last, held_at(p, last, from_start));
}

/* The surest that the profile allows. */
int findings_of_pages(struct findings_making *m)
{
    size_t before = m->findings->count;

    if (find_in_pools(m) != 0 || find_in_pages(m) != 0)
        return -1;
    return m->findings->count == before ? find_in_resident(m) : 0;
}
