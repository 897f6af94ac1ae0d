// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sample-journal.h"

#include "src/host/graph/leakgraph.h"
#include "src/host/profile/profile-append.h"
#include "src/shared/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t sites_after(uint32_t checkpoints)
{
    return checkpoints * SAMPLE_GROUP_SITES;
}

static string_id numbered(struct profile *p, const char *name, uint32_t number)
{
    char text[64];

    snprintf(text, sizeof text, "%s %u", name, number);
    return strings_add(&p->strings, text);
}

static bool make_arrays(struct profile *p, uint32_t number)
{
    p->modules = calloc(number + 1, sizeof *p->modules);
    p->threads = calloc(1, sizeof *p->threads);
    p->samples = calloc(number + 1, sizeof *p->samples);
    p->domains = calloc(3, sizeof *p->domains);
    p->frames = calloc(SAMPLE_GROUP_SITES, sizeof *p->frames);
    p->nodes = calloc(SAMPLE_GROUP_SITES + STACK_ROOTS, sizeof *p->nodes);
    p->sites = calloc(SAMPLE_GROUP_SITES, sizeof *p->sites);
    p->marks = calloc(1, sizeof *p->marks);
    p->snapshot_pools = calloc(1, sizeof *p->snapshot_pools);
    p->moments = calloc(1, sizeof *p->moments);
    return p->modules && p->threads && p->samples && p->domains && p->frames && p->nodes &&
           p->sites && p->marks && p->snapshot_pools && p->moments;
}

/* Modules, threads and the like are complete each time; a module more every second time. */
static void fill_replaced(struct profile *p, uint32_t number)
{
    p->module_count = number / 2 + 1;
    for (uint32_t i = 0; i < p->module_count; i++)
        p->modules[i] = (struct profile_module){.path = numbered(p, "/lib/module", i),
                                                .start = 0x10000 * (i + 1),
                                                .end = 0x10000 * (i + 2)};
    p->threads[0] = (struct profile_thread){.tid = 1, .name = strings_add(&p->strings, "main")};
    p->thread_count = 1;
    for (uint32_t i = 0; i <= number; i++)
        p->samples[i] = (struct profile_sample){.seconds = i, .live_bytes = sample_live_bytes(i)};
    p->sample_count = number + 1;
    p->domains[0].live_bytes = sample_live_bytes(number + 1);
    p->domain_count = 3;
}

static void fill_rows(struct profile *p, uint32_t number)
{
    uint32_t first = sites_after(number);

    for (uint32_t i = 0; number == 0 && i < STACK_ROOTS; i++)
        p->nodes[p->node_count++] = (struct profile_node){.parent = i, .frame = NO_FRAME};
    for (uint32_t i = 0; i < SAMPLE_GROUP_SITES; i++) {
        p->frames[i] =
            (struct profile_frame){.value = 0x10000 + 16 * (first + i), .module = number / 2};
        p->nodes[p->node_count++] =
            (struct profile_node){.parent = (first + i) / 2, .frame = first + i};
        p->sites[i] = (struct profile_site){.node = STACK_ROOTS + first + i,
                                            .domain = i == 2 ? DOMAIN_MMAP : DOMAIN_HEAP,
                                            .first_seconds = number};
    }
    p->frame_count = p->site_count = SAMPLE_GROUP_SITES;
    p->marks[0] = (struct profile_mark){.seconds = number, .label = numbered(p, "mark", number)};
    p->mark_count = 1;
    p->snapshot_pools[0] =
        (struct profile_snapshot_pool){.address = 16384, .snapshot = number + 1, .used = 3};
    p->snapshot_pool_count = 1;
}

/* Site `site` holds so much after `count` checkpoints, 0 before it is there. */
static uint64_t live_bytes(uint32_t site, uint32_t count)
{
    uint32_t since = site / SAMPLE_GROUP_SITES;

    return count > since ? (uint64_t)(site + 1) * 100 + (count - since - 1) * (site % 2 ? 0u : 48u)
                         : 0;
}

uint64_t sample_live_bytes(uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t site = 0; site < sites_after(count); site++)
        sum += live_bytes(site, count);
    return sum;
}

static bool fill_changes(struct checkpoint *c, uint32_t number)
{
    uint32_t sites = sites_after(number + 1);

    c->changes = calloc(sites, sizeof *c->changes);
    for (uint32_t site = 0; c->changes && site < sites; site++) {
        uint64_t more = live_bytes(site, number + 1) - live_bytes(site, number);
        bool is_new = site >= sites_after(number);
        struct profile_change *row = &c->changes[c->change_count];

        if (!more)
            continue;
        row->site = site;
        row->stats = (struct profile_stats){.live_bytes = more,
                                            .live_blocks = 1,
                                            .peak_bytes = more,
                                            .peak_blocks = 1,
                                            .total_bytes = more,
                                            .total_blocks = 1,
                                            .smallest = is_new ? 48 - UINT64_MAX : 0,
                                            .largest = is_new ? more : 0};
        c->change_count++;
    }
    return c->changes != NULL;
}

static void fill_moment(struct profile *p, uint32_t number)
{
    bool snapshot = number % 2;

    p->moments[0] = (struct profile_moment){.seconds = number + 0.5,
                                            .live_bytes = sample_live_bytes(number + 1),
                                            .label = snapshot ? numbered(p, "label", number) : 0,
                                            .kind = snapshot ? MOMENT_SNAPSHOT : MOMENT_CHECKPOINT,
                                            .cause = snapshot ? MOMENT_BY_COMMAND : MOMENT_BY_RUN,
                                            .number = snapshot ? number / 2 + 1 : 0};
    p->moment_count = 1;
    p->totals.live_bytes = p->totals.total_bytes = sample_live_bytes(number + 1);
    p->process = (struct profile_process){.program = strings_add(&p->strings, "sample"),
                                          .host = strings_add(&p->strings, "elsewhere"),
                                          .pid = 77,
                                          .seconds = number + 0.75};
    p->loss.dropped = number;
}

/* Every third checkpoint comes with a look at the heap, of one pool more each time. */
static bool fill_heap(struct profile *p, uint32_t number)
{
    uint32_t looks = number / 3 + 1;

    if (number % 3 != 1)
        return true;
    p->sizes = calloc(looks, sizeof *p->sizes);
    p->pools = calloc(looks, sizeof *p->pools);
    p->pins = calloc(looks, sizeof *p->pins);
    if (!p->sizes || !p->pools || !p->pins)
        return false;
    for (uint32_t i = 0; i < looks; i++) {
        p->sizes[i] = (struct profile_size){.size = 24, .blocks = number + i, .site = i};
        p->pools[i] = (struct profile_pool){.address = 0x100000 + 0x4000 * i, .used = 1};
        p->pins[i] = (struct profile_pin){.pool = i, .site = i, .blocks = 1};
    }
    p->size_count = p->pool_count = p->pin_count = looks;
    p->heap = (struct profile_heap){.seconds = number + 0.5, .number = looks};
    return true;
}

/* And every fourth with a search for leaks, which finds one row and one block more each time. */
static bool fill_search(struct profile *p, uint32_t number)
{
    uint32_t searches = number / 4 + 1;

    if (number % 4 != 1)
        return true;
    p->leaks = calloc(searches, sizeof *p->leaks);
    p->blocks = calloc(searches, sizeof *p->blocks);
    p->pointers = calloc(searches, sizeof *p->pointers);
    p->roots = calloc(1, sizeof *p->roots);
    p->exceptions = calloc(1, sizeof *p->exceptions);
    p->contents = calloc(1, sizeof *p->contents);
    p->duplicates = calloc(1, sizeof *p->duplicates);
    if (!p->leaks || !p->blocks || !p->pointers || !p->roots || !p->exceptions || !p->contents ||
        !p->duplicates)
        return false;
    for (uint32_t i = 0; i < searches; i++) {
        uint64_t address = 0x200000 + 0x40 * i;

        p->leaks[i] = (struct profile_leak){.site = i,
                                            .kind = LEAK_DEFINITE,
                                            .blocks = number + i,
                                            .bytes = 24,
                                            .example = address};
        p->blocks[i] = (struct profile_block){.address = address, .size = 24, .site = i};
        p->pointers[i] = (struct profile_pointer){
            .address = address + 8, .value = 0x200000, .symbol = numbered(p, "symbol", number)};
    }
    p->roots[0] = (struct profile_root){
        .kind = ROOT_GLOBAL, .start = 0x1000, .size = 64, .name = numbered(p, "root", number)};
    p->duplicates[0] = (struct profile_duplicate){.size = 8, .blocks = number + 1};
    p->leak_count = p->block_count = p->pointer_count = searches;
    p->root_count = p->exception_count = p->content_count = p->duplicate_count = 1;
    p->search = (struct profile_search){.seconds = number + 0.5,
                                        .number = searches,
                                        .cause = SEARCH_BY_COMMAND,
                                        .method = SEARCH_PTRACE,
                                        .graph = GRAPH_WHOLE,
                                        .why = numbered(p, "why", number)};
    return true;
}

bool sample_checkpoint(struct checkpoint *c, uint32_t number)
{
    checkpoint_init(c);
    if (make_arrays(&c->part, number)) {
        fill_replaced(&c->part, number);
        fill_rows(&c->part, number);
        fill_moment(&c->part, number);
        if (fill_changes(c, number) && fill_heap(&c->part, number) && fill_search(&c->part, number))
            return true;
    }
    checkpoint_release(c);
    return false;
}

bool sample_run_init(struct sample_run *r, const char *path)
{
    memset(r, 0, sizeof *r);
    profile_init(&r->whole);
    series_init(&r->series);
    return journal_open(&r->journal, path ? path : "/dev/null", NULL) == 0;
}

void sample_run_release(struct sample_run *r)
{
    journal_close(&r->journal);
    series_release(&r->series);
    profile_release(&r->whole);
}

static int next(struct sample_run *r, bool defer, struct error *e)
{
    struct profile_changes packed = {NULL, 0};
    struct checkpoint c;
    int result = -2;

    if (!sample_checkpoint(&c, r->taken))
        return -2;
    if (profile_append(&r->whole, &c.part, e) == 0 &&
        profile_change(&r->whole, c.changes, c.change_count, c.part.moments[0].seconds, e) == 0 &&
        changes_encode(&packed, c.changes, c.change_count, e) == 0 &&
        series_add(&r->series, c.part.moments, &packed, e) == 0)
        result =
            defer ? journal_defer(&r->journal, c.part.moments, &packed, e)
                  : journal_append(&r->journal, &r->whole, &r->series, c.part.moments, &packed, e);
    r->taken++;
    changes_release(&packed);
    checkpoint_release(&c);
    return result;
}

int sample_run_next(struct sample_run *r, struct error *e)
{
    return next(r, false, e);
}

int sample_run_defer(struct sample_run *r, struct error *e)
{
    return next(r, true, e);
}
