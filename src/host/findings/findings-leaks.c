// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings-parts.h"
#include "src/host/leaks/leaks.h"
#include "src/host/suppress/suppress-builtin.h"
#include "src/host/text/units.h"
#include "src/host/view/viewrows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOST_BYTES 1024u                 /* less is not worth a finding */
#define LOST_PERMILLE 1u                 /* of the peak */
#define OFTEN_BLOCKS 10u                 /* fewer are set-up that was left behind, ... */
#define OFTEN_BYTES (UINT64_C(64) << 10) /* ... unless they are large, or others were freed */
#define FREED_PERCENT 90u /* of the line's blocks: those that are lost are an exception */
#define FREED_BLOCKS 10u  /* at least, to speak of a rule */
#define SURE 0.95         /* a block that nothing refers to */
#define SURE_OF_PATH 0.85 /* that a path of the program is to blame */
#define UNSURE 0.6        /* the search could not see everything */

/* What of one line's blocks is lost. */
struct lost {
    uint64_t bytes, blocks, indirect_bytes;
    uint64_t cycle_bytes; /* with what they hold, of those that stand for a cycle */
    uint32_t cycle_blocks;
};

struct losses {
    struct viewrows rows;
    struct lost *lost; /* by row */
    const struct line_choice *choices;
};

/* What each line allocated in all, whatever was lost of it. */
static void add_site(struct findings_making *m, struct losses *l, const struct profile_site *site)
{
    size_t row;

    if (site->domain == DOMAIN_MMAP || site->node >= m->profile->node_count)
        return;
    row =
        viewrows_row(&l->rows, viewrow_key_of_line(m->profile, VIEW_LINE, l->choices[site->node]));
    viewrow_add_stats(&l->rows.rows[row].stats, &site->stats);
}

static void add_record(struct findings_making *m, struct losses *l, const struct leak_record *r)
{
    struct line_choice choice = l->choices[r->node];
    const struct profile_site place = {.node = r->node};
    size_t row = viewrows_row(&l->rows, viewrow_key_of_line(m->profile, VIEW_LINE, choice));
    struct lost *lost = &l->lost[row];

    viewrows_represent(&l->rows, row, r->bytes + r->indirect_bytes, &place, choice);
    lost->bytes += r->bytes;
    lost->blocks += r->blocks;
    lost->indirect_bytes += r->indirect_bytes;
    if (!r->cycle_blocks)
        return;
    lost->cycle_bytes += r->bytes + r->indirect_bytes;
    if (r->cycle_blocks > lost->cycle_blocks)
        lost->cycle_blocks = r->cycle_blocks;
}

static double sure(const struct profile *p, double when_all_was_seen)
{
    const uint32_t gaps =
        SEARCH_THREADS_MISSED | SEARCH_MEMORY_MISSED | SEARCH_PARTIAL_RECORD | SEARCH_OWN_MALLOC;

    return p->search.notes & gaps ? UNSURE : when_all_was_seen;
}

/* "12 of 5,000 blocks", "all 400 blocks", "the only block" */
static void add_count(struct strbuf *out, const struct lost *lost, const struct view_row *row)
{
    char some[UNITS_TEXT], all[UNITS_TEXT];

    if (row->stats.total_blocks == 1)
        strbuf_add(out, "the only block");
    else if (lost->blocks >= row->stats.total_blocks)
        strbuf_addf(out, "all %s blocks", units_count(all, row->stats.total_blocks));
    else
        strbuf_addf(out, "%s of %s blocks", units_count(some, lost->blocks),
                    units_count(all, row->stats.total_blocks));
}

static void add_held(struct strbuf *out, const struct lost *lost)
{
    char text[UNITS_TEXT];

    strbuf_add(out, units_bytes(text, lost->bytes, false));
    if (lost->indirect_bytes)
        strbuf_addf(out, ", and %s more held by %s", units_bytes(text, lost->indirect_bytes, false),
                    lost->blocks == 1 ? "it" : "them");
}

static void word_cycle(struct finding *f, const struct lost *lost, const struct view_row *row)
{
    struct strbuf *out = &f->text;
    char text[UNITS_TEXT];

    strbuf_addf(out, "lost, and kept by a cycle of %" PRIu32 " block%s that refer to each other: ",
                lost->cycle_blocks, lost->cycle_blocks == 1 ? "" : "s");
    add_count(out, lost, row);
    strbuf_addf(out,
                " allocated here (%s with all they hold): break the cycle before the last "
                "pointer to it goes",
                units_bytes(text, lost->cycle_bytes, false));
}

static void word_loss(struct finding *f, const struct lost *lost, const struct view_row *row)
{
    const char *what = lost->blocks == 1 ? "it" : "them";
    struct strbuf *out = &f->text;

    add_count(out, lost, row);
    strbuf_addf(out, " allocated here %s lost (", lost->blocks == 1 ? "is" : "are");
    add_held(out, lost);
    if (f->kind == FINDING_LOST_PATH)
        strbuf_add(out, ") while the others were freed: some path, such as that of an error, "
                        "leaves without freeing");
    else
        strbuf_addf(out, "): nothing refers to %s any more, and nothing frees %s", what, what);
}

/* Whether what is lost at a line is worth a finding, and of which kind. */
static bool is_finding(const struct findings_making *m, const struct view_row *row,
                       const struct lost *lost, enum finding_kind *kind)
{
    const struct profile_stats *s = &row->stats;
    uint64_t bytes = lost->bytes + lost->indirect_bytes, freed = s->total_blocks - s->live_blocks;

    if (bytes < LOST_BYTES || bytes < m->profile->totals.peak_bytes / 1000 * LOST_PERMILLE)
        return false;
    *kind = FINDING_LOST;
    if (lost->cycle_bytes * 2 > bytes)
        *kind = FINDING_CYCLE;
    else if (freed >= FREED_BLOCKS && finding_share(freed, s->total_blocks, FREED_PERCENT))
        *kind = FINDING_LOST_PATH;
    return *kind == FINDING_LOST_PATH || lost->blocks >= OFTEN_BLOCKS || bytes >= OFTEN_BYTES;
}

static int add_finding(struct findings_making *m, const struct view_row *row,
                       const struct lost *lost)
{
    uint64_t bytes = lost->bytes + lost->indirect_bytes;
    enum finding_kind kind;
    struct finding *f;

    if (!is_finding(m, row, lost, &kind)) {
        m->findings->small_losses += bytes;
        return 0;
    }
    f = finding_add(m, kind, bytes,
                    sure(m->profile, kind == FINDING_LOST_PATH ? SURE_OF_PATH : SURE), row);
    if (!f)
        return -1;
    if (kind == FINDING_CYCLE)
        word_cycle(f, lost, row);
    else
        word_loss(f, lost, row);
    return 0;
}

static int find_losses(struct findings_making *m, struct losses *l, const struct leak_report *r)
{
    const struct profile *p = m->profile;

    for (uint32_t i = 0; i < p->site_count; i++)
        add_site(m, l, &p->sites[i]);
    for (uint32_t i = 0; i < r->record_count; i++)
        if (r->records[i].node < p->node_count)
            add_record(m, l, &r->records[i]);
    for (size_t row = 0; row < l->rows.count; row++)
        if (l->lost[row].blocks && add_finding(m, &l->rows.rows[row], &l->lost[row]) != 0)
            return -1;
    return 0;
}

static int group(struct findings_making *m, const struct leak_report *r)
{
    const struct profile *p = m->profile;
    size_t room = (size_t)p->site_count + r->record_count;
    struct losses l = {.choices = m->choices, .lost = calloc(room + 1, sizeof *l.lost)};
    int result = -1;

    if (viewrows_init(&l.rows, p, room) && l.lost)
        result = find_losses(m, &l, r);
    else
        error_set(m->error, ERROR_MEMORY, "out of memory while looking for findings");
    viewrows_release(&l.rows);
    free(l.lost);
    return result;
}

static int add_suppressions(struct suppressions *s, const struct profile *p, struct error *e)
{
    const char *own = profile_text(p, p->search.suppressions);

    if (suppress_builtin_add(s, e) != 0)
        return -1;
    /* a program's own that cannot be read is a matter for memprof leaks */
    suppressions_add(s, own, strlen(own), "__lsan_default_suppressions()", NULL);
    return 0;
}

static int find_leaks(struct findings_making *m, struct suppressions *suppressions)
{
    const struct leaks_options options = {.skip = m->skip,
                                          .choices = m->choices,
                                          .kinds = LEAK_KIND_BIT(LEAK_DEFINITE),
                                          .suppressions = suppressions,
                                          .records_only = true};
    struct leaks leaks;
    int result = leaks_make(&leaks, m->profile, &options, m->error);

    if (result == 0) {
        result = group(m, &leaks.report);
        leaks_release(&leaks);
    }
    return result;
}

/* Without a search nothing is known to be lost. */
int findings_of_leaks(struct findings_making *m)
{
    struct suppressions suppressions;
    int result;

    if (!leaks_were_searched(m->profile, NULL))
        return 0;
    if (m->suppressions)
        return find_leaks(m, m->suppressions);
    suppressions_init(&suppressions);
    result = add_suppressions(&suppressions, m->profile, m->error);
    if (result == 0)
        result = find_leaks(m, &suppressions);
    suppressions_release(&suppressions);
    return result;
}
