// SPDX-License-Identifier: Apache-2.0
/*
 * Writes the profile of a made-up program as memprof run would: STACKS stacks
 * two to thirty frames deep, SNAPSHOTS snapshots, between any two of which some
 * 7 % of the stacks allocate or free.  Through a journal, which stays as it is
 * with --journal.  Prints what a reader must find again.
 *
 *   make-series [--journal] STACKS SNAPSHOTS FILE
 */
#include "src/host/profile/journal.h"
#include "src/host/profile/profile-append.h"
#include "src/shared/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGED_PERCENT 7u
#define HOT_PERCENT 20u /* of the stacks, which see four of five changes */
#define SECONDS_APART 0.5

struct program {
    uint64_t random; /* xorshift64* */
    uint32_t stacks;
    uint32_t *sizes;             /* of a stack's blocks; odd: they vary up to twice that */
    struct profile_stats *stats; /* as they are */
    struct profile_stats *said;  /* as they were at the last snapshot */
    bool *touched;
    struct profile_totals totals;
    struct profile whole;
    struct series series;
    struct journal journal;
};

static void require(bool holds, const char *what, const struct error *e)
{
    if (holds)
        return;
    fprintf(stderr, "make-series: %s%s%s\n", what, e ? ": " : "", e ? e->text : "");
    exit(1);
}

static uint32_t draw(struct program *p, uint32_t below)
{
    p->random ^= p->random >> 12;
    p->random ^= p->random << 25;
    p->random ^= p->random >> 27;
    return (uint32_t)((p->random * UINT64_C(2685821657736338717)) >> 32) % below;
}

/* ---------------------------------------------------------- the program -- */

static void allocate(struct program *p, uint32_t site)
{
    struct profile_stats *s = &p->stats[site];
    uint64_t size = p->sizes[site];

    if (size % 2)
        size += draw(p, (uint32_t)size);
    s->total_bytes += size;
    s->total_blocks++;
    p->totals.total_bytes += size;
    p->totals.total_blocks++;
    s->smallest = size < s->smallest ? size : s->smallest;
    s->largest = size > s->largest ? size : s->largest;
    if (draw(p, 4) == 0) {
        s->temporary_blocks++;
        s->temporary_bytes += size;
        return;
    }
    s->live_bytes += size;
    s->live_blocks++;
    p->totals.live_bytes += size;
    p->totals.live_blocks++;
}

static void release(struct program *p, uint32_t site)
{
    struct profile_stats *s = &p->stats[site];
    uint64_t size;

    if (!s->live_blocks)
        return;
    size = s->live_blocks == 1 ? s->live_bytes : s->live_bytes / s->live_blocks;
    s->live_bytes -= size;
    s->live_blocks--;
    p->totals.live_bytes -= size;
    p->totals.live_blocks--;
}

/* Some blocks come and go at one stack; a few times very many. */
static void visit(struct program *p, uint32_t site)
{
    uint32_t events = 1 + draw(p, draw(p, 20) == 0 ? 2000 : 12);

    for (uint32_t i = 0; i < events; i++)
        if (draw(p, 100) < 52)
            allocate(p, site);
        else
            release(p, site);
    p->touched[site] = true;
}

static void settle_peak(struct program *p)
{
    if (p->totals.live_bytes <= p->totals.peak_bytes)
        return;
    p->totals.peak_bytes = p->totals.live_bytes;
    p->totals.peak_blocks = p->totals.live_blocks;
    for (uint32_t i = 0; i < p->stacks; i++) {
        if (p->stats[i].peak_bytes != p->stats[i].live_bytes)
            p->touched[i] = true;
        p->stats[i].peak_bytes = p->stats[i].live_bytes;
        p->stats[i].peak_blocks = p->stats[i].live_blocks;
    }
}

static void run_for_a_while(struct program *p, uint32_t number)
{
    uint32_t hot = p->stacks * HOT_PERCENT / 100 + 1;
    uint32_t visits = number == 1 ? p->stacks : p->stacks * CHANGED_PERCENT / 100 + 1;

    for (uint32_t i = 0; i < visits; i++)
        visit(p, number == 1  ? i
                 : draw(p, 5) ? draw(p, hot) * (p->stacks / hot)
                              : draw(p, p->stacks));
    settle_peak(p);
}

/* ------------------------------------------------------------ snapshots -- */

static struct profile_stats difference(const struct profile_stats *a, const struct profile_stats *b)
{
    const uint64_t *x = (const uint64_t *)(const void *)a, *y = (const uint64_t *)(const void *)b;
    struct profile_stats d;
    uint64_t *z = (uint64_t *)(void *)&d;

    for (size_t i = 0; i < sizeof d / sizeof *z; i++)
        z[i] = x[i] - y[i];
    return d;
}

static uint32_t take_changes(struct program *p, struct profile_change *rows)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < p->stacks; i++) {
        if (!p->touched[i])
            continue;
        rows[count++] = (struct profile_change){i, 0, difference(&p->stats[i], &p->said[i])};
        p->said[i] = p->stats[i];
        p->touched[i] = false;
    }
    return count;
}

/* The parts of a profile that are there from the start. */
static void describe(struct program *p, struct profile *part)
{
    uint32_t stacks = p->stacks;

    part->modules = calloc(1, sizeof *part->modules);
    part->threads = calloc(1, sizeof *part->threads);
    part->frames = calloc(stacks, sizeof *part->frames);
    part->nodes = calloc(stacks + STACK_ROOTS, sizeof *part->nodes);
    part->sites = calloc(stacks, sizeof *part->sites);
    require(part->modules && part->threads && part->frames && part->nodes && part->sites, "memory",
            NULL);
    part->modules[0] = (struct profile_module){
        .path = strings_add(&part->strings, "/opt/made-up"), .start = 0x400000, .end = 0x40000000};
    part->threads[0] =
        (struct profile_thread){.tid = 1, .name = strings_add(&part->strings, "main")};
    part->module_count = part->thread_count = 1;
    for (uint32_t i = 0; i < STACK_ROOTS; i++)
        part->nodes[part->node_count++] = (struct profile_node){.parent = i, .frame = NO_FRAME};
    for (uint32_t i = 0; i < stacks; i++) {
        uint32_t above = i < 4 ? 0 : STACK_ROOTS + (i - 1) / 2 - draw(p, i / 4);

        part->frames[i] = (struct profile_frame){.value = 0x401000 + (uint64_t)i * 37};
        part->nodes[part->node_count++] = (struct profile_node){.parent = above, .frame = i};
        part->sites[i] = (struct profile_site){.node = STACK_ROOTS + i};
    }
    part->frame_count = part->site_count = stacks;
}

static void make_moment(const struct program *p, struct profile *part, uint32_t number)
{
    const struct profile_totals *t = &p->totals;
    char label[32];

    snprintf(label, sizeof label, "step %u", number);
    part->moments = calloc(1, sizeof *part->moments);
    require(part->moments, "memory", NULL);
    part->moment_count = 1;
    part->moments[0] = (struct profile_moment){.seconds = number * SECONDS_APART,
                                               .live_bytes = t->live_bytes,
                                               .live_blocks = t->live_blocks,
                                               .peak_bytes = t->peak_bytes,
                                               .peak_blocks = t->peak_blocks,
                                               .total_bytes = t->total_bytes,
                                               .total_blocks = t->total_blocks,
                                               .label = strings_add(&part->strings, label),
                                               .kind = MOMENT_SNAPSHOT,
                                               .cause = MOMENT_BY_TIMER,
                                               .number = number};
    part->totals = *t;
    part->process.program = strings_add(&part->strings, "made-up");
    part->process.seconds = number * SECONDS_APART;
}

static void take_snapshot(struct program *p, struct profile_change *rows, uint32_t number)
{
    struct profile part;
    struct profile_changes packed;
    struct error e;
    uint32_t count = take_changes(p, rows);

    profile_init(&part);
    if (number == 1)
        describe(p, &part);
    make_moment(p, &part, number);
    require(profile_append(&p->whole, &part, &e) == 0, "append", &e);
    require(profile_change(&p->whole, rows, count, part.process.seconds, &e) == 0, "change", &e);
    require(changes_encode(&packed, rows, count, &e) == 0, "encode", &e);
    require(series_add(&p->series, part.moments, &packed, &e) == 0, "add", &e);
    require(journal_append(&p->journal, &p->whole, &p->series, part.moments, &packed, &e) == 0,
            "write", &e);
    if (number < 3 || number % 250 == 0)
        printf("snapshot=%u changed=%u packed=%" PRIu64 " live_bytes=%" PRIu64 "\n", number, count,
               packed.size, p->totals.live_bytes);
    changes_release(&packed);
    profile_release(&part);
}

/* What a symbolizer would do: a line for every frame. */
static void name_frames(struct profile *p)
{
    char text[64];

    p->lines = calloc(p->frame_count, sizeof *p->lines);
    require(p->lines, "memory", NULL);
    for (uint32_t i = 0; i < p->frame_count; i++) {
        snprintf(text, sizeof text, "function_%u", i / 4);
        p->lines[i].function = strings_add(&p->strings, text);
        snprintf(text, sizeof text, "/src/made-up/part%u.c", i / 400);
        p->lines[i].file = strings_add(&p->strings, text);
        p->lines[i].line = 10 + i % 1000;
        p->frames[i].first_line = i;
        p->frames[i].line_count = 1;
    }
    p->line_count = p->frame_count;
}

static void program_init(struct program *p, uint32_t stacks)
{
    memset(p, 0, sizeof *p);
    p->random = 88172645463325252u;
    p->stacks = stacks;
    p->sizes = calloc(stacks, sizeof *p->sizes);
    p->stats = calloc(stacks, sizeof *p->stats);
    p->said = calloc(stacks, sizeof *p->said);
    p->touched = calloc(stacks, sizeof *p->touched);
    require(p->sizes && p->stats && p->said && p->touched, "memory", NULL);
    for (uint32_t i = 0; i < stacks; i++) {
        p->sizes[i] = 16u << draw(p, 6);
        p->sizes[i] += draw(p, 3) ? draw(p, p->sizes[i] / 8) * 8 : draw(p, p->sizes[i]) | 1;
        p->stats[i] = p->said[i] = changes_start();
    }
    profile_init(&p->whole);
    series_init(&p->series);
}

int main(int argc, char **argv)
{
    bool journal = argc == 5 && !strcmp(argv[1], "--journal");
    uint32_t stacks = argc > 3 ? (uint32_t)atol(argv[argc - 3]) : 0;
    uint32_t snapshots = argc > 3 ? (uint32_t)atol(argv[argc - 2]) : 0;
    struct profile_change *rows = calloc(stacks + 1, sizeof *rows);
    struct program p;
    uint64_t size = 0;
    struct error e;

    if ((argc != 4 && !journal) || !stacks || !snapshots || !rows) {
        fprintf(stderr, "usage: make-series [--journal] STACKS SNAPSHOTS FILE\n");
        return 2;
    }
    program_init(&p, stacks);
    require(journal_open(&p.journal, argv[argc - 1], &e) == 0, "open", &e);
    for (uint32_t number = 1; number <= snapshots; number++) {
        run_for_a_while(&p, number);
        take_snapshot(&p, rows, number);
    }
    printf("live_bytes=%" PRIu64 "\ntotal_bytes=%" PRIu64 "\nseries_bytes=%" PRIu64
           "\njournal_bytes=%" PRIu64 "\n",
           p.totals.live_bytes, p.totals.total_bytes, p.series.bytes, p.journal.size);
    if (!journal) {
        name_frames(&p.whole);
        series_hand_over(&p.series, &p.whole);
        require(journal_finish(&p.journal, &p.whole, NULL, &size, &e) == 0, "finish", &e);
        printf("file_bytes=%" PRIu64 "\n", size);
    }
    journal_close(&p.journal);
    series_release(&p.series);
    profile_release(&p.whole);
    free(rows);
    free(p.sizes);
    free(p.stats);
    free(p.said);
    free(p.touched);
    return 0;
}
