// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/leaks.h"

#include "src/host/leaks/leaknotes.h"
#include "src/host/leaks/leakretain.h"
#include "src/host/leaks/leakrules.h"
#include "src/host/leaks/leakstacks.h"
#include "src/host/view/view.h"
#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>

/* One row of profile.leaks, or where there was no search a site with live blocks. */
struct row {
    struct profile_leak leak;
    uint32_t node, thread;
    bool passes;
};

/* The rows of one record: of the same stack, kind and holder. */
struct group {
    uint32_t first, count;      /* rows */
    struct leak_record whole;   /* as a report without filters has it */
    struct leak_amount passing; /* what the filters let through */
    struct leak_amount below;   /* of it, indirectly lost with it */
    struct leakstack stack;
    struct suppress_rule *rule; /* that suppresses it */
};

struct making {
    const struct profile *profile;
    const struct leaks_options *options;
    struct leaks *leaks;
    struct row *rows;
    uint32_t row_count;
    struct group *groups;
    uint32_t group_count;
    struct linechoices choices;
    struct leakstacks stacks;
};

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory while making the report of leaks");
}

bool leaks_were_searched(const struct profile *p, struct error *why)
{
    const char *text = leaknotes_unsearched(p);

    if (text)
        error_set(why, ERROR_REFUSED, "%s", text);
    return !text;
}

/* -------------------------------------------------------------------- rows -- */

static struct row row_of_site(const struct profile *p, uint32_t index)
{
    const struct profile_site *site = &p->sites[index];

    return (struct row){.leak = {.site = index,
                                 .kind = LEAK_REACHABLE,
                                 .blocks = site->stats.live_blocks,
                                 .bytes = site->stats.live_bytes,
                                 .smallest = site->stats.smallest,
                                 .largest = site->stats.largest},
                        .node = site->node,
                        .thread = site->thread};
}

/* Without a search, as if one had found everything reachable. */
static void take_sites(struct making *m)
{
    const struct profile *p = m->profile;

    for (uint32_t i = 0; i < p->site_count; i++) {
        bool heap = p->sites[i].domain != DOMAIN_MMAP && p->sites[i].domain != DOMAIN_IGNORED;

        if (heap && p->sites[i].stats.live_blocks)
            m->rows[m->row_count++] = row_of_site(p, i);
    }
}

static void take_leaks(struct making *m, const uint64_t *retained)
{
    const struct profile *p = m->profile;

    for (uint32_t i = 0; i < p->leak_count; i++) {
        struct row *row = &m->rows[m->row_count];

        if (p->leaks[i].site >= p->site_count || p->leaks[i].kind >= LEAK_KINDS)
            continue;
        m->row_count++;
        row->leak = p->leaks[i];
        if (retained)
            row->leak.retained_bytes = retained[i];
        row->node = p->sites[p->leaks[i].site].node;
        row->thread = p->sites[p->leaks[i].site].thread;
        if (m->options->interior && row->leak.kind == LEAK_POSSIBLE)
            row->leak.kind = LEAK_REACHABLE;
    }
}

static int by_group(const void *a, const void *b)
{
    const struct row *left = a, *right = b;

    if (left->node != right->node)
        return left->node < right->node ? -1 : 1;
    if (left->leak.kind != right->leak.kind)
        return left->leak.kind < right->leak.kind ? -1 : 1;
    if (left->leak.holder != right->leak.holder)
        return left->leak.holder < right->leak.holder ? -1 : 1;
    if (left->thread != right->thread)
        return left->thread < right->thread ? -1 : 1;
    if (left->leak.site != right->leak.site)
        return left->leak.site < right->leak.site ? -1 : 1;
    return left->leak.age < right->leak.age ? -1 : left->leak.age > right->leak.age;
}

static int mark_passing(struct making *m, struct error *e)
{
    const struct leaks_options *o = m->options;
    uint8_t *passes = NULL;

    if (o->filter && o->filter->count) {
        passes = filter_sites(o->filter, m->profile, m->choices.by_node, e);
        if (!passes)
            return -1;
    }
    for (uint32_t i = 0; i < m->row_count; i++) {
        const struct profile_leak *leak = &m->rows[i].leak;

        m->rows[i].passes = (!passes || passes[leak->site]) && leak->age >= o->min_age &&
                            leak->survived >= o->min_survived;
    }
    free(passes);
    return 0;
}

static int take_retained_leaks(struct making *m, struct error *e)
{
    uint64_t *retained = leakretain_rows(m->profile, e);

    if (!retained)
        return -1;
    take_leaks(m, retained);
    free(retained);
    return 0;
}

static int take_rows(struct making *m, struct error *e)
{
    const struct profile *p = m->profile;
    size_t most = p->search.number ? p->leak_count : p->site_count;

    m->rows = calloc(most + 1, sizeof *m->rows);
    if (!m->rows)
        return out_of_memory(e);
    if (!p->search.number)
        take_sites(m);
    else if (!m->options->retained)
        take_leaks(m, NULL);
    else if (take_retained_leaks(m, e) != 0)
        return -1;
    if (m->row_count)
        qsort(m->rows, m->row_count, sizeof *m->rows, by_group);
    return mark_passing(m, e);
}

/* ------------------------------------------------------------------ groups -- */

static enum leak_age age_of(uint32_t moments)
{
    return moments == 0 ? LEAK_AGE_YOUNG : moments < LEAK_OLD ? LEAK_AGE_MIDDLE : LEAK_AGE_OLD;
}

static const char *holder_name(const struct profile *p, const struct profile_leak *leak)
{
    if (leak->kind != LEAK_WEAK || leak->holder >= p->root_count)
        return "";
    return profile_text(p, p->roots[leak->holder].name);
}

static void widen(struct leak_record *r, const struct profile_leak *leak,
                  const struct profile_site *site)
{
    bool empty = r->blocks == 0;

    if (empty || leak->smallest < r->smallest)
        r->smallest = leak->smallest;
    if (leak->largest > r->largest)
        r->largest = leak->largest;
    if (empty || site->first_seconds < r->first_seconds)
        r->first_seconds = site->first_seconds;
    if (empty || site->last_seconds > r->last_seconds)
        r->last_seconds = site->last_seconds;
    if (leak->cycle_blocks > r->cycle_blocks)
        r->cycle_blocks = leak->cycle_blocks;
}

static void add_row(struct leak_record *r, const struct profile_leak *leak,
                    const struct profile_site *site)
{
    struct leak_amount *age = &r->ages[age_of(leak->age)];

    widen(r, leak, site);
    r->bytes += leak->bytes;
    r->blocks += leak->blocks;
    r->indirect_bytes += leak->indirect_bytes;
    r->indirect_blocks += leak->indirect_blocks;
    r->retained_bytes += leak->retained_bytes;
    age->bytes += leak->bytes;
    age->blocks += leak->blocks;
}

/* One thread's share of a record: its rows lie together. */
struct share {
    uint32_t thread;
    uint64_t bytes;
};

static void take_share(const struct profile *p, struct leak_record *r, const struct share *share,
                       uint64_t *most)
{
    if (share->bytes == 0)
        return;
    r->threads++;
    if (share->bytes <= *most)
        return;
    *most = share->bytes;
    r->thread =
        share->thread < p->thread_count ? profile_text(p, p->threads[share->thread].name) : "";
}

/* The numbers of a record, of all its rows or of those that pass. */
static void sum_rows(const struct making *m, struct leak_record *r, const struct group *g,
                     bool passing)
{
    const struct profile *p = m->profile;
    struct share share = {0};
    uint64_t most = 0, most_lost = 0;

    r->thread = "";
    for (uint32_t i = g->first; i < g->first + g->count; i++) {
        const struct row *row = &m->rows[i];
        uint64_t lost = row->leak.bytes + row->leak.indirect_bytes;

        if (passing && !row->passes)
            continue;
        if (share.thread != row->thread) {
            take_share(p, r, &share, &most);
            share = (struct share){.thread = row->thread};
        }
        share.bytes += row->leak.bytes + row->leak.blocks; /* blocks of 0 bytes count too */
        if (lost > most_lost || r->blocks == 0) {
            most_lost = lost;
            r->example = row->leak.example;
        }
        add_row(r, &row->leak, &p->sites[row->leak.site]);
    }
    take_share(p, r, &share, &most);
}

static bool same_group(const struct row *a, const struct row *b)
{
    return a->node == b->node && a->leak.kind == b->leak.kind && a->leak.holder == b->leak.holder;
}

static int take_groups(struct making *m, struct error *e)
{
    m->groups = calloc((size_t)m->row_count + 1, sizeof *m->groups);
    if (!m->groups)
        return out_of_memory(e);
    for (uint32_t i = 0; i < m->row_count; i++) {
        struct group *g;

        if (i == 0 || !same_group(&m->rows[i], &m->rows[i - 1]))
            m->groups[m->group_count++] = (struct group){.first = i};
        g = &m->groups[m->group_count - 1];
        g->count++;
    }
    for (uint32_t i = 0; i < m->group_count; i++) {
        const struct row *first = &m->rows[m->groups[i].first];

        m->groups[i].whole = (struct leak_record){.kind = first->leak.kind,
                                                  .node = first->node,
                                                  .origin = i,
                                                  .held_by = holder_name(m->profile, &first->leak)};
        sum_rows(m, &m->groups[i].whole, &m->groups[i], false);
    }
    return 0;
}

/* ------------------------------------------------------------------ stacks -- */

static bool is_wanted(const struct making *m, const struct group *g)
{
    return m->options->kinds & LEAK_KIND_BIT(g->whole.kind);
}

/* Groups of one stack follow each other and share it. */
static int take_stack(struct making *m, struct group *g, const struct group *before,
                      struct error *e)
{
    uint32_t node = g->whole.node;

    if (before && before->whole.node == node)
        g->stack = before->stack;
    else if (node < m->profile->node_count &&
             leakstacks_take(&m->stacks, node, &m->choices.by_node[node], &g->stack, e) != 0)
        return -1;
    g->whole.stack_count = g->stack.count;
    g->whole.place = g->stack.place;
    return 0;
}

/* The report owns them from now on. */
static void hand_over_stacks(struct making *m)
{
    struct leaks *l = m->leaks;

    l->report.lines = l->lines = m->stacks.lines;
    l->report.line_count = m->stacks.line_count;
    l->stacks = m->stacks.pointers;
    m->stacks.lines = NULL;
    m->stacks.pointers = NULL;
    for (uint32_t i = 0; i < m->group_count; i++)
        m->groups[i].whole.stack = l->stacks ? l->stacks + m->groups[i].stack.first : NULL;
}

static int take_stacks(struct making *m, struct error *e)
{
    const struct group *before = NULL;

    if (leakstacks_init(&m->stacks, m->profile, e) != 0)
        return -1;
    for (uint32_t i = 0; i < m->group_count; i++)
        if (is_wanted(m, &m->groups[i]))
            leakstacks_name(&m->stacks, m->groups[i].whole.node);
    if (leakstacks_make_lines(&m->stacks, e) != 0)
        return -1;
    for (uint32_t i = 0; i < m->group_count; i++) {
        if (!is_wanted(m, &m->groups[i]))
            continue;
        if (take_stack(m, &m->groups[i], before, e) != 0)
            return -1;
        before = &m->groups[i];
    }
    hand_over_stacks(m);
    return 0;
}

/* ------------------------------------------------------------ suppressions -- */

/* For all groups: what is suppressed is left out of the sums of its kind, too. */
static int find_rules(struct making *m, struct error *e)
{
    struct leakrules rules;
    int result = 0;

    if (!m->options->suppressions || !m->options->suppressions->rule_count)
        return 0;
    if (leakrules_init(&rules, m->profile, m->options->suppressions, e) != 0)
        return -1;
    for (uint32_t i = 0; i < m->group_count && result == 0; i++)
        if (!m->options->records_only || is_wanted(m, &m->groups[i]))
            result = leakrules_find(&rules, m->groups[i].whole.node, m->groups[i].whole.kind,
                                    &m->groups[i].rule, e);
    leakrules_release(&rules);
    return result;
}

/* ------------------------------------------------------------------ report -- */

static void add_amount(struct leak_amount *sum, uint64_t bytes, uint64_t blocks)
{
    sum->bytes += bytes;
    sum->blocks += blocks;
}

static void take_back(struct leak_amount *sum, struct leak_amount less)
{
    sum->bytes -= less.bytes < sum->bytes ? less.bytes : sum->bytes;
    sum->blocks -= less.blocks < sum->blocks ? less.blocks : sum->blocks;
}

static uint64_t larger_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What the filters let through, by group; the rest is counted. */
static void sum_passing(struct making *m)
{
    for (uint32_t i = 0; i < m->row_count; i++)
        if (!m->rows[i].passes)
            add_amount(&m->leaks->left_out, m->rows[i].leak.bytes, m->rows[i].leak.blocks);
    for (uint32_t i = 0; i < m->group_count; i++) {
        struct group *g = &m->groups[i];

        for (uint32_t k = g->first; k < g->first + g->count; k++) {
            if (!m->rows[k].passes)
                continue;
            add_amount(&g->passing, m->rows[k].leak.bytes, m->rows[k].leak.blocks);
            add_amount(&g->below, m->rows[k].leak.indirect_bytes, m->rows[k].leak.indirect_blocks);
        }
    }
}

static void sum_kinds(struct making *m)
{
    struct leak_report *r = &m->leaks->report;
    struct leak_amount below = {0}, indirect = {0};

    for (uint32_t i = 0; i < m->group_count; i++) {
        struct group *g = &m->groups[i];

        add_amount(&r->kinds[g->whole.kind], g->passing.bytes, g->passing.blocks);
        if (!g->rule || g->passing.blocks == 0)
            continue;
        r->suppressed_records++;
        suppress_use(g->rule, g->passing.blocks, g->passing.bytes);
        if (g->whole.kind == LEAK_INDIRECT) {
            add_amount(&indirect, g->passing.bytes, g->passing.blocks);
            continue;
        }
        take_back(&r->kinds[g->whole.kind], g->passing);
        add_amount(&r->suppressed, g->passing.bytes, g->passing.blocks);
        add_amount(&below, g->below.bytes, g->below.blocks);
    }
    indirect.bytes = larger_of(indirect.bytes, below.bytes);
    indirect.blocks = larger_of(indirect.blocks, below.blocks);
    if (indirect.bytes > r->kinds[LEAK_INDIRECT].bytes)
        indirect.bytes = r->kinds[LEAK_INDIRECT].bytes;
    if (indirect.blocks > r->kinds[LEAK_INDIRECT].blocks)
        indirect.blocks = r->kinds[LEAK_INDIRECT].blocks;
    take_back(&r->kinds[LEAK_INDIRECT], indirect);
    add_amount(&r->suppressed, indirect.bytes, indirect.blocks);
}

/* The numbers that pass instead of the whole ones; what names the record stays. */
static void narrow(const struct making *m, struct leak_record *r)
{
    const struct group *g = &m->groups[r->origin];
    struct leak_record sums = {0};

    sum_rows(m, &sums, g, true);
    sums.kind = r->kind;
    sums.held_by = r->held_by;
    sums.stack = r->stack;
    sums.stack_count = r->stack_count;
    sums.place = r->place;
    sums.node = r->node;
    sums.origin = r->origin;
    sums.ordinal = r->ordinal;
    memcpy(sums.fingerprint, r->fingerprint, sizeof sums.fingerprint);
    memcpy(sums.id, r->id, sizeof sums.id);
    *r = sums;
}

/* Leave out what is suppressed and what does not pass, after all have their ids. */
static void keep_records(struct making *m)
{
    struct leak_report *r = &m->leaks->report;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->record_count; i++) {
        const struct group *g = &m->groups[r->records[i].origin];

        if (g->rule || g->passing.blocks == 0)
            continue;
        r->records[kept] = r->records[i];
        if (g->passing.blocks != g->whole.blocks)
            narrow(m, &r->records[kept]);
        kept++;
    }
    r->record_count = kept;
    leak_report_sort(r);
}

static int take_records(struct making *m, struct error *e)
{
    for (uint32_t i = 0; i < m->group_count; i++)
        if (is_wanted(m, &m->groups[i]) &&
            leak_report_add(&m->leaks->report, &m->groups[i].whole, e) != 0)
            return -1;
    leak_report_finish(&m->leaks->report);
    keep_records(m);
    return 0;
}

static int describe(struct leaks *l, const struct profile *p, struct error *e)
{
    const struct profile_totals *t = &p->totals;
    struct leak_report *r = &l->report;

    r->command = profile_text(p, p->process.command);
    r->program = profile_text(p, p->process.program);
    r->version = profile_text(p, p->process.memprof_version);
    r->pid = p->process.pid;
    r->started_unix = p->process.started_unix;
    r->seconds = p->process.seconds;
    r->heap = (struct leak_heap){.total_allocs = t->total_blocks,
                                 .total_frees = t->freed_blocks,
                                 .total_bytes = t->total_bytes,
                                 .peak_bytes = t->peak_bytes,
                                 .end_bytes = t->live_bytes,
                                 .end_blocks = t->live_blocks};
    l->searched = leaks_were_searched(p, NULL);
    if (l->searched)
        r->held_seconds = p->search.held_seconds;
    l->notes = leaknotes_make(p, &r->note_count, &l->search_notes);
    if (!l->notes)
        return out_of_memory(e);
    r->notes = (const char *const *)l->notes;
    return 0;
}

static int make(struct making *m, struct error *e)
{
    if (!linechoices_init(&m->choices, m->options->choices, m->profile, m->options->skip))
        return out_of_memory(e);
    if (describe(m->leaks, m->profile, e) != 0 || take_rows(m, e) != 0 || take_groups(m, e) != 0 ||
        take_stacks(m, e) != 0 || find_rules(m, e) != 0)
        return -1;
    sum_passing(m);
    sum_kinds(m);
    return take_records(m, e);
}

int leaks_make(struct leaks *l, const struct profile *p, const struct leaks_options *o,
               struct error *e)
{
    struct making m = {.profile = p, .options = o, .leaks = l};
    int result;

    *l = (struct leaks){0};
    leak_report_init(&l->report);
    result = make(&m, e);
    free(m.rows);
    free(m.groups);
    linechoices_release(&m.choices);
    leakstacks_release(&m.stacks);
    if (result != 0)
        leaks_release(l);
    return result;
}

void leaks_release(struct leaks *l)
{
    for (uint32_t i = 0; l->notes && i < l->report.note_count; i++)
        free(l->notes[i]);
    free(l->notes);
    free(l->lines);
    free(l->stacks);
    leak_report_release(&l->report);
    *l = (struct leaks){.report = l->report};
}
